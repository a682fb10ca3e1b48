#include "cluster/fencing.h"

#include <gtest/gtest.h>

#include "cluster/limits.h"
#include "cluster/self_check.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::cluster {
namespace {

using Fault = store::MemoryStore::Fault;

TEST(Records, AreWrittenInOneWayAndReadBack) {
    const FenceRecord fences[] = {
        {FenceRecord::State::Open, 8, {{{2}, 1}, 31}, {}},
        {FenceRecord::State::Fenced, 8, {}, {12}},
    };
    EXPECT_EQ(to_text(fences[0]), "open 8 node 2 shard 1 run 31");
    EXPECT_EQ(to_text(fences[1]), "fenced 8 by 12");
    for (const FenceRecord& each : fences) EXPECT_EQ(parse_fence(to_text(each)), each);
    const LeaderRecord leaders[] = {
        {LeaderRecord::State::Active, 12, {{3}, 7}, {1'764'101'000'123}, {}},
        {LeaderRecord::State::Released, 12, {{3}, 7}, {1'764'101'000'123}, {4}},
    };
    EXPECT_EQ(to_text(leaders[0]), "active 12 instance 3/7 since 1764101000123");
    EXPECT_EQ(to_text(leaders[1]), "released 12 instance 3/7 since 1764101000123 next 4");
    for (const LeaderRecord& each : leaders) EXPECT_EQ(parse_leader(to_text(each)), each);
}

TEST(Records, NothingElseIsRead) {
    for (const char* text :
         {"", "open", "open 8", "open 8 node 2 shard 1 run ", "open 8 node 2 shard 1 run 31 ",
          "open -1 node 2 shard 1 run 31", "open 8 node 70000 shard 1 run 31", "fenced 8 by",
          "fenced 8 by 12x", "fenced 99999999999 by 1", "Open 8 node 2 shard 1 run 31"})
        EXPECT_FALSE(parse_fence(text)) << text;
    for (const char* text :
         {"", "active", "active 12 instance 3 since 1", "active 12 instance 3/7 since 1 next 4",
          "released 12 instance 3/7 since 1", "active 12 instance 3/7 since x", "12"})
        EXPECT_FALSE(parse_leader(text)) << text;
}

store::KeyValue fence_item(uint16_t instance, const std::string& value, int64_t revision) {
    return {store::keys::fence(instance), value, {1, revision}, {1, revision}, 0};
}

TEST(FenceTable, AdmitsOnlyWhatIsOpen) {
    FenceTable table;
    const auto admits = [&](uint32_t epoch) { return table.admits({{3}, epoch}); };
    EXPECT_TRUE(admits(1)) << "its claim is on its way";
    table.learn({}, fence_item(3, "open 4 node 1 shard 0 run 2", 10));
    EXPECT_FALSE(admits(3)) << "a later life has begun";
    EXPECT_TRUE(admits(4));
    EXPECT_TRUE(admits(5));
    table.learn({}, fence_item(3, "fenced 4 by 9", 12));
    EXPECT_FALSE(admits(4));
    EXPECT_TRUE(admits(5));
    table.learn({}, fence_item(3, "open 4 node 1 shard 0 run 2", 11));  // late
    EXPECT_FALSE(admits(4));
    table.learn({}, fence_item(3, "open 2 node 1 shard 0 run 2", 13));  // by hand
    EXPECT_FALSE(admits(4));
    table.learn({}, fence_item(3, "nonsense", 14));
    EXPECT_FALSE(admits(4));
    store::WatchBatch deleted{1, store::WatchBatch::Kind::Events, {1, 15}, {}};
    deleted.events.push_back({store::WatchEvent::Kind::Delete, fence_item(3, "", 15)});
    table.on_watch({}, deleted);
    EXPECT_FALSE(admits(4)) << "epochs only rise, even when the key is deleted";
    EXPECT_TRUE(table.admits({{4}, 1}));
}

TEST(FenceTable, IgnoresForeignKeys) {
    FenceTable table;
    for (const char* key : {"fence/", "fence/0", "fence/x", "fence/3/4", "fence/70000", "leader/3"})
        table.learn({}, {key, "open 4 node 1 shard 0 run 2", {1, 1}, {1, 1}, 0});
    EXPECT_EQ(table.size(), 0u);
}

TEST(FenceTable, KnowsWhoLivedInARun) {
    FenceTable table;
    table.learn({}, fence_item(3, "open 4 node 1 shard 0 run 2", 1));
    table.learn({}, fence_item(4, "open 1 node 1 shard 1 run 2", 2));
    table.learn({}, fence_item(5, "open 6 node 1 shard 0 run 3", 3));
    table.learn({}, fence_item(6, "fenced 6 by 3", 4));
    table.learn({}, fence_item(7, "open 2 node 3 shard 1 run 9", 5));
    table.learn({}, fence_item(7, "fenced 2 by 3", 6));
    EXPECT_EQ(table.find({7})->home, (ShardRun{{{3}, 1}, 9})) << "where it lived";
    EXPECT_EQ(table.find({6})->home, ShardRun{}) << "not known";
    EXPECT_EQ(table.living_in({{{1}, 0}, 2}), (std::vector<Incarnation>{{{3}, 4}}));
    EXPECT_EQ(table.living_in({{{1}, 0}, 3}), (std::vector<Incarnation>{{{3}, 4}, {{5}, 6}}));
}

// A machine over a store whose next answer may fail.
struct Bench {
    Bench() {
        store.set_fault_hook([this](const store::Request&) {
            return faults.empty()                                      ? Fault::None
                   : std::exchange(faults, faults.substr(1))[0] == 'a' ? Fault::AppliedReplyLost
                                                                       : Fault::DroppedReplyLost;
        });
    }
    // Answers what was asked, and lets time pass where nothing is answered.
    template <typename Machine>
    void run(Machine& machine, std::vector<store::Request> requests) {
        for (int i = 0; i < 20; ++i) {
            store::Outbox answers;
            for (const store::Request& request : requests) store.apply(now, request, answers);
            requests.clear();
            for (const store::Reply& reply : answers.replies)
                EXPECT_TRUE(machine.on_reply(now, reply, requests));
            if (!requests.empty()) continue;
            const auto due = machine.next_deadline();
            if (!due || *due > now + store_deadline + 50ms ||
                (answers.replies.size() == 1 && faults.empty()))
                return;
            now = *due;
            machine.on_timeout(now, requests);
        }
        FAIL() << "it does not come to rest";
    }
    std::string value(const std::string& key) {
        store::Outbox out;
        store.apply(now, {1, store::RangeRequest{store::KeyRange::one(key), 1, {}, {}}}, out);
        const auto& reply = std::get<store::RangeReply>(*out.replies.at(0).body);
        return reply.items.empty() ? "(none)" : reply.items[0].value;
    }
    void put(const std::string& key, const std::string& value) {
        store::Outbox out;
        store.apply(now, {1, store::Txn{{}, {store::Put{key, value, 0}}, {}}}, out);
    }

    store::MemoryStore store;
    std::string faults;  // of the next requests: a: applied, d: dropped; no answer in both cases
    Instant now{100s};
};

TEST(IncarnationClaim, RaisesTheEpochOnce) {
    struct Case {
        const char* before;
        const char* faults;
        const char* after;
    };
    const Case cases[] = {
        {nullptr, "", "open 1 node 2 shard 0 run 5"},
        {"open 7 node 9 shard 1 run 1", "", "open 8 node 2 shard 0 run 5"},
        {"fenced 7 by 4", "", "open 8 node 2 shard 0 run 5"},
        {"fenced 7 by 4", "d", "open 8 node 2 shard 0 run 5"},
        {"what?", "", "open 1 node 2 shard 0 run 5"},
    };
    for (const Case& each : cases) {
        Bench bench;
        if (each.before != nullptr) bench.put("fence/3", each.before);
        bench.faults = each.faults;
        IncarnationClaim claim({3}, {{{2}, 0}, 5}, 4);
        std::vector<store::Request> requests;
        claim.start(bench.now, requests);
        bench.run(claim, std::move(requests));
        ASSERT_TRUE(claim.claimed()) << each.after;
        EXPECT_EQ(bench.value("fence/3"), each.after);
        EXPECT_EQ(to_text(*claim.claimed()), each.after);
    }
}

TEST(IncarnationClaim, AnUnknownOutcomeIsLookedUp) {
    for (const char fault : {'a', 'd'}) {
        Bench bench;
        bench.put("fence/3", "fenced 7 by 4");
        IncarnationClaim claim({3}, {{{2}, 0}, 5}, 4);
        std::vector<store::Request> requests;
        claim.start(bench.now, requests);
        store::Outbox answer;
        bench.store.apply(bench.now, requests.at(0), answer);
        requests.clear();
        claim.on_reply(bench.now, answer.replies.at(0), requests);  // the transaction
        bench.faults = fault;
        bench.run(claim, std::move(requests));
        ASSERT_TRUE(claim.claimed());
        EXPECT_EQ(bench.value("fence/3"), "open 8 node 2 shard 0 run 5");
    }
}

TEST(IncarnationClaim, IsGivenUpOnceWhateverIsLost) {
    for (const char* faults : {"", "a", "d", "ad"}) {
        Bench bench;
        IncarnationClaim claim({3}, {{{2}, 0}, 5}, 4);
        std::vector<store::Request> requests;
        claim.start(bench.now, requests);
        bench.run(claim, std::move(requests));
        EXPECT_FALSE(claim.is_given_up());
        bench.faults = faults;
        requests.clear();
        claim.give_up(bench.now, requests);
        bench.run(claim, std::move(requests));
        EXPECT_TRUE(claim.is_given_up()) << faults;
        EXPECT_EQ(bench.value("fence/3"), "fenced 1 by 3") << faults;
    }
}

// --- SelfCheck.

struct CheckBench : Bench {
    CheckBench() {
        put("fence/3", to_text(record));
        check.add({3}, record);
    }
    Permission ask() {
        std::vector<store::Request> requests;
        const Permission permission = check.check(now, {3}, requests);
        for (store::Request& request : requests) sent.push_back(std::move(request));
        return permission;
    }
    void answer() {
        store::Outbox answers;
        for (const store::Request& request : sent) store.apply(now, request, answers);
        sent.clear();
        for (const store::Reply& reply : answers.replies)
            EXPECT_TRUE(check.on_reply(now, reply, sent));
    }
    FenceRecord record{FenceRecord::State::Open, 4, {{{2}, 0}, 5}, {}};
    SelfCheck check{6};
    std::vector<store::Request> sent;
};

TEST(SelfCheck, SpeaksForAsLongAsItIsConfirmed) {
    CheckBench bench;
    EXPECT_EQ(bench.ask(), Permission::MustAsk) << "nobody has confirmed anything yet";
    bench.check.on_confirmed(bench.now);
    EXPECT_EQ(bench.ask(), Permission::MaySend);
    bench.now = bench.now + confirmation_valid;
    EXPECT_EQ(bench.ask(), Permission::MaySend);
    bench.now = bench.now + 1ms;
    EXPECT_EQ(bench.ask(), Permission::MustAsk);
    bench.check.on_confirmed(bench.now - 1s);
    EXPECT_EQ(bench.ask(), Permission::MustAsk) << "an old confirmation";
}

TEST(SelfCheck, TheStoresAnswerCountsFromTheQuestion) {
    CheckBench bench;
    EXPECT_EQ(bench.ask(), Permission::MustAsk);
    EXPECT_EQ(bench.ask(), Permission::MustAsk);
    EXPECT_EQ(bench.sent.size(), 1u) << "one question at a time";
    bench.now = bench.now + 90ms;
    bench.answer();
    EXPECT_EQ(bench.ask(), Permission::MaySend);
    bench.now = bench.now + 111ms;
    EXPECT_EQ(bench.ask(), Permission::MustAsk);
    EXPECT_EQ(bench.value("fence/3"), to_text(bench.record)) << "a renewal changes no value";
}

TEST(SelfCheck, ARenewalIsSeenByWhoWantsToTakeOver) {
    CheckBench bench;
    store::Outbox before;
    const store::RangeRequest get{store::KeyRange::one("fence/3"), 1, {}, {}};
    bench.store.apply(bench.now, {1, get}, before);
    bench.ask();
    bench.answer();
    store::Outbox after;
    bench.store.apply(bench.now, {1, get}, after);
    const auto revision = [](const store::Outbox& out) {
        return std::get<store::RangeReply>(*out.replies.at(0).body).items.at(0).mod_revision;
    };
    EXPECT_LT(revision(before), revision(after));
}

TEST(SelfCheck, FindsOutThatItIsFenced) {
    CheckBench bench;
    bench.check.add({4}, {FenceRecord::State::Open, 1, {{{2}, 0}, 5}, {}});
    bench.put("fence/4", "open 1 node 2 shard 0 run 5");
    bench.put("fence/3", "fenced 4 by 9");
    EXPECT_EQ(bench.ask(), Permission::MustAsk);
    bench.answer();
    EXPECT_EQ(bench.ask(), Permission::Fenced);
    bench.answer();  // it has asked again for its neighbour
    std::vector<store::Request> none;
    EXPECT_EQ(bench.check.check(bench.now, {4}, none), Permission::MaySend);
    bench.check.on_fenced({4});
    EXPECT_EQ(bench.check.check(bench.now, {4}, none), Permission::Fenced);
    EXPECT_EQ(bench.check.check(bench.now, {5}, none), Permission::Fenced) << "a stranger";
    EXPECT_FALSE(bench.check.next_deadline());
}

TEST(SelfCheck, AsksAheadAndAgain) {
    CheckBench bench;
    bench.check.on_confirmed(bench.now);
    EXPECT_EQ(bench.check.next_deadline(), bench.now + ask_after);
    bench.now = bench.now + ask_after;
    bench.check.on_timeout(bench.now, bench.sent);
    ASSERT_EQ(bench.sent.size(), 1u);
    bench.sent.clear();  // lost
    bench.now = *bench.check.next_deadline();
    bench.check.on_timeout(bench.now, bench.sent);
    EXPECT_EQ(bench.sent.size(), 1u) << "an unanswered question is put again";
    bench.answer();
    EXPECT_EQ(bench.ask(), Permission::MaySend);
}

}  // namespace
}  // namespace tandem::cluster
