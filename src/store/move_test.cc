// A move between two stores that answer late, wrongly or not at all, with writers going on, and
// movers that die at any step. A failure prints its seed.
#include "store/move.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/rng.h"
#include "store/keys.h"
#include "store/limits.h"
#include "store/memory_store.h"

namespace tandem::store {
namespace {

// TANDEM_SIM_SEEDS=N runs more.
uint64_t seeds(uint64_t otherwise) {
    const char* text = std::getenv("TANDEM_SIM_SEEDS");
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

using Content = std::map<std::string, std::string>;

// One store behind a network: what is asked is applied later, or applied and the answer is lost, or
// applied long after the asker was told that nobody knows.
class Behind {
 public:
    Behind(Rng& rng, uint32_t generation) : store(generation), rng_(rng) {}

    void ask(Request request) { asked_.push_back(std::move(request)); }
    // One thing happens. Answers go to `replies`, what watches tell to `batches`.
    void step(Instant now, unsigned fault_percent) {
        if (!ghosts_.empty() && rng_.below(20) == 0) {
            apply(now, ghosts_.front(), {});
            ghosts_.erase(ghosts_.begin());
        }
        if (asked_.empty()) return;
        const Request request = std::move(asked_.front());
        asked_.erase(asked_.begin());
        const bool is_txn = std::holds_alternative<Txn>(request.body);
        if (!is_txn || rng_.below(100) >= fault_percent) return apply(now, request, &replies);
        const Reply unknown{request.id, make_error(ErrorCode::Timeout, "store", "no answer")};
        switch (rng_.below(4)) {
            case 0:  // applied, and not known
                apply(now, request, {});
                replies.push_back(unknown);
                break;
            case 1:  // lost
                replies.push_back(unknown);
                break;
            case 2:  // applied some day
                ghosts_.push_back(request);
                replies.push_back(unknown);
                break;
            default:  // not even an answer
                apply(now, request, {});
                break;
        }
    }
    void forget_mover(Instant now) {
        for (Request& request : asked_)  // what had left may still arrive
            if (std::holds_alternative<Txn>(request.body)) ghosts_.push_back(std::move(request));
        asked_.clear();
        for (WatchId watch = 1; watch < 20; ++watch)  // its process is gone
            (void)at_once(now, WatchCancel{uint64_t{0xfffe} << 48 | watch});
        replies.clear();
        batches.clear();
    }
    Result<ReplyBody> at_once(Instant now, RequestBody body) {
        std::vector<Reply> answers;
        apply(now, {1, std::move(body)}, &answers);
        return answers.at(0).body;
    }
    std::string value(Instant now, std::string_view key) {
        const auto body = at_once(now, RangeRequest{KeyRange::one(std::string(key))});
        const auto& items = std::get<RangeReply>(*body).items;
        return items.empty() ? std::string() : items.front().value;
    }
    Content content(Instant now) {
        Content all;
        const auto body = at_once(now, RangeRequest{KeyRange::prefix("")});
        for (const KeyValue& item : std::get<RangeReply>(*body).items)
            if (!item.key.starts_with(keys::store_prefix)) all[item.key] = item.value;
        return all;
    }

    MemoryStore store;
    std::vector<Reply> replies;
    std::vector<WatchBatch> batches;

 private:
    void apply(Instant now, const Request& request, std::vector<Reply>* answers) {
        Outbox out;
        store.apply(now, request, out);
        if (answers != nullptr)
            std::move(out.replies.begin(), out.replies.end(), std::back_inserter(*answers));
        std::move(out.watches.begin(), out.watches.end(), std::back_inserter(batches));
    }

    Rng& rng_;
    std::vector<Request> asked_;
    std::vector<Request> ghosts_;
};

class Site {
 public:
    explicit Site(uint64_t seed)
        : rng(seed),
          source(std::make_unique<Behind>(rng, 1)),
          target(std::make_unique<Behind>(rng, 2)) {
        const uint64_t keys = rng.below(1'500);
        for (uint64_t i = 0; i < keys; ++i) {
            write("k" + std::to_string(i), "first");
        }
    }
    // As the processes of a site do it: none is applied to a closed store.
    bool write(const std::string& key, std::optional<std::string> value) {
        Txn txn;
        txn.compares = {Compare::absent(std::string(keys::store_closed))};
        if (value) {
            txn.then_ops = {Put{key, *value, 0}};
        } else {
            txn.then_ops = {Delete{key}};
        }
        const auto body = source->at_once(now, std::move(txn));
        if (!std::get<TxnReply>(*body).succeeded) {
            ++refused;
            return false;
        }
        if (value) {
            model[key] = *value;
        } else {
            model.erase(key);
        }
        return true;
    }
    void begin() {
        ++movers;
        move = std::make_unique<Move>(
            MoveSettings{"m" + std::to_string(movers), "there", move_freeze_max});
        carry([&](MoveOutbox& out) { move->start(now, out); });
    }
    void crash() {
        move.reset();
        source->forget_mover(now);
        target->forget_mover(now);
    }
    template <typename Call>
    void carry(Call call) {
        MoveOutbox out;
        call(out);
        for (Request& request : out.to_source) source->ask(std::move(request));
        for (Request& request : out.to_target) target->ask(std::move(request));
        for (const MoveEvent& event : out.events) {
            frozen = event.kind == MoveEvent::Kind::Freeze;
            moved = moved || event.kind == MoveEvent::Kind::Moved;
            if (event.kind == MoveEvent::Kind::Failed) failed = event.why.message;
        }
    }
    void step(unsigned faults) {
        now = now + std::chrono::microseconds(100 + rng.below(2'000));
        if (rng.below(3) == 0) {
            const std::string key = "k" + std::to_string(rng.below(4'000));
            const bool erases = rng.below(4) == 0;
            write(key, erases ? std::nullopt : std::optional("v" + std::to_string(++written)));
        }
        if (rng.below(2) == 0) source->step(now, faults);
        if (rng.below(2) == 0) target->step(now, faults);
        for (const Reply& reply : std::exchange(source->replies, {}))
            carry([&](MoveOutbox& out) { move->on_source_reply(now, reply, out); });
        for (const Reply& reply : std::exchange(target->replies, {}))
            carry([&](MoveOutbox& out) { move->on_target_reply(now, reply, out); });
        if (rng.below(2) == 0) {
            for (const WatchBatch& batch : std::exchange(source->batches, {}))
                carry([&](MoveOutbox& out) { move->on_source_watch(now, batch, out); });
        }
        const auto deadline = move->next_deadline();
        if (deadline && *deadline <= now)
            carry([&](MoveOutbox& out) { move->on_timeout(now, out); });
    }
    std::optional<Closure> closure() {
        return parse_closure(source->value(now, keys::store_closed));
    }

    SeededRng rng;
    std::unique_ptr<Behind> source;
    std::unique_ptr<Behind> target;
    Instant now{1000s};
    std::unique_ptr<Move> move;
    unsigned movers = 0;
    bool frozen = false;
    bool moved = false;
    std::string failed;
    Content model;
    uint64_t written = 0;
    uint64_t refused = 0;
};

void expect_moved(Site& site) {
    ASSERT_TRUE(site.moved) << site.failed;
    EXPECT_TRUE(site.target->content(site.now) == site.model) << "a write is lost, or undone";
    const auto closure = site.closure();
    ASSERT_TRUE(closure);
    EXPECT_EQ(closure->kind, Closure::Kind::Sealed);
    EXPECT_EQ(closure->place, "there");
    EXPECT_FALSE(site.write("late", "x")) << "the source takes no write any more";
}

TEST(Move, TakesEverythingAlong) {
    Site site(1);
    (void)site.source->at_once(site.now, LeaseGrant{5, 60s});
    (void)site.source->at_once(site.now, Txn{{}, {Put{"leased", "x", 5}}, {}});
    site.begin();
    while (!site.move->is_over()) site.step(0);
    expect_moved(site);
    EXPECT_EQ(site.target->value(site.now, keys::store_copying), "");
    EXPECT_EQ(site.target->value(site.now, "leased"), "") << "its owner puts it again";
    EXPECT_GT(site.refused, 0u);
    EXPECT_LT(site.move->frozen_for(), move_freeze_max);
}

TEST(Move, SurvivesStoresThatAnswerBadly) {
    for (uint64_t seed = 1; seed <= seeds(8); ++seed) {
        Site site(seed);
        site.begin();
        for (int step = 0; step < 400'000 && !site.move->is_over(); ++step) site.step(20);
        SCOPED_TRACE("seed " + std::to_string(seed));
        ASSERT_NO_FATAL_FAILURE(expect_moved(site));
    }
}

// The mover dies at any step, and the next one begins anew. What is sealed stays so.
TEST(Move, MoversMayDieAtAnyStep) {
    unsigned sealed_unknown = 0;
    unsigned left_frozen = 0;
    for (uint64_t seed = 1; seed <= seeds(30); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Site site(seed);
        const unsigned faults = seed % 2 == 0 ? 0 : 10;
        while (!site.moved) {
            ASSERT_LT(site.movers, 200u);
            site.begin();
            site.failed.clear();
            const uint64_t life = site.movers > 6 ? ~uint64_t{0} : site.rng.below(600);
            for (uint64_t step = 0; step < life && !site.move->is_over(); ++step) site.step(faults);
            ASSERT_TRUE(site.failed.empty() || site.failed.find("moved away") != std::string::npos)
                << site.failed;
            site.crash();
            const auto closure = site.closure();
            if (!site.moved && closure && closure->kind == Closure::Kind::Sealed) {
                ++sealed_unknown;  // who comes next finds it
                site.moved = true;
            }
            left_frozen += closure && closure->kind == Closure::Kind::Frozen ? 1 : 0;
        }
        ASSERT_NO_FATAL_FAILURE(expect_moved(site));
    }
    EXPECT_GT(sealed_unknown, 0u) << "no mover died between the seal and its answer";
    EXPECT_GT(left_frozen, 0u);
}

TEST(Move, AFreezeThatLastsTooLongIsEndedAndTriedAgain) {
    Site site(3);
    site.begin();
    while (!site.frozen) site.step(0);
    const uint64_t refused = site.refused;
    site.now = site.now + move_freeze_max;  // the store slept
    while (site.frozen) site.step(0);
    EXPECT_FALSE(site.moved);
    EXPECT_TRUE(site.write("between", "x")) << "writes go on meanwhile";
    EXPECT_GE(site.refused, refused);
    while (!site.move->is_over()) site.step(0);
    expect_moved(site);
}

TEST(Move, RefusesATargetThatHoldsOtherData) {
    Site site(4);
    (void)site.target->at_once(site.now, Txn{{}, {Put{"somebody's", "x", 0}}, {}});
    site.begin();
    while (!site.move->is_over()) site.step(0);
    EXPECT_FALSE(site.moved);
    EXPECT_EQ(site.failed, "the store to move to holds other data");
    EXPECT_TRUE(site.write("k", "goes on"));
}

TEST(Move, RefusesASourceThatWasMovedAway) {
    Site site(5);
    site.begin();
    while (!site.move->is_over()) site.step(0);
    ASSERT_TRUE(site.moved);
    site.crash();
    site.begin();
    while (!site.move->is_over()) site.step(0);
    EXPECT_EQ(site.failed, "the data have been moved away from this store");
}

// There and back: what was left behind by the first move is cleared.
TEST(Move, GoesBackToAStoreThatWasSealed) {
    Site site(6);
    site.begin();
    while (!site.move->is_over()) site.step(0);
    ASSERT_TRUE(site.moved);
    site.crash();
    std::swap(site.source, site.target);
    site.moved = false;
    EXPECT_TRUE(site.write("k1", "in the second"));
    EXPECT_TRUE(site.write("k2", std::nullopt));
    site.begin();
    while (!site.move->is_over()) site.step(0);
    expect_moved(site);
}

TEST(Move, ForgottenChangesEndIt) {
    Site site(7);
    site.begin();
    while (!site.frozen) site.step(0);
    const WatchBatch batch{(uint64_t{0xfffe} << 48) | 1, WatchBatch::Kind::Compacted, {}, {}};
    site.carry([&](MoveOutbox& out) { site.move->on_source_watch(site.now, batch, out); });
    while (!site.move->is_over()) site.step(0);
    EXPECT_FALSE(site.moved);
    EXPECT_EQ(site.failed, "the store forgot what changed during the copy");
    EXPECT_TRUE(site.write("k", "it is open again"));
}

}  // namespace
}  // namespace tandem::store
