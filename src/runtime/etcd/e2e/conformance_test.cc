// The contract of the store over a real etcd.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "runtime/etcd/e2e/test_cluster.h"
#include "runtime/reactor/clock.h"
#include "store/kv_conformance_test.h"

namespace tandem::runtime {
namespace {

// A watch may tell its first events so late: members look every 100 ms at those that begin in the
// past.
constexpr Duration quiet = 300ms;
// etcd looks for leases that are due twice a second, and a new leader gives each its time anew.
constexpr Duration lease_slack = 1'500ms;

// Where the contract leaves a limit to the backend. Counted as skipped, with the reason.
void skip_what_differs() {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    if (name == "ForgetsTheOldestWhenHistoryIsFull") {
        GTEST_SKIP() << "etcd keeps history by time (--auto-compaction-retention), not by number";
    }
}

// Makes the asynchronous store look synchronous: each request is waited for, and where there are
// watches, what they tell. The suite's clock is real here, so that leases pass.
struct EtcdFixture {
    EtcdFixture() { skip_what_differs(); }

    void apply(Instant now, const store::Request& request, store::Outbox& out) {
        pass_until(now);
        etcd.store->send(request);
        EXPECT_TRUE(
            reactor.run_until([&] { return etcd.reply_to(request.id) != nullptr; }, test_patience));
        out.replies = std::exchange(etcd.replies, {});
        if (out.replies.front().body) note(now, request);
        if (watching) hear(out);
    }
    void expire(Instant now, store::Outbox& out) {
        pass_until(now);
        const bool due = std::any_of(leases.begin(), leases.end(),
                                     [&](const auto& lease) { return lease.second.second <= now; });
        if (!due) return;
        reactor.run_until([] { return false; }, lease_slack);
        hear(out);
    }

    // What requests and listening have taken since the clock was set counts: a lease may not end
    // before its time, nor live longer, because a test was slow.
    void pass_until(Instant now) {
        if (now <= clock) return;
        const Instant due = set_at + (now - clock);
        const Instant real = read_monotonic();
        if (due > real) reactor.run_until([] { return false; }, due - real);
        clock = now;
        set_at = read_monotonic();
    }
    void note(Instant now, const store::Request& request) {
        if (const auto* grant = std::get_if<store::LeaseGrant>(&request.body))
            leases[grant->lease] = {grant->ttl, now + grant->ttl};
        if (const auto* kept = std::get_if<store::LeaseKeepAlive>(&request.body))
            leases[kept->lease].second = now + leases[kept->lease].first;
        if (std::holds_alternative<store::WatchCreate>(request.body)) watching = true;
    }
    // Until nothing has come for a while; what one watch told is one batch, in the order of
    // watches.
    void hear(store::Outbox& out) {
        size_t before = SIZE_MAX;
        while (std::exchange(before, etcd.batches.size()) != etcd.batches.size())
            reactor.run_until([] { return false; }, quiet);
        std::map<store::WatchId, store::WatchBatch> by_watch;
        for (store::WatchBatch& batch : std::exchange(etcd.batches, {})) {
            const auto [it, is_first] = by_watch.try_emplace(batch.watch, batch);
            if (is_first) continue;
            it->second.revision = batch.revision;
            it->second.events.insert(it->second.events.end(), batch.events.begin(),
                                     batch.events.end());
        }
        for (auto& [id, batch] : by_watch) out.watches.push_back(std::move(batch));
    }

    Reactor reactor;
    TestCluster cluster{reactor, 1};
    TestStore etcd{reactor, {cluster.endpoints(), {}, 7}};
    Instant clock{1000s};
    Instant set_at = read_monotonic();  // in real time
    std::map<store::LeaseId, std::pair<Duration, Instant>> leases;
    bool watching = false;
};

}  // namespace
}  // namespace tandem::runtime

namespace tandem::store {
INSTANTIATE_TYPED_TEST_SUITE_P(Etcd, KvConformance, runtime::EtcdFixture);
}
