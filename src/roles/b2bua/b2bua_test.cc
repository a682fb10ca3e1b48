// Calls of two phones, from the first INVITE to the record.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

constexpr uint16_t kBobDesk = 5003;

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

TEST_F(B2buaTest, ExtensionsThatAreRequiredMustBeKnown) {
    stage.from_phone(kAlice,
                     "OPTIONS sip:1002@acme.test SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5001;branch="
                     "z9hG4bKo\nFrom: <sip:1001@acme.test>;tag=o\nTo: <sip:1002@acme.test>\n"
                     "Call-ID: o\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nRequire: timer, psychic\n");
    const auto answer = stage.one_at(kAlice);
    EXPECT_EQ(answer.message.status(), 420);
    EXPECT_EQ(answer.message.header(HeaderId::Unsupported), "psychic");
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
