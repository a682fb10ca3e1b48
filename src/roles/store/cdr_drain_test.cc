#include "roles/store/cdr_drain.h"

#include "roles/store/cdr_drain_fixture_test.h"

namespace tandem::roles::store_role {
namespace {

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
    std::vector<ports::Letter> later;
    for (auto& letter : rig.askers.end_watches({1, 1}))
        (letter.to == ports::Instance{8} ? rig.letters : later).push_back(letter);
    rig.finish(3, 150);  // 8 is told of none of these, and 7 of none either
    rig.wait(outbox_gathering);
    EXPECT_EQ(rig.copy(8).history.size(), 153u);
    // 7 follows a watch that is no more: it is told when the link is back.
    EXPECT_EQ(rig.copy(7).history.size(), 3u);
    rig.letters = later;
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

}  // namespace
}  // namespace tandem::roles::store_role
