#include "roles/sip_gate/sip_gate.h"

#include <gtest/gtest.h>

#include "border/egress.h"
#include "border/limits.h"
#include "sip/parser.h"
#include "store/catalog.h"

namespace tandem::roles::sip_gate {
namespace {

using namespace border;  // NOLINT(google-build-using-namespace)

using ports::Flow;
using ports::RoleKind;
using ports::Transport;

constexpr ports::Instance kGate{1}, kB2b{2}, kOtherB2b{3}, kRegistrar{4};

struct GateTest : testing::Test {
    GateTest() {
        directory.replace({{kGate, RoleKind::SipGate},
                           {kB2b, RoleKind::B2bua},
                           {kRegistrar, RoleKind::Registrar}});
        GateSettings settings;
        for (const Transport transport : {Transport::Udp, Transport::Tcp}) {
            ListenerSettings listener;
            listener.number = transport == Transport::Udp ? 1 : 2;
            listener.transport = transport;
            listener.bind = *SocketAddress::parse("192.0.2.1:5060");
            listener.advertised_host = "198.51.100.7";
            listener.local_networks = {*IpNetwork::parse("192.0.2.0/24")};
            settings.listeners.push_back(listener);
        }
        ports::Outbox out;
        gate.apply(settings, out);
        EXPECT_EQ(out.letters().size(), 2u);
        for (const uint16_t number : {1, 2}) {
            gate.on_letter(
                now,
                {ports::kTransport, kGate, 0,
                 ports::ListenerOpened{number, *SocketAddress::parse("192.0.2.1:5060"), {}}},
                out);
        }
    }

    Flow flow(std::string_view remote, Transport transport = Transport::Udp) {
        const bool udp = transport == Transport::Udp;
        return {kGate, transport, static_cast<uint16_t>(udp ? 1 : 2), udp ? 0u : 77u,
                *SocketAddress::parse(remote)};
    }
    std::vector<ports::Letter> packet(std::string bytes, std::string_view from = "192.0.2.9:5060") {
        ports::Outbox out;
        ports::PacketIn in{flow(from), *SocketAddress::parse("192.0.2.1:5060"), std::move(bytes)};
        gate.on_letter(now, {ports::kTransport, kGate, 0, std::move(in)}, out);
        return out.take();
    }
    std::vector<ports::Letter> outbound(ports::SipOutbound message) {
        ports::Outbox out;
        gate.on_letter(now, {kB2b, kGate, 0, std::move(message)}, out);
        return out.take();
    }

    Now now{{1000s}, {1'790'000'000'000}};
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{7};
    ports::Surroundings around{kGate, directory, catalog, tokens, rng};
    SipGate gate{around, {3, 4}};
};

std::string request(std::string_view method, std::string_view uri = "sip:bob@acme.test",
                    std::string_view to_tag = "", std::string_view via = "192.0.2.9:5060;rport") {
    std::string text(method);
    text.append(" ").append(uri).append(" SIP/2.0\r\nVia: SIP/2.0/UDP ").append(via);
    text.append(";branch=z9hG4bKphone1\r\nMax-Forwards: 70\r\nFrom: <sip:al@acme.test>;tag=f1\r\n");
    text.append("To: <sip:bob@acme.test>");
    if (!to_tag.empty()) text.append(";tag=").append(to_tag);
    text.append("\r\nCall-ID: call-1\r\nCSeq: 1 ").append(method);
    text.append("\r\nContent-Length: 0\r\n\r\n");
    return text;
}

const ports::SipInbound* inbound_in(const std::vector<ports::Letter>& letters) {
    return letters.size() == 1 ? get_if<ports::SipInbound>(&letters[0].payload) : nullptr;
}
const ports::PacketOut* packet_in(const std::vector<ports::Letter>& letters) {
    return letters.size() == 1 ? get_if<ports::PacketOut>(&letters[0].payload) : nullptr;
}
int status_in(const std::vector<ports::Letter>& letters) {
    const auto* packet = packet_in(letters);
    if (!packet) return -1;
    const auto message = sip::parse_message(packet->bytes);
    return message && message->is_response() ? message->status() : -1;
}

TEST_F(GateTest, MarksWhereARequestCameFrom) {
    const struct {
        const char* via;
        const char* from;
        const char* marked;  // nullptr: untouched
    } cases[] = {
        {"192.0.2.9:5060", "192.0.2.9:5060", nullptr},
        {"192.0.2.9", "192.0.2.9:5060", nullptr},
        {"192.0.2.9:5060;rport", "192.0.2.9:6000", ";received=192.0.2.9;rport=6000"},
        {"10.0.0.5:5060", "192.0.2.9:6000", ";received=192.0.2.9"},
        {"phone.invalid;rport", "192.0.2.9:6000", ";received=192.0.2.9;rport=6000"},
        {"192.0.2.9;received=203.0.113.66;rport=99", "192.0.2.9:6000",
         ";received=192.0.2.9;rport=6000"},
    };
    for (const auto& each : cases) {
        const auto letters =
            packet(request("INVITE", "sip:bob@acme.test", "", each.via), each.from);
        const auto* inbound = inbound_in(letters);
        ASSERT_TRUE(inbound) << each.via;
        const std::string via(*inbound->message.header(sip::HeaderId::Via));
        if (each.marked) {
            EXPECT_TRUE(via.ends_with(each.marked)) << via;
            EXPECT_EQ(via.find("203.0.113.66"), std::string::npos);
        } else {
            EXPECT_EQ(via.find("received"), std::string::npos) << via;
        }
    }
}

TEST_F(GateTest, FindsTheReceiverByReading) {
    const std::string contact =
        "sip:" + tokens.text({ports::TokenKind::Contact, kB2b, 42}) + "@198.51.100.7";
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 43});
    const struct {
        std::string bytes;
        ports::Instance to;
        uint64_t key;
    } cases[] = {
        {request("REGISTER", "sip:acme.test"), kRegistrar, 0},
        {request("INVITE"), kB2b, 0},
        {request("CANCEL"), kB2b, 0},
        {request("BYE", contact, "whatever"), kB2b, 42},
        {request("ACK", "sip:bob@acme.test", tag), kB2b, 43},
        {request("OPTIONS", "sip:bob@acme.test"), kB2b, 0},
    };
    for (const auto& each : cases) {
        const auto letters = packet(each.bytes);
        const auto* inbound = inbound_in(letters);
        ASSERT_TRUE(inbound) << each.bytes;
        EXPECT_EQ(letters[0].to, each.to) << each.bytes;
        EXPECT_EQ(inbound->owner_key, each.key) << each.bytes;
    }
}

TEST_F(GateTest, AnOwnerThatIsGoneHasAnHeir) {
    directory.replace({{kOtherB2b, RoleKind::B2bua}});
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 43});
    const auto letters = packet(request("BYE", "sip:bob@acme.test", tag));
    const auto* inbound = inbound_in(letters);
    ASSERT_TRUE(inbound);
    EXPECT_EQ(letters[0].to, kOtherB2b);
    EXPECT_EQ(inbound->owner_key, 43u);
    EXPECT_EQ(inbound->previous_owner, kB2b);
}

TEST_F(GateTest, TheLastOneThatDrainsStillHearsOfItsCalls) {
    directory.replace({{kB2b, RoleKind::B2bua}});
    ASSERT_TRUE(inbound_in(packet(request("INVITE"))));
    directory.replace({{kB2b, RoleKind::B2bua, 0, 0}});
    const auto letters = packet(request("CANCEL"));
    ASSERT_TRUE(inbound_in(letters));
    EXPECT_EQ(letters[0].to, kB2b);
}

TEST_F(GateTest, AnswersByItselfWhatNobodyOwns) {
    EXPECT_EQ(status_in(packet(request("BYE", "sip:bob@acme.test", "stranger"))), 481);
    EXPECT_EQ(status_in(packet(request("OPTIONS", "sip:acme.test"))), 200);
    directory.mark_congested(kB2b, true);
    const auto refused = packet(request("INVITE"));
    EXPECT_EQ(status_in(refused), 503);
    EXPECT_NE(packet_in(refused)->bytes.find("Retry-After: "), std::string::npos);
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 43});
    EXPECT_TRUE(inbound_in(packet(request("BYE", "sip:bob@acme.test", tag))));
    directory.replace({});
    EXPECT_EQ(status_in(packet(request("OPTIONS", "sip:acme.test"))), 503);
}

TEST_F(GateTest, MessagesWaitForAReceiverThatIsAway) {
    const auto present = directory.entries();
    const std::vector<ports::DirectoryEntry> all(present.begin(), present.end());
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 43});
    const std::string bye = request("BYE", "sip:bob@acme.test", tag);
    directory.replace({{kGate, RoleKind::SipGate}});
    EXPECT_TRUE(packet(bye).empty());
    ASSERT_TRUE(gate.next_deadline());
    ports::Outbox out;
    gate.on_directory(now, out);
    EXPECT_TRUE(out.take().empty());
    directory.replace(all);
    gate.on_directory(now, out);
    const auto letters = out.take();
    const auto* inbound = inbound_in(letters);
    ASSERT_TRUE(inbound);
    EXPECT_EQ(letters[0].to, kB2b);
    EXPECT_EQ(inbound->owner_key, 43u);
    EXPECT_FALSE(gate.next_deadline());
}

// Another B2B is there: it keeps what comes until it has the call, or until the owner is back.
TEST_F(GateTest, AnOwnerThatIsAwayIsFollowedByItsHeir) {
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 43});
    directory.replace({{kB2b, RoleKind::B2bua, 1, 100, false}, {kOtherB2b, RoleKind::B2bua}});
    const auto letters = packet(request("BYE", "sip:bob@acme.test", tag));
    const auto* inbound = inbound_in(letters);
    ASSERT_TRUE(inbound);
    EXPECT_EQ(letters[0].to, kOtherB2b);
    EXPECT_EQ(inbound->previous_owner, kB2b);
    EXPECT_EQ(inbound->owner_key, 43u);
    EXPECT_TRUE(inbound_in(packet(request("INVITE"))));
}

TEST_F(GateTest, ARequestWhoseReceiverStaysAwayIsRefused) {
    directory.replace({{kGate, RoleKind::SipGate}});
    EXPECT_TRUE(packet(request("REGISTER", "sip:acme.test")).empty());
    now.mono = now.mono + receiver_away_max;
    ports::Outbox out;
    gate.on_timeout(now, out);
    EXPECT_EQ(status_in(out.take()), 503);
    EXPECT_FALSE(gate.next_deadline());
}

TEST_F(GateTest, ACrowdDoesNotWait) {
    directory.replace({{kGate, RoleKind::SipGate}});
    for (size_t i = 0; i < waiting_messages_max; ++i) packet(request("INVITE"));
    EXPECT_EQ(status_in(packet(request("INVITE"))), 503);
}

TEST_F(GateTest, AResponseWaitsForItsOwner) {
    const auto present = directory.entries();
    const std::vector<ports::DirectoryEntry> all(present.begin(), present.end());
    const std::string branch = tokens.text({ports::TokenKind::Branch, kB2b, 44});
    directory.replace({{kGate, RoleKind::SipGate}});
    EXPECT_TRUE(packet("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=" + branch +
                       "\r\nFrom: <sip:al@acme.test>;tag=f1\r\nTo: <sip:bob@acme.test>;tag=t\r\n"
                       "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")
                    .empty());
    directory.replace(all);
    ports::Outbox out;
    gate.on_directory(now, out);
    const auto letters = out.take();
    const auto* inbound = inbound_in(letters);
    ASSERT_TRUE(inbound);
    EXPECT_EQ(letters[0].to, kB2b);
    EXPECT_EQ(inbound->owner_key, 44u);
    EXPECT_EQ(inbound->previous_owner, ports::Instance{});
}

// B2B's answers before there is a leg (407, 482, 503) have tags that name nobody.
TEST_F(GateTest, TheAckOfAFailureFollowsItsInvite) {
    const auto letters = packet(request("ACK", "sip:bob@acme.test", "stranger"));
    ASSERT_TRUE(inbound_in(letters));
    EXPECT_EQ(letters[0].to, packet(request("INVITE"))[0].to);
}

TEST_F(GateTest, TheAckToItsOwnAnswerEndsHere) {
    directory.mark_congested(kB2b, true);
    const auto refused = packet(request("INVITE"));
    ASSERT_EQ(status_in(refused), 503);
    const auto answer = sip::parse_message(packet_in(refused)->bytes);
    const std::string tag(answer->to()->tag());
    EXPECT_EQ(packet_in(packet(request("INVITE")))->bytes.find(tag) != std::string::npos, true);
    EXPECT_TRUE(packet(request("ACK", "sip:bob@acme.test", tag)).empty());
    EXPECT_GT(gate.counters().strays, 0u);
}

TEST_F(GateTest, MalformedRequestsAreAnsweredAndCounted) {
    std::string bad = request("INVITE");
    bad.replace(bad.find("CSeq: 1"), 7, "CSeq: x");
    EXPECT_EQ(status_in(packet(bad)), 400);
    EXPECT_TRUE(packet("complete nonsense").empty());
    EXPECT_TRUE(packet("\r\n\r\n").empty());
    EXPECT_EQ(gate.counters().malformed, 2u);
}

TEST_F(GateTest, ResponsesFindTheirOwnerAndLoseOurVia) {
    const std::string branch = tokens.text({ports::TokenKind::Branch, kB2b, 99});
    std::string text =
        "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=" + branch +
        "\r\nFrom: <sip:a@b.test>;tag=1\r\nTo: <sip:c@b.test>;tag=2\r\n"
        "Call-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    const auto letters = packet(text);
    const auto* inbound = inbound_in(letters);
    ASSERT_TRUE(inbound);
    EXPECT_EQ(letters[0].to, kB2b);
    EXPECT_EQ(inbound->owner_key, 99u);
    EXPECT_FALSE(inbound->message.has(sip::HeaderId::Via));
    text.replace(text.find(branch), branch.size(), "z9hG4bKforged");
    EXPECT_TRUE(packet(text).empty());
    EXPECT_EQ(gate.counters().strays, 1u);
}

ports::SipOutbound invite_to(Flow flow, const ports::TokenMint& tokens, size_t body = 0) {
    ports::SipOutbound outbound;
    outbound.flow = flow;
    outbound.message = sip::Message::request(sip::Method::Invite, "sip:bob@192.0.2.9:5060");
    outbound.message.append(sip::HeaderId::From, "<sip:al@acme.test>;tag=1");
    outbound.message.append(sip::HeaderId::To, "<sip:bob@acme.test>");
    outbound.message.append(sip::HeaderId::CallId, "leg-2");
    outbound.message.append(sip::HeaderId::CSeq, "1 INVITE");
    outbound.message.append(sip::HeaderId::RecordRoute, "<sip:10.9.9.9;lr>");
    if (body > 0) outbound.message.set_body("application/sdp", std::string(body, 'x'));
    outbound.branch = tokens.text({ports::TokenKind::Branch, kB2b, 5});
    outbound.contact_token = tokens.text({ports::TokenKind::Contact, kB2b, 5});
    outbound.alternative_uri = "sip:bob@192.0.2.9:5060";
    return outbound;
}

TEST_F(GateTest, WritesViaAndContactOfTheBorder) {
    const struct {
        const char* remote;
        Transport transport;
        const char* via;
        const char* contact_tail;
    } cases[] = {
        {"192.0.2.9:5060", Transport::Udp,
         "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=", "@192.0.2.1:5060>"},
        {"203.0.113.9:5060", Transport::Udp,
         "SIP/2.0/UDP 198.51.100.7:5060;rport;branch=", "@198.51.100.7:5060>"},
        {"203.0.113.9:7777", Transport::Tcp,
         "SIP/2.0/TCP 198.51.100.7:5060;branch=", "@198.51.100.7:5060;transport=tcp>"},
    };
    for (const auto& each : cases) {
        const auto letters = outbound(invite_to(flow(each.remote, each.transport), tokens));
        const auto* out = packet_in(letters);
        ASSERT_TRUE(out);
        const auto message = sip::parse_message(out->bytes);
        ASSERT_TRUE(message.has_value());
        EXPECT_TRUE(message->header(sip::HeaderId::Via)->starts_with(each.via)) << out->bytes;
        EXPECT_TRUE(message->header(sip::HeaderId::Contact)->ends_with(each.contact_tail));
        EXPECT_EQ(message->count(sip::HeaderId::Via), 1u);
        EXPECT_FALSE(message->has(sip::HeaderId::RecordRoute));
        EXPECT_EQ(out->bytes.find("10.9.9.9"), std::string::npos);
        EXPECT_EQ(message->max_forwards()->value(), 70u);
    }
}

TEST_F(GateTest, LargeRequestsTryTcpAndComeBack) {
    const Flow phone = flow("192.0.2.9:5060");
    const auto first = outbound(invite_to(phone, tokens, 1400));
    const auto* over_tcp = packet_in(first);
    ASSERT_TRUE(over_tcp);
    EXPECT_EQ(over_tcp->flow.transport, Transport::Tcp);
    EXPECT_EQ(over_tcp->flow.connection, 0u);
    EXPECT_TRUE(over_tcp->may_connect);
    EXPECT_NE(over_tcp->bytes.find("SIP/2.0/TCP "), std::string::npos);
    ports::Outbox out;
    gate.on_letter(
        now, {ports::kTransport, kGate, 0, ports::PacketFailed{over_tcp->flow, over_tcp->branch}},
        out);
    const auto again = out.take();
    const auto* over_udp = packet_in(again);
    ASSERT_TRUE(over_udp);
    EXPECT_EQ(over_udp->flow, phone);
    EXPECT_NE(over_udp->bytes.find("SIP/2.0/UDP "), std::string::npos);
    // A phone behind NAT is never connected to.
    ports::SipOutbound behind = invite_to(flow("203.0.113.9:5060"), tokens, 1400);
    behind.alternative_uri = "sip:bob@10.0.0.9:5060";
    const auto direct = outbound(std::move(behind));
    ASSERT_TRUE(packet_in(direct));
    EXPECT_EQ(packet_in(direct)->flow.transport, Transport::Udp);
}

TEST_F(GateTest, AFlowThatFailedIsToldToTheOwner) {
    const auto sent = outbound(invite_to(flow("203.0.113.9:7777", Transport::Tcp), tokens));
    const auto* packet = packet_in(sent);
    ASSERT_TRUE(packet);
    EXPECT_FALSE(packet->may_connect);
    ports::Outbox out;
    gate.on_letter(
        now, {ports::kTransport, kGate, 0, ports::PacketFailed{packet->flow, packet->branch}}, out);
    ASSERT_EQ(out.letters().size(), 1u);
    EXPECT_EQ(out.letters()[0].to, kB2b);
    const auto& failed = get<ports::SipUndeliverable>(out.letters()[0].payload);
    EXPECT_EQ(failed.status, 430);
}

TEST_F(GateTest, AClosedPortIsAFlowThatFailed) {
    const auto sent = outbound(invite_to(flow("192.0.2.9:5060"), tokens));
    const auto* packet = packet_in(sent);
    ASSERT_TRUE(packet);
    const auto status_of = [&](std::string branch, bool nobody_listens) {
        ports::Outbox out;
        ports::PacketFailed failed{packet->flow, std::move(branch), nobody_listens};
        gate.on_letter(now, {ports::kTransport, kGate, 0, std::move(failed)}, out);
        const auto letters = out.take();
        return letters.empty() ? 0 : get<ports::SipUndeliverable>(letters[0].payload).status;
    };
    EXPECT_EQ(status_of(packet->branch, false), 503);
    EXPECT_EQ(status_of(packet->branch, true), 430);
    // Whoever forges an error would have to know the branch.
    std::string other = packet->branch;
    char& digit = other[other.size() - 8];
    digit = digit == 'a' ? 'b' : 'a';
    EXPECT_EQ(status_of(other, true), 0);
}

TEST_F(GateTest, AFlowOfAGateThatIsAwayGoesFromHereWhereThatIsPossible) {
    Flow elsewhere = flow("192.0.2.9:5060");
    elsewhere.gate = ports::Instance{77};
    elsewhere.listener = 9;
    const auto letters = outbound(invite_to(elsewhere, tokens));
    const auto* sent = packet_in(letters);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->flow, flow("192.0.2.9:5060")) << "from a listener of ours";
    // A connection is nobody else's.
    Flow encrypted = flow("192.0.2.9:5061", Transport::Tls);
    encrypted.gate = ports::Instance{77};
    const auto refused = outbound(invite_to(encrypted, tokens));
    ASSERT_EQ(refused.size(), 1u);
    ASSERT_TRUE(holds_alternative<ports::SipUndeliverable>(refused[0].payload));
    EXPECT_EQ(get<ports::SipUndeliverable>(refused[0].payload).status, 430);
}

TEST_F(GateTest, ResponsesGoWhereRfc3261Says) {
    const struct {
        const char* via;
        const char* source;
        Transport transport;
        const char* to;
    } cases[] = {
        {"192.0.2.9:5070", "192.0.2.9:6000", Transport::Udp, "192.0.2.9:5070"},
        {"192.0.2.9", "192.0.2.9:6000", Transport::Udp, "192.0.2.9:5060"},
        {"192.0.2.9:5070;rport=6000;received=192.0.2.9", "192.0.2.9:6000", Transport::Udp,
         "192.0.2.9:6000"},
        {"10.0.0.5:5060;received=192.0.2.9", "192.0.2.9:6000", Transport::Udp, "192.0.2.9:6000"},
        {"10.0.0.5:5062;received=192.0.2.9", "192.0.2.9:6000", Transport::Tcp, "192.0.2.9:5062"},
    };
    for (const auto& each : cases) {
        auto response = sip::Message::response(200);
        response.append(sip::HeaderId::Via,
                        "SIP/2.0/UDP " + std::string(each.via) + ";branch=z9hG4bKx");
        const Flow to = response_flow(flow(each.source, each.transport), response);
        EXPECT_EQ(to.remote.text(), each.to) << each.via;
    }
}

TEST_F(GateTest, GuessersAreBannedAndUsersAreNot) {
    const Flow guesser = flow("203.0.113.50:5060");
    const auto answer = [&](int status) {
        ports::SipOutbound outbound;
        outbound.flow = guesser;
        outbound.message = sip::Message::response(status);
        outbound.message.append(sip::HeaderId::Via,
                                "SIP/2.0/UDP 203.0.113.50:5060;branch=z9hG4bKx");
        return this->outbound(std::move(outbound));
    };
    for (int i = 0; i < 9; ++i) answer(403);
    answer(200);
    for (int i = 0; i < 9; ++i) EXPECT_EQ(answer(403).size(), 1u);
    EXPECT_TRUE(inbound_in(packet(request("INVITE"), "203.0.113.50:5060")));
    EXPECT_EQ(answer(403).size(), 2u);  // with a line for the journal
    EXPECT_TRUE(packet(request("INVITE"), "203.0.113.50:5060").empty());
    EXPECT_EQ(gate.counters().banned, 1u);
    now.mono = now.mono + 301s;
    EXPECT_TRUE(inbound_in(packet(request("INVITE"), "203.0.113.50:5060")));
}

TEST_F(GateTest, AFloodIsLimitedAtItsSource) {
    int passed = 0;
    for (int i = 0; i < 5000; ++i) {
        if (!packet(request("INVITE"), "203.0.113.51:5060").empty()) ++passed;
    }
    EXPECT_EQ(passed, 1000);  // the burst
    EXPECT_TRUE(inbound_in(packet(request("INVITE"), "203.0.113.52:5060")));
    EXPECT_TRUE(inbound_in(packet(request("INVITE"), "127.0.0.1:5060")));
}

TEST_F(GateTest, ListenersFollowTheSettings) {
    GateSettings fewer;
    ListenerSettings moved;
    moved.number = 1;
    moved.bind = *SocketAddress::parse("192.0.2.1:5080");
    fewer.listeners.push_back(moved);
    ports::Outbox out;
    gate.apply(fewer, out);
    ASSERT_EQ(out.letters().size(), 2u);
    EXPECT_EQ(get<ports::ListenerClose>(out.letters()[0].payload).number, 2);
    EXPECT_EQ(get<ports::ListenerOpen>(out.letters()[1].payload).address.port, 5080);
    (void)out.take();
    gate.apply(fewer, out);
    EXPECT_TRUE(out.empty());
}

TEST_F(GateTest, AListenerThatFailedIsTriedAgain) {
    ports::Outbox out;
    const Error busy = make_error(ErrorCode::Unavailable, "", "address in use");
    gate.on_letter(now, {ports::kTransport, kGate, 0, ports::ListenerFailed{2, busy}}, out);
    ASSERT_EQ(out.take().size(), 1u);  // a line for the journal
    ASSERT_TRUE(gate.next_deadline());
    now.mono = *gate.next_deadline();
    gate.on_timeout(now, out);
    const auto again = out.take();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(get<ports::ListenerOpen>(again[0].payload).number, 2);
    EXPECT_FALSE(gate.next_deadline());
}

TEST_F(GateTest, WhatADrainingB2bReturnsGoesToAnother) {
    directory.replace(
        {{kGate, RoleKind::SipGate}, {kB2b, RoleKind::B2bua}, {kOtherB2b, RoleKind::B2bua}});
    const auto first = packet(request("INVITE"));
    ASSERT_TRUE(inbound_in(first));
    const ports::Instance other = first[0].to == kB2b ? kOtherB2b : kB2b;
    ports::Outbox out;
    gate.on_letter(now, {first[0].to, kGate, 0, *inbound_in(first)}, out);
    ASSERT_EQ(out.letters().size(), 1u);
    EXPECT_EQ(out.letters()[0].to, other);
    EXPECT_EQ(get<ports::SipInbound>(out.letters()[0].payload).previous_owner, ports::Instance{});
}

TEST_F(GateTest, DrainingGoesOnWhileOthersServe) {
    ports::Outbox out;
    gate.drain(now, out);
    EXPECT_TRUE(gate.is_idle());
    EXPECT_TRUE(inbound_in(packet(request("INVITE")))) << "a B2B takes it";
    const std::string tag = tokens.text({ports::TokenKind::Tag, kB2b, 43});
    EXPECT_TRUE(inbound_in(packet(request("BYE", "sip:bob@acme.test", tag))));
    EXPECT_TRUE(inbound_in(packet(request("CANCEL"))));
}

}  // namespace
}  // namespace tandem::roles::sip_gate
