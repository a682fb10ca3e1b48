// Several STs over one store, each with a history of its own.
#include "roles/store/cdr_drain.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "model/codec.h"
#include "ports/store_askers.h"
#include "roles/store/limits.h"
#include "roles/store/store_role.h"
#include "store/catalog.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::store_role {
namespace {

using ports::RoleKind;
using Fault = store::MemoryStore::Fault;

constexpr std::string_view kLeader = "leader/st-1";

struct Copy {
    explicit Copy(uint16_t number) : self{number} {}

    ports::Instance self;
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{3};
    ports::Surroundings around{self, directory, catalog, tokens, rng};
    std::unique_ptr<StoreRole> role;  // none: it is away
    ports::Outbox out;
    std::map<std::string, int> history;  // how often each record was given
    bool history_fails = false;
    bool history_is_deaf = false;
    bool history_is_slow = false;
    std::vector<ports::Letter> late;  // its answers meanwhile
    size_t deletions = 0;             // asked of the store
    size_t marks = 0;
    size_t pages = 0;
    size_t largest = 0;  // batch
    std::vector<std::string> said;
};

struct Rig {
    explicit Rig(std::vector<uint16_t> numbers) {
        for (const uint16_t number : numbers) copies.push_back(std::make_unique<Copy>(number));
        lay_out(numbers);
        if (numbers.size() > 1) elect(numbers.front());
        for (auto& copy : copies) start(*copy);
    }

    Copy& copy(uint16_t number) {
        for (auto& each : copies) {
            if (each->self.number == number) return *each;
        }
        ADD_FAILURE() << "no copy " << number;
        return *copies.front();
    }
    // The logic layer: these ST instances, of which some are disabled.
    void lay_out(const std::vector<uint16_t>& numbers, const std::set<uint16_t>& disabled = {}) {
        store::CatalogFeed feed;
        for (const uint16_t number : numbers) {
            model::RoleInstance role;
            role.id = RoleInstanceId{{1, number}};
            role.role = model::RoleCode::St;
            role.number = number;
            role.node = number;
            role.enabled = !disabled.contains(number);
            feed.load(
                {store::keys::role_instance(role.id), model::encode_stored(role, {}), {}, {}});
        }
        for (auto& each : copies) {
            each->catalog = feed.snapshot();
            if (each->role) each->role->on_catalog(now, each->out);
        }
        show_active();
        settle();
    }
    void show_active() {
        for (auto& copy : copies) {
            std::vector<ports::DirectoryEntry> entries;
            for (auto& each : copies) {
                entries.push_back({each->self, RoleKind::Store});
                entries.back().is_active = active == 0 || each->self.number == active;
            }
            copy->directory.replace(std::move(entries));
        }
    }
    // The others hear of it later (hear_of_post).
    void elect(uint16_t number) {
        active = number;
        put(std::string(kLeader), std::to_string(number));
        show_active();
        Copy& elected = copy(number);
        if (elected.role) elected.role->on_elected(now, guards(number), elected.out);
    }
    void hear_of_post() {
        for (auto& each : copies) {
            if (each->role) each->role->on_directory(now, each->out);
        }
    }
    static std::vector<store::Compare> guards(uint16_t number) {
        return {store::Compare::value_is(std::string(kLeader), std::to_string(number))};
    }
    void start(Copy& each) {
        each.out = {};
        each.role = std::make_unique<StoreRole>(each.around, SealKey{4, 5, 6});
        each.role->start(now, each.out);
        const bool elected = active == each.self.number;
        if (elected) each.role->on_elected(now, guards(active), each.out);
        settle();
    }
    void end(Copy& each) {
        each.role.reset();
        each.out = {};
    }

    void apply(const store::Request& request) {
        store::Outbox box;
        memory->apply(now.mono, request, box);
        for (store::Reply& reply : box.replies) tell(askers.answer(std::move(reply)));
        for (store::WatchBatch& batch : box.watches) tell(askers.tell(std::move(batch)));
    }
    void tell(std::optional<ports::Letter> letter) {
        if (letter) letters.push_back(std::move(*letter));
    }
    void serve(Copy& from, ports::Letter letter) {
        if (const auto* append = get_if<ports::HistoryAppend>(&letter.payload)) {
            from.largest = std::max(from.largest, append->records.size());
            ports::HistoryAppended appended;
            if (from.history_fails) appended.error = make_error(ErrorCode::Unavailable, "", "");
            for (const auto& record : append->records) {
                if (!from.history_fails) ++from.history[record.id];
            }
            if (from.history_is_deaf) return;
            auto& answers = from.history_is_slow ? from.late : letters;
            answers.push_back({ports::kHistory, letter.from, letter.request, std::move(appended)});
        } else if (const auto* line = get_if<ports::LogLine>(&letter.payload)) {
            from.said.push_back(line->text);
        } else if (holds_alternative<store::Request>(letter.payload)) {
            count(from, get<store::Request>(letter.payload).body);
            std::vector<store::Request> requests;
            askers.take(std::move(letter), requests);
            for (const store::Request& request : requests) apply(request);
        }
    }
    static void count(Copy& from, const store::RequestBody& body) {
        if (std::holds_alternative<store::RangeRequest>(body)) ++from.pages;
        const auto* txn = std::get_if<store::Txn>(&body);
        if (txn == nullptr) return;
        for (const store::Op& op : txn->then_ops) {
            const auto* put = std::get_if<store::Put>(&op);
            if (put != nullptr && put->key.starts_with(store::keys::cdr_seen_prefix)) ++from.marks;
            if (std::holds_alternative<store::Delete>(op)) ++from.deletions;
        }
    }
    // One letter each way for everybody; whether anything was there.
    bool step() {
        bool any = false;
        for (auto& each : copies) {
            for (ports::Letter& letter : each->out.take()) {
                any = true;
                serve(*each, std::move(letter));
            }
        }
        for (ports::Letter& letter : std::exchange(letters, {})) {
            any = true;
            Copy& to = copy(letter.to.number);
            if (to.role) to.role->on_letter(now, std::move(letter), to.out);
        }
        return any;
    }
    void settle() {
        for (int round = 0; round < 100'000 && step(); ++round) {
        }
    }
    void wait(Duration duration) {
        settle();
        now.mono = now.mono + duration;
        for (auto& each : copies) {
            if (!each->role) continue;
            const auto due = each->role->next_deadline();
            if (due && *due <= now.mono) each->role->on_timeout(now, each->out);
        }
        settle();
    }
    void wait_long() {
        for (int i = 0; i < 60; ++i) wait(500ms);
    }

    void put(std::string key, std::string value) {
        store::Txn txn;
        txn.then_ops.emplace_back(store::Put{std::move(key), std::move(value)});
        hooks_off = true;
        apply({0, std::move(txn)});
        hooks_off = false;
    }
    // Ended calls: numbers from `first` on.
    void finish(int first, int count = 1) {
        for (int i = first; i < first + count; ++i) put(key_of(i), "{}");
    }
    static std::string id_of(int number) { return std::to_string(1'000'000 + number); }
    static std::string key_of(int number) {
        return std::string(store::keys::cdr_outbox_prefix) + id_of(number);
    }
    std::vector<store::KeyValue> items(std::string_view prefix) {
        store::RangeRequest range;
        range.range = store::KeyRange::prefix(prefix);
        store::Outbox box;
        auto reply = store::Request{0, range};
        hooks_off = true;
        memory->apply(now.mono, reply, box);
        hooks_off = false;
        return std::get<store::RangeReply>(*box.replies.at(0).body).items;
    }
    size_t in_outbox() { return items(store::keys::cdr_outbox_prefix).size(); }
    size_t in_marks() { return items(store::keys::cdr_seen_prefix).size(); }
    void on_fault(std::function<Fault(const store::Request&)> hook) {
        memory->set_fault_hook([this, hook = std::move(hook)](const store::Request& request) {
            return hooks_off ? Fault::None : hook(request);
        });
    }
    // All data to a store of the next generation.
    void move_store() {
        auto next = std::make_unique<store::MemoryStore>(++generation);
        for (const store::KeyValue& item : items("")) {
            store::Outbox box;
            next->apply(now.mono, {0, store::Txn{{}, {store::Put{item.key, item.value}}, {}}}, box);
        }
        memory = std::move(next);
        for (auto& letter : askers.end_watches({generation, 1})) letters.push_back(letter);
    }

    Now now{{1000s}, {1'790'000'000'000}};
    uint32_t generation = 1;
    std::unique_ptr<store::MemoryStore> memory = std::make_unique<store::MemoryStore>(1);
    ports::StoreAskers askers;
    uint16_t active = 0;  // 0: nobody was elected
    bool hooks_off = false;
    std::vector<std::unique_ptr<Copy>> copies;
    std::vector<ports::Letter> letters;
};

TEST(CdrDrain, OneCopyDeletesWhatItsHistoryHasAndMarksNothing) {
    Rig rig({7});
    rig.finish(0, 250);
    rig.settle();
    EXPECT_EQ(rig.copy(7).history.size(), 0u);  // they gather first
    rig.wait(outbox_gathering);
    EXPECT_EQ(rig.copy(7).history.size(), 250u);
    EXPECT_EQ(rig.copy(7).largest, outbox_batch);
    EXPECT_EQ(rig.in_outbox(), 0u);
    EXPECT_EQ(rig.copy(7).marks, 0u);
    for (const auto& [id, times] : rig.copy(7).history) EXPECT_EQ(times, 1) << id;
    EXPECT_FALSE(rig.copy(7).role->next_deadline()) << "nothing more to do";
}

TEST(CdrDrain, WhatAnEarlierLifeLeftIsTaken) {
    Rig rig({7});
    rig.end(rig.copy(7));
    rig.finish(0, 250);
    rig.start(rig.copy(7));
    EXPECT_EQ(rig.copy(7).history.size(), 250u);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, EachCopyTakesAllAndTheActiveOneDeletes) {
    Rig rig({7, 8});
    rig.finish(0, 250);
    rig.wait(outbox_gathering);
    for (const uint16_t number : {7, 8}) {
        EXPECT_EQ(rig.copy(number).history.size(), 250u) << number;
        EXPECT_LE(rig.copy(number).marks, 3u) << "at most one for a batch";
        EXPECT_GE(rig.copy(number).marks, 1u);
    }
    EXPECT_EQ(rig.in_outbox(), 0u);
    EXPECT_EQ(rig.copy(8).deletions, 0u);
    EXPECT_EQ(rig.in_marks(), 2u);
    // A mark is told to all, and makes nobody write another one.
    const store::Revision still = rig.memory->revision();
    rig.wait_long();
    EXPECT_EQ(rig.memory->revision(), still);
}

TEST(CdrDrain, ACopyThatIsAwayHoldsBack) {
    Rig rig({7, 8});
    rig.finish(0, 10);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 0u);
    rig.end(rig.copy(8));
    rig.finish(10, 150);
    rig.wait_long();
    EXPECT_EQ(rig.copy(7).history.size(), 160u);
    EXPECT_EQ(rig.in_outbox(), 150u);
    EXPECT_TRUE(rig.copy(7).role->is_idle());
    rig.start(rig.copy(8));
    rig.wait_long();
    EXPECT_EQ(rig.copy(8).history.size(), 160u);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, ACopyThatIsDisabledOrRemovedHoldsNothingBack) {
    Rig rig({7, 8, 9});
    rig.finish(0, 1);
    rig.wait_long();
    EXPECT_EQ(rig.in_marks(), 3u);
    rig.end(rig.copy(8));
    rig.end(rig.copy(9));
    rig.finish(1, 5);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 5u);
    rig.lay_out({7, 8, 9}, {8});
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 5u) << "there is 9 still";
    rig.lay_out({7, 8}, {8});
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 0u);
    EXPECT_EQ(rig.items(store::keys::cdr_seen(9)).size(), 0u) << "its mark goes with it";
    EXPECT_EQ(rig.items(store::keys::cdr_seen(8)).size(), 1u) << "this one may come back";
}

TEST(CdrDrain, ACopyThatComesLaterBeginsWithWhatIsThere) {
    Rig rig({7, 8});
    rig.end(rig.copy(8));
    rig.lay_out({7});
    rig.finish(0, 5);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 0u);
    rig.lay_out({7, 8});
    rig.finish(5, 5);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 5u);
    rig.start(rig.copy(8));
    rig.wait_long();
    EXPECT_EQ(rig.copy(8).history.size(), 5u);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

// The machine alone, so that the bound can be a small one.
TEST(CdrDrain, WhatIsKeptForACopyThatIsAwayIsBounded) {
    Rig rig({7, 8});
    rig.end(rig.copy(7));
    rig.end(rig.copy(8));
    Copy& seven = rig.copy(7);
    CdrDrain drain(seven.around, {outbox_waiting_max, 300});
    const auto carry = [&] {
        for (int round = 0; round < 1000; ++round) {
            if (const auto member = drain.take_deletion(rig.now, seven.out)) {
                rig.apply({0, store::Txn{member->compares, member->ops, {}}});
                drain.on_deleted(rig.now, true, seven.out);
            }
            for (ports::Letter& letter : seven.out.take()) rig.serve(seven, std::move(letter));
            for (ports::Letter& letter : std::exchange(rig.letters, {})) {
                if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
                    EXPECT_TRUE(drain.on_reply(rig.now, *reply, seven.out));
                } else if (const auto* batch = get_if<store::WatchBatch>(&letter.payload)) {
                    drain.on_watch(rig.now, *batch, seven.out);
                } else if (const auto* done = get_if<ports::HistoryAppended>(&letter.payload)) {
                    drain.on_appended(rig.now, letter.request, *done, seven.out);
                }
            }
        }
        rig.now.mono = rig.now.mono + outbox_gathering;
        drain.on_timeout(rig.now, seven.out);
    };
    drain.start(rig.now, seven.out);
    drain.set_active(rig.now, true, seven.out);
    for (int first = 0; first < 550; first += 110) {
        rig.finish(first, 110);
        carry();
        carry();
    }
    EXPECT_EQ(rig.in_outbox(), 300u);
    EXPECT_EQ(rig.items(store::keys::cdr_outbox_prefix).front().key, rig.key_of(250))
        << "the oldest have gone";
    EXPECT_EQ(seven.history.size(), 550u);
    ASSERT_EQ(seven.said.size(), 1u);
    EXPECT_NE(seven.said[0].find("ST 8"), std::string::npos) << seven.said[0];
    rig.lay_out({7, 8}, {8});
    drain.on_catalog(rig.now, seven.out);
    carry();
    EXPECT_EQ(rig.in_outbox(), 0u);
    ASSERT_EQ(seven.said.size(), 2u);
    EXPECT_TRUE(seven.said[1].starts_with("250 records")) << seven.said[1];
}

TEST(CdrDrain, AfterAGapInTheWatchAllIsReadAgain) {
    Rig rig({7, 8});
    rig.finish(0, 3);
    for (auto& letter : rig.askers.end_watches({1, 1})) {
        if (letter.to == ports::Instance{8}) rig.letters.push_back(letter);
    }
    rig.finish(3, 150);  // 8 is told of none of these, and 7 of none either
    rig.wait(outbox_gathering);
    EXPECT_EQ(rig.copy(8).history.size(), 153u);
    // 7 follows a watch that is no more: it is told when the link is back.
    EXPECT_EQ(rig.copy(7).history.size(), 3u);
    rig.copy(7).role->on_store_returned(rig.now, rig.copy(7).out);
    rig.wait_long();
    EXPECT_EQ(rig.copy(7).history.size(), 153u);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, MarksOfAStoreThatWasLeftCountAsNothing) {
    Rig rig({7, 8});
    rig.finish(0, 200);
    rig.wait_long();
    ASSERT_EQ(rig.in_marks(), 2u);
    rig.end(rig.copy(8));
    rig.finish(200, 5);
    rig.move_store();  // its revisions begin anew, below the numbers of the marks
    rig.settle();
    rig.finish(205, 5);
    rig.wait_long();
    EXPECT_EQ(rig.copy(7).history.size(), 210u);
    EXPECT_EQ(rig.in_outbox(), 10u) << "8 has none of them";
    rig.start(rig.copy(8));
    rig.wait_long();
    EXPECT_EQ(rig.copy(8).history.size(), 210u);
    EXPECT_EQ(rig.in_outbox(), 0u);
    for (const store::KeyValue& mark : rig.items(store::keys::cdr_seen_prefix)) {
        EXPECT_TRUE(mark.value.starts_with("2:")) << mark.value;
    }
}

TEST(CdrDrain, ARecordThatWaitsIsNotMarked) {
    Rig rig({7, 8});
    rig.copy(8).history_fails = true;
    rig.finish(0, 5);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 5u);
    EXPECT_EQ(rig.copy(8).marks, 0u);
    rig.copy(8).history_fails = false;
    rig.copy(8).history_is_deaf = true;  // has them, and does not say so
    rig.wait(outbox_retry_pause);
    EXPECT_EQ(rig.copy(8).history.size(), 5u);
    EXPECT_EQ(rig.in_outbox(), 5u);
    rig.copy(8).history_is_deaf = false;
    rig.wait(history_answer_max);
    EXPECT_EQ(rig.in_outbox(), 0u);
    EXPECT_EQ(rig.copy(8).history.begin()->second, 2);
}

// A disk that takes longer than an answer is waited for: each attempt is as slow as the one before.
TEST(CdrDrain, AnAnswerThatComesLateCounts) {
    Rig rig({7});
    Copy& copy = rig.copy(7);
    copy.history_is_slow = true;
    rig.finish(0, 5);
    rig.wait(outbox_gathering);
    ASSERT_EQ(copy.late.size(), 1u);
    rig.finish(5, 5);
    rig.wait(history_answer_max);
    ASSERT_EQ(copy.late.size(), 2u) << "it is asked again, for the same";
    EXPECT_EQ(copy.history.size(), 5u);
    EXPECT_EQ(rig.in_outbox(), 10u);
    copy.history_is_slow = false;
    rig.letters.push_back(copy.late.front());
    rig.wait(outbox_gathering);
    EXPECT_EQ(rig.in_outbox(), 0u);
    rig.letters.push_back(copy.late.back());
    rig.settle();
    EXPECT_EQ(copy.history.size(), 10u);
}

TEST(CdrDrain, MoreThanCanWaitIsReadLater) {
    Rig rig({7, 8});
    rig.copy(8).history_fails = true;
    const int all = static_cast<int>(outbox_waiting_max) + 500;
    for (int i = 0; i < all; i += 500) {
        rig.finish(i, 500);
        rig.wait(outbox_retry_pause);
    }
    EXPECT_EQ(rig.copy(7).history.size(), static_cast<size_t>(all));
    EXPECT_EQ(rig.in_outbox(), static_cast<size_t>(all));
    rig.copy(8).history_fails = false;
    rig.wait_long();
    EXPECT_EQ(rig.copy(8).history.size(), static_cast<size_t>(all));
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, AMarkThatIsWrittenAgainTellsNothingOfWhatCameSince) {
    Rig rig({7, 8});
    bool lost = false;
    rig.on_fault([&](const store::Request& request) {
        const auto* txn = std::get_if<store::Txn>(&request.body);
        const auto* put =
            txn && !txn->then_ops.empty() ? std::get_if<store::Put>(&txn->then_ops[0]) : nullptr;
        if (lost || !put || put->key != store::keys::cdr_seen(8)) return Fault::None;
        lost = rig.copy(8).history_fails = true;
        return Fault::DroppedReplyLost;
    });
    rig.finish(0, 150);
    rig.wait(outbox_gathering);
    ASSERT_TRUE(lost);
    EXPECT_EQ(rig.copy(8).history.size(), outbox_batch);
    rig.finish(150, 1);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 51u) << "8 has a hundred";
    rig.copy(8).history_fails = false;
    rig.wait_long();
    EXPECT_EQ(rig.copy(8).history.size(), 151u);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, WhatWasLeftOutDuringAPassIsNotMarkedByIt) {
    Rig rig({7, 8});
    rig.end(rig.copy(8));
    const int later = static_cast<int>(outbox_waiting_max) + 500;
    rig.finish(later, 150);
    rig.copy(8).history_fails = true;
    rig.start(rig.copy(8));  // the first page waits for history
    for (int i = 0; i < later; i += 500) {
        rig.finish(i, 500);  // before it, in the order of keys
        rig.wait(100ms);
    }
    rig.copy(8).history_fails = false;
    rig.wait_long();
    EXPECT_EQ(rig.copy(8).history.size(), static_cast<size_t>(later) + 150);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, LostRepliesAreAskedForAgain) {
    for (const Fault fault : {Fault::AppliedReplyLost, Fault::DroppedReplyLost,
                              Fault::AppliedTimeout, Fault::DroppedTimeout}) {
        for (int which = 0; which < 12; ++which) {
            Rig rig({7, 8});
            rig.end(rig.copy(8));
            rig.finish(0, 120);
            int seen = 0;
            rig.on_fault(
                [&](const store::Request&) { return seen++ == which ? fault : Fault::None; });
            rig.start(rig.copy(8));
            rig.wait_long();
            EXPECT_GT(seen, which);
            rig.on_fault([](const store::Request&) { return Fault::None; });
            rig.finish(200, 1);
            rig.wait_long();
            EXPECT_EQ(rig.copy(8).history.size(), 121u) << which;
            EXPECT_EQ(rig.in_outbox(), 0u) << which;
        }
    }
}

TEST(CdrDrain, ANewLeaderGoesOnWhereTheOldOneWas) {
    Rig rig({7, 8});
    rig.copy(8).history_fails = true;
    rig.finish(0, 150);
    rig.wait_long();
    EXPECT_EQ(rig.in_outbox(), 150u);
    // The post moves while deletions of the former one are on their way.
    rig.copy(8).history_fails = false;
    rig.now.mono = rig.now.mono + outbox_retry_pause;
    rig.copy(8).role->on_timeout(rig.now, rig.copy(8).out);
    for (int i = 0; i < 1000 && rig.copy(7).deletions == 0; ++i) rig.step();
    ASSERT_GT(rig.copy(7).deletions, 0u);
    EXPECT_FALSE(rig.copy(7).role->is_flushed()) << "its writes are not done";
    rig.elect(8);
    rig.hear_of_post();
    const size_t asked = rig.copy(7).deletions;
    rig.wait_long();
    EXPECT_TRUE(rig.copy(7).role->is_flushed());
    EXPECT_LE(rig.copy(7).deletions, asked + outbox_batch) << "what was begun is tried again";
    EXPECT_EQ(rig.copy(7).history.size(), 150u);
    EXPECT_EQ(rig.copy(8).history.size(), 150u);
    EXPECT_EQ(rig.in_outbox(), 0u);
    rig.finish(150, 50);
    rig.wait_long();
    EXPECT_EQ(rig.copy(7).history.size(), 200u);
    EXPECT_EQ(rig.in_outbox(), 0u);
}

TEST(CdrDrain, APassiveCopyDoesNotHoldUpAStop) {
    Rig rig({7, 8});
    rig.finish(0, 5);
    rig.settle();
    rig.on_fault([](const store::Request&) { return Fault::DroppedReplyLost; });
    rig.wait(outbox_gathering);
    ASSERT_GT(rig.copy(8).marks, 0u);  // its mark is under way
    ports::Outbox out;
    rig.copy(8).role->drain(rig.now, out);
    EXPECT_TRUE(rig.copy(8).role->is_idle());
    EXPECT_TRUE(rig.copy(8).role->is_flushed());
}

// ---- By chance: everything at once, and in the end every history that was there has all.

class ByChance {
 public:
    explicit ByChance(uint64_t seed) : rng_{seed}, rig_({7, 8, 9}) {
        rig_.on_fault([this](const store::Request& request) {
            const bool is_watch = std::holds_alternative<store::WatchCreate>(request.body) ||
                                  std::holds_alternative<store::WatchCancel>(request.body);
            if (!harmful_ || is_watch || rng_.below(20) != 0) return Fault::None;
            constexpr Fault faults[] = {Fault::AppliedReplyLost, Fault::DroppedReplyLost,
                                        Fault::AppliedTimeout, Fault::DroppedTimeout};
            return faults[rng_.below(4)];
        });
    }

    void run() {
        for (int i = 0; i < 100; ++i) {
            act();
            for (uint64_t k = rng_.below(30); k > 0; --k) rig_.step();
            if (rng_.below(3) == 0) rig_.wait(std::chrono::milliseconds(rng_.below(1500)));
            nothing_is_lost();
        }
        harmful_ = false;
        for (auto& each : rig_.copies) {
            each->history_fails = each->history_is_deaf = false;
            if (!each->role) rig_.start(*each);
        }
        rig_.hear_of_post();
        rig_.wait_long();
        rig_.wait_long();
        for (auto& each : rig_.copies) {
            EXPECT_EQ(each->history.size(), finished_) << each->self.number;
        }
        EXPECT_EQ(rig_.in_outbox(), 0u);
        const store::Revision still = rig_.memory->revision();
        rig_.wait_long();
        EXPECT_EQ(rig_.memory->revision(), still) << "it comes to rest";
    }

 private:
    void act() {
        Copy& any = *rig_.copies[rng_.below(3)];
        switch (rng_.below(12)) {
            case 0:
                return any.role ? rig_.end(any) : rig_.start(any);
            case 1:
                any.history_fails = !any.history_fails;
                return;
            case 2:
                any.history_is_deaf = !any.history_is_deaf;
                return;
            case 3:
                return rig_.elect(any.self.number);
            case 4:
                return rig_.hear_of_post();
            case 5:
                if (rng_.below(4) == 0) rig_.move_store();
                if (rng_.below(4) == 0) end_watches();
                return;
            case 6:
                if (any.role) any.role->on_store_returned(rig_.now, any.out);
                return;
            default:
                for (uint64_t k = rng_.below(40); k > 0; --k) {
                    rig_.finish(static_cast<int>(finished_++));
                }
        }
    }
    void end_watches() {
        for (auto& letter : rig_.askers.end_watches({rig_.generation, 1}))
            rig_.letters.push_back(letter);
    }
    // What the outbox has no more, every history has.
    void nothing_is_lost() {
        std::set<std::string> kept;
        for (const auto& item : rig_.items(store::keys::cdr_outbox_prefix)) {
            kept.insert(item.key.substr(store::keys::cdr_outbox_prefix.size()));
        }
        for (; checked_ < finished_; ++checked_) {
            open_.insert(Rig::id_of(static_cast<int>(checked_)));
        }
        std::erase_if(open_, [&](const std::string& id) {
            if (kept.contains(id)) return false;
            for (auto& each : rig_.copies) {
                EXPECT_TRUE(each->history.contains(id)) << id << " at " << each->self.number;
            }
            return true;
        });
    }

    SeededRng rng_;
    Rig rig_;
    bool harmful_ = true;
    size_t finished_ = 0;
    size_t checked_ = 0;
    std::set<std::string> open_;  // in the outbox when it was looked at last
};

TEST(CdrDrain, NoRecordIsLostToAnyHistory) {
    for (uint64_t seed = 1; seed <= 20 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        ByChance(seed).run();
    }
}

}  // namespace
}  // namespace tandem::roles::store_role
