// A CS with Alice, Bob and a phone that subscribes: for the tests of subscriptions and
// publications.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

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
inline const DomainId kDomain{{1, 1}};
inline const AccountId kAlice{{2, 1}}, kBob{{2, 2}};

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
                } else if (const auto* follow = get_if<ports::AccountFollow>(&letter.payload)) {
                    role->on_letter(
                        now, {kRegistrar, kSelf, letter.request, standing(follow->account)}, out);
                } else if (holds_alternative<ports::BindingsQuery>(letter.payload)) {
                    role->on_letter(
                        now,
                        {kRegistrar, kSelf, letter.request, ports::BindingsReply{bindings, false}},
                        out);
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
    ports::AccountStanding standing(AccountId account) const {
        ports::AccountStanding standing;
        standing.account = account;
        standing.messages = messages;
        if (is_registered) standing.devices.push_back(device);
        return standing;
    }
    // As the registrar tells a change.
    void tell_standing(AccountId account, std::vector<uint64_t> revoked = {}) {
        ports::AccountStanding changed = standing(account);
        changed.revoked = std::move(revoked);
        give(std::move(changed), kRegistrar);
    }
    // A SUBSCRIBE of Alice's phone, to Bob; the answer.
    sip::Message subscribe(const std::string& lines = "Event: dialog\r\nExpires: 600\r\n",
                           const std::string& to_tag = "", Instance from = kB2b,
                           const std::string& user = "1002") {
        return ask("SUBSCRIBE", lines, "", {to_tag, from, user});
    }
    struct Where {
        std::string to_tag = {};
        Instance from = kB2b;
        std::string user = "1001";
    };
    // Of Alice's phone.
    sip::Message publish(const std::string& lines, const std::string& body = "",
                         const std::string& user = "1001") {
        const std::string type = body.empty() ? "" : "Content-Type: application/pidf+xml\r\n";
        return ask("PUBLISH", "Event: presence\r\n" + type + lines, body, {"", kB2b, user});
    }
    sip::Message ask(const std::string& method, const std::string& lines, const std::string& body,
                     const Where& where) {
        ++cseq;
        ports::SipInbound in;
        in.flow = flow;
        const std::string number = std::to_string(cseq);
        in.message =
            parsed(method + " sip:" + where.user +
                   "@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-" +
                   number + "\r\nFrom: <sip:1001@acme.test>;tag=phone\r\nTo: <sip:1002@acme.test>" +
                   where.to_tag + "\r\nCall-ID: lamp\r\nCSeq: " + number + " " + method +
                   "\r\nContact: <sip:1001@192.0.2.1:5062>\r\nMax-Forwards: 70\r\n" + lines +
                   "P-Asserted-Identity: <sip:" + kAlice.text() + "." + kDomain.text() +
                   "@inside.invalid>\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
        give(std::move(in), where.from, where.from == kB2b ? 77 : 0);
        auto& to = where.from == kB2b ? answers : sent;
        if (to.empty()) return {};
        sip::Message answer = std::move(to.front().message);
        token = to.front().contact_token;
        to.erase(to.begin());
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
    ports::AccountStanding::Device device{
        7, true, {.contact = "sip:1002@192.0.2.9", .registered = now.utc}};
    uint32_t messages = 0;
    ports::Flow flow{kGate, ports::Transport::Udp, 0, 0, {*IpAddress::parse("192.0.2.1"), 5062}};
    std::vector<ports::Binding> bindings;  // of Alice
    std::vector<CallSummary> calls;
    std::vector<SipOutbound> sent;     // to phones
    std::vector<SipOutbound> answers;  // to the B2B that asked
    std::string token;
    uint32_t cseq = 0;
    std::unique_ptr<CallStateRole> role;
};

}  // namespace tandem::roles::call_state
