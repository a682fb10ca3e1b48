#include "cluster/leadership.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "cluster/limits.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::cluster {
namespace {

using Fault = store::MemoryStore::Fault;
using Kind = LeaderEvent::Kind;

// Three copies of a group, 11 to 13, over one store; preferred in this order.
class Group {
 public:
    Group() {
        store.set_fault_hook([this](const store::Request& request) {
            return fault && std::holds_alternative<store::Txn>(request.body) &&
                           !std::get<store::Txn>(request.body).compares.empty()
                       ? std::exchange(fault, std::nullopt).value()
                       : Fault::None;
        });
        store::Outbox out;
        store.apply(mono, {1, store::WatchCreate{1, store::KeyRange::prefix(""), {}}}, out);
        for (uint16_t n = 11; n <= 13; ++n) put_fence(n, open(n, 1));
        for (uint16_t n = 11; n <= 13; ++n) join(n, 1);
    }
    static FenceRecord open(uint16_t n, uint32_t epoch) {
        return {FenceRecord::State::Open, epoch, {{{n}, 0}, epoch}, {}};
    }
    void put_fence(uint16_t n, const FenceRecord& record) {
        apply(0, {1, store::Txn{{}, {store::Put{store::keys::fence(n), to_text(record), 0}}, {}}});
    }
    void join(uint16_t n, uint32_t epoch) {
        copies.insert_or_assign(
            n, std::make_unique<Leadership>(
                   Leadership::Settings{"sr-1", {{n}, epoch}, open(n, epoch), n}, fences));
        deaf.erase(n);
        LeadershipOutbox out;
        copies[n]->set_candidates(now(), candidates, out);
        copies[n]->start(now(), out);
        take(n, out);
    }
    Now now() const {
        return {mono, UtcTime{1'764'000'000'000 + mono.since_epoch.count() / 1'000'000}};
    }
    void apply(uint16_t from, const store::Request& request) {
        store::Outbox out;
        store.apply(mono, request, out);
        for (const store::Reply& reply : out.replies)
            if (from != 0) replies.emplace_back(from, reply);
        for (store::WatchBatch& batch : out.watches) {
            fences.on_watch(mono, batch);
            batches.push_back(std::move(batch));
        }
    }
    void take(uint16_t n, LeadershipOutbox& out) {
        for (const LeaderEvent& event : out.events) {
            events.emplace_back(n, event);
            if (event.kind == Kind::Elected) elected_at[n] = mono;
        }
        for (const store::Request& request : out.requests)
            if (store_up) apply(n, request);
    }
    void advance(Duration length) {
        for (const Instant end = mono + length; mono < end; mono = mono + 1ms) turn();
    }
    void turn() {
        for (auto replies_now = std::exchange(replies, {}); auto& [n, reply] : replies_now)
            with(n, [&](Leadership& copy, LeadershipOutbox& out) {
                copy.on_reply(now(), reply, out);
            });
        for (const auto& batch : std::exchange(batches, {}))
            for (auto& [n, copy] : copies)
                with(n, [&](Leadership& each, LeadershipOutbox& out) {
                    each.on_watch(now(), batch, out);
                    each.on_fences(now(), out);
                });
        for (auto& [n, copy] : copies)
            if (const auto due = copy->next_deadline(); due && *due <= mono)
                with(n,
                     [&](Leadership& each, LeadershipOutbox& out) { each.on_timeout(now(), out); });
    }
    template <typename F>
    void with(uint16_t n, F f) {
        if (deaf.contains(n)) return;
        LeadershipOutbox out;
        f(*copies.at(n), out);
        take(n, out);
    }
    void die(uint16_t n, uint32_t epoch = 1) {
        deaf.insert(n);
        for (auto& [m, copy] : copies)
            with(m, [&](Leadership& each, LeadershipOutbox& out) {
                each.on_dead(now(), {{n}, epoch}, out);
            });
    }
    Post post(uint16_t n) { return copies.at(n)->post(); }
    std::string value(const std::string& key) {
        store::Outbox out;
        store.apply(mono, {1, store::RangeRequest{store::KeyRange::one(key), 1, {}, {}}}, out);
        const auto& reply = std::get<store::RangeReply>(*out.replies.at(0).body);
        return reply.items.empty() ? "(none)" : reply.items[0].value;
    }
    bool write(uint16_t n) {  // as the copy's Writer would
        store::Outbox out;
        store.apply(mono, {1, store::Txn{copies.at(n)->guards(), {store::Put{"w", "1", 0}}, {}}},
                    out);
        return std::get<store::TxnReply>(*out.replies.at(0).body).succeeded;
    }
    std::vector<Kind> events_of(uint16_t n) const {
        std::vector<Kind> kinds;
        for (const auto& [who, event] : events)
            if (who == n && event.kind != Kind::LeaderIs) kinds.push_back(event.kind);
        return kinds;
    }

    Instant mono{100s};
    store::MemoryStore store;
    std::optional<Fault> fault;  // of the next transaction that compares
    bool store_up = true;
    FenceTable fences;
    std::vector<Candidate> candidates{{{11}, 0}, {{12}, 1}, {{13}, 1}};
    std::map<uint16_t, std::unique_ptr<Leadership>> copies;
    std::set<uint16_t> deaf;
    std::deque<std::pair<uint16_t, store::Reply>> replies;
    std::vector<store::WatchBatch> batches;
    std::vector<std::pair<uint16_t, LeaderEvent>> events;
    std::map<uint16_t, Instant> elected_at;
};

TEST(Leadership, ThePreferredCopyTakesAnEmptyPost) {
    Group group;
    group.advance(500ms);
    EXPECT_EQ(group.post(11), Post::Active);
    EXPECT_EQ(group.post(12), Post::Passive);
    EXPECT_TRUE(group.value("leader/sr-1").starts_with("active 1 instance 11/1 since "));
    EXPECT_EQ(group.copies[12]->tries() + group.copies[13]->tries(), 0u)
        << "they waited their turn";
    EXPECT_TRUE(group.write(11));
    group.advance(20s);
    EXPECT_EQ(group.events_of(11), std::vector<Kind>{Kind::Elected});
}

TEST(Leadership, TheNextOneTakesOverAndFencesTheDead) {
    Group group;
    group.advance(500ms);
    const Instant died = group.mono;
    group.die(11);
    group.advance(50ms);
    EXPECT_EQ(group.post(12), Post::Active);
    EXPECT_LE(group.elected_at[12] - died, 3ms) << "a death that is known costs one transaction";
    EXPECT_EQ(group.value("fence/11"), "fenced 1 by 12");
    EXPECT_FALSE(group.write(11)) << "the former one does not know yet, and can do no harm";
    EXPECT_TRUE(group.write(12));
    EXPECT_EQ(group.copies[13]->record()->epoch, 2u);
    // It wakes.
    group.deaf.clear();
    group.advance(2s);
    EXPECT_EQ(group.events_of(11), (std::vector<Kind>{Kind::Elected, Kind::SteppedDown}));
    EXPECT_EQ(group.post(11), Post::Passive);
}

TEST(Leadership, AFencedCopyIsOutForGood) {
    Group group;
    group.advance(500ms);
    group.die(11);
    group.advance(50ms);
    group.deaf.clear();
    group.with(11,
               [&](Leadership& copy, LeadershipOutbox& out) { copy.on_fences(group.now(), out); });
    EXPECT_EQ(group.post(11), Post::Fenced);
    group.die(12);
    group.die(13);
    group.advance(5s);
    EXPECT_EQ(group.post(11), Post::Fenced) << "it needs another incarnation";
    group.put_fence(11, Group::open(11, 2));
    group.join(11, 2);
    group.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
        copy.on_dead(group.now(), {{12}, 1}, out);
    });
    group.advance(1s);
    EXPECT_EQ(group.post(11), Post::Active);
    EXPECT_EQ(group.copies[11]->record()->epoch, 3u);
}

TEST(Leadership, NothingIsTakenFromTheLiving) {
    Group group;
    group.candidates = {{{11}, 5}, {{12}, 0}, {{13}, 1}};  // preferred: another than the holder
    group.advance(500ms);
    for (auto& [n, copy] : group.copies)
        group.with(n, [&](Leadership& each, LeadershipOutbox& out) {
            each.set_candidates(group.now(), group.candidates, out);
        });
    group.advance(30s);
    EXPECT_EQ(group.post(11), Post::Active) << "no automatic fail-back";
    // A suspicion alone is not enough either.
    group.candidates[0].is_alive = false;
    group.with(12, [&](Leadership& each, LeadershipOutbox& out) {
        each.set_candidates(group.now(), group.candidates, out);
    });
    group.advance(5s);
    EXPECT_EQ(group.post(12), Post::Passive);
    group.with(12, [&](Leadership& each, LeadershipOutbox& out) {
        each.on_dead(group.now(), {{11}, 0}, out);  // an earlier life of it
    });
    group.advance(5s);
    EXPECT_EQ(group.post(12), Post::Passive);
}

// The store's own leader was on the server that fell silent: for a while all that is asked is lost.
TEST(Leadership, ATryThatGotLostInTheStoresElectionIsRepeatedSoon) {
    Group group;
    group.advance(500ms);
    group.store_up = false;
    group.die(11);
    group.advance(110ms);
    group.store_up = true;
    group.advance(20ms);
    EXPECT_EQ(group.post(12), Post::Active);
    group.advance(400ms);
    EXPECT_EQ(group.post(12), Post::Active);
    EXPECT_EQ(group.post(13), Post::Passive);
    EXPECT_EQ(group.copies[12]->record()->epoch, 2u);
}

TEST(Leadership, AnUnknownOutcomeIsReadFromTheStore) {
    for (const Fault fault : {Fault::AppliedReplyLost, Fault::DroppedReplyLost,
                              Fault::AppliedTimeout, Fault::DroppedTimeout}) {
        Group group;
        group.advance(500ms);
        group.fault = fault;
        group.batches.clear();
        group.die(11);
        group.advance(400ms);
        // The next in line does not wait for ever for the first one.
        const uint16_t leader = group.post(12) == Post::Active ? 12 : 13;
        EXPECT_EQ(group.post(leader), Post::Active) << static_cast<int>(fault);
        EXPECT_EQ(group.post(leader == 12 ? 13 : 12), Post::Passive);
        EXPECT_TRUE(group.write(leader));
        EXPECT_EQ(group.copies[leader]->record()->epoch, 2u);
    }
}

TEST(Leadership, AnOutageDelaysButDoesNotConfuse) {
    Group group;
    group.advance(500ms);
    group.store_up = false;
    group.die(11);
    group.advance(3s);
    EXPECT_EQ(group.post(12), Post::Passive);
    group.store_up = true;
    group.advance(300ms);
    EXPECT_EQ((group.post(12) == Post::Active) + (group.post(13) == Post::Active), 1);
}

TEST(Leadership, ARenewedFenceGivesTheHolderItsTime) {
    Group group;
    group.advance(500ms);
    group.put_fence(11, Group::open(11, 1));  // it has just asked, and was told that it may speak
    group.turn();
    const Instant renewed = group.mono;
    group.die(11);
    group.advance(suspicion_after - 5ms);
    EXPECT_EQ(group.post(12), Post::Passive);
    group.advance(50ms);
    EXPECT_EQ(group.post(12), Post::Active);
    EXPECT_GE(group.elected_at[12] - renewed, suspicion_after);
}

TEST(Leadership, ARestartedHolderTakesItsPostAgain) {
    Group group;
    group.advance(500ms);
    group.deaf.insert(11);
    group.put_fence(11, Group::open(11, 2));
    group.join(11, 2);
    group.advance(100ms);
    EXPECT_EQ((group.post(11) == Post::Active) + (group.post(12) == Post::Active), 1);
    EXPECT_EQ(group.copies[13]->record()->epoch, 2u);
}

TEST(Leadership, IsHandedOverByCommand) {
    struct Case {
        const char* name;
        InstanceNumber to;
        uint16_t expected;
    };
    for (const Case& each : {Case{"to the preferred", {}, 12}, Case{"to a named one", {13}, 13}}) {
        Group group;
        group.advance(6s);
        group.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
            EXPECT_TRUE(copy.hand_over(group.now(), {each.to, Urgency::AfterPostMin}, out));
        });
        EXPECT_EQ(group.post(11), Post::Handing);
        EXPECT_EQ(group.events_of(11), (std::vector<Kind>{Kind::Elected, Kind::Hand}));
        group.advance(100ms);
        EXPECT_TRUE(group.write(11)) << "it writes what is left";
        EXPECT_EQ(group.post(11), Post::Handing);
        group.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
            copy.on_flushed(group.now(), out);
        });
        group.advance(20ms);
        EXPECT_EQ(group.post(each.expected), Post::Active) << each.name;
        EXPECT_EQ(group.post(11), Post::Passive);
        EXPECT_FALSE(group.write(11));
        EXPECT_EQ(group.value("fence/11"), to_text(Group::open(11, 1))) << "it is not fenced";
        group.advance(10s);
        EXPECT_EQ(group.post(each.expected), Post::Active) << "and it stays there";
    }
}

TEST(Leadership, ANewLeaderKeepsItsPostForFiveSeconds) {
    Group group;
    group.advance(1s);
    const Duration held = group.mono - group.elected_at[11];
    group.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
        EXPECT_TRUE(copy.hand_over(group.now(), {{12}, Urgency::AfterPostMin}, out));
        EXPECT_EQ(copy.hand_over(group.now(), {{12}, Urgency::AtOnce}, out).error().code,
                  ErrorCode::Conflict);
    });
    group.advance(post_min - held - 10ms);
    EXPECT_EQ(group.post(11), Post::Active);
    group.advance(20ms);
    EXPECT_EQ(group.post(11), Post::Handing);

    Group urgent;
    urgent.advance(1s);
    urgent.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
        EXPECT_TRUE(copy.hand_over(urgent.now(), {{12}, Urgency::AtOnce}, out));
    });
    EXPECT_EQ(urgent.post(11), Post::Handing);
}

TEST(Leadership, WhatIsNotFlushedInTimeIsLeftBehind) {
    Group group;
    group.advance(6s);
    group.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
        EXPECT_TRUE(copy.hand_over(group.now(), {{12}, Urgency::AtOnce}, out));
    });
    group.advance(flush_max + 50ms);
    EXPECT_EQ(group.post(12), Post::Active);
}

TEST(Leadership, ADeadSuccessorDoesNotStopTheHandover) {
    Group group;
    group.advance(6s);
    group.deaf.insert(13);
    group.with(11, [&](Leadership& copy, LeadershipOutbox& out) {
        EXPECT_TRUE(copy.hand_over(group.now(), {{13}, Urgency::AtOnce}, out));
        copy.on_flushed(group.now(), out);
    });
    group.advance(250ms);
    EXPECT_EQ(group.post(12), Post::Active);
}

TEST(Leadership, RefusesImpossibleOrders) {
    Group group;
    group.advance(500ms);
    LeadershipOutbox out;
    const auto code = [&](uint16_t n, uint16_t to) {
        const auto done = group.copies[n]->hand_over(group.now(), {{to}, Urgency::AtOnce}, out);
        return done ? ErrorCode::Internal : done.error().code;
    };
    EXPECT_EQ(code(12, 13), ErrorCode::Conflict) << "it does not hold the post";
    EXPECT_EQ(code(11, 11), ErrorCode::NotFound) << "to itself";
    EXPECT_EQ(code(11, 77), ErrorCode::NotFound);
}

TEST(Leadership, ALeaderWhoseKeyIsGoneStepsDownAndTheEpochStillRises) {
    Group group;
    group.advance(500ms);
    group.apply(0, {1, store::Txn{{}, {store::Delete{"leader/sr-1"}}, {}}});
    EXPECT_FALSE(group.write(11));
    group.advance(1ms);
    EXPECT_EQ(group.events_of(11), (std::vector<Kind>{Kind::Elected, Kind::SteppedDown}));
    group.advance(500ms);
    EXPECT_EQ(group.copies[12]->record()->epoch, 2u);
    // Also for who has never seen the key before.
    group.deaf = {11, 12, 13};
    group.apply(0, {1, store::Txn{{}, {store::Delete{"leader/sr-1"}}, {}}});
    group.put_fence(13, Group::open(13, 2));
    group.join(13, 2);
    group.advance(500ms);
    EXPECT_EQ(group.post(13), Post::Active);
    EXPECT_EQ(group.copies[13]->record()->epoch, 3u);
}

TEST(Leadership, ALostWatchIsMadeUpForByLooking) {
    Group group;
    group.advance(500ms);
    group.apply(0, {1, store::Txn{{}, {store::Delete{"leader/sr-1"}}, {}}});
    group.batches.clear();
    group.advance(poll_interval + 200ms);
    EXPECT_EQ(group.copies[11]->record()->epoch, 2u);
    EXPECT_EQ(group.events_of(11),
              (std::vector<Kind>{Kind::Elected, Kind::SteppedDown, Kind::Elected}));
}

TEST(Leadership, WhoIsNotNamedDoesNotStand) {
    Group group;
    group.advance(500ms);
    group.candidates = {{{11}, 0}, {{13}, 1}};  // 12 is to be removed
    for (const uint16_t n : {12, 13})
        group.with(n, [&](Leadership& each, LeadershipOutbox& out) {
            each.set_candidates(group.now(), group.candidates, out);
        });
    group.die(11);
    group.advance(500ms);
    EXPECT_EQ(group.post(12), Post::Passive);
    EXPECT_EQ(group.post(13), Post::Active);
}

}  // namespace
}  // namespace tandem::cluster
