// What is left of a call when its instance dies: snapshots, and what is made of them.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

TEST_F(B2buaTest, TheAnswerWaitsForTheSnapshotButNotLong) {
    const auto invite = ring();
    stage.hold_store = true;
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    EXPECT_TRUE(stage.at(kAlice).empty());
    stage.advance(449ms);
    EXPECT_TRUE(stage.at(kAlice).empty());
    stage.advance(2ms);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
}

TEST_F(B2buaTest, ACallSurvivesTheDeathOfItsInstance) {
    const auto answer = establish();
    stage.restart();
    EXPECT_EQ(stage.role().counters().restored, 1u);
    stage.at(kAlice);
    stage.at(kBob);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    EXPECT_TRUE(has_status(stage.at(kAlice), 200));
    const auto at_bob = stage.at(kBob);
    ASSERT_EQ(count(at_bob, sip::Method::Bye), 1u);
    EXPECT_GT(at_bob.back().message.cseq()->number, 100u);
    EXPECT_EQ(stage.stored_calls(), 0u);
    EXPECT_TRUE(record().survived);
}

TEST_F(B2buaTest, AnInviteThatIsRepeatedToARestoredCallGetsItsAnswer) {
    stage.respond(kBob, ring(), 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    for (const bool is_adopted : {false, true}) {
        is_adopted ? stage.adopt_as(ports::Instance{kSelf.number + 100}) : stage.restart();
        stage.at(kAlice);
        stage.at(kBob);
        stage.repeat_invite(kAlice);
        EXPECT_EQ(stage.one_at(kAlice).message.to_text(), answer.message.to_text());
        EXPECT_EQ(count(stage.at(kBob), sip::Method::Invite), 0u) << "a second call";
    }
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    stage.repeat_invite(kAlice);
    EXPECT_TRUE(stage.at(kAlice).empty()) << "RFC 6026 7.1";
    EXPECT_EQ(stage.stored_calls(), 1u);
}

TEST_F(B2buaTest, AnInviteWithAnotherCSeqIsNoRepeat) {
    stage.respond(kBob, ring(), 200, Stage::sdp(4100));
    stage.at(kAlice);
    stage.restart();
    stage.at(kAlice);
    stage.repeat_invite(kAlice, 3);
    EXPECT_FALSE(has_status(stage.at(kAlice), 200));
}

TEST_F(B2buaTest, RestoredCallsAskTheirPhones) {
    establish();
    stage.advance(40s);  // the 200 of the snapshot is not repeated any more
    stage.restart();
    stage.at(kAlice);
    stage.at(kBob);
    stage.advance(1200ms);
    const auto at_alice = stage.at(kAlice);
    EXPECT_GT(count(at_alice, sip::Method::Invite) + count(at_alice, sip::Method::Update), 0u);
    EXPECT_FALSE(stage.at(kBob).empty());
}

TEST_F(B2buaTest, RingingCallsEndProperlyAfterARestart) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    EXPECT_EQ(stage.stored_calls(), 1u);
    stage.restart();
    stage.advance(10ms);
    // Over UDP the INVITE goes out again: the phone answers with what it had answered.
    const auto again = stage.one_at(kBob);
    ASSERT_EQ(again.message.method(), sip::Method::Invite);
    EXPECT_EQ(again.branch, invite.branch);
    stage.respond(kBob, again, 180);
    stage.at(kAlice);
    stage.advance(400ms);
    const auto cancel = stage.one_at(kBob);
    ASSERT_EQ(cancel.message.method(), sip::Method::Cancel);
    EXPECT_EQ(cancel.branch, invite.branch);
    EXPECT_EQ(cancel.message.cseq()->number, invite.message.cseq()->number);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503));
    stage.respond(kBob, cancel, 200);
    stage.respond(kBob, invite, 487);
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Ack), 1u);
    EXPECT_EQ(stage.stored_calls(), 0u);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.result, model::CallResult::Failed);
    EXPECT_EQ(cdr.callee.number, "1002");
    EXPECT_TRUE(cdr.survived);
}

TEST_F(B2buaTest, AnAnswerThatComesAfterTheRestartIsEnded) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.restart();
    stage.advance(400ms);
    stage.at(kBob);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503));
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 1u);
    EXPECT_EQ(stage.records().size(), 1u);
}

// What was offered to whom is not kept, so there is nothing to tell the caller.
TEST_F(B2buaTest, AnAnswerToARestoredRingingCallEndsIt) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.restart();
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 1u);
    const auto at_alice = stage.at(kAlice);
    EXPECT_TRUE(has_status(at_alice, 503));
    EXPECT_FALSE(has_status(at_alice, 200));
    stage.respond(kBob, at_bob.back(), 200);
    stage.advance(1s);
    EXPECT_EQ(record().result, model::CallResult::Failed);
}

TEST_F(B2buaTest, TheAnswerWaitsForItsOwnSnapshot) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    EXPECT_EQ(stage.stored_calls(), 1u);
    stage.hold_store = true;
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    EXPECT_TRUE(stage.at(kAlice).empty());
}

}  // namespace
}  // namespace tandem::roles::b2bua
