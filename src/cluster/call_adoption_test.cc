#include "cluster/call_adoption.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

#include "base/rng.h"
#include "cluster/limits.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::cluster {
namespace {

using Fault = store::MemoryStore::Fault;
using Kind = AdoptionEvent::Kind;

Adopter b2b(uint16_t number) {
    return {{number}, RoleInstanceId{{0, number}}};
}
CallId call_id(uint64_t n) {
    return CallId{{n, n * 0x9e3779b97f4a7c15}};
}

// B2B instances over one store. The victim is 1; 2 to 4 survive.
class Instances {
 public:
    Instances() {
        store.set_fault_hook([this](const store::Request& request) {
            const auto* txn = std::get_if<store::Txn>(&request.body);
            const bool moves =
                txn != nullptr && !txn->compares.empty() && txn->then_ops.size() >= 3;
            return moves && fault ? std::exchange(fault, std::nullopt).value() : Fault::None;
        });
        store::Outbox out;
        store.apply(mono, {1, store::WatchCreate{1, store::KeyRange::prefix("fence/"), {}}}, out);
        for (uint16_t n = 1; n <= 4; ++n) put_fence(n, open(n, 1));
        turn();
        for (uint16_t n = 2; n <= 4; ++n) join(n);
        survive({2, 3, 4});
    }
    static FenceRecord open(uint16_t n, uint32_t epoch) {
        return {FenceRecord::State::Open, epoch, {{{n}, 0}, epoch}, {}};
    }
    void join(uint16_t n) {
        machines.insert_or_assign(n, std::make_unique<CallAdoption>(b2b(n), open(n, 1), n, fences));
    }
    void put(const std::string& key, const std::string& value) {
        apply(0, {1, store::Txn{{}, {store::Put{key, value, 0}}, {}}});
    }
    void put_fence(uint16_t n, const FenceRecord& record) {
        put(store::keys::fence(n), to_text(record));
    }
    void put_calls(uint16_t n, uint64_t from, uint64_t count) {
        for (uint64_t i = from; i < from + count; ++i)
            put(store::keys::call(b2b(n).id, call_id(i)), "snapshot " + std::to_string(i));
    }
    void apply(uint16_t from, const store::Request& request) {
        store::Outbox out;
        store.apply(mono, request, out);
        for (const store::Reply& reply : out.replies)
            if (from != 0) replies.emplace_back(from, reply);
        for (store::WatchBatch& batch : out.watches) batches.push_back(std::move(batch));
    }
    template <typename F>
    void with(uint16_t n, F f) {
        if (dead.contains(n)) return;
        AdoptionOutbox out;
        f(*machines.at(n), out);
        for (AdoptionEvent& event : out.events) {
            if (event.kind == Kind::Adopted) owners[event.call].push_back(n);
            events.emplace_back(n, std::move(event));
        }
        for (const store::Request& request : out.requests) apply(n, request);
    }
    template <typename F>
    void all(F f) {
        for (auto& [n, machine] : machines) with(n, f);
    }
    void turn() {
        for (auto& [n, reply] : std::exchange(replies, {}))
            with(n, [&](auto& each, auto& out) { EXPECT_TRUE(each.on_reply(mono, reply, out)); });
        for (const auto& batch : std::exchange(batches, {})) {
            fences.on_watch(mono, batch);
            all([&](auto& each, auto& out) { each.on_fences(mono, out); });
        }
        all([&](auto& each, auto& out) {
            if (const auto due = each.next_deadline(); due && *due <= mono)
                each.on_timeout(mono, out);
        });
        mono = mono + 1ms;
    }
    void advance(Duration length) {
        for (const Instant end = mono + length; mono < end;) turn();
    }
    void survive(const std::set<uint16_t>& numbers) {
        std::vector<Adopter> survivors;
        for (const uint16_t n : numbers) survivors.push_back(b2b(n));
        all([&](auto& each, auto& out) { each.set_survivors(mono, survivors, out); });
    }
    void die(uint16_t n, uint32_t epoch = 1) {
        dead.insert(n);
        all([&](auto& each, auto& out) { EXPECT_TRUE(each.on_dead(mono, b2b(n), epoch, out)); });
    }
    size_t count(const std::string& prefix) {
        store::Outbox out;
        store.apply(mono, {1, store::RangeRequest{store::KeyRange::prefix(prefix), 0, {}, {}}},
                    out);
        return std::get<store::RangeReply>(*out.replies.at(0).body).items.size();
    }
    size_t calls_of(uint16_t n) { return count(store::keys::calls_of(b2b(n).id)); }
    size_t told(Kind kind) const {
        size_t n = 0;
        for (const auto& [who, event] : events) n += event.kind == kind ? 1 : 0;
        return n;
    }
    void expect_each_once(uint64_t count) const {
        EXPECT_EQ(owners.size(), count);
        for (const auto& [call, nodes] : owners) EXPECT_EQ(nodes.size(), 1u);
    }

    Instant mono{100s};
    store::MemoryStore store;
    std::optional<Fault> fault;  // of the next move
    FenceTable fences;
    std::map<uint16_t, std::unique_ptr<CallAdoption>> machines;
    std::set<uint16_t> dead;
    std::deque<std::pair<uint16_t, store::Reply>> replies;
    std::vector<store::WatchBatch> batches;
    std::vector<std::pair<uint16_t, AdoptionEvent>> events;
    std::map<CallId, std::vector<uint16_t>> owners;
};

TEST(CallAdoption, SurvivorsShareTheCallsOfTheDead) {
    Instances site;
    site.put_calls(1, 1, 1500);
    site.mono = site.mono + 1s;
    site.die(1);
    site.advance(2s);
    site.expect_each_once(1500);
    EXPECT_EQ(site.calls_of(1), 0u);
    for (const uint16_t n : {2, 3, 4}) {
        EXPECT_GT(site.calls_of(n), 400u) << "about a third each";
        EXPECT_LT(site.calls_of(n), 600u);
        EXPECT_TRUE(site.machines[n]->is_idle());
    }
    EXPECT_EQ(site.told(Kind::Swept), 3u);
    EXPECT_EQ(site.count("owner/"), 1500u);
    for (const auto& [who, event] : site.events)
        EXPECT_EQ(event.kind == Kind::Adopted, event.snapshot.starts_with("snapshot "));
}

TEST(CallAdoption, ProgressIsShown) {
    Instances site;
    site.put_calls(1, 1, 900);
    site.mono = site.mono + 1s;
    site.die(1);
    site.advance(10ms);
    const auto progress = site.machines[2]->progress({1});
    ASSERT_TRUE(progress);
    EXPECT_GT(progress->left, 0u);
    EXPECT_EQ(progress->passes, 1u);
    site.advance(2s);
    EXPECT_FALSE(site.machines[2]->progress({1}));
}

TEST(CallAdoption, RendezvousMovesOnlyTheCallsOfWhoLeaves) {
    const std::vector<Adopter> all{b2b(2), b2b(3), b2b(4)};
    const std::vector<Adopter> fewer{b2b(2), b2b(4)};
    for (uint64_t i = 0; i < 500; ++i) {
        const Adopter before = *adopter_of(call_id(i), all);
        if (before == b2b(3)) continue;
        EXPECT_EQ(*adopter_of(call_id(i), fewer), before);
    }
    EXPECT_EQ(adopter_of(call_id(1), {}), nullptr);
}

TEST(CallAdoption, UnknownOutcomesAreResolved) {
    for (const Fault fault : {Fault::AppliedReplyLost, Fault::DroppedReplyLost,
                              Fault::AppliedTimeout, Fault::DroppedTimeout}) {
        Instances site;
        site.put_calls(1, 1, 60);
        site.mono = site.mono + 1s;
        site.fault = fault;
        site.die(1);
        site.advance(2s);
        site.expect_each_once(60);
        EXPECT_EQ(site.calls_of(1), 0u);
    }
}

TEST(CallAdoption, WhoIsAskedTakesTheCallAtOnce) {
    Instances site;
    site.put_calls(1, 1, 900);
    site.mono = site.mono + 1s;
    site.die(1);
    site.advance(3ms);
    // By rendezvous another's, and late in the sweep.
    uint64_t wanted = 900;
    while (adopter_of(call_id(wanted), {b2b(2), b2b(3), b2b(4)})->number.value == 2) --wanted;
    site.with(2, [&](auto& each, auto& out) {
        EXPECT_TRUE(each.on_asked(site.mono, b2b(1), call_id(wanted), out));
    });
    site.advance(12ms);
    ASSERT_EQ(site.owners[call_id(wanted)], std::vector<uint16_t>{2});
    site.advance(2s);
    site.expect_each_once(900);
    // Anybody else is told where it is, long after the sweep.
    site.with(3, [&](auto& each, auto& out) {
        EXPECT_TRUE(each.on_asked(site.mono, b2b(1), call_id(wanted), out));
    });
    site.advance(5ms);
    EXPECT_EQ(site.events.back().second.kind, Kind::Elsewhere);
    EXPECT_EQ(site.events.back().second.owner, b2b(2).id);
}

TEST(CallAdoption, AskingForWhatIsNotThere) {
    Instances site;
    site.put_calls(1, 1, 10);
    const auto ask = [&](uint64_t call) {
        site.with(2, [&](auto& each, auto& out) {
            EXPECT_TRUE(each.on_asked(site.mono, b2b(1), call_id(call), out));
        });
        site.advance(5ms);
    };
    ask(1);
    EXPECT_EQ(site.events.back().second.kind, Kind::OwnerLives);
    site.mono = site.mono + 1s;
    site.die(1);
    site.advance(3ms);
    ask(77);
    EXPECT_EQ(site.told(Kind::NoSuchCall), 1u);
}

TEST(CallAdoption, NothingIsTakenBeforeTheVictimIsFenced) {
    Instances site;
    site.put_calls(1, 1, 10);
    site.mono = site.mono + 1s;
    site.put_fence(1, Instances::open(1, 1));  // it renews: it may speak for 200 ms
    site.turn();
    site.die(1);
    site.advance(suspicion_after - 10ms);
    EXPECT_EQ(site.calls_of(1), 10u);
    site.advance(1s);
    site.expect_each_once(10);
}

TEST(CallAdoption, AReturningVictimKeepsWhatIsLeft) {
    Instances site;
    site.put_calls(1, 1, 1000);
    site.mono = site.mono + 1s;
    site.die(1);
    while (site.owners.size() < 100) site.turn();
    site.put_fence(1, Instances::open(1, 2));
    const size_t kept = site.calls_of(1);
    EXPECT_GT(kept, 0u);
    site.advance(2s);
    EXPECT_EQ(site.calls_of(1), kept) << "nothing is taken from the living";
    EXPECT_EQ(site.told(Kind::Returned), 3u);
    EXPECT_EQ(site.told(Kind::Swept), 0u);
    site.expect_each_once(1000 - kept);
    // And dies again.
    site.die(1, 2);
    site.advance(2s);
    site.expect_each_once(1000);
}

TEST(CallAdoption, AdoptersDieToo) {
    Instances site;
    site.put_calls(1, 1, 900);
    site.mono = site.mono + 1s;
    site.die(1);
    while (site.owners.size() < 400) site.turn();
    site.survive({3, 4});
    site.die(2);
    site.advance(100ms);
    site.survive({4});
    site.die(3);
    site.advance(4s);
    EXPECT_EQ(site.calls_of(4), 900u);
    EXPECT_EQ(site.calls_of(1) + site.calls_of(2) + site.calls_of(3), 0u);
    for (const auto& [call, nodes] : site.owners) EXPECT_EQ(nodes.back(), 4);
    // A request that names the first owner is followed to the last.
    site.events.clear();
    site.with(4, [&](auto& each, auto& out) {
        EXPECT_TRUE(each.on_asked(site.mono, b2b(1), call_id(5), out));
    });
    site.advance(5ms);
    ASSERT_EQ(site.events.size(), 1u);
    EXPECT_EQ(site.events[0].second.owner, b2b(4).id);
}

TEST(CallAdoption, DifferentViewsOfTheSurvivorsLeaveNothingAndDoubleNothing) {
    Instances site;
    site.put_calls(1, 1, 300);
    // 2 believes in 3 alone, 3 in 4 alone, 4 in a stranger: nobody would take anything.
    site.with(2, [&](auto& each, auto& out) { each.set_survivors(site.mono, {b2b(3)}, out); });
    site.with(3, [&](auto& each, auto& out) { each.set_survivors(site.mono, {b2b(4)}, out); });
    site.with(4, [&](auto& each, auto& out) { each.set_survivors(site.mono, {b2b(9)}, out); });
    site.mono = site.mono + 1s;
    site.die(1);
    site.advance(4s);
    site.expect_each_once(300);
}

TEST(CallAdoption, AFencedAdopterTakesNothing) {
    Instances site;
    site.put_calls(1, 1, 300);
    site.mono = site.mono + 1s;
    store::Outbox ignored;
    site.store.apply(site.mono,
                     {1, store::Txn{{}, {store::Put{"fence/2", "fenced 1 by 3", 0}}, {}}}, ignored);
    site.die(1);  // 2 has not heard of its own end
    site.advance(100ms);
    EXPECT_EQ(site.calls_of(2), 0u);
    const auto over = std::find_if(site.events.begin(), site.events.end(), [](const auto& each) {
        return each.first == 2 && each.second.kind == Kind::Fenced;
    });
    EXPECT_NE(over, site.events.end());
    site.advance(3s);
    site.expect_each_once(300);
}

TEST(CallAdoption, CallsThatEndMeanwhileAreLeftAlone) {
    Instances site;
    site.put_calls(1, 1, 500);
    site.mono = site.mono + 1s;
    site.die(1);
    SeededRng rng(5);
    std::set<CallId> ended;
    for (int i = 0; i < 60; ++i) {
        site.turn();
        const CallId call = call_id(1 + rng.below(500));
        if (site.owners.contains(call)) continue;
        ended.insert(call);
        site.apply(0, {1, store::Txn{{}, {store::Delete{store::keys::call(b2b(1).id, call)}}, {}}});
    }
    site.advance(2s);
    EXPECT_GT(ended.size(), 0u);
    EXPECT_EQ(site.count("call/"), site.owners.size());
    for (const auto& [call, nodes] : site.owners) EXPECT_EQ(nodes.size(), 1u);
}

TEST(CallAdoption, IsBounded) {
    Instances site;
    site.put_calls(1, 1, 1);
    ErrorCode code = ErrorCode::Internal;
    site.with(2, [&](auto& each, auto& out) {
        for (size_t i = 0; i <= asked_calls_max + 1; ++i)
            if (const auto done = each.on_asked(site.mono, b2b(1), call_id(i), out); !done)
                code = done.error().code;
    });
    EXPECT_EQ(code, ErrorCode::TooLarge);
}

}  // namespace
}  // namespace tandem::cluster
