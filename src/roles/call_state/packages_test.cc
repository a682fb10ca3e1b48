// What subscribers of message-summary, reg and presence are told, and what phones publish.
#include <gtest/gtest.h>

#include "model/generated/grant.h"
#include "model/generated/user.h"
#include "roles/call_state/publications.h"
#include "roles/call_state/watchers_fixture_test.h"

namespace tandem::roles::call_state {
namespace {

struct PackagesTest : WatchersTest {
    // Begun, and the first NOTIFY answered.
    sip::Message begun(const std::string& event, const std::string& user = "1001") {
        EXPECT_EQ(subscribe("Event: " + event + "\r\nExpires: 600\r\n", "", kB2b, user).status(),
                  200);
        wait(10ms);
        sip::Message told = notify();
        pass(1s);
        return told;
    }
    static std::string pidf(const std::string& basic, const std::string& person = "") {
        return "<presence xmlns='urn:ietf:params:xml:ns:pidf'"
               " xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'"
               " xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:1001@acme.test'>"
               "<tuple id='a'><status><basic>" +
               basic + "</basic></status></tuple>" + person + "</presence>";
    }
    static std::string etag(const sip::Message& answer) {
        return std::string(answer.header(HeaderId::SipEtag).value_or(""));
    }
    // The one that was sent during a long wait, and repeated for want of an answer.
    sip::Message notify_of_late() {
        for (const SipOutbound& each : sent)
            EXPECT_EQ(each.message.header(HeaderId::CSeq), sent[0].message.header(HeaderId::CSeq));
        if (sent.size() > 1) sent.erase(sent.begin() + 1, sent.end());
        return notify();
    }
    std::string told() {
        wait(0s);
        const sip::Message message = notify();
        pass(1s);
        return std::string(message.body());
    }
};

TEST_F(PackagesTest, AMailboxTellsWhatWaits) {
    const sip::Message first = begun("message-summary");
    EXPECT_EQ(first.header(HeaderId::ContentType), "application/simple-message-summary");
    EXPECT_TRUE(has(first, "Messages-Waiting: no\r\n"));
    EXPECT_TRUE(has(first, "Message-Account: sip:1001@acme.test\r\n"));
    messages = 2;
    tell_standing(kAlice);
    const sip::Message more = notify();
    EXPECT_TRUE(has(more, "Messages-Waiting: yes\r\n"));
    EXPECT_TRUE(has(more, "Text-Message: 2/0\r\n"));
    pass(1s);
    tell_standing(kAlice);
    EXPECT_TRUE(sent.empty()) << "nothing new";
    report(CallPhase::Answered);
    wait(100ms);
    EXPECT_TRUE(sent.empty()) << "calls are no messages";
    messages = 0;
    wait(kPresenceLook);
    EXPECT_TRUE(has(notify_of_late(), "Messages-Waiting: no\r\n"))
        << "a change that was not told is seen";
}

TEST_F(PackagesTest, ALookWaitsForTheRegistrar) {
    directory.replace({{kSelf, RoleKind::CallState, 1, 100, true, 1},
                       {kB2b, RoleKind::B2bua, 1, 100, true, 1},
                       {kGate, RoleKind::SipGate, 1, 100, true, 1}});
    EXPECT_EQ(subscribe("Event: message-summary\r\nExpires: 0\r\n", "", kB2b, "1001").status(),
              200);
    wait(100ms);
    EXPECT_TRUE(sent.empty());
    messages = 1;
    tell_standing(kAlice);
    wait(kKnownMax);
    EXPECT_TRUE(has(notify_of_late(), "Text-Message: 1/0\r\n"));
}

TEST_F(PackagesTest, RegistrationsComeAndGo) {
    const sip::Message first = begun("reg");
    EXPECT_EQ(first.header(HeaderId::ContentType), "application/reginfo+xml");
    EXPECT_TRUE(has(first, "aor=\"sip:1001@acme.test\""));
    EXPECT_TRUE(has(first, "<uri>sip:1002@192.0.2.9</uri>"));
    EXPECT_TRUE(has(first, "state=\"active\" event=\"registered\""));
    device.binding.expires = UtcTime{now.utc.unix_ms + 60'000};
    tell_standing(kAlice);
    EXPECT_TRUE(sent.empty()) << "a refresh is no news";
    device.binding.contact = "sip:1002@192.0.2.10";
    tell_standing(kAlice);
    EXPECT_NE(told().find("<uri>sip:1002@192.0.2.10</uri>"), std::string::npos);
    is_registered = false;
    tell_standing(kAlice);
    const std::string gone = told();
    EXPECT_NE(gone.find("state=\"terminated\" event=\"unregistered\""), std::string::npos) << gone;
    is_registered = true;
    device.key = 8;
    tell_standing(kAlice);
    (void)told();
    is_registered = false;
    tell_standing(kAlice, {8});
    EXPECT_NE(told().find("event=\"deactivated\""), std::string::npos);
    is_registered = true;
    device.key = 9;
    device.binding.expires = UtcTime{now.utc.unix_ms + 1'000};
    tell_standing(kAlice);
    (void)told();
    is_registered = false;
    tell_standing(kAlice);
    EXPECT_NE(told().find("event=\"expired\""), std::string::npos);
    is_registered = true;
    device.key = 10;
    pass(kEndedContactsTold);
    tell_standing(kAlice);
    const std::string later = told();
    EXPECT_EQ(later.find("terminated"), std::string::npos) << "what ended long ago: " << later;
}

TEST_F(PackagesTest, OthersSeeRegistrationsWithTheRightOnly) {
    const auto of_bob = [&] { return subscribe("Event: reg\r\n", "", kB2b, "1002").status(); };
    EXPECT_EQ(of_bob(), 403);
    model::User user;
    user.id = UserId{{3, 1}};
    user.domain = kDomain;
    user.login = "alice";
    load(store::keys::user(kDomain, user.id), user);
    model::Account account;
    account.id = kAlice;
    account.domain = kDomain;
    account.login = account.number = "1001";
    account.user = user.id;
    load(store::keys::account(kDomain, kAlice), account);
    catalog = feed.snapshot();
    EXPECT_EQ(of_bob(), 403) << "of a person, but one without the right";
    model::Grant grant;
    grant.id = GrantId{{4, 1}};
    grant.domain = kDomain;
    grant.user = user.id;
    grant.role = model::GrantRole::Custom;
    grant.rights = {"bindings:read"};
    load(store::keys::in_domain(kDomain, "grant", grant.id.bits), grant);
    catalog = feed.snapshot();
    EXPECT_EQ(of_bob(), 200);
    EXPECT_EQ(subscribe("Event: message-summary\r\n", "", kB2b, "1002").status(), 403)
        << "what waits for somebody is his own business";
}

TEST_F(PackagesTest, WhatIsPublishedIsShown) {
    EXPECT_TRUE(has(begun("presence"), "<basic>open</basic>"));
    const sip::Message answer =
        publish("Expires: 600\r\n", pidf("open",
                                         "<dm:person id='p'><r:activities><r:away/></r:activities>"
                                         "<dm:note>at lunch</dm:note></dm:person>"));
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.header(HeaderId::Expires), "600");
    EXPECT_TRUE(token.empty()) << "no dialog, no Contact";
    const std::string first = etag(answer);
    ASSERT_FALSE(first.empty());
    std::string body = told();
    EXPECT_NE(body.find("<rpid:away/>"), std::string::npos) << body;
    EXPECT_NE(body.find("<note>at lunch</note>"), std::string::npos) << body;
    const sip::Message refreshed = publish("Expires: 900\r\nSIP-If-Match: " + first + "\r\n");
    EXPECT_EQ(refreshed.status(), 200);
    EXPECT_NE(etag(refreshed), first);
    wait(1s);
    EXPECT_TRUE(sent.empty()) << "it is as it was";
    EXPECT_EQ(publish("SIP-If-Match: " + first + "\r\n").status(), 412);
    const sip::Message changed =
        publish("SIP-If-Match: " + etag(refreshed) + "\r\n", pidf("closed"));
    EXPECT_EQ(changed.status(), 200);
    body = told();
    EXPECT_EQ(body.find("<basic>open</basic>"), std::string::npos) << "all that publish say so";
    EXPECT_EQ(body.find("away"), std::string::npos);
    const sip::Message removed = publish("Expires: 0\r\nSIP-If-Match: " + etag(changed) + "\r\n");
    EXPECT_EQ(removed.status(), 200);
    EXPECT_NE(told().find("<basic>open</basic>"), std::string::npos) << "a phone is registered";
    EXPECT_EQ(publish("SIP-If-Match: " + etag(removed) + "\r\n").status(), 412);
}

TEST_F(PackagesTest, PublicationsExpireAndAreKept) {
    (void)begun("presence");
    const sip::Message answer = publish("Expires: 60\r\n", pidf("closed"));
    EXPECT_NE(told().find("<basic>closed</basic>"), std::string::npos);
    sent.clear();
    begin();
    wait(100ms);
    const sip::Message again = notify();
    EXPECT_TRUE(has(again, "<basic>closed</basic>")) << "another copy has it, too";
    const sip::Message more = publish("SIP-If-Match: " + etag(answer) + "\r\nExpires: 60\r\n");
    EXPECT_EQ(more.status(), 200);
    wait(57s);
    EXPECT_TRUE(sent.empty()) << "it was renewed";
    wait(5s);
    EXPECT_TRUE(has(notify_of_late(), "<basic>open</basic>"));
    EXPECT_EQ(publish("SIP-If-Match: " + etag(more) + "\r\n").status(), 412);
    begin();
    wait(100ms);
    EXPECT_TRUE(has(notify(), "<basic>open</basic>")) << "nor is it in the store";
}

TEST_F(PackagesTest, BadPublicationsAreRefused) {
    EXPECT_EQ(publish("", pidf("open"), "1002").status(), 403) << "of somebody else";
    EXPECT_EQ(publish("", pidf("open"), "4711").status(), 403);
    EXPECT_EQ(publish("Expires: 5\r\n", pidf("open")).status(), 423);
    EXPECT_EQ(publish("").status(), 400) << "nothing to begin with";
    EXPECT_EQ(publish("SIP-If-Match: unheard-of\r\n", pidf("open")).status(), 412);
    const sip::Message malformed = publish("", "<presence>");
    EXPECT_EQ(malformed.status(), 400);
    EXPECT_TRUE(malformed.header(HeaderId::Warning).value_or("").starts_with("399 acme.test \""))
        << malformed.header(HeaderId::Warning).value_or("");
    EXPECT_EQ(publish("", std::string(kPublishedBytesMax + 1, ' ')).status(), 413);
    const sip::Message text =
        ask("PUBLISH", "Event: presence\r\nContent-Type: text/plain\r\n", "hello", {});
    EXPECT_EQ(text.status(), 415);
    EXPECT_EQ(text.header(HeaderId::Accept), "application/pidf+xml");
    const sip::Message odd = ask("PUBLISH", "Event: dialog\r\n", "", {});
    EXPECT_EQ(odd.status(), 489);
    EXPECT_EQ(odd.header(HeaderId::AllowEvents), "presence");
    EXPECT_EQ(ask("PUBLISH", "Event: presence\r\n", "", {"", kGate, "1001"}).status(), 403)
        << "nobody proves by himself who he is";
    for (size_t i = 0; i < kPublicationsOfAccountMax; ++i)
        EXPECT_EQ(publish("", pidf("open")).status(), 200);
    EXPECT_EQ(publish("", pidf("open")).status(), 503);
}

TEST(Publication, ComesBackAsItWas) {
    Publication one;
    one.key = ~uint64_t{0} - 5;
    one.domain = kDomain;
    one.account = kAlice;
    one.etag = "e\"1";
    one.expires = UtcTime{2};
    one.document.tuples = {{true, "\xd0\x98"}, {std::nullopt, ""}, {false, "x"}};
    one.document.activities = {"away", "on-the-phone"};
    one.document.note = "note";
    EXPECT_EQ(decode_publication(encode_publication(one)), one);
    one.key = 5;
    EXPECT_EQ(decode_publication(encode_publication(one)), one);
    for (const char* bad : {"", "{}", "[]", "{\"key\":1}"}) EXPECT_FALSE(decode_publication(bad));
}

TEST(Publications, AreComposed) {
    Publication open, closed;
    open.document.tuples = {{true, "desk"}};
    open.document.activities = {"on-the-phone", "busy"};
    open.document.note = "a";
    closed.document.tuples = {{false, ""}};
    closed.document.note = "b";
    const auto both = composed({true, true}, {&open, &closed});
    EXPECT_EQ(both.tuples,
              (std::vector<sip::PresenceTuple>{{true, ""}, {true, "desk"}, {false, ""}}));
    EXPECT_EQ(both.activities, (std::vector<std::string>{"on-the-phone", "busy"}));
    EXPECT_EQ(both.note, "b") << "of the latest";
    EXPECT_EQ(composed({true, false}, {&closed}).tuples.at(0).is_open, false);
    EXPECT_EQ(composed({false, false}, {&open}).tuples.at(0).is_open, false);
    Publication silent;
    EXPECT_EQ(composed({true, false}, {&silent}).tuples.at(0).is_open, true);
}

}  // namespace
}  // namespace tandem::roles::call_state
