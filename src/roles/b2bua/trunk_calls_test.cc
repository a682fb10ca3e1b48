// Calls to and from outside, as the B2B sees them.
#include <gtest/gtest.h>

#include "model/generated/cdr.h"
#include "roles/b2bua/stage.h"
#include "sip/headers.h"

namespace tandem::roles::b2bua {
namespace {

using sip::HeaderId;

constexpr uint16_t kAlice = 5001, kFirst = 6001, kSecond = 6002;
constexpr TrunkId kLine{{9, 1}};

model::Trunk line() {
    model::Trunk trunk;
    trunk.id = kLine;
    trunk.name = "line";
    trunk.proxies = {"192.0.2.1:6001"};
    trunk.sip_domain = "provider.test";
    trunk.user = "4930100";
    return trunk;
}

struct TrunkCallsTest : testing::Test {
    TrunkCallsTest() {
        stage.add_account("1001");
        stage.register_phone("1001", kAlice);
        stage.add_trunk(line(), {kFirst, kSecond});
    }
    ports::SipOutbound call_out(std::string_view headers = {}) {
        stage.call(kAlice, "1001", "+493055", Stage::sdp(4000), headers);
        return stage.one_at(kFirst);
    }
    static std::string invite_from_outside(std::string_view user, std::string_view to,
                                           std::string_view more = {}) {
        return "INVITE sip:" + std::string(user) +
               "@198.51.100.1:5070 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:6001;branch=z9hG4bKo\n"
               "Max-Forwards: 70\nFrom: \"Out\" <sip:4930999@provider.test>;tag=o\nTo: <sip:" +
               std::string(to) + "@provider.test>\nCall-ID: from-outside\nCSeq: 1 INVITE\n" +
               "Contact: <sip:o@192.0.2.1:6001>\n" + std::string(more) +
               "Content-Type: application/sdp\n\n" + Stage::sdp(4200);
    }
    model::Cdr record() {
        const auto records = stage.records();
        EXPECT_EQ(records.size(), 1u);
        auto cdr = model::decode<model::Cdr>(records.at(0), model::Source::Store);
        return cdr ? std::move(*cdr) : model::Cdr{};
    }

    Stage stage;
};

TEST_F(TrunkCallsTest, ANumberOfNobodyGoesOutAndIsProved) {
    const auto invite = call_out();
    EXPECT_EQ(invite.message.request_uri(), "sip:+493055@provider.test");
    EXPECT_EQ(invite.flow.gate, kTrunkGate);
    EXPECT_TRUE(invite.message.header(HeaderId::From)
                    ->starts_with("\"Name of 1001\" <sip:4930100@provider.test>;tag="));
    EXPECT_EQ(*invite.message.header(HeaderId::PAssertedIdentity),
              "\"Name of 1001\" <sip:1001@provider.test>");
    stage.respond(kFirst, invite, 407, {},
                  "Proxy-Authenticate: Digest realm=\"provider.test\", nonce=\"n\"\n");
    auto again = stage.at(kFirst);
    ASSERT_EQ(again.size(), 2u);  // the ACK, and the INVITE with proof
    EXPECT_NE(again[1].message.header(HeaderId::ProxyAuthorization)->find("username=\"4930100\""),
              std::string_view::npos);
    stage.respond(kFirst, again[1], 200, Stage::sdp(4100));
    EXPECT_EQ(stage.one_at(kFirst).message.method(), sip::Method::Ack);
    const auto answer = stage.one_at(kAlice);
    ASSERT_EQ(answer.message.status(), 200);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    EXPECT_EQ(stage.reports.back().summary.trunk, "line");
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    stage.respond(kFirst, stage.one_at(kFirst), 200);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.direction, model::CallDirection::Outgoing);
    ASSERT_EQ(cdr.legs.size(), 2u);
    EXPECT_EQ(cdr.legs[1].trunk, kLine);
    EXPECT_EQ(cdr.legs[1].trunk_name, "line");
    EXPECT_FALSE(cdr.legs[0].trunk);
    EXPECT_EQ(cdr.callee.number, "+493055");
}

TEST_F(TrunkCallsTest, ARouteTestSaysWhatIsSentAndWhatCodesDo) {
    const auto tested = [&](const std::string& dialled, bool tells_trunks = true) {
        ports::Outbox out;
        ports::RouteTest test{"acme.test", "1001", dialled, "", 0, tells_trunks};
        stage.role().on_letter(stage.now, {kIndex, kSelf, 1, std::move(test)}, out);
        return get<ports::RouteTestReply>(out.take().back().payload).json;
    };
    const auto has = [](const std::string& json, std::string_view part) {
        return json.find(part) != std::string::npos;
    };
    const std::string outside = tested("+493055");
    EXPECT_TRUE(has(outside, R"("trunk_name":"line")")) << outside;
    EXPECT_TRUE(has(outside, R"("request_uri":"sip:+493055@provider.test")")) << outside;
    EXPECT_TRUE(has(outside, R"(<sip:4930100@provider.test>)")) << outside;
    EXPECT_TRUE(has(outside, R"("proxies":["192.0.2.1:6001"])")) << outside;
    EXPECT_FALSE(has(outside, "\"account\":")) << outside;
    const std::string to_others = tested("+493055", false);
    EXPECT_TRUE(has(to_others, "\"trunk\":")) << to_others;
    for (const char* own : {"provider.test", "4930100", "192.0.2.1", "trunk_name"})
        EXPECT_FALSE(has(to_others, own)) << to_others;
    for (const auto& [dialled, feature] :
         {std::pair{"*81001", "pickup"}, {"*8", "pickup"}, {"*71", "park"}}) {
        const std::string json = tested(dialled);
        EXPECT_TRUE(has(json, std::string("\"feature\":\"") + feature + "\"")) << json;
        EXPECT_TRUE(has(json, "\"sip_status\":0")) << json;
    }
    EXPECT_TRUE(has(tested("*84711"), "\"sip_status\":404"));  // nobody has that number
}

TEST_F(TrunkCallsTest, AnAnonymousCallerIsNotShown) {
    const auto invite = call_out("Privacy: id\n");
    EXPECT_NE(invite.message.header(HeaderId::From)->find("anonymous.invalid"),
              std::string_view::npos);
    EXPECT_EQ(*invite.message.header(HeaderId::Privacy), "id");
}

TEST_F(TrunkCallsTest, AProxyThatFailsIsFollowedByTheNext) {
    stage.respond(kFirst, call_out(), 503);
    EXPECT_EQ(stage.one_at(kFirst).message.method(), sip::Method::Ack);
    const auto second = stage.one_at(kSecond);
    ASSERT_EQ(second.message.method(), sip::Method::Invite);
    stage.respond(kSecond, second, 503);
    for (const auto& sip : stage.at(kAlice)) EXPECT_NE(sip.message.status(), 200);
    EXPECT_TRUE(stage.at(kFirst).empty());
}

TEST_F(TrunkCallsTest, ASilentProxyIsPassedBy) {
    call_out();
    stage.advance(4200ms);  // the INVITE is repeated half a second later
    EXPECT_EQ(stage.one_at(kSecond).message.method(), sip::Method::Invite);
}

TEST_F(TrunkCallsTest, NobodyWaitsForASilentLastProxyForHalfAMinute) {
    stage.add_trunk(line(), {kFirst});
    call_out();
    stage.advance(11s);
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 480);
}

TEST_F(TrunkCallsTest, ATrunkOfAGroupIsFollowedByTheNext) {
    model::Trunk other = line();
    other.id = TrunkId{{9, 2}};
    other.name = "other";
    stage.add_trunk(other, {kFirst, kSecond});
    stage.add_trunk_group({kLine, other.id});
    // Each of the two trunks has both proxies here.
    stage.respond(kFirst, call_out(), 503);
    EXPECT_EQ(stage.at(kFirst).size(), 1u);  // the ACK
    stage.respond(kSecond, stage.one_at(kSecond), 503);
    auto again = stage.at(kFirst);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].message.method(), sip::Method::Invite);
    stage.at(kSecond);
    stage.respond(kFirst, again[0], 403);
    stage.at(kFirst);
    EXPECT_TRUE(stage.at(kSecond).empty());
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 403);
}

TEST_F(TrunkCallsTest, BusyEndsTheSearchInAGroup) {
    model::Trunk other = line();
    other.id = TrunkId{{9, 2}};
    other.name = "other";
    stage.add_trunk(other, {kFirst});
    stage.add_trunk_group({kLine, other.id});
    stage.respond(kFirst, call_out(), 486);
    EXPECT_EQ(stage.at(kFirst).size(), 1u);  // the ACK only
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 486);
}

TEST_F(TrunkCallsTest, OneThatHasSaidAWordIsWaitedFor) {
    stage.respond(kFirst, call_out(), 100);
    stage.advance(20s);
    EXPECT_TRUE(stage.at(kSecond).empty());
}

TEST_F(TrunkCallsTest, BusyIsTheAnswerOfTheCalledParty) {
    stage.respond(kFirst, call_out(), 486);
    EXPECT_TRUE(stage.at(kSecond).empty());
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 486);
}

TEST_F(TrunkCallsTest, ATrunkWithoutAWayAnswers503) {
    stage.trunk_is_unknown = true;
    stage.call(kAlice, "1001", "+493055", Stage::sdp(4000));
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 503);
}

TEST_F(TrunkCallsTest, ACallFromOutsideReachesAnAccountUnasked) {
    stage.from_trunk(
        kLine, kFirst,
        invite_from_outside("1001", "1001", "P-Asserted-Identity: <sip:+4930777@provider.test>\n"));
    const auto invite = stage.one_at(kAlice);
    ASSERT_EQ(invite.message.method(), sip::Method::Invite);
    EXPECT_TRUE(invite.message.header(HeaderId::From)
                    ->starts_with("\"Out\" <sip:+4930777@acme.test>;tag="));
    stage.respond(kAlice, invite, 200, Stage::sdp(4100));
    stage.at(kAlice);
    auto sent = stage.at(kFirst);
    ASSERT_FALSE(sent.empty());
    EXPECT_EQ(sent.back().message.status(), 200);
    EXPECT_EQ(sent.back().flow.gate, kTrunkGate);
}

TEST_F(TrunkCallsTest, WhoHasForwardedOutsideIsShownToThePhone) {
    std::string many = "Diversion: <sip:1@provider.test>;reason=no-answer, <sip:2@provider.test>\n";
    for (int i = 3; i < 20; ++i)
        many += "Diversion: <sip:" + std::to_string(i) + "@provider.test>\n";
    stage.from_trunk(kLine, kFirst, invite_from_outside("1001", "1001", many));
    const auto invite = stage.one_at(kAlice);
    ASSERT_EQ(invite.message.method(), sip::Method::Invite);
    EXPECT_EQ(*invite.message.header(HeaderId::Diversion),
              "<sip:1@provider.test>;reason=no-answer");
    EXPECT_EQ(invite.message.count(HeaderId::Diversion), 8u);
}

TEST_F(TrunkCallsTest, WhatComesToOurContactIsDialledInTo) {
    ports::TokenMint tokens({11, 22});
    const std::string contact =
        tokens.text({ports::TokenKind::Trunk, kTrunkGate, ports::key_of(kLine)});
    stage.from_trunk(kLine, kFirst, invite_from_outside(contact, "1001"));
    EXPECT_EQ(stage.one_at(kAlice).message.method(), sip::Method::Invite);
}

TEST_F(TrunkCallsTest, ACallFromOutsideDoesNotGoOutAgain) {
    stage.from_trunk(kLine, kFirst, invite_from_outside("+49301111", "+49301111"));
    EXPECT_EQ(stage.at(kFirst).back().message.status(), 404);
}

TEST_F(TrunkCallsTest, TheTrunksNumberTakesWhatNobodyHas) {
    model::Trunk trunk = line();
    trunk.incoming_number = "1001";
    stage.add_trunk(trunk, {kFirst});
    stage.from_trunk(kLine, kFirst, invite_from_outside("+49301111", "+49301111"));
    EXPECT_EQ(stage.one_at(kAlice).message.method(), sip::Method::Invite);
}

TEST_F(TrunkCallsTest, MessagesOfTrunksAreNotTaken) {
    std::string text = invite_from_outside("1001", "1001");
    for (size_t at; (at = text.find("INVITE")) != text.npos;) text.replace(at, 6, "MESSAGE");
    stage.from_trunk(kLine, kFirst, text);
    EXPECT_EQ(stage.one_at(kFirst).message.status(), 405);
}

TEST_F(TrunkCallsTest, PlacesInCallsAndSubscriptionsAreForAccounts) {
    std::string text = invite_from_outside("1001", "1001");
    for (size_t at; (at = text.find("INVITE")) != text.npos;) text.replace(at, 6, "SUBSCRIBE");
    stage.from_trunk(kLine, kFirst, text);
    EXPECT_EQ(stage.one_at(kFirst).message.status(), 489);
    stage.from_trunk(kLine, kFirst,
                     invite_from_outside("1001", "1001", "Replaces: c;to-tag=a;from-tag=b\n"));
    EXPECT_EQ(stage.one_at(kAlice).message.method(), sip::Method::Invite);
}

TEST_F(TrunkCallsTest, NumbersAreWrittenAsTheTrunkWantsThem) {
    model::Trunk trunk = line();
    trunk.called_out = {{"+49*", 3, 0, "0"}};
    trunk.caller_from = model::TrunkCaller::Caller;
    trunk.caller_out = {{"1XXX", 1, 0, "+4930555"}};
    trunk.called_in = {{"030555*", 6, 0, "1"}};
    trunk.caller_in = {{"00*", 2, 0, "+"}};
    stage.add_trunk(trunk, {kFirst});
    const auto invite = call_out();
    EXPECT_EQ(invite.message.request_uri(), "sip:03055@provider.test");
    EXPECT_NE(invite.message.header(HeaderId::From)->find("<sip:+4930555001@provider.test>"),
              std::string_view::npos);
    EXPECT_NE(invite.message.header(HeaderId::PAssertedIdentity)->find("<sip:+4930555001@"),
              std::string_view::npos);
    stage.respond(kFirst, invite, 486);
    stage.at(kFirst);
    stage.at(kAlice);
    stage.from_trunk(kLine, kFirst,
                     invite_from_outside("030555001", "030555001",
                                         "P-Asserted-Identity: <sip:0043777@provider.test>\n"));
    const auto incoming = stage.one_at(kAlice);
    ASSERT_EQ(incoming.message.method(), sip::Method::Invite);
    EXPECT_NE(incoming.message.header(HeaderId::From)->find("<sip:+43777@acme.test>"),
              std::string_view::npos);
}

// Nothing of the domain shows, and who has forwarded is named as the trunk writes numbers.
TEST_F(TrunkCallsTest, AForwardedCallNamesWhoForwarded) {
    model::Trunk trunk = line();
    trunk.caller_out = {{"1XXX", 1, 0, "+4930555"}};
    stage.add_trunk(trunk, {kFirst});
    stage.add_account("1002");
    ASSERT_TRUE(stage.set_services("1002", R"({"forward_always":"+4917155"})"));
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    const auto invite = stage.one_at(kFirst);
    EXPECT_EQ(invite.message.request_uri(), "sip:+4917155@provider.test");
    EXPECT_EQ(*invite.message.header(HeaderId::Diversion),
              "\"Name of 1002\" <sip:+4930555002@provider.test>;reason=unconditional");
    EXPECT_EQ(*invite.message.header(HeaderId::HistoryInfo),
              "<sip:+4930555002@provider.test>;index=1, "
              "<sip:+4917155@provider.test;cause=302>;index=1.1;mp=1");
    EXPECT_EQ(invite.message.to_text().find("acme.test"), std::string::npos);
}

TEST_F(TrunkCallsTest, ATrunkIsOfferedItsCodecsOnly) {
    model::Trunk trunk = line();
    trunk.codecs = {"pcma", "PCMU"};
    trunk.dtmf = model::TrunkDtmf::Inband;
    stage.add_trunk(trunk, {kFirst});
    const std::string offer =
        "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
        "m=audio 4000 RTP/AVP 0 96 9 8 101\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n"
        "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n";
    stage.call(kAlice, "1001", "+493055", offer);
    const auto invite = stage.one_at(kFirst);
    const std::string body(invite.message.body());
    EXPECT_NE(body.find("RTP/AVP 8 0\r\n"), body.npos) << body;
    EXPECT_EQ(body.find("opus"), body.npos) << body;
    EXPECT_EQ(body.find("fmtp"), body.npos) << body;
    stage.respond(kFirst, invite, 486);
    trunk.codecs = {"G729"};
    stage.add_trunk(trunk, {kFirst});
    stage.at(kFirst);
    stage.at(kAlice);
    stage.call(kAlice, "1001", "+493055", offer);
    EXPECT_TRUE(stage.at(kFirst).empty());
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 488);
}

TEST_F(TrunkCallsTest, WhatATrunkOffersIsLimitedAsWhatItIsOffered) {
    model::Trunk trunk = line();
    trunk.codecs = {"PCMA"};
    trunk.dtmf = model::TrunkDtmf::Inband;
    stage.add_trunk(trunk, {kFirst});
    const auto offering = [](std::string text, const std::string& formats) {
        const size_t body = text.find("v=0");
        return text.substr(0, body) +
               "v=0\no=x 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4200 "
               "RTP/AVP " +
               formats + "\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n";
    };
    stage.from_trunk(kLine, kFirst, offering(invite_from_outside("1001", "1001"), "96 0 8 101"));
    const auto invite = stage.one_at(kAlice);
    const std::string body(invite.message.body());
    EXPECT_NE(body.find("RTP/AVP 8\r\n"), body.npos) << body;
    EXPECT_EQ(body.find("opus"), body.npos) << body;
    EXPECT_EQ(body.find("telephone-event"), body.npos) << body;
    stage.respond(kAlice, invite, 486);
    stage.at(kFirst);
    std::string other = offering(invite_from_outside("1001", "1001"), "96 0");
    other.replace(other.find("from-outside"), 12, "again-outside");
    other.replace(other.find("z9hG4bKo"), 8, "z9hG4bKp");
    stage.at(kAlice);
    stage.from_trunk(kLine, kFirst, other);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_EQ(stage.at(kFirst).back().message.status(), 488);
}

TEST_F(TrunkCallsTest, StatusesOfTheGroupLeadToTheNextTrunk) {
    model::Trunk other = line();
    other.id = TrunkId{{9, 2}};
    other.name = "other";
    stage.add_trunk(other, {kFirst});
    stage.add_trunk_group({kLine, other.id}, {"486"});
    stage.respond(kFirst, call_out(), 486);
    auto sent = stage.at(kFirst);
    ASSERT_EQ(sent.size(), 2u);  // the ACK, and the INVITE over the other trunk
    ASSERT_EQ(sent[1].message.method(), sip::Method::Invite);
    stage.respond(kFirst, sent[1], 503);
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 486);
}

TEST_F(TrunkCallsTest, AFullTrunkIsPassedByAndACallGivesItsChannelBack) {
    model::Trunk full = line();
    full.channels_max = 1;
    stage.add_trunk(full, {kFirst});
    stage.leases = 1;
    const auto first = call_out();
    EXPECT_EQ(stage.leases, 0u);
    stage.call(kAlice, "1001", "+493066", Stage::sdp(4002));
    EXPECT_TRUE(stage.at(kFirst).empty());
    auto told = stage.at(kAlice);
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().message.status(), 503);
    EXPECT_TRUE(told.back().message.has(HeaderId::RetryAfter));
    stage.respond(kFirst, first, 486);
    stage.at(kFirst);
    stage.at(kAlice);
    EXPECT_EQ(stage.leases, 1u) << "given back";
    // Over the next one of the group, and the first one is free again then.
    stage.leases = 0;
    model::Trunk other = line();
    other.id = TrunkId{{9, 2}};
    other.name = "other";
    stage.add_trunk(other, {kFirst});
    stage.add_trunk_group({kLine, other.id});
    const auto second = call_out();
    EXPECT_EQ(second.message.method(), sip::Method::Invite);
    stage.respond(kFirst, second, 486);
    stage.at(kFirst);
    stage.at(kAlice);
    stage.leases = 1;
    stage.respond(kFirst, call_out(), 503);
    EXPECT_EQ(stage.at(kFirst).back().message.method(), sip::Method::Invite);
    EXPECT_EQ(stage.leases, 1u) << "the call goes over the other one";
}

TEST_F(TrunkCallsTest, ATrunkThatIsFullTakesNoCallsIn) {
    model::Trunk trunk = line();
    trunk.channels_in_max = 1;
    stage.add_trunk(trunk, {kFirst});
    stage.from_trunk(kLine, kFirst, invite_from_outside("1001", "1001"));
    EXPECT_EQ(stage.at(kFirst).back().message.status(), 486);
    EXPECT_TRUE(stage.at(kAlice).empty());
}

// Its next incarnation can still prove who we are.
TEST_F(TrunkCallsTest, ARestoredCallKnowsItsTrunk) {
    const auto invite = call_out();
    stage.respond(kFirst, invite, 200, Stage::sdp(4100));
    stage.at(kFirst);
    const auto answer = stage.one_at(kAlice);
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
    stage.restart();
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer.message, 3));
    ports::SipOutbound bye;
    for (auto& sip : stage.at(kFirst))
        if (sip.message.method() == sip::Method::Bye) bye = std::move(sip);
    ASSERT_EQ(bye.message.method(), sip::Method::Bye);
    EXPECT_EQ(bye.flow.gate, kTrunkGate);
    stage.respond(kFirst, bye, 407, {},
                  "Proxy-Authenticate: Digest realm=\"provider.test\", nonce=\"n\"\n");
    const auto again = stage.one_at(kFirst);
    EXPECT_TRUE(again.message.has(HeaderId::ProxyAuthorization)) << again.message.to_text();
    stage.respond(kFirst, again, 200);
    const model::Cdr cdr = record();
    EXPECT_TRUE(cdr.survived);
    EXPECT_EQ(cdr.direction, model::CallDirection::Outgoing);
    EXPECT_EQ(cdr.legs.at(1).trunk_name, "line");
}

// So can it of a call that rings there; and it knows the proxies that have not been tried.
TEST_F(TrunkCallsTest, ARestoredRingingCallKnowsTheWaysOfItsTrunk) {
    stage.change_survival(model::Survival::All);
    const auto invite = call_out();
    stage.restart();
    stage.at(kAlice);
    stage.respond(kFirst, invite, 503);
    const auto second = stage.one_at(kSecond);
    ASSERT_EQ(second.message.method(), sip::Method::Invite);
    EXPECT_EQ(second.flow.gate, kTrunkGate);
    EXPECT_EQ(second.message.header(HeaderId::From)->substr(0, 50),
              invite.message.header(HeaderId::From)->substr(0, 50));
    stage.restart();
    stage.at(kAlice);
    stage.respond(kSecond, second, 407, {},
                  "Proxy-Authenticate: Digest realm=\"provider.test\", nonce=\"n\"\n");
    ports::SipOutbound proved;
    for (auto& sip : stage.at(kSecond))
        if (sip.message.method() == sip::Method::Invite) proved = std::move(sip);
    EXPECT_TRUE(proved.message.has(HeaderId::ProxyAuthorization)) << proved.message.to_text();
    stage.respond(kSecond, proved, 200, Stage::sdp(4100));
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
}

// The provider knows the INVITE with the proof; the one before it has had its answer.
TEST_F(TrunkCallsTest, ARestoredRingingCallKnowsTheInviteThatWasProved) {
    stage.change_survival(model::Survival::All);
    stage.respond(kFirst, call_out(), 407, {},
                  "Proxy-Authenticate: Digest realm=\"provider.test\", nonce=\"n\"\n");
    ports::SipOutbound proved;
    for (auto& sip : stage.at(kFirst))
        if (sip.message.method() == sip::Method::Invite) proved = std::move(sip);
    ASSERT_TRUE(proved.message.has(HeaderId::ProxyAuthorization));
    stage.respond(kFirst, proved, 180);
    stage.restart();
    stage.at(kAlice);
    stage.advance(10ms);
    EXPECT_EQ(stage.one_at(kFirst).branch, proved.branch);
    stage.respond(kFirst, proved, 200, Stage::sdp(4100));
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
}

// It dies before the next proxy has been called.
TEST_F(TrunkCallsTest, ARestoredRingingCallStillGoesToTheNextProxy) {
    stage.change_survival(model::Survival::All);
    const auto invite = call_out();
    stage.hold_media = true;
    stage.respond(kFirst, invite, 503);
    ASSERT_TRUE(stage.at(kSecond).empty());
    stage.restart();
    stage.hold_media = false;
    stage.pump();
    stage.respond(kFirst, invite, 503);
    EXPECT_EQ(stage.one_at(kSecond).message.method(), sip::Method::Invite);
}

TEST_F(TrunkCallsTest, ARestoredRingingCallHasOneChannel) {
    stage.change_survival(model::Survival::All);
    model::Trunk full = line();
    full.channels_max = 1;
    stage.add_trunk(full, {kFirst});
    stage.leases = 1;
    const auto invite = call_out();
    ASSERT_EQ(stage.leases, 0u);
    stage.restart();
    stage.at(kAlice);
    stage.respond(kFirst, invite, 486);
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 486);
    EXPECT_EQ(stage.leases, 1u) << "given back";
}

}  // namespace
}  // namespace tandem::roles::b2bua
