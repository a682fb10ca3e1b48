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

// Its timer A: 0.5, 1.5, 3.5, 7.5 s. By then an ACK is taken for granted.
TEST_F(B2buaTest, AnInviteThatIsRepeatedLateGetsItsAnswerToo) {
    stage.respond(kBob, ring(), 200, Stage::sdp(4100));
    stage.advance(6s);
    stage.restart();
    stage.advance(1500ms);
    stage.at(kAlice);
    stage.at(kBob);
    stage.repeat_invite(kAlice);
    EXPECT_TRUE(has_status(stage.at(kAlice), 200));
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Invite), 0u) << "a second call";
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

TEST_F(B2buaTest, RingingCallsRingOnAfterARestart) {
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
    stage.advance(5s);
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Cancel), 0u);
    stage.at(kAlice);
    stage.respond(kBob, again, 200, Stage::sdp(4100));
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Ack), 1u);
    const auto answer = stage.one_at(kAlice);
    EXPECT_EQ(answer.message.status(), 200);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    stage.restart();  // now it is one that was answered
    stage.at(kBob);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Bye), 1u);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.result, model::CallResult::Answered);
    EXPECT_EQ(cdr.callee.number, "1002");
    EXPECT_TRUE(cdr.survived);
}

TEST_F(B2buaTest, RingingCallsRingOnWithAnotherB2b) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.adopt_as(ports::Instance{kSelf.number + 100});
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    EXPECT_TRUE(has_status(stage.at(kAlice), 200));
    EXPECT_EQ(stage.stored_calls(), 1u);
    EXPECT_TRUE(stage.records().empty());
}

TEST_F(B2buaTest, ACallerOfAQueueGetsThePortsThatHeWasToGet) {
    stage.change_survival(model::Survival::All);
    ASSERT_TRUE(stage.add_queue("600", R"({"name":"help"})", {"1002"}));
    stage.media_replies_lost = true;
    stage.call(kAlice, "1001", "600", Stage::sdp(4000));
    stage.media_replies_lost = false;
    stage.restart();
    stage.at(kAlice);
    stage.advise(ports::QueueAdvice::Kind::Turn, 1, {"1002"});
    stage.respond(kBob, stage.one_at(kBob), 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    EXPECT_NE(body_of(answer).media.at(0).port, 0);
}

// It came to the heir before the call did.
TEST_F(B2buaTest, ACallerWhoRepeatsHisInviteToTheHeirHasOneCall) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.adopt_as(ports::Instance{kSelf.number + 100}, [&] { stage.repeat_invite(kAlice); });
    stage.advance(10ms);
    const auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Invite), 2u) << "the new one, and the old one again";
    const auto& anew = at_bob.front().branch == invite.branch ? at_bob.back() : at_bob.front();
    stage.respond(kBob, invite, 180);  // he is still of the old one
    const auto cancel = stage.one_at(kBob);
    EXPECT_EQ(cancel.message.method(), sip::Method::Cancel);
    EXPECT_EQ(cancel.branch, invite.branch);
    stage.respond(kBob, anew, 200, Stage::sdp(4100));
    const auto at_alice = stage.at(kAlice);
    EXPECT_TRUE(has_status(at_alice, 200));
    EXPECT_FALSE(has_status(at_alice, 487));
}

// Which of the keys that were offered it takes is said in the answer. RFC 4568 5.1.2.
TEST_F(B2buaTest, ARingingPhoneIsAnsweredWithTheKeyItWasOffered) {
    stage.change_survival(model::Survival::All);
    stage.change_domain([](auto& domain) { domain.settings.srtp = model::SrtpUse::Required; });
    const auto invite = ring(Stage::sdp_secure(4000));
    const auto offered = body_of(invite).media.at(0).cryptos;
    ASSERT_GE(offered.size(), 2u);
    stage.restart();
    stage.at(kAlice);
    std::string answer = Stage::sdp_secure(4100);
    answer.replace(answer.find("crypto:3"), 8, "crypto:" + std::to_string(offered[0].tag));
    stage.media.clear();
    stage.respond(kBob, invite, 200, answer);
    const auto to_alice = stage.one_at(kAlice);
    ASSERT_EQ(to_alice.message.status(), 200) << to_alice.message.to_text();
    const auto agreed = body_of(to_alice).media.at(0).cryptos;
    ASSERT_EQ(agreed.size(), 1u);
    EXPECT_EQ(agreed[0].tag, 3u);
    const auto& told = stage.media.back();
    ASSERT_EQ(told.set.size(), 2u);
    EXPECT_EQ(told.set[0].streams.at(0).to_party.key_and_salt, agreed[0].keys[0].key_and_salt);
    EXPECT_EQ(told.set[1].streams.at(0).to_party.key_and_salt, offered[0].keys[0].key_and_salt);
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

// Bob's calls go to Carol when he is busy, and the instance dies after he has said so.
struct BetweenTwoDevices : B2buaTest {
    BetweenTwoDevices() : B2buaTest(3) {
        stage.change_survival(model::Survival::All);
        stage.set_services("1002", R"({"forward_busy":"1003"})");
        invite = ring();
    }
    // The phone says again what it has said.
    ports::SipOutbound after_restart() {
        stage.restart();
        stage.hold_bindings = stage.hold_store = false;
        stage.pump();
        stage.at(kBob);
        stage.at(kCarol);
        stage.respond(kBob, invite, 486);
        return stage.one_at(kCarol);
    }
    ports::SipOutbound invite;
};

TEST_F(BetweenTwoDevices, TheNextOneIsStillCalled) {
    stage.hold_bindings = true;
    stage.respond(kBob, invite, 486);
    ASSERT_TRUE(stage.at(kCarol).empty());
    EXPECT_EQ(after_restart().message.method(), sip::Method::Invite);
}

// Her phone may have got an INVITE that the store does not know: with the same Call-ID the next one
// would be the same request on another way, and refused (RFC 3261 8.2.2.2).
TEST_F(BetweenTwoDevices, TheNextOneIsNotCalledTwiceByTheSameName) {
    stage.hold_store = true;
    stage.respond(kBob, invite, 486);
    const auto before = stage.one_at(kCarol);
    const auto after = after_restart();
    ASSERT_EQ(after.message.method(), sip::Method::Invite);
    EXPECT_EQ(after.message.header(HeaderId::From), before.message.header(HeaderId::From));
    EXPECT_NE(after.message.call_id(), before.message.call_id());
}

}  // namespace
}  // namespace tandem::roles::b2bua
