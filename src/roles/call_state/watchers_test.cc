#include "roles/call_state/watchers.h"

#include <gtest/gtest.h>

#include "model/codec.h"
#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "roles/call_state/limits.h"
#include "roles/call_state/role.h"
#include "sip/parser.h"
#include "store/catalog.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::call_state {
namespace {

using ports::CallPhase;
using ports::CallReport;
using ports::CallReportAll;
using ports::CallSummary;
using ports::Instance;
using ports::Letter;
using ports::RoleKind;
using ports::SipOutbound;
using sip::HeaderId;

constexpr Instance kSelf{9}, kB2b{1}, kGate{2}, kRegistrar{3};
const DomainId kDomain{{1, 1}};
const AccountId kAlice{{2, 1}}, kBob{{2, 2}};

struct WatchersTest : testing::Test {
    WatchersTest() {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        load(store::keys::domain(kDomain), domain);
        for (const auto& [id, number] : {std::pair(kAlice, "1001"), {kBob, "1002"}}) {
            model::Account account;
            account.id = id;
            account.domain = kDomain;
            account.login = account.number = number;
            load(store::keys::account(kDomain, id), account);
        }
        catalog = feed.snapshot();
        directory.replace({{kSelf, RoleKind::CallState, 1, 100, true, 1},
                           {kB2b, RoleKind::B2bua, 1, 100, true, 1},
                           {kGate, RoleKind::SipGate, 1, 100, true, 1},
                           {kRegistrar, RoleKind::Registrar, 1, 100, true, 1}});
        begin();
    }
    template <typename T>
    void load(std::string key, const T& value) {
        feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    // A CS that has just got the post.
    void begin() {
        role = std::make_unique<CallStateRole>(
            ports::Surroundings{kSelf, directory, catalog, mint, rng, 1});
        ports::Outbox out;
        role->start(now, out);
        role->on_elected(now, {}, out);
        play(out);
        give(CallReportAll{kB2b, calls, false, true}, kB2b);
    }
    template <typename T>
    void give(T payload, Instance from, uint64_t request = 0) {
        ports::Outbox out;
        role->on_letter(now, Letter{from, kSelf, request, std::move(payload)}, out);
        play(out);
    }
    void play(ports::Outbox& out) {
        while (!out.empty()) {
            for (Letter& letter : out.take()) {
                if (const auto* request = get_if<store::Request>(&letter.payload)) {
                    store::Outbox done;
                    store.apply(now.mono, *request, done);
                    for (store::Reply& reply : done.replies)
                        role->on_letter(now, {ports::kKeyValue, kSelf, reply.id, reply}, out);
                } else if (holds_alternative<ports::BindingsQuery>(letter.payload)) {
                    ports::BindingsReply reply;
                    if (is_registered) reply.bindings.emplace_back();
                    role->on_letter(now, {kRegistrar, kSelf, letter.request, reply}, out);
                } else if (auto* sip = get_if<SipOutbound>(&letter.payload)) {
                    (letter.to == kB2b ? answers : sent).push_back(std::move(*sip));
                }
            }
        }
    }
    void wait(Duration time) {
        const Instant end = now.mono + time;
        while (role->next_deadline() && *role->next_deadline() <= end) {
            const Duration step = *role->next_deadline() - now.mono;
            pass(std::max(step, Duration{0}));
            ports::Outbox out;
            role->on_timeout(now, out);
            play(out);
        }
        pass(end - now.mono);
    }
    void pass(Duration time) {
        now.mono = now.mono + time;
        now.utc.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    }
    static sip::Message parsed(const std::string& text) {
        auto message = sip::parse_message(std::string_view(text));
        EXPECT_TRUE(message.has_value()) << text;
        return message ? std::move(*message) : sip::Message();
    }
    // A SUBSCRIBE of Alice's phone, to Bob; the answer.
    sip::Message subscribe(const std::string& lines = "Event: dialog\r\nExpires: 600\r\n",
                           const std::string& to_tag = "", Instance from = kB2b,
                           const std::string& user = "1002") {
        ++cseq;
        ports::SipInbound in;
        in.flow.gate = kGate;
        in.flow.remote = {*IpAddress::parse("192.0.2.1"), 5062};
        in.message = parsed("SUBSCRIBE sip:" + user +
                            "@acme.test SIP/2.0\r\n"
                            "Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-" +
                            std::to_string(cseq) +
                            "\r\n"
                            "From: <sip:1001@acme.test>;tag=phone\r\nTo: <sip:1002@acme.test>" +
                            to_tag +
                            "\r\n"
                            "Call-ID: lamp\r\nCSeq: " +
                            std::to_string(cseq) +
                            " SUBSCRIBE\r\n"
                            "Contact: <sip:1001@192.0.2.1:5062>\r\nMax-Forwards: 70\r\n" +
                            lines + "P-Asserted-Identity: <sip:" + kAlice.text() + "." +
                            kDomain.text() + "@inside.invalid>\r\nContent-Length: 0\r\n\r\n");
        give(std::move(in), from, from == kB2b ? 77 : 0);
        auto& where = from == kB2b ? answers : sent;
        if (where.empty()) return {};
        sip::Message answer = std::move(where.front().message);
        token = where.front().contact_token;
        where.erase(where.begin());
        return answer;
    }
    // The one NOTIFY that was sent, answered.
    sip::Message notify(int status = 200) {
        EXPECT_EQ(sent.size(), 1u);
        if (sent.empty()) return {};
        SipOutbound out = std::move(sent.front());
        sent.erase(sent.begin());
        EXPECT_EQ(out.message.method(), sip::Method::Notify);
        const auto branch = mint.read(ports::TokenKind::Branch, out.branch);
        EXPECT_TRUE(branch);
        ports::SipInbound in;
        in.owner_key = branch ? branch->unique : 0;
        in.message = sip::make_response(out.message, status);
        give(std::move(in), kGate);
        return std::move(out.message);
    }
    void report(CallPhase phase, bool ringing = false) {
        CallSummary call;
        call.call = CallId{{9, 9}};
        call.domain = kDomain;
        call.owner = kB2b;
        call.phase = phase;
        call.caller = "1001";
        call.callee = "1002";
        call.caller_account = kAlice;
        if (ringing) call.ringing = {kBob};
        if (phase == CallPhase::Answered) call.callee_account = kBob;
        calls = {call};
        give(CallReport{call, false}, kB2b);
    }
    static bool has(const sip::Message& message, std::string_view text) {
        return message.body().find(text) != std::string_view::npos;
    }
    static std::string tag_of(const sip::Message& answer) {
        const auto to = answer.to();
        return to ? ";tag=" + std::string(to->tag()) : "";
    }

    Now now{Instant{100s}, UtcTime{1'700'000'000'000}};
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint mint{{1, 2}};
    SeededRng rng{1};
    store::MemoryStore store;
    bool is_registered = true;
    std::vector<CallSummary> calls;
    std::vector<SipOutbound> sent;     // to phones
    std::vector<SipOutbound> answers;  // to the B2B that asked
    std::string token;
    uint32_t cseq = 0;
    std::unique_ptr<CallStateRole> role;
};

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
    pass(5s);
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
        {"Event: message-summary\r\n", 489, HeaderId::AllowEvents},
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
