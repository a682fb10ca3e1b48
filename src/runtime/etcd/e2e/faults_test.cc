// What clients of a cluster go through when its members die, are paused or forget.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "runtime/etcd/e2e/test_cluster.h"
#include "runtime/reactor/clock.h"
#include "store/writer.h"

namespace tandem::runtime {
namespace {

using store::KeyRange;

// More than a handful is for figures, not for every run: TANDEM_ROUNDS=35.
size_t rounds() {
    const char* wanted = std::getenv("TANDEM_ROUNDS");
    return wanted == nullptr ? 3 : std::strtoul(wanted, nullptr, 10);
}

double ms_of(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

void print_figures(const char* what, std::vector<Duration> values) {
    ASSERT_FALSE(values.empty());
    std::sort(values.begin(), values.end());
    std::printf("%s: p50 %.0f ms, max %.0f ms, %zu rounds\n", what,
                ms_of(values[values.size() / 2]), ms_of(values.back()), values.size());
}

// Writes keys w/<n> through a store::Writer, the next when the last is done, and reads one key all
// the time, each over a connection of its own.
class Client {
 public:
    Client(Reactor& reactor, const std::vector<std::string>& endpoints)
        : timer_(reactor), writer_("test", 1) {
        auto opened = EtcdStore::open(reactor, {endpoints, {}, 1},
                                      [this](store::Outbox out) { on_told(std::move(out)); });
        store_ = std::move(*opened);
        store_->send({watch_id, store::WatchCreate{1, KeyRange::prefix("w/"), {}}});
        timer_.arm_every(5ms, [this] {
            store::WriterOutbox out;
            writer_.on_timeout(read_monotonic(), out);
            carry(std::move(out));
        });
    }
    void begin() {
        write_next();
        read_next();
    }
    // After this nothing more is begun.
    void end() { ending_ = true; }
    bool is_idle() const { return writer_.is_idle() && !reading_; }
    bool is_watching() const { return watching_; }

    size_t acknowledged() const { return acknowledged_; }
    const std::vector<std::string>& failures() const { return failures_; }
    const std::vector<std::string>& seen() const { return seen_; }
    uint64_t unknown() const { return store_->counters().unknown; }
    EtcdStore& store() { return *store_; }

    // The longest pause between two answers since the last call.
    Duration take_write_gap() { return take_gap(write_gap_, last_write_); }
    Duration take_read_gap() { return take_gap(read_gap_, last_read_); }
    static std::string key_of(size_t number) { return "w/" + std::to_string(number); }

 private:
    static constexpr store::RequestId watch_id = 1;
    static constexpr store::RequestId read_id = 2;

    static Duration take_gap(Duration& gap, Instant& last) {
        last = read_monotonic();
        return std::exchange(gap, Duration::zero());
    }
    static void note(Duration& gap, Instant& last) {
        const Instant now = read_monotonic();
        gap = std::max(gap, now - last);
        last = now;
    }
    void write_next() {
        if (ending_) return;
        store::WriterOutbox out;
        const auto ticket = writer_.put(read_monotonic(), key_of(acknowledged_),
                                        std::to_string(acknowledged_), out);
        if (!ticket) failures_.push_back(ticket.error().message);
        carry(std::move(out));
    }
    void read_next() {
        reading_ = !ending_;
        if (reading_) store_->send({read_id, store::RangeRequest{KeyRange::one("w/0")}});
    }
    void carry(store::WriterOutbox out) {
        for (store::Request& request : out.requests) store_->send(std::move(request));
        for (const store::Completion& completion : out.completions) {
            if (!completion.outcome) failures_.push_back(completion.outcome.error().message);
            ++acknowledged_;
            note(write_gap_, last_write_);
            write_next();
        }
    }
    void on_told(store::Outbox out) {
        for (const store::Reply& reply : out.replies) {
            if (reply.id == watch_id) watching_ = reply.body.has_value();
            if (reply.id == read_id) {
                if (reply.body) note(read_gap_, last_read_);
                read_next();
            }
            store::WriterOutbox next;
            writer_.on_reply(read_monotonic(), reply, next);
            carry(std::move(next));
        }
        for (const store::WatchBatch& batch : out.watches) {
            if (batch.kind == store::WatchBatch::Kind::Compacted)
                failures_.emplace_back("compacted");
            for (const auto& event : batch.events) seen_.push_back(event.entry.key);
        }
    }

    Timer timer_;
    store::Writer writer_;
    std::unique_ptr<EtcdStore> store_;
    bool ending_ = false;
    bool reading_ = false;
    bool watching_ = false;
    size_t acknowledged_ = 0;
    std::vector<std::string> failures_;
    std::vector<std::string> seen_;
    Instant last_write_ = read_monotonic();
    Instant last_read_ = read_monotonic();
    Duration write_gap_{0};
    Duration read_gap_{0};
};

class Faults : public testing::Test {
 protected:
    void pass(Duration time) {
        reactor.run_until([] { return false; }, time);
    }
    bool until(const std::function<bool()>& done) { return reactor.run_until(done, test_patience); }
    // Every acknowledged write is there, was told once and in order; nothing failed.
    void expect_nothing_lost(Client& client) {
        client.end();
        ASSERT_TRUE(until([&] { return client.is_idle(); }));
        const size_t count = client.acknowledged();
        EXPECT_GT(count, 20u);
        EXPECT_TRUE(client.failures().empty()) << client.failures().front();
        EXPECT_TRUE(until([&] { return client.seen().size() >= count; }));
        ASSERT_EQ(client.seen().size(), count);
        for (size_t i = 0; i < count; ++i) ASSERT_EQ(client.seen()[i], Client::key_of(i));
        TestStore other(reactor, {cluster->endpoints(), {}, 1});
        store::RangeRequest all{KeyRange::prefix("w/")};
        const auto reply = other.ask(all);
        ASSERT_TRUE(reply) << reply.error().message;
        const auto& range = std::get<store::RangeReply>(*reply);
        EXPECT_EQ(range.items.size(), count);
        for (const auto& item : range.items)
            EXPECT_EQ(item.create_revision, item.mod_revision) << item.key << " written twice";
    }
    struct Gaps {
        std::vector<Duration> writes;
        std::vector<Duration> reads;
    };
    // Harms the leader again and again under load.
    Gaps harm_leaders(Client& client, const std::function<void(size_t)>& harm,
                      const std::function<void(size_t)>& mend) {
        Gaps gaps;
        client.begin();
        EXPECT_TRUE(until([&] { return client.acknowledged() > 5; }));
        for (size_t round = 0; round < rounds(); ++round) {
            const size_t leader = cluster->leader();
            client.take_write_gap();
            client.take_read_gap();
            const size_t before = client.acknowledged();
            harm(leader);
            EXPECT_TRUE(until([&] { return client.acknowledged() > before + 10; }));
            pass(300ms);
            gaps.writes.push_back(client.take_write_gap());
            gaps.reads.push_back(client.take_read_gap());
            mend(leader);
            cluster->await_all();
        }
        return gaps;
    }

    Reactor reactor;
    std::unique_ptr<TestCluster> cluster;
};

TEST_F(Faults, AKilledLeaderLosesNoAcknowledgedWrite) {
    cluster = std::make_unique<TestCluster>(reactor, 3);
    Client client(reactor, cluster->endpoints());
    ASSERT_TRUE(until([&] { return client.is_watching(); }));
    const Gaps gaps = harm_leaders(
        client, [&](size_t leader) { cluster->kill(leader); },
        [&](size_t leader) { cluster->start(leader); });
    expect_nothing_lost(client);
    print_figures("writes unavailable after kill -9 of the leader", gaps.writes);
    print_figures("reads unavailable after kill -9 of the leader", gaps.reads);
    std::printf("writes acknowledged %zu, tries with unknown outcome %lu\n", client.acknowledged(),
                static_cast<unsigned long>(client.unknown()));
}

TEST_F(Faults, APausedLeaderIsGoneRoundAndDoesNoHarmWhenItWakes) {
    cluster = std::make_unique<TestCluster>(reactor, 3);
    Client client(reactor, cluster->endpoints());
    ASSERT_TRUE(until([&] { return client.is_watching(); }));
    const Gaps gaps = harm_leaders(
        client,
        [&](size_t leader) {
            cluster->signal(leader, SIGSTOP);
            pass(1s);
        },
        [&](size_t leader) { cluster->signal(leader, SIGCONT); });
    expect_nothing_lost(client);
    print_figures("writes unavailable after SIGSTOP of the leader", gaps.writes);
    print_figures("reads unavailable after SIGSTOP of the leader", gaps.reads);
}

TEST_F(Faults, WithoutAMajorityNothingIsAnsweredAndEverythingHeals) {
    cluster = std::make_unique<TestCluster>(reactor, 3);
    TestStore store(reactor, {cluster->endpoints(), {}, 1});
    ASSERT_TRUE(store.put("a", "1"));
    const size_t leader = cluster->leader();
    const size_t other = (leader + 1) % 3;
    cluster->kill(leader);
    cluster->kill(other);
    const Instant begun = read_monotonic();
    const auto read = store.ask(store::RangeRequest{KeyRange::one("a")});
    ASSERT_FALSE(read) << "a minority must not answer";
    EXPECT_LT(read_monotonic() - begun, 10s);
    const auto put = store.put("a", "2");
    ASSERT_FALSE(put);
    EXPECT_TRUE(put.error().code == ErrorCode::Timeout ||
                put.error().code == ErrorCode::Unavailable);
    cluster->start(leader);
    EXPECT_TRUE(until([&] { return store.put("a", "3").has_value(); }));
    EXPECT_EQ(store.value("a"), "3");
}

TEST_F(Faults, AWatchThatWasAwayTooLongIsCompacted) {
    cluster = std::make_unique<TestCluster>(reactor, 3);
    const auto endpoints = cluster->endpoints();
    TestStore away(reactor, {{endpoints[0]}, {}, 1});
    TestStore other(reactor, {{endpoints[1]}, {}, 1});
    ASSERT_TRUE(away.ask(store::WatchCreate{1, KeyRange::prefix("a"), {}}));
    ASSERT_TRUE(away.ask(store::WatchCreate{2, KeyRange::prefix("b"), {}}));
    ASSERT_TRUE(other.put("a", "1"));
    ASSERT_TRUE(until([&] { return away.batches.size() == 1; }));
    cluster->kill(0);
    store::Revision last;
    for (int i = 0; i < 5; ++i) {
        std::optional<store::TxnReply> done;
        EXPECT_TRUE(until([&] {
            if (auto put = other.put("a", "2")) done = *put;
            return done.has_value();
        }));
        last = done->revision;
    }
    ASSERT_TRUE(other.ask(store::Compact{last}));
    // To the member that has certainly forgotten it; another one might still be about to.
    ASSERT_TRUE(away.store->set_endpoints({endpoints[1]}, {}));
    ASSERT_TRUE(until([&] { return away.batches.size() >= 3; }));
    EXPECT_EQ(away.batches[1].kind, store::WatchBatch::Kind::Compacted);
    EXPECT_EQ(away.batches[2].kind, store::WatchBatch::Kind::Compacted)
        << "how far the quiet one had come was not told either";
    ASSERT_TRUE(away.ask(store::WatchCreate{1, KeyRange::prefix("a"), last}));
    ASSERT_TRUE(other.put("a", "3"));
    ASSERT_TRUE(until([&] { return away.batches.size() == 4; }));
    EXPECT_EQ(away.batches[3].events.at(0).entry.value, "3");
}

TEST_F(Faults, LargeRangesAreReadInPagesOfOneRevision) {
    cluster = std::make_unique<TestCluster>(reactor, 1);
    TestStore store(reactor, {cluster->endpoints(), {}, 1});
    constexpr size_t keys = 40 * store::txn_ops_max;
    for (size_t at = 0; at < keys; at += store::txn_ops_max) {
        store::Txn txn;
        for (size_t i = at; i < at + store::txn_ops_max; ++i)
            txn.then_ops.push_back(store::Put{"k" + std::to_string(100'000 + i), "v", 0});
        ASSERT_TRUE(store.ask(std::move(txn)));
    }
    const auto all = store.send(store::RangeRequest{KeyRange::prefix("k")});
    const auto some = store.send(store::RangeRequest{KeyRange::prefix("k"), 3'000, {}, {}});
    const auto count =
        store.send(store::RangeRequest{KeyRange::prefix("k"), 0, store::Want::Count, {}});
    // While they are read, the first half goes away.
    store.send(store::Txn{{}, {store::DeleteRange{{"k", "k102000"}}}, {}});
    ASSERT_TRUE(until([&] { return store.replies.size() == 4; }));
    const auto range_of = [&](store::RequestId id) {
        const auto& body = store.reply_to(id)->body;
        EXPECT_TRUE(body) << body.error().message;
        return body ? std::get<store::RangeReply>(*body) : store::RangeReply{};
    };
    const store::RangeReply whole = range_of(all);
    EXPECT_TRUE(whole.items.size() == keys || whole.items.size() == keys - 2'000)
        << whole.items.size() << ": neither the state before nor the one after";
    EXPECT_FALSE(whole.more);
    EXPECT_EQ(whole.count, whole.items.size());
    EXPECT_TRUE(std::is_sorted(whole.items.begin(), whole.items.end(),
                               [](const auto& a, const auto& b) { return a.key < b.key; }));
    EXPECT_EQ(range_of(some).items.size(), 3'000u);
    EXPECT_TRUE(range_of(some).more);
    EXPECT_TRUE(range_of(count).count == keys || range_of(count).count == keys - 2'000);
}

TEST_F(Faults, ResponsesInFragmentsAreJoined) {
    cluster = std::make_unique<TestCluster>(reactor, 1);
    TestStore store(reactor, {cluster->endpoints(), {}, 1});
    const auto start = store.put("a", "0");
    ASSERT_TRUE(start);
    // Six revisions of four values: 4.7 MB in one response, which etcd cuts at 1.5 MB.
    for (int round = 0; round < 6; ++round) {
        store::Txn txn;
        for (const char* key : {"a1", "a2", "a3", "a4"})
            txn.then_ops.push_back(store::Put{key, std::string(195'000, 'x'), 0});
        ASSERT_TRUE(store.ask(std::move(txn)));
    }
    ASSERT_TRUE(store.ask(store::WatchCreate{1, KeyRange::prefix("a"), start->revision}));
    size_t events = 0;
    ASSERT_TRUE(until([&] {
        events = 0;
        for (const auto& batch : store.batches) events += batch.events.size();
        return events >= 24;
    }));
    EXPECT_EQ(events, 24u);
    std::set<int64_t> revisions;
    for (const auto& batch : store.batches) {
        std::map<int64_t, size_t> per_revision;
        for (const auto& event : batch.events) ++per_revision[event.entry.mod_revision.number];
        for (const auto& [revision, count] : per_revision) {
            EXPECT_EQ(count, 4u) << "a revision is told whole";
            EXPECT_TRUE(revisions.insert(revision).second) << "and once";
        }
    }
    EXPECT_EQ(revisions.size(), 6u);
}

TEST_F(Faults, OtherEndpointsAreTakenWhileItRuns) {
    cluster = std::make_unique<TestCluster>(reactor, 3);
    const auto endpoints = cluster->endpoints();
    TestStore store(reactor, {{endpoints[0]}, {}, 1});
    ASSERT_TRUE(store.ask(store::WatchCreate{1, KeyRange::prefix("a"), {}}));
    ASSERT_TRUE(store.put("a1", "x"));
    const auto under_way = store.send(store::RangeRequest{KeyRange::one("a1")});
    ASSERT_TRUE(store.store->set_endpoints({endpoints[1], endpoints[2]}, {}));
    ASSERT_TRUE(until([&] { return store.reply_to(under_way) != nullptr; }));
    EXPECT_TRUE(store.reply_to(under_way)->body) << "a read is asked again";
    cluster->kill(0);
    EXPECT_TRUE(until([&] { return store.put("a2", "y").has_value(); }));
    std::vector<std::string> seen;
    EXPECT_TRUE(until([&] {
        seen.clear();
        for (const auto& batch : store.batches)
            for (const auto& event : batch.events) seen.push_back(event.entry.key);
        return !seen.empty() && seen.back() == "a2";
    }));
    EXPECT_EQ(seen.front(), "a1");
    store.store->set_generation(2);
    ASSERT_TRUE(until([&] {
        return store.batches.back().kind == store::WatchBatch::Kind::Compacted;
    })) << "the data has moved";
    EXPECT_FALSE(store.ask(store::RangeRequest{KeyRange::one("a1"), 0, {}, {1, 2}}));
}

// ca.crt, and for each name a certificate of that CA for this host, made with openssl.
EtcdTlsFiles make_certificates(const TestFolder& folder, const std::string& ca,
                               const std::string& name) {
    const auto run = [&](const std::string& arguments) {
        const std::string command =
            "cd " + folder.path() + " && openssl " + arguments + " >>openssl.log 2>&1";
        EXPECT_EQ(std::system(command.c_str()), 0) << command;
    };
    const std::string key = " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";
    run("req -x509 -days 2 -subj /CN=" + ca + key + "-keyout " + ca + ".key -out " + ca + ".crt");
    run("req -subj /CN=" + name + key + "-keyout " + name + ".key -out " + name + ".csr");
    run("x509 -req -days 2 -in " + name + ".csr -CA " + ca + ".crt -CAkey " + ca +
        ".key -CAcreateserial -out " + name + ".crt -extfile ext");
    return {folder.file(ca + ".crt"), folder.file(name + ".crt"), folder.file(name + ".key")};
}

TEST_F(Faults, OnlyCertificatesOfTheSiteAreServed) {
    TestFolder folder;
    {
        FILE* extensions = std::fopen(folder.file("ext").c_str(), "w");
        // etcd also asks for the address that a member comes from, which is 127.0.0.1.
        std::fprintf(extensions,
                     "subjectAltName=IP:127.0.0.1,IP:%s\nextendedKeyUsage=serverAuth,clientAuth\n",
                     test_address().c_str());
        std::fclose(extensions);
    }
    const EtcdTlsFiles ours = make_certificates(folder, "site", "server");
    const EtcdTlsFiles theirs = make_certificates(folder, "other", "stranger");
    cluster = std::make_unique<TestCluster>(reactor, 3, ours);
    TestStore inside(reactor, {cluster->endpoints(), ours, 1});
    // On a busy machine the members may still be electing.
    bool is_written = false;
    for (int tries = 0; tries < 10 && !is_written; ++tries)
        is_written = inside.put("a", "1").has_value();
    ASSERT_TRUE(is_written);
    EXPECT_EQ(inside.value("a"), "1");
    EtcdTlsFiles mixed = theirs;
    mixed.ca = ours.ca;
    for (const EtcdTlsFiles& files : {EtcdTlsFiles{}, theirs, mixed}) {
        TestStore outside(reactor, {cluster->endpoints(), files, 1});
        const auto reply = outside.ask(store::RangeRequest{KeyRange::one("a")});
        ASSERT_FALSE(reply);
        EXPECT_TRUE(reply.error().code == ErrorCode::Unavailable ||
                    reply.error().code == ErrorCode::Timeout);
    }
    const auto nowhere = EtcdStore::open(
        reactor, {cluster->endpoints(), {"none", "none", "none"}, 1}, [](store::Outbox) {});
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().message.find("none"), std::string::npos);
}

}  // namespace
}  // namespace tandem::runtime
