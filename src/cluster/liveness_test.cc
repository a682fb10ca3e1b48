#include "cluster/liveness.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cluster/limits.h"
#include "cluster/wake_guard.h"

namespace tandem::cluster {
namespace {

// Several nodes on a perfect clock, with links that the test cuts.
class Nodes {
 public:
    explicit Nodes(std::vector<Member> members) : members_(std::move(members)) {
        for (const Member& member : members_) start(member.node.value, 1);
    }
    static std::vector<Member> on_servers(std::vector<uint16_t> servers, uint8_t shards = 1) {
        std::vector<Member> members;
        for (uint16_t i = 0; i < servers.size(); ++i)
            members.push_back({{static_cast<uint16_t>(i + 1)}, {servers[i]}, shards});
        return members;
    }
    void start(uint16_t n, uint32_t run) {
        const uint8_t shards = members_.at(n - 1u).shards;
        nodes_.insert_or_assign(n, Liveness({n}, std::vector<uint32_t>(shards, run)));
        at(n).set_members(now, members_);
        progress_[n].assign(shards, 1);
    }
    void advance(Duration length) {
        for (const Instant end = now + length; now < end; now = now + 5ms)
            for (auto& [n, node] : nodes_) turn(n);
    }
    void turn(uint16_t n) {
        if (frozen.contains(n)) return;
        for (size_t i = 0; i < progress_[n].size(); ++i)
            if (!stalled.contains({n, i})) ++progress_[n][i];
        LivenessOutbox out;
        at(n).set_progress(progress_[n]);
        at(n).on_timeout(now, out);
        take(n, out);
    }
    void take(uint16_t n, const LivenessOutbox& out) {
        for (const LifeEvent& event : out.events) {
            std::string observers;
            for (const NodeNumber observer : event.observers)
                observers += " " + std::to_string(observer.value);
            const std::string who = std::to_string(event.who.shard.node.value) + "/" +
                                    std::to_string(event.who.shard.shard) + " run " +
                                    std::to_string(event.who.run);
            heard[n].push_back(who + " " + std::string(to_string(event.life)) + ": " +
                               std::string(to_string(event.reason)) + observers);
            if (event.life == Life::Dead && !dead_at.contains(event.who)) dead_at[event.who] = now;
        }
        if (!out.heartbeat) return;
        ++beats[n];
        for (auto& [to, node] : nodes_) {
            if (to == n || cuts.contains({n, to}) || frozen.contains(to)) continue;
            LivenessOutbox next;
            node.on_heartbeat(now, *out.heartbeat, next);
            take(to, next);
        }
    }
    void store_view(uint16_t n, StoreView view) {
        LivenessOutbox out;
        at(n).on_store_view(now, std::move(view), out);
        take(n, out);
    }
    void cut(uint16_t a, uint16_t b) {
        cuts.insert({a, b});
        cuts.insert({b, a});
    }
    Liveness& at(uint16_t n) { return nodes_.at(n); }
    Life life(uint16_t observer, uint16_t subject, uint8_t shard = 0) {
        return at(observer).life({{subject}, shard});
    }

    Instant now{1000s};
    std::set<std::pair<uint16_t, uint16_t>> cuts;
    std::set<uint16_t> frozen;
    std::set<std::pair<uint16_t, size_t>> stalled;
    std::map<uint16_t, std::vector<std::string>> heard;
    std::map<uint16_t, int> beats;
    std::map<ShardRun, Instant> dead_at;

 private:
    std::vector<Member> members_;
    std::map<uint16_t, Liveness> nodes_;
    std::map<uint16_t, std::vector<uint64_t>> progress_;
};

TEST(Liveness, ANodeIsHeardAndThenDiesByTwoObservers) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    EXPECT_EQ(nodes.heard[1],
              (std::vector<std::string>{"2/0 run 1 alive: heard 1", "3/0 run 1 alive: heard 1"}));
    EXPECT_LE(nodes.beats[1], 21);
    nodes.heard.clear();
    nodes.frozen.insert(3);
    const Instant killed = nodes.now;
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 3), Life::Dead);
    EXPECT_EQ(nodes.life(2, 3), Life::Dead);
    EXPECT_EQ(nodes.life(1, 2), Life::Alive);
    EXPECT_TRUE(nodes.at(1).is_dead({{{3}, 0}, 1}));
    EXPECT_FALSE(nodes.at(1).is_dead({{{2}, 0}, 1}));
    // 250 ms after the last heartbeat, which was at most 50 ms before the kill.
    const Duration took = nodes.dead_at.at({{{3}, 0}, 1}) - killed;
    EXPECT_GE(took, 200ms);
    EXPECT_LE(took, 255ms);
    EXPECT_EQ(nodes.heard[1].front(), "3/0 run 1 suspected: silent 1");
}

TEST(Liveness, ACutBetweenTwoNodesKillsNobodyWhomOthersHear) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    nodes.cut(1, 2);
    nodes.advance(5s);
    EXPECT_EQ(nodes.life(1, 2), Life::Suspected);
    EXPECT_EQ(nodes.life(2, 1), Life::Suspected);
    EXPECT_EQ(nodes.life(3, 1), Life::Alive);
    EXPECT_EQ(nodes.life(3, 2), Life::Alive);
    EXPECT_TRUE(nodes.dead_at.empty());
    nodes.cuts.clear();
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 2), Life::Alive);
}

TEST(Liveness, WhoIsHeardByMoreIsNotOutvotedByTwo) {
    Nodes nodes(Nodes::on_servers({1, 2, 3, 4, 5, 6}));
    nodes.advance(1s);
    nodes.cut(1, 6);
    nodes.cut(2, 6);
    nodes.advance(3s);
    EXPECT_EQ(nodes.life(1, 6), Life::Suspected);
    EXPECT_TRUE(nodes.dead_at.empty());
    nodes.cut(3, 6);  // three accuse now, and two vouch
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 6), Life::Dead);
    EXPECT_EQ(nodes.life(5, 6), Life::Dead) << "told";
}

TEST(Liveness, TwoObserversOfOneServerAreOne) {
    Nodes nodes(Nodes::on_servers({1, 1, 2}));
    nodes.advance(1s);
    nodes.frozen.insert(3);
    nodes.advance(2s);
    EXPECT_EQ(nodes.life(1, 3), Life::Suspected);
    nodes.store_view(1, {true, {{3}}});
    EXPECT_EQ(nodes.life(1, 3), Life::Dead);
    nodes.advance(100ms);
    EXPECT_EQ(nodes.life(2, 3), Life::Dead);
    EXPECT_EQ(nodes.heard[2].back(), "3/0 run 1 dead: declared by another node 1");
}

TEST(Liveness, WhomNobodyCouldReplaceIsOnlySuspected) {
    auto members = Nodes::on_servers({1, 2, 3, 4});
    members[3].is_replaceable = false;
    Nodes nodes(members);
    nodes.advance(1s);
    nodes.frozen.insert(4);
    nodes.advance(5s);
    EXPECT_EQ(nodes.life(1, 4), Life::Suspected);
    nodes.frozen.erase(4);
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 4), Life::Alive) << "and goes on as it was";
    LivenessOutbox out;
    nodes.at(1).on_process_ended(nodes.now, {{{4}, 0}, 1}, out);
    EXPECT_EQ(nodes.life(1, 4), Life::Dead) << "its end was seen";
}

TEST(Liveness, OnASingleServerTwoObserversSuffice) {
    Nodes nodes(Nodes::on_servers({1, 1, 1}));
    nodes.advance(1s);
    nodes.frozen.insert(3);
    nodes.advance(suspicion_on_server_after - 50ms);
    EXPECT_EQ(nodes.life(1, 3), Life::Alive) << "the machine may be short of time";
    nodes.advance(100ms);
    EXPECT_EQ(nodes.life(1, 3), Life::Dead);
}

TEST(Liveness, TheStoresViewCountsOnlyWithASuspicionAndWhileItIsFresh) {
    struct Case {
        const char* name;
        bool frozen;
        StoreView view;
        Duration age;
        Life expected;
    };
    const Case cases[] = {
        {"lost to both", true, {true, {{2}}}, 0ms, Life::Dead},
        {"lost to the store only", false, {true, {{2}}}, 0ms, Life::Alive},
        {"the store sees it", true, {true, {}}, 0ms, Life::Suspected},
        {"the store can't be reached", true, {false, {{2}}}, 0ms, Life::Suspected},
        {"an old view", true, {true, {{2}}}, 300ms, Life::Suspected},
    };
    for (const Case& each : cases) {
        Nodes nodes(Nodes::on_servers({1, 2}));
        nodes.advance(1s);
        if (each.age > 0ms) nodes.store_view(1, each.view);
        nodes.advance(each.age);
        if (each.frozen) nodes.frozen.insert(2);
        nodes.advance(300ms);
        if (each.age == 0ms) nodes.store_view(1, each.view);
        EXPECT_EQ(nodes.life(1, 2), each.expected) << each.name;
    }
}

TEST(Liveness, AHangingShardDiesAlone) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}, 2));
    nodes.advance(1s);
    nodes.stalled.insert({2, 1});
    nodes.advance(800ms);
    EXPECT_EQ(nodes.life(1, 2, 1), Life::Alive) << "it may be short of time";
    nodes.advance(300ms);
    EXPECT_EQ(nodes.life(1, 2, 1), Life::Dead);
    EXPECT_EQ(nodes.life(1, 2, 0), Life::Alive);
    const bool said_so = std::any_of(
        nodes.heard[1].begin(), nodes.heard[1].end(),
        [](const std::string& line) { return line == "2/1 run 1 suspected: stalled 1"; });
    EXPECT_TRUE(said_so);
    // It learns of its own end and comes back only with another run.
    EXPECT_EQ(nodes.heard[2].back().substr(0, 14), "2/1 run 1 dead");
    nodes.stalled.clear();
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 2, 1), Life::Dead);
}

TEST(Liveness, TheDeadComeBackWithAHigherRunOnly) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    nodes.frozen.insert(3);
    nodes.advance(1s);
    nodes.frozen.clear();  // it wakes
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 3), Life::Dead);
    EXPECT_TRUE(nodes.heard[3].back().starts_with("3/0 run 1 dead: declared by another node"));
    nodes.start(3, 2);
    nodes.advance(1s);
    EXPECT_EQ(nodes.life(1, 3), Life::Alive);
    EXPECT_TRUE(nodes.at(1).is_dead({{{3}, 0}, 1}));
    EXPECT_FALSE(nodes.at(1).is_dead({{{3}, 0}, 2}));
}

TEST(Liveness, ANewRunEndsTheOneBeforeAtOnce) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    nodes.start(3, 2);
    nodes.advance(60ms);
    EXPECT_EQ(nodes.heard[1][2], "3/0 run 1 dead: restarted 1");
    EXPECT_EQ(nodes.life(1, 3), Life::Alive);
}

TEST(Liveness, AnExpectedRunThatDoesNotComeIsDead) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.frozen.insert(3);  // never seen
    for (const uint16_t n : {1, 2}) {
        LivenessOutbox out;
        nodes.at(n).expect(nodes.now, {{{3}, 0}, 7}, out);
    }
    nodes.advance(first_heard_within - 100ms);
    EXPECT_FALSE(nodes.at(1).is_dead({{{3}, 0}, 7}));
    nodes.advance(200ms);
    EXPECT_TRUE(nodes.at(1).is_dead({{{3}, 0}, 7}));
}

// Node 1 knows the run from the store only: its link is still being made when the node dies again.
TEST(Liveness, ANewRunThatOneObserverHasLostIsNotWaitedForByTheOther) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    nodes.frozen.insert(3);
    nodes.advance(1s);
    ASSERT_EQ(nodes.life(1, 3), Life::Dead);
    nodes.frozen.clear();
    nodes.cut(1, 3);
    nodes.start(3, 2);
    LivenessOutbox out;
    const ShardRun again{{{3}, 0}, 2};
    nodes.at(1).expect(nodes.now, again, out);
    nodes.at(2).expect(nodes.now, again, out);
    const Instant started = nodes.now;
    nodes.advance(400ms);
    EXPECT_EQ(nodes.life(2, 3), Life::Alive);
    nodes.frozen.insert(3);
    nodes.advance(2s);
    ASSERT_TRUE(nodes.dead_at.contains(again));
    const Duration took = nodes.dead_at.at(again) - started;
    EXPECT_GE(took, first_heard_within_lost) << "its link has its time";
    EXPECT_LE(took, first_heard_within_lost + 2 * heartbeat_interval);
}

TEST(Liveness, TheParentsWordIsEnough) {
    Nodes nodes(Nodes::on_servers({1, 2}));
    nodes.advance(1s);
    LivenessOutbox out;
    nodes.at(1).on_process_ended(nodes.now, {{{2}, 0}, 1}, out);
    ASSERT_EQ(out.events.size(), 1u);
    EXPECT_EQ(out.events[0].reason, LifeReason::ProcessEnded);
}

TEST(Liveness, WhoWasFencedIsToldByThoseWhoHearIt) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    LivenessOutbox out;
    nodes.at(1).on_fenced(nodes.now, {{{3}, 0}, 1}, out);
    ASSERT_EQ(out.events.size(), 1u);
    EXPECT_EQ(to_string(out.events[0].reason), "fenced in the store");
    nodes.advance(100ms);
    EXPECT_EQ(nodes.heard[3].back(), "3/0 run 1 dead: declared by another node 1");
}

TEST(Liveness, AFlappingNodeIsBelievedLaterEachTime) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    std::vector<Duration> took;
    for (int i = 0; i < 4; ++i) {
        nodes.cut(1, 2);
        nodes.advance(300ms);
        ASSERT_EQ(nodes.life(1, 2), Life::Suspected);
        nodes.cuts.clear();
        const Instant healed = nodes.now;
        while (nodes.life(1, 2) != Life::Alive) nodes.advance(5ms);
        took.push_back(nodes.now - healed);
    }
    for (size_t i = 0; i < took.size(); ++i) {
        EXPECT_GE(took[i], recovery_min * (1 << i) - 10ms) << i;
        EXPECT_LE(took[i], recovery_min * (1 << i) + 100ms) << i;
    }
}

TEST(Liveness, WhoSleptAccusesNobody) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    nodes.advance(1s);
    nodes.frozen.insert(1);
    nodes.advance(200ms);
    nodes.now = nodes.now + 5s;  // everybody, as when a virtual machine is moved
    nodes.frozen.clear();
    nodes.advance(1s);
    EXPECT_TRUE(nodes.dead_at.empty());
    EXPECT_GT(nodes.at(1).own_pauses(), 0u);
}

TEST(Liveness, IsConfirmedByEchoesOfAllLivingPeersButOne) {
    Nodes nodes(Nodes::on_servers({1, 2, 3, 4}));
    EXPECT_FALSE(nodes.at(1).confirmed_at(nodes.now));
    nodes.advance(1s);
    ASSERT_TRUE(nodes.at(1).confirmed_at(nodes.now));
    EXPECT_LE(nodes.now - *nodes.at(1).confirmed_at(nodes.now), 110ms);
    nodes.cut(1, 4);
    nodes.advance(1s);
    EXPECT_LE(nodes.now - *nodes.at(1).confirmed_at(nodes.now), 110ms) << "one may be silent";
    nodes.cuts.insert({1, 3});  // it still hears 3, but is not heard
    const Instant last = nodes.now;
    nodes.advance(200ms);
    EXPECT_LE(*nodes.at(1).confirmed_at(nodes.now), last);
}

TEST(Liveness, WhoHearsNoneOfTwoServersIsCutOffForAWhile) {
    Nodes nodes(Nodes::on_servers({1, 2, 3}));
    EXPECT_TRUE(nodes.at(1).is_cut_off(nodes.now)) << "as long as nobody could be heard";
    nodes.advance(1s);
    EXPECT_FALSE(nodes.at(1).is_cut_off(nodes.now));
    nodes.cut(1, 2);
    nodes.advance(1s);
    EXPECT_FALSE(nodes.at(1).is_cut_off(nodes.now)) << "one is heard";
    nodes.cut(1, 3);
    nodes.advance(400ms);
    EXPECT_TRUE(nodes.at(1).is_cut_off(nodes.now));
    EXPECT_FALSE(nodes.at(2).is_cut_off(nodes.now));
    nodes.advance(cut_off_most);
    EXPECT_FALSE(nodes.at(1).is_cut_off(nodes.now)) << "the others may be dead";
    Nodes two(Nodes::on_servers({1, 2}));
    EXPECT_FALSE(two.at(1).is_cut_off(two.now));
}

TEST(WakeGuard, IsSilentAfterAPauseUntilItIsConfirmed) {
    WakeGuard guard;
    Instant now{10s};
    const auto pass = [&](Duration time, std::optional<Instant> confirmed) {
        now = now + time;
        return guard.may_send(now, confirmed);
    };
    EXPECT_TRUE(pass(0ms, {}));
    EXPECT_TRUE(pass(100ms, {})) << "nobody has confirmed it, but it has not slept";
    EXPECT_FALSE(pass(5s, now)) << "confirmed before it slept";
    EXPECT_FALSE(pass(20ms, now - 10ms));
    EXPECT_TRUE(pass(50ms, now));
    EXPECT_TRUE(pass(20ms, {}));
    EXPECT_FALSE(pass(5s, {}));
    for (Duration waited = 0ms; waited < wake_silence_most; waited += 100ms) pass(100ms, {});
    EXPECT_TRUE(pass(100ms, {})) << "there may be nobody to ask";
}

TEST(Liveness, NobodyElseMeansNobodyToAsk) {
    Liveness alone({1}, {1});
    const std::vector<Member> members{{{1}, {1}, 1}};
    alone.set_members(Instant{5s}, members);
    EXPECT_EQ(alone.confirmed_at(Instant{9s}), Instant{9s});
}

TEST(Liveness, StrangersAndRepetitionsAreIgnored) {
    Liveness node({1}, {1});
    const std::vector<Member> members{{{1}, {1}, 1}, {{2}, {2}, 1}};
    node.set_members(Instant{}, members);
    LivenessOutbox out;
    node.on_heartbeat(Instant{1ms}, {{9}, 1, {{1, 1}}, {}}, out);
    node.on_heartbeat(Instant{1ms}, {{2}, 1, {}, {}}, out);
    EXPECT_TRUE(out.events.empty());
    node.on_heartbeat(Instant{2ms}, {{2}, 5, {{1, 1}}, {}}, out);
    EXPECT_EQ(node.life({{2}, 0}), Life::Alive);
    EXPECT_EQ(node.life({{2}, 1}), Life::Unknown);
    // An old one, late, brings no life.
    for (int i = 1; i < 50; ++i) {
        node.on_heartbeat(Instant{i * 10ms}, {{2}, 4, {{1, static_cast<uint64_t>(100 + i)}}, {}},
                          out);
        node.on_timeout(Instant{i * 10ms}, out);
    }
    EXPECT_EQ(node.life({{2}, 0}), Life::Suspected);
}

}  // namespace
}  // namespace tandem::cluster
