// The same clients over SQLite and over etcd, through crashes, kills and pauses: what they saw must
// be explained by one order.
#include "sim/history/history.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>

#include "base/rng.h"
#include "runtime/etcd/e2e/test_cluster.h"
#include "runtime/reactor/clock.h"
#include "runtime/sqlite/sqlite_store.h"
#include "sim/history/history_clients.h"

namespace tandem::runtime {
namespace {

using sim::HistoryClients;
using sim::HistoryVerdict;

constexpr size_t client_count = 6;
constexpr size_t key_count = 3;

void judge(const HistoryClients& clients, size_t acknowledged_min) {
    EXPECT_TRUE(clients.complaints().empty()) << clients.complaints().front();
    EXPECT_GE(clients.acknowledged(), acknowledged_min);
    const HistoryVerdict verdict = sim::check_history(clients.history());
    EXPECT_EQ(verdict.kind, HistoryVerdict::Kind::Linearizable) << verdict.explanation;
    std::printf("%zu operations, %zu writes acknowledged, %zu unknown, %zu reads failed\n",
                clients.history().size(), clients.acknowledged(), clients.unknown(),
                clients.failed_reads());
}

// SQLite takes batches; now and then the process "dies" between the commit and the answers.
TEST(History, OfSqliteIsLinearizable) {
    TestFolder folder;
    SeededRng rng(11);
    HistoryClients clients(client_count, key_count, rng);
    auto opened = SqliteStore::open(folder.file("store"), {});
    ASSERT_TRUE(opened);
    for (int round = 0; round < 400; ++round) {
        std::vector<store::Request> batch;
        for (size_t client = 0; client < client_count; ++client) {
            if (rng.below(3) == 0) continue;
            if (auto request = clients.next(read_monotonic(), client))
                batch.push_back(std::move(*request));
        }
        if (batch.empty()) continue;
        store::Outbox out;
        (*opened)->apply_batch(read_monotonic(), batch, out);
        if (rng.below(40) == 0) {
            opened->reset();
            opened = SqliteStore::open(folder.file("store"), {});
            ASSERT_TRUE(opened) << opened.error().message;
            clients.on_restart(read_monotonic());
            continue;
        }
        for (const store::Reply& reply : out.replies) clients.on_reply(read_monotonic(), reply);
    }
    judge(clients, 300);
    EXPECT_GT(clients.unknown(), 10u);
}

// Each client has a connection of its own, and begins with another member.
class EtcdClients {
 public:
    EtcdClients(Reactor& reactor, std::vector<std::string> endpoints, HistoryClients& clients)
        : clients_(clients), timer_(reactor) {
        for (size_t i = 0; i < clients.client_count(); ++i) {
            std::rotate(endpoints.begin(), endpoints.begin() + 1, endpoints.end());
            auto opened = EtcdStore::open(reactor, {endpoints, {}, 1}, [this](store::Outbox out) {
                for (const store::Reply& reply : out.replies) on_reply(reply);
            });
            EXPECT_TRUE(opened);
            stores_.push_back(std::move(*opened));
        }
        timer_.arm_every(2ms, [this] { begin_some(); });
    }
    void end() { ending_ = true; }
    bool is_idle() const { return under_way_ == 0; }

 private:
    void begin_some() {
        for (size_t i = 0; i < stores_.size() && !ending_; ++i) {
            auto request = clients_.next(read_monotonic(), i);
            if (!request) continue;
            ++under_way_;
            stores_[i]->send(std::move(*request));
        }
    }
    void on_reply(const store::Reply& reply) {
        --under_way_;
        clients_.on_reply(read_monotonic(), reply);
    }

    HistoryClients& clients_;
    Timer timer_;
    std::vector<std::unique_ptr<EtcdStore>> stores_;
    size_t under_way_ = 0;
    bool ending_ = false;
};

void run_over_etcd(const std::function<void(TestCluster&, Reactor&, size_t)>& harm) {
    Reactor reactor;
    TestCluster cluster(reactor, 3);
    SeededRng rng(7);
    HistoryClients clients(client_count, key_count, rng);
    EtcdClients runner(reactor, cluster.endpoints(), clients);
    for (size_t round = 0; round < 4; ++round) {
        reactor.run_until([] { return false; }, 400ms);
        harm(cluster, reactor, cluster.leader());
        cluster.await_all();
    }
    runner.end();
    ASSERT_TRUE(reactor.run_until([&] { return runner.is_idle(); }, test_patience));
    judge(clients, 50);
}

TEST(History, OfEtcdIsLinearizableWhileLeadersAreKilled) {
    run_over_etcd([](TestCluster& cluster, Reactor& reactor, size_t leader) {
        cluster.kill(leader);
        reactor.run_until([] { return false; }, 700ms);
        cluster.start(leader);
    });
}

TEST(History, OfEtcdIsLinearizableWhileLeadersArePaused) {
    run_over_etcd([](TestCluster& cluster, Reactor& reactor, size_t leader) {
        cluster.signal(leader, SIGSTOP);
        reactor.run_until([] { return false; }, 700ms);
        cluster.signal(leader, SIGCONT);
    });
}

}  // namespace
}  // namespace tandem::runtime
