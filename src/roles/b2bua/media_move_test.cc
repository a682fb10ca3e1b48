// A call whose media context is gone gets another one.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

TEST_F(B2buaTest, BothPartiesAreOfferedTheNewPortsAtOnce) {
    establish();
    stage.lose_media(40000);
    const auto to_alice = stage.one_at(kAlice);
    const auto to_bob = stage.one_at(kBob);
    ASSERT_EQ(to_alice.message.method(), sip::Method::Invite);
    ASSERT_EQ(to_bob.message.method(), sip::Method::Invite);
    EXPECT_EQ(body_of(to_alice).media.at(0).port, 40100);
    EXPECT_EQ(body_of(to_bob).media.at(0).port, 40200);
    stage.respond(kAlice, to_alice, 200, Stage::sdp(4000));
    EXPECT_EQ(count(stage.at(kAlice), sip::Method::Ack), 1u);
    stage.respond(kBob, to_bob, 200, Stage::sdp(4100));
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Ack), 1u);
    const auto opened = std::count_if(stage.media.begin(), stage.media.end(),
                                      [](const auto& request) { return request.joined; });
    EXPECT_EQ(opened, 2);
    stage.advance(5s);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.at(kBob).empty());
}

TEST_F(B2buaTest, WhoHasPlainRtpAndTheSamePortsAgainNoticesNothing) {
    establish();
    stage.lose_media(30000);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.at(kBob).empty());
    const auto opened =
        std::find_if(stage.media.rbegin(), stage.media.rend(),
                     [](const ports::MediaRequest& request) { return !request.set.empty(); });
    ASSERT_NE(opened, stage.media.rend());
    EXPECT_FALSE(opened->must_exist);
    EXPECT_EQ(opened->set.at(0).ports_wanted, std::vector<uint16_t>{30100});
    EXPECT_EQ(opened->set.at(1).ports_wanted, std::vector<uint16_t>{30200});
    EXPECT_EQ(opened->set.at(1).streams.at(0).remote_rtp->text(), "192.0.2.1:4100");
}

TEST_F(B2buaTest, ACallWaitsForAMediaGateToComeBack) {
    establish();
    const auto without = [](bool gate) {
        std::vector<ports::DirectoryEntry> all{
            {kGate, ports::RoleKind::SipGate},
            {kRegistrar, ports::RoleKind::Registrar},
            {kSelf, ports::RoleKind::B2bua},
            {kIndex, ports::RoleKind::CallState},
            {kMedia, ports::RoleKind::MediaGate, 1, 100, gate},
        };
        if (gate) all.push_back({kController, ports::RoleKind::MediaGateController});
        return all;
    };
    stage.directory.replace(without(false));
    stage.advance(2s);
    EXPECT_TRUE(stage.at(kAlice).empty());
    const size_t before = stage.media.size();
    stage.directory.replace(without(true));
    stage.advance(100ms);
    ASSERT_GT(stage.media.size(), before);
    EXPECT_TRUE(stage.media.at(before).joined);
    // It never comes back: silence for ever is no call.
    stage.directory.replace(without(false));
    stage.advance(31s);
    EXPECT_GE(count(stage.at(kAlice), sip::Method::Bye), 1u);
}

// The gate is gone for less than a look, but its incarnation is another one.
TEST_F(B2buaTest, ARestartOfTheGateIsSeenByItsEpoch) {
    establish();
    stage.advance(100ms);
    stage.directory.replace({{kGate, ports::RoleKind::SipGate},
                             {kRegistrar, ports::RoleKind::Registrar},
                             {kSelf, ports::RoleKind::B2bua},
                             {kController, ports::RoleKind::MediaGateController},
                             {kMedia, ports::RoleKind::MediaGate, 2},
                             {kIndex, ports::RoleKind::CallState}});
    const size_t before = stage.media.size();
    stage.advance(100ms);
    ASSERT_GT(stage.media.size(), before);
    EXPECT_FALSE(stage.media.at(before).must_exist);
    EXPECT_TRUE(stage.media.at(before).joined);
}

// Bob had been offered ports that are gone: he is told when he has answered.
TEST_F(B2buaTest, ACallThatRingsOutlivesItsMediaGate) {
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 180);
    stage.lose_media(40000);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    EXPECT_EQ(body_of(answer).media.at(0).port, 40100);
    auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Ack), 1u);
    ASSERT_EQ(count(at_bob, sip::Method::Invite), 1u);
    const auto offer = *std::ranges::find_if(
        at_bob, [](const auto& each) { return each.message.method() == sip::Method::Invite; });
    EXPECT_EQ(body_of(offer).media.at(0).port, 40200);
    stage.respond(kBob, offer, 200, Stage::sdp(4102));
    const auto& joined = stage.media.back();
    EXPECT_EQ(joined.set.at(0).streams.at(0).remote_rtp->port, 4102);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    stage.advance(3s);
    EXPECT_EQ(count(stage.at(kAlice), sip::Method::Invite), 0u) << "she knows only the new ones";
}

TEST_F(B2buaTest, WhoHeardEarlySoundIsToldOfTheNewPortsToo) {
    const auto invite = ring();
    stage.respond(kBob, invite, 183, Stage::sdp(4100));
    EXPECT_EQ(body_of(stage.one_at(kAlice)).media.at(0).port, 30100);
    stage.lose_media(40000);
    EXPECT_TRUE(stage.media.back().joined) << "early sound goes on";
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    const auto offer = stage.one_at(kAlice);
    ASSERT_EQ(offer.message.method(), sip::Method::Invite);
    EXPECT_EQ(body_of(offer).media.at(0).port, 40100);
}

TEST_F(B2buaTest, AnAnswerThatComesWhileThereIsNoMediaGate) {
    const auto invite = ring();
    stage.hold_media = true;
    stage.lose_media(40000);
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    stage.at(kBob);
    stage.hold_media = false;
    stage.advance(2500ms);  // the gate is asked again
    EXPECT_EQ(body_of(stage.at(kBob).front()).media.at(0).port, 40200);
    EXPECT_EQ(body_of(stage.at(kAlice).front()).media.at(0).port, 40100);
}

TEST_F(B2buaTest, ABusyPhoneIsOfferedTheNewPortsAgain) {
    establish();
    stage.lose_media(40000);
    stage.respond(kBob, stage.one_at(kBob), 200, Stage::sdp(4100));
    stage.at(kBob);
    stage.respond(kAlice, stage.one_at(kAlice), 491);
    stage.at(kAlice);
    stage.advance(2100ms);  // RFC 3261 14.1: up to 2 s, as the Call-ID is hers
    const auto again = stage.at(kAlice).front();  // repeated meanwhile
    ASSERT_EQ(again.message.method(), sip::Method::Invite);
    EXPECT_EQ(body_of(again).media.at(0).port, 40100);
    stage.respond(kAlice, again, 200, Stage::sdp(4000));
    EXPECT_EQ(count(stage.at(kAlice), sip::Method::Ack), 1u);
}

// Alice's own offer went first: it carries the new ports to both.
TEST_F(B2buaTest, AnOfferOfThePhoneGivesItTheNewPorts) {
    const auto answer = establish();
    stage.lose_media(40000);
    stage.respond(kBob, stage.one_at(kBob), 200, Stage::sdp(4100));
    stage.at(kBob);
    stage.respond(kAlice, stage.one_at(kAlice), 491);
    stage.at(kAlice);
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4002)));
    const auto to_bob = stage.one_at(kBob);
    ASSERT_EQ(to_bob.message.method(), sip::Method::Invite);
    stage.respond(kBob, to_bob, 200, Stage::sdp(4100));
    const auto at_alice = stage.at(kAlice);
    ASSERT_TRUE(has_status(at_alice, 200));
    EXPECT_EQ(body_of(at_alice.back()).media.at(0).port, 40100);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 3));
    stage.at(kBob);
    stage.advance(5s);
    EXPECT_EQ(count(stage.at(kAlice), sip::Method::Invite), 0u);
}

TEST_F(B2buaTest, APhoneThatRefusesTheNewPortsForGoodEndsTheCall) {
    establish();
    stage.lose_media(40000);
    stage.respond(kAlice, stage.one_at(kAlice), 488);
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Bye), 1u);
}

TEST_F(B2buaTest, EncryptedMediaMovesWithNewKeys) {
    const auto invite = ring(Stage::sdp_secure(4000));
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    stage.at(kBob);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    const auto key_of = [&](const ports::SipOutbound& sip) {
        return body_of(sip).media.at(0).cryptos.at(0).keys.at(0).key_and_salt;
    };
    stage.lose_media(30000);
    EXPECT_TRUE(stage.at(kBob).empty());
    const auto offer = stage.one_at(kAlice);
    ASSERT_EQ(offer.message.method(), sip::Method::Invite);
    EXPECT_NE(key_of(offer), key_of(answer));
}

TEST_F(B2buaTest, ARestoredCallWhoseContextIsGoneGetsAnother) {
    establish();
    stage.restart();
    const size_t kept = stage.media.size();
    EXPECT_TRUE(stage.media.at(kept - 1).must_exist);
    EXPECT_TRUE(stage.media.at(kept - 1).set.empty());
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200) << "her ACK is not known of";
    stage.restart();
    stage.lose_media(40000);
    // Both are offered the new ports at once, ACK or not.
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Invite);
    const auto at_alice = stage.at(kAlice);
    EXPECT_TRUE(has_status(at_alice, 200));
    EXPECT_EQ(count(at_alice, sip::Method::Invite), 1u);
}

}  // namespace
}  // namespace tandem::roles::b2bua
