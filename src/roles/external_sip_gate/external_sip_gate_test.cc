#include "roles/external_sip_gate/external_sip_gate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/generated/account.h"
#include "model/secret.h"
#include "roles/external_sip_gate/limits.h"
#include "sip/parser.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::external_sip_gate {
namespace {

using ports::RoleKind;
using sip::HeaderId;

constexpr ports::Instance kGate{9}, kOther{10}, kB2b{3};
constexpr DomainId kDomain{{1, 1}};
constexpr TrunkId kLine{{2, 7}};

struct ExternalGateTest : testing::Test {
    ExternalGateTest() {
        directory.replace({{kGate, RoleKind::ExternalSipGate}, {kB2b, RoleKind::B2bua}});
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        put(store::keys::domain(kDomain), domain);
        model::Interface interface;
        interface.id = InterfaceId{{5, 1}};
        interface.server = ServerId{{4, 1}};
        interface.address = "198.51.100.1";
        interface.name = "default";
        put(store::keys::interface(interface.id), interface);
        model::RoleInstance role;
        role.id = RoleInstanceId{{6, 9}};
        role.role = model::RoleCode::Esg;
        role.number = kGate.number;
        role.server = interface.server;
        put(store::keys::role_instance(role.id), role);
        gate.start(now, out);
    }
    template <typename T>
    void put(std::string key, const T& value) {
        store::KeyValue item;
        item.key = std::move(key);
        item.value = model::encode_stored(value, {});
        item.mod_revision = {1, 1};
        feed.load(item);
        catalog = feed.snapshot();
    }
    void put_trunk(const model::Trunk& trunk) {
        put(store::keys::in_domain(kDomain, "trunk", trunk.id.bits), trunk);
        gate.on_catalog(now, out);
    }
    static model::Trunk line() {
        model::Trunk trunk;
        trunk.id = kLine;
        trunk.domain = kDomain;
        trunk.name = "line";
        trunk.proxies = {"192.0.2.7:5080"};
        trunk.sip_domain = "provider.test";
        trunk.user = "4930100";
        SeededRng secret_rng{1};
        trunk.password_sealed = model::seal_text("secret", SealKey{}, secret_rng);
        return trunk;
    }
    // Letters for the receiver, taken out.
    std::vector<ports::Letter> to(ports::Instance receiver) {
        std::vector<ports::Letter> found;
        std::vector<ports::Letter> rest;
        for (ports::Letter& each : out.take())
            (each.to == receiver ? found : rest).push_back(std::move(each));
        for (ports::Letter& each : rest) out.send(std::move(each));
        return found;
    }
    void open_listeners() {
        for (const ports::Letter& each : to(ports::kTransport)) {
            const auto* open = get_if<ports::ListenerOpen>(&each.payload);
            if (open == nullptr) continue;
            gate.on_letter(now,
                           {ports::kTransport, kGate, 0,
                            ports::ListenerOpened{open->number, open->address, {}}},
                           out);
        }
    }
    std::vector<sip::Message> sent() {
        std::vector<sip::Message> messages;
        for (const ports::Letter& each : to(ports::kTransport)) {
            const auto* packet = get_if<ports::PacketOut>(&each.payload);
            if (packet == nullptr) continue;
            last_flow = packet->flow;
            auto message = sip::parse_message(std::string_view(packet->bytes));
            EXPECT_TRUE(message);
            if (message) messages.push_back(std::move(*message));
        }
        return messages;
    }
    void packet(std::string bytes, std::string_view from = "192.0.2.7:5080") {
        ports::Flow flow{kGate, ports::Transport::Udp, last_flow.listener, 0,
                         *SocketAddress::parse(from)};
        gate.on_letter(
            now,
            {ports::kTransport, kGate, 0,
             ports::PacketIn{flow, *SocketAddress::parse("198.51.100.1:5070"), std::move(bytes)}},
            out);
    }
    static sip::Message of(const std::vector<sip::Message>& all, sip::Method method) {
        for (const sip::Message& each : all)
            if (each.is_request() && each.method() == method) return each;
        ADD_FAILURE() << "there is none";
        return {};
    }
    static std::string invite(std::string_view user, std::string_view to_tag = {}) {
        std::string text = "INVITE sip:" + std::string(user) +
                           "@198.51.100.1:5070 SIP/2.0\r\n"
                           "Via: SIP/2.0/UDP 192.0.2.7:5080;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
                           "From: <sip:1@provider.test>;tag=f\r\nTo: <sip:1001@acme.test>";
        if (!to_tag.empty()) text += ";tag=" + std::string(to_tag);
        return text +
               "\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:1@192.0.2.7>\r\n"
               "Content-Length: 0\r\n\r\n";
    }

    Now now{{1000s}, {1'790'000'000'000}};
    ports::Directory directory;
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{7};
    ports::Surroundings around{kGate, directory, catalog, tokens, rng};
    ports::Outbox out;
    ports::Flow last_flow;
    ExternalSipGate gate{around, {3, 4}, SealKey{}};
};

TEST_F(ExternalGateTest, BindsNothingWithoutATrunk) {
    EXPECT_TRUE(out.letters().empty());
    EXPECT_FALSE(gate.next_deadline());
    put_trunk(line());
    EXPECT_EQ(to(ports::kTransport).size(), 3u);  // UDP, TCP, TLS
}

TEST_F(ExternalGateTest, RegistersWithOurContactAndAnswersTheChallenge) {
    put_trunk(line());
    open_listeners();
    const auto first = of(sent(), sip::Method::Register);
    const std::string contact(*first.header(HeaderId::Contact));
    EXPECT_TRUE(contact.starts_with("<sip:k")) << contact;
    EXPECT_TRUE(contact.ends_with("@198.51.100.1:5070>")) << contact;
    sip::Message challenge = sip::make_response(first, 401, {}, "r");
    challenge.append(HeaderId::WwwAuthenticate,
                     "Digest realm=\"provider.test\", nonce=\"n\", qop=\"auth\"");
    packet(challenge.to_text());
    const auto second = of(sent(), sip::Method::Register);
    ASSERT_TRUE(second.has(HeaderId::Authorization));
    sip::Message accepted = sip::make_response(second, 200, {}, "r");
    accepted.append(HeaderId::Contact, contact + ";expires=300");
    packet(accepted.to_text());
    const auto figures = gate.figures();
    const auto figure = [&](std::string_view name) {
        return std::ranges::find(figures, name, [](const auto& each) { return each.first; })
            ->second;
    };
    EXPECT_EQ(figure("trunks"), 1);
    EXPECT_EQ(figure("trunks_registered"), 1);

    // A call to that contact is the trunk's, wherever it comes from.
    const size_t at = contact.find(':') + 1;
    packet(invite(contact.substr(at, contact.find('@') - at)), "203.0.113.5:5060");
    const auto passed = to(kB2b);
    ASSERT_EQ(passed.size(), 1u);
    EXPECT_EQ(get<ports::SipInbound>(passed[0].payload).trunk, kLine);
}

TEST_F(ExternalGateTest, RefusesStrangersAndPassesPeersOn) {
    model::Trunk peer = line();
    peer.mode = model::TrunkMode::Peer;
    put_trunk(peer);
    open_listeners();
    sent();
    packet(invite("1001"), "203.0.113.5:5060");
    const auto refused = sent();
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused[0].status(), 403);
    EXPECT_TRUE(to(kB2b).empty());
    packet(invite("1001"));
    auto passed = to(kB2b);
    ASSERT_EQ(passed.size(), 1u);
    EXPECT_EQ(get<ports::SipInbound>(passed[0].payload).trunk, kLine);
    // Within a dialog of ours whoever speaks is judged by the B2B.
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 77});
    packet(invite("1001", tag), "203.0.113.5:5060");
    passed = to(kB2b);
    ASSERT_EQ(passed.size(), 1u);
    EXPECT_TRUE(get<ports::SipInbound>(passed[0].payload).trunk.is_nil());
    peer.enabled = false;
    put_trunk(peer);
    packet(invite("1001"));
    EXPECT_TRUE(to(kB2b).empty());
}

TEST_F(ExternalGateTest, SaysWhereATrunkIs) {
    put_trunk(line());
    gate.on_letter(now, {kB2b, kGate, 5, ports::TrunkQuery{kDomain, kLine, "+4930"}}, out);
    EXPECT_TRUE(get<ports::TrunkReply>(to(kB2b).at(0).payload).ask_again);  // no socket yet
    open_listeners();
    gate.on_letter(now, {kB2b, kGate, 6, ports::TrunkQuery{kDomain, kLine, "+4930"}}, out);
    const auto letters = to(kB2b);
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].request, 6u);
    const auto& reply = get<ports::TrunkReply>(letters[0].payload);
    ASSERT_EQ(reply.ways.size(), 1u);
    EXPECT_EQ(reply.ways[0].contact, "sip:+4930@provider.test");
    EXPECT_EQ(reply.ways[0].flow.gate, kGate);
    EXPECT_EQ(reply.ways[0].flow.remote.text(), "192.0.2.7:5080");
    // Of another domain there is none.
    gate.on_letter(now, {kB2b, kGate, 7, ports::TrunkQuery{DomainId{{1, 2}}, kLine, "1"}}, out);
    const auto other = to(kB2b);
    EXPECT_TRUE(get<ports::TrunkReply>(other.at(0).payload).ways.empty());
    EXPECT_FALSE(get<ports::TrunkReply>(other.at(0).payload).ask_again);
}

TEST_F(ExternalGateTest, LeavesATrunkToAnotherGateAndTakesItBack) {
    put_trunk(line());
    open_listeners();
    const auto first = of(sent(), sip::Method::Register);
    packet(sip::make_response(first, 200, {}, "r").to_text());
    // One of many trunks' worth of keys falls to the other gate; here the weight decides.
    ports::DirectoryEntry self{kGate, RoleKind::ExternalSipGate};
    self.weight = 0;
    directory.replace({self, {kOther, RoleKind::ExternalSipGate}, {kB2b, RoleKind::B2bua}});
    gate.on_directory(now, out);
    EXPECT_EQ(*of(sent(), sip::Method::Register).header(HeaderId::Expires), "0");
    gate.on_letter(now, {kB2b, kGate, 5, ports::TrunkQuery{kDomain, kLine, "1"}}, out);
    EXPECT_TRUE(get<ports::TrunkReply>(to(kB2b).at(0).payload).ask_again);
    directory.replace({{kGate, RoleKind::ExternalSipGate}, {kB2b, RoleKind::B2bua}});
    gate.on_directory(now, out);
    EXPECT_EQ(*of(sent(), sip::Method::Register).header(HeaderId::Expires), "600");
}

TEST_F(ExternalGateTest, DrainsWhenItsRegistrationsAreTakenBack) {
    put_trunk(line());
    open_listeners();
    packet(sip::make_response(of(sent(), sip::Method::Register), 200, {}, "r").to_text());
    gate.drain(now, out);
    EXPECT_FALSE(gate.is_idle());
    const auto last = of(sent(), sip::Method::Register);
    packet(sip::make_response(last, 200, {}, "r").to_text());
    EXPECT_TRUE(gate.is_idle());
}

TEST_F(ExternalGateTest, LooksNamesUp) {
    model::Trunk named = line();
    named.proxies = {"sip.provider.test"};
    put_trunk(named);
    open_listeners();
    const auto questions = to(ports::kResolver);
    ASSERT_EQ(questions.size(), 1u);
    ports::ResolveReply found;
    found.places = {{ports::Transport::Udp, *SocketAddress::parse("192.0.2.8:5060")}};
    gate.on_letter(now, {ports::kResolver, kGate, questions[0].request, found}, out);
    EXPECT_EQ(of(sent(), sip::Method::Register).request_uri(), "sip:provider.test");
    EXPECT_EQ(last_flow.remote.text(), "192.0.2.8:5060");
    packet(invite("1001"), "192.0.2.8:5099");  // and so its calls are known
    EXPECT_EQ(to(kB2b).size(), 1u);
}

// A host would call it again and again at once.
TEST_F(ExternalGateTest, SleepsWhenNothingIsDue) {
    put_trunk(line());
    for (int i = 0; i < 50; ++i) {
        const auto next = gate.next_deadline();
        if (!next) break;
        now.mono = std::max(now.mono, *next);
        gate.on_timeout(now, out);
    }
    EXPECT_FALSE(gate.next_deadline());  // no socket is open yet
    open_listeners();
    const Instant began = now.mono;
    int steps = 0;
    for (; steps < 2000 && now.mono < began + 300s; ++steps) {
        const auto next = gate.next_deadline();
        ASSERT_TRUE(next);
        now.mono = std::max(now.mono, *next);
        gate.on_timeout(now, out);
        (void)out.take();
    }
    EXPECT_LT(steps, 1000);
}

}  // namespace
}  // namespace tandem::roles::external_sip_gate
