#include <gtest/gtest.h>

#include "call/call_snapshot.h"
#include "call/identity.h"
#include "call/limits.h"
#include "sip/parser.h"

namespace tandem::call {
namespace {

// The least that is read again: a call that rings, with its caller.
CallSnapshot some_call() {
    CallSnapshot call;
    call.facts.call = CallId{{1, 2}};
    call.facts.domain_name = "acme.test";
    call.facts.caller_number = "1001";
    call.ringing = true;
    PartySnapshot& caller = call.parties.emplace_back();
    caller.flow = *ports::Flow::parse("1;UDP;1;0;192.0.2.1:5060");
    auto invite = sip::parse_message(std::string_view(
        "INVITE sip:1002@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        "From: <sip:1001@acme.test>;tag=a\r\nTo: <sip:1002@acme.test>\r\nCall-ID: 1\r\n"
        "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(invite.has_value());
    if (invite) caller.leg.invite = std::move(*invite);
    return call;
}

TEST(SnapshotCodec, KeepsWhatIsShownOfTheCaller) {
    CallSnapshot call = some_call();
    const auto plain = decode(encode(call));
    ASSERT_TRUE(plain.has_value());
    EXPECT_FALSE(plain->facts.shown);
    call.facts.shown = ShownCaller{"771001", "Reception"};
    const auto changed = decode(encode(call));
    ASSERT_TRUE(changed.has_value());
    EXPECT_EQ(shown_caller(changed->facts), shown_caller(call.facts));
    EXPECT_NE(shown_caller(changed->facts), shown_caller(plain->facts));
}

TEST(SnapshotCodec, KeepsWhereTheCallCounts) {
    CallSnapshot call = some_call();
    call.facts.domain = DomainId{{1, 1}};
    call.sides = {{DomainId{{1, 1}}, false, true}, {DomainId{{1, 2}}, true, false}};
    call.forwards = {{{}, "300", "sales", "9", routing::ForwardReason::Busy, DomainId{{1, 2}}}};
    const auto read = decode(encode(call));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->sides, call.sides);
    ASSERT_EQ(read->forwards.size(), 1u);
    EXPECT_EQ(read->forwards[0].domain, call.forwards[0].domain);
}

// Each agent of a queue that it has left was a branch.
TEST(SnapshotCodec, KeepsTheWayOfACallThatManyHaveRefused) {
    CallSnapshot call = some_call();
    RingingSnapshot& way = call.way.emplace();
    way.destinations.resize(2);
    way.destinations[1].stage = 1;
    way.stages = {Duration{0}, Duration{0}};
    way.stage = 1;
    way.failures = {{static_cast<uint8_t>(kQueueBranchesMax), 1, 486}};
    const auto read = decode(encode(call));
    ASSERT_TRUE(read.has_value());
    ASSERT_TRUE(read->way.has_value());
    ASSERT_EQ(read->way->failures.size(), 1u);
    EXPECT_EQ(read->way->failures[0].leg, kQueueBranchesMax);
}

TEST(SnapshotCodec, KeepsWhoWaitsWhileTheOthersTalk) {
    CallSnapshot call = some_call();
    call.ringing = false;
    for (const uint8_t index : {uint8_t{1}, uint8_t{2}}) {
        PartySnapshot other = call.parties.front();
        other.index = index;
        call.parties.push_back(std::move(other));
    }
    call.winner = 2;
    call.transfer.referrer = 0;
    call.transfer.asks_first = true;
    call.transfer.waiting = 1;
    call.transfer.consulted = 2;
    const auto read = decode(encode(call));
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(read->transfer.asks_first);
    EXPECT_EQ(read->transfer.waiting, uint8_t{1});
    EXPECT_EQ(read->transfer.consulted, uint8_t{2});
    // Whoever waits is there, and is none of the two who talk.
    for (const auto& [waiting, consulted] : {std::pair<int, int>{2, 2}, {0, 2}, {3, 2}, {1, 1}}) {
        call.transfer.waiting = static_cast<uint8_t>(waiting);
        call.transfer.consulted = static_cast<uint8_t>(consulted);
        const auto wrong = decode(encode(call));
        ASSERT_TRUE(wrong.has_value());
        EXPECT_FALSE(wrong->transfer.waiting || wrong->transfer.consulted) << waiting;
    }
}

TEST(SnapshotCodec, KeepsWhoWaitsAfterATransfer) {
    CallSnapshot call = some_call();
    call.transfer.queued_at = "600";
    call.transfer.let_go = true;
    QueueNote note{DomainId{{1, 1}}, QueueId{{4, 1}}, "600", "help", UtcTime{5}, {}};
    note.of_answered = true;
    call.queue.notes = {note};
    call.queue.stop = QueueStop{0, note.domain, note.queue, "600", "help", 15s, 600s, true};
    call.queue.is_taken = call.queue.agent_is_near = true;
    const auto read = decode(encode(call));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->transfer.queued_at, "600");
    EXPECT_TRUE(read->transfer.let_go);
    ASSERT_EQ(read->queue.notes.size(), 1u);
    EXPECT_TRUE(read->queue.notes[0].of_answered);
    EXPECT_TRUE(read->queue.is_taken && read->queue.agent_is_near);
}

}  // namespace
}  // namespace tandem::call
