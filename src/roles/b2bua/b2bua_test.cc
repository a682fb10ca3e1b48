#include <gtest/gtest.h>

#include <algorithm>

#include "model/generated/cdr.h"
#include "roles/b2bua/stage.h"
#include "sdp/session.h"
#include "sip/headers.h"

namespace tandem::roles::b2bua {
namespace {

using sip::HeaderId;

constexpr uint16_t kAlice = 5001;
constexpr uint16_t kBob = 5002;
constexpr uint16_t kBobDesk = 5003;

sdp::Session body_of(const ports::SipOutbound& sip) {
    auto session = sdp::parse(sip.message.body());
    EXPECT_TRUE(session.has_value()) << sip.message.to_text();
    return session ? std::move(*session) : sdp::Session{};
}

struct B2buaTest : testing::Test {
    B2buaTest() {
        stage.add_account("1001");
        stage.add_account("1002");
        stage.register_phone("1001", kAlice);
        stage.register_phone("1002", kBob);
    }
    // The INVITE that reached Bob's phone.
    ports::SipOutbound ring(std::string_view sdp = Stage::sdp(4000)) {
        stage.call(kAlice, "1001", "1002", sdp);
        ports::SipOutbound invite = stage.one_at(kBob);
        EXPECT_EQ(invite.message.method(), sip::Method::Invite) << invite.message.to_text();
        return invite;
    }
    // Alice's 200 of an established call; both have ACKed.
    ports::SipOutbound establish() {
        bob_invite = ring();
        stage.respond(kBob, bob_invite, 180);
        EXPECT_EQ(stage.one_at(kAlice).message.status(), 180);
        stage.respond(kBob, bob_invite, 200, Stage::sdp(4100));
        EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Ack);
        ports::SipOutbound answer = stage.one_at(kAlice);
        EXPECT_EQ(answer.message.status(), 200) << answer.message.to_text();
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
        return answer;
    }
    // What Bob's own requests are made of: our INVITE with his tag.
    sip::Message bob_dialog() {
        sip::Message dialog = bob_invite.message;
        dialog.replace(HeaderId::To, std::string(*dialog.header(HeaderId::To)) + ";tag=phone5002");
        return dialog;
    }
    model::Cdr record() {
        const auto records = stage.records();
        EXPECT_EQ(records.size(), 1u);
        if (records.empty()) return {};
        auto cdr = model::decode<model::Cdr>(records.front(), model::Source::Store);
        EXPECT_TRUE(cdr.has_value());
        return cdr ? std::move(*cdr) : model::Cdr{};
    }
    size_t count(const std::vector<ports::SipOutbound>& sent, sip::Method method) {
        return static_cast<size_t>(
            std::count_if(sent.begin(), sent.end(), [&](const ports::SipOutbound& sip) {
                return sip.message.is_request() && sip.message.method() == method;
            }));
    }
    bool has_status(const std::vector<ports::SipOutbound>& sent, int status) {
        return std::any_of(sent.begin(), sent.end(), [&](const ports::SipOutbound& sip) {
            return sip.message.status() == status;
        });
    }

    Stage stage;
    ports::SipOutbound bob_invite;
};

TEST_F(B2buaTest, ACallIsAuthenticatedRoutedAnsweredAndHungUp) {
    const ports::SipOutbound answer = establish();
    const auto& invite = bob_invite.message;
    EXPECT_EQ(invite.request_uri(), "sip:1002@192.0.2.1:5002");
    EXPECT_NE(invite.call_id(), "call-of-1001");
    EXPECT_NE(invite.header(HeaderId::From)->find("\"Name of 1001\" <sip:1001@acme.test>"),
              std::string_view::npos);
    EXPECT_FALSE(invite.has(HeaderId::Via));
    EXPECT_FALSE(invite.has(HeaderId::Contact));
    EXPECT_FALSE(invite.has(HeaderId::ProxyAuthorization));
    EXPECT_FALSE(bob_invite.contact_token.empty());
    EXPECT_EQ(invite.to_text().find("192.0.2.1:5001"), std::string::npos) << "topology leaks";
    EXPECT_EQ(body_of(bob_invite).media.at(0).port, 30200);
    EXPECT_EQ(body_of(answer).media.at(0).port, 30100);
    EXPECT_EQ(body_of(answer).origin.address.address, "198.51.100.9");
    EXPECT_EQ(stage.stored_calls(), 1u);

    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
    const ports::SipOutbound bye = stage.one_at(kBob);
    ASSERT_EQ(bye.message.method(), sip::Method::Bye);
    stage.respond(kBob, bye, 200);
    EXPECT_TRUE(stage.media.back().close);
    EXPECT_EQ(stage.stored_calls(), 0u);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.result, model::CallResult::Answered);
    EXPECT_EQ(cdr.released_by, model::ReleasedBy::Caller);
    ASSERT_EQ(cdr.legs.size(), 2u);
    ASSERT_EQ(cdr.legs[0].streams.size(), 1u);
    EXPECT_EQ(cdr.legs[0].streams[0].packets_received, 50);
    EXPECT_EQ(cdr.legs[0].streams[0].codec, "PCMA");
    stage.advance(60s);
    EXPECT_TRUE(stage.role().is_idle());
    ASSERT_FALSE(stage.reports.empty());
    EXPECT_TRUE(stage.reports.back().gone);
}

TEST_F(B2buaTest, TheRecordNamesTheCodecThatWasAnswered) {
    std::string offer = Stage::sdp(4000);
    offer.replace(offer.find("AVP 8"), 5, "AVP 101 96 8");
    offer += "a=rtpmap:96 opus/48000/2\n";
    bob_invite = ring(offer);
    stage.respond(kBob, bob_invite, 200, Stage::sdp(4100));
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Ack);
    const ports::SipOutbound answer = stage.one_at(kAlice);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    const model::Cdr cdr = record();
    ASSERT_EQ(cdr.legs.size(), 2u);
    for (const model::CdrLeg& leg : cdr.legs) {
        ASSERT_EQ(leg.streams.size(), 1u);
        EXPECT_EQ(leg.streams[0].codec, "PCMA");
        EXPECT_EQ(leg.streams[0].srtp, leg.side == model::LegSide::Callee) << "as the MG says";
    }
}

TEST_F(B2buaTest, TheMediaGateHearsWhoHearsWhom) {
    establish();
    const auto joined = std::find_if(stage.media.begin(), stage.media.end(),
                                     [](const auto& request) { return request.joined; });
    ASSERT_NE(joined, stage.media.end());
    EXPECT_EQ(*joined->joined, (std::vector<std::pair<uint32_t, uint32_t>>{{1, 2}}));
    ASSERT_EQ(joined->set.size(), 2u);
    EXPECT_EQ(joined->set[0].streams.at(0).remote_rtp->text(), "192.0.2.1:4000");
    EXPECT_EQ(joined->set[1].streams.at(0).remote_rtp->text(), "192.0.2.1:4100");
    EXPECT_EQ(joined->set[1].streams.at(0).telephone_event_type, 101);
}

TEST_F(B2buaTest, FailuresReachTheCallerAndAreRecorded) {
    struct Case {
        int phone, caller;
        model::CallResult result;
    };
    const Case cases[] = {{486, 486, model::CallResult::Busy},
                          {603, 603, model::CallResult::Rejected},
                          {503, 500, model::CallResult::Failed},
                          {407, 480, model::CallResult::NoAnswer}};
    for (const Case& c : cases) {
        Stage fresh;
        fresh.add_account("1001");
        fresh.add_account("1002");
        fresh.register_phone("1002", kBob);
        fresh.call(kAlice, "1001", "1002", Stage::sdp(4000));
        fresh.respond(kBob, fresh.one_at(kBob), c.phone);
        EXPECT_EQ(fresh.one_at(kBob).message.method(), sip::Method::Ack);
        EXPECT_EQ(fresh.one_at(kAlice).message.status(), c.caller);
        ASSERT_EQ(fresh.records().size(), 1u);
        const auto cdr = model::decode<model::Cdr>(fresh.records()[0], model::Source::Store);
        ASSERT_TRUE(cdr.has_value());
        EXPECT_EQ(cdr->result, c.result) << c.phone;
        EXPECT_TRUE(fresh.media.back().close);
    }
}

TEST_F(B2buaTest, NobodyAnswersInTime) {
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.advance(61s);
    EXPECT_GE(count(stage.at(kBob), sip::Method::Cancel), 1u);
    EXPECT_TRUE(has_status(stage.at(kAlice), 480));
    EXPECT_EQ(record().result, model::CallResult::NoAnswer);
}

TEST_F(B2buaTest, NoDeviceNoNumberNoMedia) {
    stage.add_account("1003");
    stage.call(kAlice, "1001", "1003", Stage::sdp(4000));
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 480);
    stage.call(kAlice, "1001", "9999", Stage::sdp(4000));
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 404);
    stage.media_refuses = true;
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    const auto refused = stage.one_at(kAlice);
    EXPECT_EQ(refused.message.status(), 503);
    EXPECT_TRUE(refused.message.has(HeaderId::RetryAfter));
    EXPECT_EQ(stage.records().size(), 3u);
}

TEST_F(B2buaTest, ACallCancelledWhileItRings) {
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.from_phone(kAlice, stage.cancel_of_last_call());
    const auto at_alice = stage.at(kAlice);
    EXPECT_TRUE(has_status(at_alice, 200));
    EXPECT_TRUE(has_status(at_alice, 487));
    const auto at_bob = stage.at(kBob);
    ASSERT_EQ(count(at_bob, sip::Method::Cancel), 1u);
    stage.respond(kBob, invite, 487);
    EXPECT_EQ(record().result, model::CallResult::Cancelled);
}

TEST_F(B2buaTest, ACancelThatMeetsAnAnswer) {
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.from_phone(kAlice, stage.cancel_of_last_call());
    stage.at(kBob);
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 1u);
    EXPECT_EQ(record().result, model::CallResult::Cancelled);
}

TEST_F(B2buaTest, AllDevicesRingAndTheFirstToAnswerHasTheCall) {
    stage.register_phone("1002", kBobDesk);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    const auto mobile = stage.one_at(kBob);
    const auto desk = stage.one_at(kBobDesk);
    EXPECT_NE(body_of(mobile).media.at(0).port, body_of(desk).media.at(0).port);
    stage.respond(kBob, mobile, 180);
    stage.respond(kBobDesk, desk, 180);
    EXPECT_EQ(stage.at(kAlice).size(), 1u) << "one 180 is enough";
    stage.respond(kBobDesk, desk, 200, Stage::sdp(4200));
    const auto at_mobile = stage.one_at(kBob);
    ASSERT_EQ(at_mobile.message.method(), sip::Method::Cancel);
    EXPECT_NE(at_mobile.message.header(HeaderId::Reason)->find("cause=200"),
              std::string_view::npos);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
    EXPECT_EQ(stage.one_at(kBobDesk).message.method(), sip::Method::Ack);
    // The other one answers all the same: it gets an ACK and a BYE.
    stage.respond(kBob, mobile, 200, Stage::sdp(4300));
    const auto late = stage.at(kBob);
    EXPECT_EQ(count(late, sip::Method::Ack), 1u);
    EXPECT_EQ(count(late, sip::Method::Bye), 1u);
}

TEST_F(B2buaTest, TheBestOfManyFailuresIsTold) {
    stage.register_phone("1002", kBobDesk);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    const auto mobile = stage.one_at(kBob);
    const auto desk = stage.one_at(kBobDesk);
    stage.respond(kBob, mobile, 404);
    EXPECT_TRUE(stage.at(kAlice).empty());
    stage.respond(kBobDesk, desk, 486);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 486);
}

TEST_F(B2buaTest, HoldAndResumePassThrough) {
    const auto answer = establish();
    stage.from_phone(
        kAlice, stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4000, "sendonly")));
    const auto offer = stage.one_at(kBob);
    ASSERT_EQ(offer.message.method(), sip::Method::Invite);
    EXPECT_EQ(body_of(offer).media.at(0).direction, sdp::Direction::SendOnly);
    EXPECT_EQ(body_of(offer).media.at(0).port, 30200);
    stage.respond(kBob, offer, 200, Stage::sdp(4100, "recvonly"));
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Ack);
    const auto held = stage.at(kAlice);
    ASSERT_TRUE(has_status(held, 200));
    EXPECT_EQ(body_of(held.back()).media.at(0).direction, sdp::Direction::RecvOnly);
    EXPECT_EQ(stage.reports.back().summary.phase, ports::CallPhase::Held);
    ASSERT_GE(stage.media.size(), 2u);
    const ports::MediaRequest& settled = stage.media[stage.media.size() - 2];
    EXPECT_EQ(settled.set.at(0).streams.at(0).direction, ports::MediaDirection::SendOnly);
    EXPECT_EQ(stage.media.back().play.size(), 1u) << "and bob hears music";
}

TEST_F(B2buaTest, OffersFromBothSidesAtOnceMeet491) {
    const auto answer = establish();
    stage.from_phone(
        kAlice, stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4000, "sendonly")));
    ASSERT_EQ(stage.one_at(kBob).message.method(), sip::Method::Invite);
    stage.from_phone(
        kBob, stage.request_in_dialog("INVITE", bob_dialog(), 7, Stage::sdp(4100, "sendonly")));
    EXPECT_TRUE(has_status(stage.at(kBob), 491));
}

// RFC 3261 14.1: the other party's offer comes in its 2xx, the answer goes out in our ACK.
TEST_F(B2buaTest, AReinviteWithoutAnOfferAsksTheOtherParty) {
    const auto answer = establish();
    const struct {
        uint16_t from, to;
        std::string request, ack;
    } rows[] = {{kAlice, kBob, stage.request_in_dialog("INVITE", answer.message, 3),
                 stage.request_in_dialog("ACK", answer.message, 3, Stage::sdp(4000))},
                {kBob, kAlice, stage.request_in_dialog("INVITE", bob_dialog(), 7),
                 stage.request_in_dialog("ACK", bob_dialog(), 7, Stage::sdp(4100))}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.from);
        stage.from_phone(row.from, row.request);
        const auto invite = stage.one_at(row.to);
        ASSERT_EQ(invite.message.method(), sip::Method::Invite);
        EXPECT_TRUE(invite.message.body().empty());
        stage.respond(row.to, invite, 200, Stage::sdp(row.to == kBob ? 4100 : 4000));
        EXPECT_TRUE(has_status(stage.at(row.from), 200));
        stage.from_phone(row.from, row.ack);
        const auto ack = stage.one_at(row.to);
        ASSERT_EQ(ack.message.method(), sip::Method::Ack);
        EXPECT_FALSE(ack.message.body().empty());
    }
}

TEST_F(B2buaTest, ByesThatCross) {
    const auto answer = establish();
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    const auto bye = stage.one_at(kBob);
    stage.from_phone(kBob, stage.request_in_dialog("BYE", bob_dialog(), 7));
    EXPECT_TRUE(has_status(stage.at(kBob), 200));
    stage.respond(kBob, bye, 481);
    stage.advance(60s);
    EXPECT_TRUE(stage.role().is_idle());
    EXPECT_EQ(stage.records().size(), 1u);
}

TEST_F(B2buaTest, SrtpOnOneSideOnly) {
    const auto invite = ring(Stage::sdp_secure(4000));
    EXPECT_EQ(body_of(invite).media.at(0).protocol, sdp::Protocol::RtpAvp);
    EXPECT_TRUE(body_of(invite).media.at(0).cryptos.empty());
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    const auto answer = stage.one_at(kAlice);
    EXPECT_EQ(body_of(answer).media.at(0).protocol, sdp::Protocol::RtpSavp);
    ASSERT_EQ(body_of(answer).media.at(0).cryptos.size(), 1u);
    EXPECT_EQ(body_of(answer).media.at(0).cryptos[0].tag, 3u);
    const auto& set = stage.media.back().set.at(0).streams.at(0);
    EXPECT_EQ(set.from_party.suite, ports::SrtpSuite::AesCm128HmacSha1_80);
    EXPECT_EQ(set.to_party.key_and_salt.size(), 30u);
    EXPECT_NE(set.to_party.key_and_salt, set.from_party.key_and_salt);
}

TEST_F(B2buaTest, ADeviceThatWantsSrtpIsOfferedIt) {
    const auto invite = ring();
    stage.respond(kBob, invite, 488);
    const auto again = stage.at(kBob);
    ASSERT_EQ(count(again, sip::Method::Invite), 1u);
    const auto second = std::find_if(again.begin(), again.end(), [](const auto& sip) {
        return sip.message.method() == sip::Method::Invite;
    });
    EXPECT_EQ(body_of(*second).media.at(0).protocol, sdp::Protocol::RtpSavp);
    EXPECT_TRUE(stage.at(kAlice).empty());
}

TEST_F(B2buaTest, AnOfferThatComesInTheAnswer) {
    const auto invite = ring("");
    EXPECT_TRUE(invite.message.body().empty());
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    EXPECT_TRUE(stage.at(kBob).empty()) << "the ACK waits for the caller's answer";
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    EXPECT_EQ(body_of(answer).media.at(0).port, 30100);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2, Stage::sdp(4000)));
    const auto ack = stage.one_at(kBob);
    ASSERT_EQ(ack.message.method(), sip::Method::Ack);
    EXPECT_EQ(body_of(ack).media.at(0).port, 30200);
}

TEST_F(B2buaTest, AFlowThatFailedIsLookedUpAnew) {
    const auto invite = ring();
    stage.give(ports::SipUndeliverable{invite.branch, 430}, kGate);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 480) << "the same flow is not tried again";
}

// The gate died, and its connections with it: the phone registers over a new one while it talks.
TEST_F(B2buaTest, AByeFollowsThePhoneToItsNewFlow) {
    const auto answer = establish();
    stage.moved("1002", 5999, ports::Transport::Udp);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    const auto bye = stage.one_at(kBob);
    ASSERT_EQ(bye.message.method(), sip::Method::Bye);
    stage.give(ports::SipUndeliverable{bye.branch, 430}, kGate);
    const auto again = stage.one_at(5999);
    EXPECT_EQ(again.message.method(), sip::Method::Bye);
    EXPECT_GT(again.message.cseq()->number, bye.message.cseq()->number);
    stage.give(ports::SipUndeliverable{again.branch, 430}, kGate);
    EXPECT_TRUE(stage.at(5999).empty()) << "the same flow is not tried again";
}

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

TEST_F(B2buaTest, RequestsOfUnknownDialogs) {
    const auto answer = establish();
    sip::Message other = answer.message;
    other.replace(HeaderId::To, "<sip:1002@acme.test>;tag=nobody");
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", other, 9));
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481);
    stage.from_phone(kAlice, stage.request_in_dialog("INVITE", other, 10, Stage::sdp(4000)));
    EXPECT_TRUE(has_status(stage.at(kAlice), 481));
}

TEST_F(B2buaTest, RequestsWithinTheCall) {
    const auto answer = establish();
    struct Case {
        const char* method;
        int status;
    };
    const Case cases[] = {{"OPTIONS", 200}, {"REFER", 400}, {"NOTIFY", 481}, {"SUBSCRIBE", 489}};
    uint32_t cseq = 10;
    for (const Case& c : cases) {
        stage.from_phone(kAlice, stage.request_in_dialog(c.method, answer.message, ++cseq));
        EXPECT_TRUE(has_status(stage.at(kAlice), c.status)) << c.method;
    }
    stage.from_phone(kAlice, stage.request_in_dialog("INFO", answer.message, 30));
    const auto info = stage.one_at(kBob);
    ASSERT_EQ(info.message.method(), sip::Method::Info);
    stage.respond(kBob, info, 200);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
}

TEST_F(B2buaTest, SilenceEndsTheCall) {
    establish();
    const ports::MediaEvent silence{stage.media.back().context};
    stage.give(silence, kMedia);
    const auto at_alice = stage.at(kAlice);
    ASSERT_EQ(count(at_alice, sip::Method::Bye), 1u);
    EXPECT_TRUE(at_alice.back().message.has(HeaderId::Reason));
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Bye), 1u);
    EXPECT_EQ(record().released_by, model::ReleasedBy::System);
}

TEST_F(B2buaTest, AnOperatorLooksAndHangsUp) {
    establish();
    const CallId call = stage.media.back().context;
    const call::Call* found = stage.role().find_call(call);
    ASSERT_NE(found, nullptr);
    EXPECT_NE(found->detail_json().find("\"phase\":\"established\""), std::string::npos);
    EXPECT_GE(found->trace().entries().size(), 6u);
    stage.give(ports::CallHangup{call, "maintenance"}, kIndex, 77);
    EXPECT_EQ(count(stage.at(kAlice), sip::Method::Bye), 1u);
    EXPECT_EQ(count(stage.at(kBob), sip::Method::Bye), 1u);
}

TEST_F(B2buaTest, StrangersAndLoopsAreRefused) {
    const auto send = [&](std::string_view uri, std::string_view from, std::string_view more) {
        static int sent = 0;
        const std::string number = std::to_string(++sent);
        stage.from_phone(kAlice, "INVITE " + std::string(uri) +
                                     " SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5001;branch=z9hG4bKx" +
                                     number + "\nFrom: " + std::string(from) + "\nTo: <" +
                                     std::string(uri) + ">\nCall-ID: x" + number +
                                     "\nCSeq: 1 INVITE\n" + "Contact: <sip:p@192.0.2.1>\n" +
                                     std::string(more));
        return stage.one_at(kAlice).message.status();
    };
    const std::string alice = "<sip:1001@acme.test>;tag=x";
    EXPECT_EQ(send("sip:1@other.test", alice, ""), 404);
    EXPECT_EQ(send("sip:1002@acme.test", "<sip:1@other.test>;tag=x", ""), 403);
    EXPECT_EQ(send("sip:1002@acme.test", alice, "Max-Forwards: 0\n"), 483);
    EXPECT_EQ(send("sip:1002@acme.test", alice, ""), 407);
    EXPECT_EQ(send("sip:1002@acme.test", "<sip:nobody@acme.test>;tag=x", ""), 407);
    const auto invite = ring();
    const std::string ours(*invite.message.header(HeaderId::From));
    EXPECT_EQ(send("sip:1002@acme.test", ours, ""), 482);
    stage.change_domain([](model::Domain& domain) { domain.settings.blocked = true; });
    EXPECT_EQ(send("sip:1002@acme.test", alice, ""), 403);
}

TEST_F(B2buaTest, ASessionRefreshStaysOnItsSide) {
    const auto answer = establish();
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4000)));
    EXPECT_TRUE(has_status(stage.at(kAlice), 200));
    EXPECT_TRUE(stage.at(kBob).empty());
}

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

constexpr ports::Instance kOtherB2b{90};
constexpr std::string_view kByeOfAStranger =
    "BYE sip:x@198.51.100.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:4000;branch=z9hG4bK-9\n"
    "Max-Forwards: 70\nFrom: <sip:a@acme.test>;tag=f\nTo: <sip:b@acme.test>;tag=t\n"
    "Call-ID: c\nCSeq: 1 BYE\n";
constexpr uint64_t kLegOfAnother = 0x1234'5601;

std::vector<ports::DirectoryEntry> with_other_b2b(const ports::Directory& directory,
                                                  bool reachable) {
    std::vector<ports::DirectoryEntry> all(directory.entries().begin(), directory.entries().end());
    std::erase_if(all, [](const auto& each) { return each.instance == kOtherB2b; });
    all.push_back({kOtherB2b, ports::RoleKind::B2bua, 1, 100, reachable});
    return all;
}

// Our former life had the call, and the other B2B took it over.
TEST_F(B2buaTest, WhatNamesAnUnknownCallGoesOnceToWhomItFell) {
    std::string other(kByeOfAStranger);
    other.replace(other.find("z9hG4bK-9"), 9, "z9hG4bK-8");
    stage.from_phone(kAlice, other, kLegOfAnother);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481) << "there is nobody else";
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.from_phone(kAlice, kByeOfAStranger, kLegOfAnother + (1 << 8));
    EXPECT_TRUE(stage.at(kAlice).empty());
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOtherB2b);
    // It comes from the other one: it is not sent back.
    stage.give(stage.passed_on[0].payload, kOtherB2b);
    EXPECT_EQ(stage.passed_on.size(), 1u);
}

// The INVITE within the call was its former owner's.
TEST_F(B2buaTest, AnAnswerToTheFormerOwnerIsAcknowledgedByTheHeir) {
    const auto answer = establish();
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4002)));
    stage.at(kAlice);
    const auto reinvite = stage.one_at(kBob);
    ASSERT_EQ(reinvite.message.method(), sip::Method::Invite);
    stage.adopt_as(kOtherB2b);
    ASSERT_EQ(stage.role().counters().adopted, 1u);
    stage.at(kBob);
    stage.respond(kBob, reinvite, 200, Stage::sdp(4100));
    const auto at_bob = stage.at(kBob);
    ASSERT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(at_bob[0].message.cseq()->number, reinvite.message.cseq()->number);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 0u);
}

// Our former life asked; meanwhile the other one has the call.
TEST_F(B2buaTest, AnAnswerToOurFormerLifeGoesToTheHeirAndEndsNothing) {
    const auto answer = establish();
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4002)));
    const auto reinvite = stage.one_at(kBob);
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.forget_calls();
    stage.restart();
    stage.at(kBob);
    stage.respond(kBob, reinvite, 200, Stage::sdp(4100));
    EXPECT_TRUE(stage.at(kBob).empty());
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOtherB2b);
    // The other one sees it as we do here: it waits for a call that is being taken over.
    stage.give(stage.passed_on[0].payload, kOtherB2b);
    stage.advance(1s);
    EXPECT_EQ(stage.passed_on.size(), 1u);
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.advance(1100ms);
    const auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 0u) << "it may go on elsewhere";
}

// It has just begun again, and has no link yet to the other one, which took its calls over: a
// phone hangs up.
struct FormerLife : B2buaTest {
    FormerLife() {
        const auto answer = establish();
        const std::string bye = stage.request_in_dialog("BYE", answer.message, 3);
        const uint64_t key = stage.owner_key(answer.message.to()->tag());
        stage.directory.replace(with_other_b2b(stage.directory, false));
        stage.forget_calls();
        stage.restart();
        stage.from_phone(kAlice, bye, key);
    }
};

TEST_F(FormerLife, ARequestWaitsUntilTheHeirCanBeReached) {
    stage.advance(300ms);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.passed_on.empty());
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.advance(10ms);
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOtherB2b);
    EXPECT_TRUE(stage.at(kAlice).empty());
}

TEST_F(FormerLife, ARequestIsRefusedWhenTheHeirDoesNotCome) {
    stage.advance(2100ms);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481);
}

TEST_F(B2buaTest, AnswersOfACallThatHasEndedAreRepeatedHere) {
    stage.directory.replace(with_other_b2b(stage.directory, true));
    const auto answer = establish();
    const std::string bye = stage.request_in_dialog("BYE", answer.message, 3);
    const uint64_t key = stage.owner_key(answer.message.to()->tag());
    ASSERT_NE(key, 0u);
    stage.advance(40s);  // the 200 of the callee does not come again any more
    stage.from_phone(kAlice, bye, key);
    stage.respond(kBob, stage.one_at(kBob), 200);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
    stage.advance(500ms);
    EXPECT_EQ(stage.records().size(), 1u);
    stage.from_phone(kAlice, bye, key);  // the 200 was lost
    EXPECT_TRUE(stage.passed_on.empty()) << "nobody else knows of it";
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
}

TEST_F(B2buaTest, ADrainingOneReturnsWhatIsNewWhereAnotherServes) {
    stage.directory.replace(with_other_b2b(stage.directory, true));
    ports::Outbox out;
    stage.role().drain(stage.now, out);
    std::string bye(kByeOfAStranger);
    std::string options = bye;
    for (size_t at = options.find("BYE"); at != options.npos; at = options.find("BYE"))
        options.replace(at, 3, "OPTIONS");
    options.replace(options.find(";tag=t"), 6, "");
    stage.from_phone(kAlice, options);
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kGate) << "which knows the others";
    stage.from_phone(kAlice, bye);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481) << "what is within a dialog is answered";
}

TEST_F(B2buaTest, ADrainingOneMayLeaveItsCallsWhenAllAreAtRest) {
    establish();
    const auto may_leave = [&] {
        for (int i = 0; i < 200 && !stage.role().is_flushed(); ++i) stage.advance(10ms);
        return stage.role().is_flushed();
    };
    EXPECT_FALSE(may_leave()) << "it does not drain";
    ports::Outbox out;
    stage.role().drain(stage.now, out);
    EXPECT_FALSE(may_leave()) << "answers may still be repeated";
    stage.advance(4s);
    EXPECT_TRUE(may_leave());
    EXPECT_FALSE(stage.role().is_idle());
    stage.hold_store = true;
    stage.from_phone(kAlice, stage.request_in_dialog("INFO", bob_dialog(), 30));
    EXPECT_FALSE(stage.role().is_flushed()) << "something happens";
}

TEST_F(B2buaTest, ARequestOfACallWhoseOwnerIsAwayWaitsForIt) {
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.from_phone(kAlice, kByeOfAStranger, kLegOfAnother);
    ASSERT_EQ(stage.passed_on.size(), 1u);
    auto orphan = get<ports::SipInbound>(stage.passed_on[0].payload);
    orphan.previous_owner = kOtherB2b;
    stage.directory.replace(with_other_b2b(stage.directory, false));
    stage.give(orphan, kGate);
    stage.advance(1s);
    EXPECT_EQ(stage.passed_on.size(), 1u);
    EXPECT_TRUE(stage.at(kAlice).empty());
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.advance(10ms);
    ASSERT_EQ(stage.passed_on.size(), 2u) << "it is back";
    EXPECT_EQ(get<ports::SipInbound>(stage.passed_on[1].payload).previous_owner, ports::Instance{});
    // It stays away, and nobody has the call.
    stage.directory.replace(with_other_b2b(stage.directory, false));
    stage.give(orphan, kGate);
    stage.advance(2100ms);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481);
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

TEST_F(B2buaTest, ANewCallWaitsForARegistrarAndAController) {
    const std::vector<ports::DirectoryEntry> all(stage.directory.entries().begin(),
                                                 stage.directory.entries().end());
    auto few = all;
    std::erase_if(few, [](const auto& each) {
        return each.kind == ports::RoleKind::Registrar ||
               each.kind == ports::RoleKind::MediaGateController;
    });
    stage.directory.replace(few);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.advance(1s);
    EXPECT_FALSE(has_status(stage.at(kAlice), 503));
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.directory.replace(all);
    stage.advance(50ms);
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Invite);
    stage.directory.replace(few);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4002));
    stage.advance(2100ms);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503));
}

TEST_F(B2buaTest, ANewCallWaitsForTheOnlyMediaGateToComeBack) {
    stage.has_room = false;
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.advance(300ms);
    EXPECT_FALSE(has_status(stage.at(kAlice), 503));
    stage.has_room = true;
    stage.advance(150ms);
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Invite);
    stage.has_room = false;
    stage.call(kAlice, "1001", "1002", Stage::sdp(4002));
    stage.advance(800ms);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503)) << "all are full";
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

TEST_F(B2buaTest, NewCallsASecondAreBounded) {
    stage.change_instance([](model::B2buaSettings& settings) { settings.call_rate_max = 2; });
    stage.advance(2s);
    const auto refused = [&] {
        stage.at(kAlice);
        stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
        return has_status(stage.at(kAlice), 503);
    };
    EXPECT_FALSE(refused());
    EXPECT_FALSE(refused());
    EXPECT_TRUE(refused());
    stage.advance(500ms);
    EXPECT_FALSE(refused());
    EXPECT_TRUE(refused());
    stage.change_instance([](model::B2buaSettings& settings) { settings.call_rate_max = 0; });
    EXPECT_FALSE(refused());
}

// Calls that have ended are kept for 32 s, and are none of those at once.
TEST_F(B2buaTest, CallsAtOnceAreBoundedNotThoseThatHaveEnded) {
    stage.change_instance([](model::B2buaSettings& settings) { settings.calls_max = 2; });
    const auto call = [&] {
        stage.at(kBob);
        stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
        return stage.one_at(kBob);
    };
    // Overload is said before anybody is asked who he is.
    const auto is_full = [&] {
        stage.at(kAlice);
        stage.from_phone(
            kAlice,
            "INVITE sip:1002@acme.test SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5001;branch="
            "z9hG4bKfull" +
                std::to_string(stage.now.mono.since_epoch.count()) +
                "\nFrom: <sip:1001@acme.test>;tag=o\nTo: <sip:1002@acme.test>\n"
                "Call-ID: o\nCSeq: 1 INVITE\nMax-Forwards: 70\n"
                "Contact: <sip:phone@192.0.2.1:5001>\n");
        const bool full = has_status(stage.at(kAlice), 503);
        stage.advance(1ms);
        return full;
    };
    for (int i = 0; i < 4; ++i) {
        const auto invite = call();
        stage.respond(kBob, invite, 486);
        EXPECT_FALSE(is_full()) << i;
    }
    call();
    EXPECT_FALSE(is_full());
    const auto invite = call();
    EXPECT_TRUE(is_full()) << "two ring";
    stage.respond(kBob, invite, 486);
    EXPECT_FALSE(is_full());
}

TEST_F(B2buaTest, ExtensionsThatAreRequiredMustBeKnown) {
    stage.from_phone(kAlice,
                     "OPTIONS sip:1002@acme.test SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5001;branch="
                     "z9hG4bKo\nFrom: <sip:1001@acme.test>;tag=o\nTo: <sip:1002@acme.test>\n"
                     "Call-ID: o\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nRequire: timer, psychic\n");
    const auto answer = stage.one_at(kAlice);
    EXPECT_EQ(answer.message.status(), 420);
    EXPECT_EQ(answer.message.header(HeaderId::Unsupported), "psychic");
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

TEST_F(B2buaTest, LettersThatAreNotAnsweredFailTheCall) {
    stage.hold_bindings = true;
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.advance(3s);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503));
    EXPECT_EQ(stage.records().size(), 1u);
}

}  // namespace
}  // namespace tandem::roles::b2bua
