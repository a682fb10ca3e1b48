#include "roles/call_state/watchers.h"

#include "roles/call_state/watchers_fixture_test.h"

namespace tandem::roles::call_state {
namespace {

TEST_F(WatchersTest, ALampFollowsACall) {
    const sip::Message answer = subscribe();
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.header(HeaderId::Expires), "600");
    EXPECT_FALSE(token.empty()) << "a Contact for what follows";
    wait(10ms);
    sip::Message told = notify();
    EXPECT_EQ(told.request_uri(), "sip:1001@192.0.2.1:5062");
    EXPECT_EQ(told.header(HeaderId::SubscriptionState), "active;expires=600");
    EXPECT_TRUE(has(told, "<state>terminated</state>"));
    wait(1s);
    EXPECT_TRUE(sent.empty());
    report(CallPhase::Routing);
    EXPECT_TRUE(sent.empty()) << "it is not Bob's call yet";
    report(CallPhase::Ringing, true);
    told = notify();
    EXPECT_TRUE(has(told, "direction=\"recipient\"><state>early</state>"));
    report(CallPhase::Answered);
    EXPECT_TRUE(sent.empty()) << "not so soon after the last";
    wait(kNotifyApart);
    EXPECT_TRUE(has(notify(), "<state>confirmed</state>"));
    wait(1s);
    give(CallReport{calls.front(), true}, kB2b);
    EXPECT_TRUE(has(notify(), "<state>terminated</state>"));
}

TEST_F(WatchersTest, WhatHappensDuringANotifyIsToldByTheNext) {
    (void)subscribe();
    wait(10ms);
    ASSERT_EQ(sent.size(), 1u);
    pass(1s);
    report(CallPhase::Ringing, true);
    report(CallPhase::Answered);
    EXPECT_EQ(sent.size(), 1u) << "one at a time";
    (void)notify();
    wait(0s);
    const sip::Message next = notify();
    EXPECT_TRUE(has(next, "<state>confirmed</state>")) << "and only how it is now";
}

TEST_F(WatchersTest, RefreshedEndedAndNeverUnknown) {
    const sip::Message begun = subscribe();
    wait(10ms);
    const auto first = notify().cseq()->number;
    pass(1s);
    sip::Message again = subscribe("Event: dialog\r\nExpires: 900\r\n", tag_of(begun), kGate);
    EXPECT_EQ(again.status(), 200);
    wait(10ms);
    EXPECT_GT(notify().cseq()->number, first) << "all again";
    EXPECT_EQ(subscribe("Event: presence\r\n", tag_of(begun), kGate).status(), 481)
        << "another package in the same dialog is another subscription";
    EXPECT_EQ(subscribe("Event: dialog\r\n", ";tag=forged", kGate).status(), 481);
    pass(1s);
    EXPECT_EQ(subscribe("Event: dialog\r\nExpires: 0\r\n", tag_of(begun), kGate).status(), 200);
    wait(10ms);
    EXPECT_TRUE(notify().header(HeaderId::SubscriptionState)->starts_with("terminated"));
    EXPECT_EQ(subscribe("Event: dialog\r\n", tag_of(begun), kGate).status(), 481);
    begin();
    wait(3s);
    EXPECT_TRUE(sent.empty()) << "nor does the store know it";
}

TEST_F(WatchersTest, ExpiresByItself) {
    (void)subscribe("Event: dialog\r\nExpires: 60\r\n");
    wait(10ms);
    (void)notify();
    wait(60s);
    EXPECT_EQ(notify().header(HeaderId::SubscriptionState), "terminated;reason=timeout");
    report(CallPhase::Answered);
    wait(1s);
    EXPECT_TRUE(sent.empty());
}

TEST_F(WatchersTest, ANewActiveCopyTellsAllAnew) {
    const sip::Message begun = subscribe();
    wait(10ms);
    const auto first = notify().cseq()->number;
    pass(10ms);
    report(CallPhase::Answered);
    sent.clear();
    begin();
    wait(100ms);
    const sip::Message told = notify();
    EXPECT_TRUE(has(told, "<state>confirmed</state>"));
    EXPECT_GT(told.cseq()->number, first) << "numbers rise across the switch";
    EXPECT_EQ(subscribe("Event: dialog\r\n", tag_of(begun), kGate).status(), 200);
}

TEST_F(WatchersTest, TellsNothingBeforeAllCallsAreKnown) {
    (void)subscribe();
    wait(10ms);
    (void)notify();
    role = std::make_unique<CallStateRole>(
        ports::Surroundings{kSelf, directory, catalog, mint, rng, 1});
    ports::Outbox out;
    role->on_elected(now, {}, out);
    play(out);
    wait(100ms);
    EXPECT_TRUE(sent.empty());
    report(CallPhase::Answered);
    give(CallReportAll{kB2b, calls, false, true}, kB2b);
    wait(100ms);
    EXPECT_TRUE(has(notify(), "<state>confirmed</state>"));
}

TEST_F(WatchersTest, APhoneThatHasForgottenItIsLeftAlone) {
    (void)subscribe();
    wait(10ms);
    (void)notify(481);
    report(CallPhase::Answered);
    wait(1s);
    EXPECT_TRUE(sent.empty());
}

TEST_F(WatchersTest, PresenceIsOfPhonesAndCalls) {
    (void)subscribe("Event: presence\r\n");
    wait(10ms);
    sip::Message told = notify();
    EXPECT_EQ(told.header(HeaderId::ContentType), "application/pidf+xml");
    EXPECT_TRUE(has(told, "<basic>open</basic>"));
    pass(1s);
    report(CallPhase::Answered);
    wait(1ms);
    EXPECT_TRUE(has(notify(), "on-the-phone"));
    is_registered = false;
    wait(kPresenceLook - 1s);
    EXPECT_TRUE(has(notify(), "<basic>closed</basic>"));
}

TEST_F(WatchersTest, RefusesWhatIsWrong) {
    const struct {
        const char* lines;
        int status;
        HeaderId header;
    } cases[] = {
        {"Event: conference\r\n", 489, HeaderId::AllowEvents},
        {"Event: message-summary\r\n", 403, HeaderId::CallId},
        {"Event: reg\r\n", 403, HeaderId::CallId},
        {"", 489, HeaderId::AllowEvents},
        {"Event: dialog\r\nExpires: 5\r\n", 423, HeaderId::MinExpires},
        {"Event: dialog\r\nAccept: text/plain\r\n", 406, HeaderId::Accept},
        {"Event: dialog\r\nExpires: x\r\n", 400, HeaderId::CallId},
    };
    for (const auto& [lines, status, header] : cases) {
        const sip::Message answer = subscribe(lines);
        EXPECT_EQ(answer.status(), status) << lines;
        EXPECT_TRUE(answer.has(header)) << lines;
    }
    EXPECT_EQ(subscribe("Event: dialog\r\n", "", kB2b, "4711").status(), 404);
    EXPECT_EQ(subscribe("Event: dialog\r\n", "", kGate).status(), 403)
        << "nobody proves by himself who he is";
    wait(1s);
    EXPECT_TRUE(sent.empty());
}

TEST_F(WatchersTest, OneAccountHasABound) {
    for (size_t i = 0; i < kSubscriptionsOfAccountMax; ++i) {
        EXPECT_EQ(subscribe("Event: dialog;id=" + std::to_string(i) + "\r\n").status(), 200);
    }
    EXPECT_EQ(subscribe("Event: dialog;id=more\r\n").status(), 503);
}

TEST(Subscription, ComesBackAsItWas) {
    Subscription one;
    one.key = ~uint64_t{0} - 5;
    one.domain = kDomain;
    one.watcher = kAlice;
    one.watched = kBob;
    one.package = Package::Presence;
    one.event_id = "7";
    one.call_id = "c\"1";
    one.local = "<sip:a@b>;tag=1";
    one.remote = "\"\xd0\x98\" <sip:c@d>;tag=2";
    one.local_tag = "1";
    one.remote_tag = "2";
    one.target = "sip:c@192.0.2.1";
    one.entity = "sip:a@b";
    one.flow.gate = kGate;
    one.flow.remote = {*IpAddress::parse("192.0.2.1"), 5062};
    one.created = UtcTime{1};
    one.expires = UtcTime{2};
    one.cseq = 3;
    EXPECT_EQ(decode_subscription(encode_subscription(one)), one);
    for (const char* bad : {"", "{}", "[]", "{\"key\":1}"}) EXPECT_FALSE(decode_subscription(bad));
}

}  // namespace
}  // namespace tandem::roles::call_state
