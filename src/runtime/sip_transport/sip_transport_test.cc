#include "runtime/sip_transport/sip_transport.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <deque>

#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/stream/stream_listener.h"
#include "runtime/stream/stream_socket.h"
#include "runtime/tls/certificates.h"
#include "runtime/websocket/websocket.h"

namespace tandem::runtime {
namespace {

using ports::Transport;

constexpr Duration kPatience = 10s;
constexpr ports::Instance kGate{7};
const std::string kOptions =
    "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK1\r\nContent-Length: 4\r\n\r\nbody";

struct Phone final : StreamEvents {
    std::unique_ptr<StreamSocket> socket;
    bool opened = false;
    bool ended = false;
    std::string received;
    void on_stream_open() override { opened = true; }
    void on_stream_bytes(std::string_view bytes) override { received.append(bytes); }
    void on_stream_end(StreamEnd) override { ended = true; }
};

class SipTransportTest : public testing::Test {
 protected:
    void make(const SipTransportLimits& limits = {}) {
        const auto certificate = make_self_signed({"test", {"test"}, {}}, read_clocks().utc);
        ASSERT_TRUE(contexts_.load("default", *certificate).has_value());
        transport_ = std::make_unique<SipTransport>(
            reactor_, [this](ports::Letter letter) { letters_.push_back(std::move(letter)); },
            contexts_, read_clocks().utc, limits);
    }
    template <typename T>
    void send(T payload) {
        transport_->handle({kGate, ports::kTransport, 0, std::move(payload)});
    }
    SocketAddress open(Transport transport, const char* address = "127.0.0.1:0") {
        send(ports::ListenerOpen{++listener_, transport, *SocketAddress::parse(address), {}});
        const auto opened = next<ports::ListenerOpened>();
        EXPECT_TRUE(opened.has_value());
        // A phone must be told an address that it can reach.
        EXPECT_EQ(opened->local.empty(), !opened->address.ip.is_unspecified());
        return opened ? opened->address : SocketAddress{};
    }
    // The next letter to the gate, which must be a T.
    template <typename T>
    std::optional<T> next() {
        if (!reactor_.run_until([this] { return !letters_.empty(); }, kPatience)) {
            return std::nullopt;
        }
        ports::Letter letter = std::move(letters_.front());
        letters_.pop_front();
        EXPECT_EQ(letter.to, kGate);
        auto* payload = get_if<T>(&letter.payload);
        EXPECT_NE(payload, nullptr) << "payload " << letter.payload.index();
        return payload ? std::optional<T>(std::move(*payload)) : std::nullopt;
    }
    bool until(const std::function<bool()>& done) { return reactor_.run_until(done, kPatience); }
    void connect(Phone& phone, const SocketAddress& to, bool secure = false) {
        StreamSocket::Settings settings;
        if (secure) settings.tls = contexts_.client();
        auto made = StreamSocket::connect(reactor_, to, settings, phone);
        ASSERT_TRUE(made.has_value());
        phone.socket = std::move(*made);
    }

    Reactor reactor_;
    TlsContexts contexts_;
    std::deque<ports::Letter> letters_;
    std::unique_ptr<SipTransport> transport_;
    uint16_t listener_ = 0;
};

TEST_F(SipTransportTest, UdpInBatchesAndBack) {
    make();
    for (const char* address : {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"}) {
        SocketAddress server = open(Transport::Udp, address);
        ASSERT_NE(server.port, 0);
        if (server.ip.is_unspecified()) server.ip = *IpAddress::parse("127.0.0.1");
        const NativeAddress to(server);
        UniqueFd phone(socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(phone.get(), to.get(), to.size), 0);
        constexpr int kDatagrams = 150;  // more than two batches
        for (int i = 0; i < kDatagrams; ++i) {
            const std::string text = "M" + std::to_string(i);
            ASSERT_EQ(::send(phone.get(), text.data(), text.size(), 0), ssize_t(text.size()));
            ASSERT_EQ(::send(phone.get(), "\r\n\r\n", 4, 0), 4);  // a keep-alive is not told
        }
        for (int i = 0; i < kDatagrams; ++i) {
            auto packet = next<ports::PacketIn>();
            ASSERT_TRUE(packet.has_value());
            EXPECT_EQ(packet->bytes, "M" + std::to_string(i));
            EXPECT_EQ(packet->flow.gate, kGate);
            EXPECT_EQ(packet->flow.listener, listener_);
            EXPECT_EQ(packet->flow.remote, local_address_of(phone.get()));
            EXPECT_EQ(packet->local, server);
            send(ports::PacketOut{packet->flow, "R" + packet->bytes, {}, false});
        }
        const timeval patience{5, 0};
        setsockopt(phone.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        EXPECT_TRUE(until([turns = 0]() mutable { return ++turns > 2; }));
        for (int i = 0; i < kDatagrams; ++i) {
            char buffer[64];
            const ssize_t got = recv(phone.get(), buffer, sizeof(buffer), 0);
            ASSERT_GT(got, 0) << i;
            EXPECT_EQ(std::string(buffer, size_t(got)), "RM" + std::to_string(i));
        }
    }
}

TEST_F(SipTransportTest, AFloodOnUdpIsTakenWithoutPause) {
    make();
    const SocketAddress server = open(Transport::Udp);
    const NativeAddress to(server);
    UniqueFd phone(socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(phone.get(), to.get(), to.size), 0);
    reactor_.set_pace(300ms);
    constexpr size_t kDatagrams = 150;  // more than two batches
    for (size_t i = 0; i < kDatagrams; ++i) ASSERT_EQ(::send(phone.get(), "MESSAGE", 7, 0), 7);
    const Instant start = read_monotonic();
    EXPECT_TRUE(until([this] { return letters_.size() >= kDatagrams; }));
    EXPECT_LT(read_monotonic() - start, 550ms) << "one pause, and none between the batches";
}

TEST_F(SipTransportTest, AnswersStunOnUdp) {
    make();
    const NativeAddress to(open(Transport::Udp));
    UniqueFd phone(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(phone.get(), to.get(), to.size), 0);
    const std::string binding(
        "\0\x01\0\0\x21\x12\xa4\x42"
        "transaction!",
        20);
    ASSERT_EQ(::send(phone.get(), binding.data(), binding.size(), 0), 20);
    char buffer[256];
    ssize_t got = -1;
    EXPECT_TRUE(until([&] { return (got = recv(phone.get(), buffer, sizeof(buffer), 0)) > 0; }));
    const std::string_view answer(buffer, got > 0 ? size_t(got) : 0);
    EXPECT_TRUE(answer.starts_with("\x01\x01"));  // a success response to Binding
    EXPECT_NE(answer.find("transaction!"), std::string_view::npos);
    EXPECT_TRUE(letters_.empty());
}

TEST_F(SipTransportTest, UdpThatCannotBeSentIsTold) {
    make();
    open(Transport::Udp);
    ports::Flow flow{kGate, Transport::Udp, listener_, 0, *SocketAddress::parse("127.0.0.1:9")};
    send(ports::PacketOut{flow, std::string(70'000, 'x'), "z9hG4bKlarge", false});
    send(
        ports::PacketOut{flow, std::string(65'520, 'x'), "z9hG4bKtoo", false});  // with its headers
    flow.listener = 99;
    send(ports::PacketOut{flow, "x", "z9hG4bKnowhere", false});
    EXPECT_EQ(next<ports::PacketFailed>()->branch, "z9hG4bKnowhere");
    EXPECT_EQ(next<ports::PacketFailed>()->branch, "z9hG4bKlarge");
    EXPECT_EQ(next<ports::PacketFailed>()->branch, "z9hG4bKtoo");
}

// A port of this host that nobody listens at.
SocketAddress closed_port(const char* address) {
    const NativeAddress any(*SocketAddress::parse(address));
    UniqueFd fd(socket(any.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(fd.get(), any.get(), any.size), 0);
    return local_address_of(fd.get());
}

std::string request_with(const std::string& branch, const std::string& to = "<sip:a@b>") {
    return "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=" + branch +
           "\r\nFrom: <sip:d@e>;tag=1\r\nTo: " + to + "\r\nCall-ID: 1\r\n\r\n" +
           std::string(2'000, 'x');
}

TEST_F(SipTransportTest, AClosedPortIsTold) {
    make();
    for (const char* address : {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"}) {
        SocketAddress server = open(Transport::Udp, address);
        if (server.ip.is_unspecified()) server.ip = *IpAddress::parse("127.0.0.1");
        const SocketAddress closed =
            closed_port(server.ip.family == AddressFamily::V6 ? "[::1]:0" : "127.0.0.1:0");
        const ports::Flow flow{kGate, Transport::Udp, listener_, 0, closed};
        send(ports::PacketOut{flow, request_with("z9hG4bKfirst"), "z9hG4bKfirst", false});
        const auto failed = next<ports::PacketFailed>();
        ASSERT_TRUE(failed.has_value());
        EXPECT_EQ(failed->branch, "z9hG4bKfirst");
        EXPECT_EQ(failed->flow, flow);
        EXPECT_TRUE(failed->nobody_listens);
        // Not of what belongs to a dialog; and what was told holds up nothing that follows.
        send(ports::PacketOut{flow, request_with("z9hG4bKin", "<sip:a@b>;tag=2"), "z9hG4bKin",
                              false});
        ports::Flow to_us = flow;
        to_us.remote = server;
        for (int turn = 0; turn < 3; ++turn) {
            EXPECT_TRUE(until([turns = 0]() mutable { return ++turns > 1; }));
            send(ports::PacketOut{to_us, "MESSAGE", "z9hG4bKus", false});
        }
        for (int i = 0; i < 3; ++i) EXPECT_EQ(next<ports::PacketIn>()->bytes, "MESSAGE");
        EXPECT_TRUE(letters_.empty());
    }
}

// The error of one datagram is told by the system call that is to send others.
TEST_F(SipTransportTest, AClosedPortLosesNothingForOthers) {
    make();
    const SocketAddress server = open(Transport::Udp);
    const ports::Flow open_flow{kGate, Transport::Udp, listener_, 0, server};
    ports::Flow closed_flow = open_flow;
    closed_flow.remote = closed_port("127.0.0.1:0");
    constexpr size_t kRounds = 200;  // more than two batches
    for (size_t i = 0; i < kRounds; ++i) {
        const std::string branch = "z9hG4bK" + std::to_string(i);
        send(ports::PacketOut{closed_flow, request_with(branch), branch, false});
        send(ports::PacketOut{open_flow, "MESSAGE", "z9hG4bKus", false});
    }
    size_t arrived = 0;
    size_t failed = 0;
    while (arrived + failed < 2 * kRounds) {
        ASSERT_TRUE(until([this] { return !letters_.empty(); })) << arrived << ", " << failed;
        const ports::Letter letter = std::move(letters_.front());
        letters_.pop_front();
        arrived += holds_alternative<ports::PacketIn>(letter.payload) ? 1 : 0;
        const auto* told = get_if<ports::PacketFailed>(&letter.payload);
        if (told == nullptr) continue;
        EXPECT_TRUE(told->nobody_listens) << told->branch;
        ++failed;
    }
    EXPECT_EQ(arrived, kRounds);
}

// ICMP that says `code` of a datagram from `from` to `to`, which was never sent.
std::string forged_error(const SocketAddress& from, const SocketAddress& to, char code) {
    std::string text("\x03\0\0\0\0\0\0\0", 8);  // destination unreachable
    text[1] = code;
    text += std::string("\x45\0\0\x24\0\0\0\0\x40\x11\0\0", 12);
    for (const SocketAddress& end : {from, to})
        text.append(reinterpret_cast<const char*>(end.ip.octets.data()), 4);
    for (const SocketAddress& end : {from, to})
        text += {static_cast<char>(end.port >> 8), static_cast<char>(end.port)};
    text += std::string("\0\x10\0\0quotedxx", 12);
    uint32_t sum = 0;
    for (size_t i = 0; i < text.size(); i += 2)
        sum += static_cast<uint8_t>(text[i]) << 8 | static_cast<uint8_t>(text[i + 1]);
    sum = ~((sum & 0xffff) + (sum >> 16));
    text[2] = static_cast<char>(sum >> 8);
    text[3] = static_cast<char>(sum);
    return text;
}

// Whoever floods the socket with forged errors of any kind loses nobody's datagram, nor has it
// fail.
TEST_F(SipTransportTest, AFloodOfForgedErrorsHarmsNobody) {
    const UniqueFd raw(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
    if (!raw) GTEST_SKIP() << "raw sockets are for root";
    make();
    const SocketAddress server = open(Transport::Udp);
    const SocketAddress victim = *SocketAddress::parse("127.0.0.1:9");
    const NativeAddress to(server);
    const ports::Flow to_us{kGate, Transport::Udp, listener_, 0, server};
    for (const char code : {'\x01', '\x02', '\x03', '\x0d'}) {
        const std::string error = forged_error(server, victim, code);
        for (int turn = 0; turn < 20; ++turn) {
            for (int i = 0; i < 1'000; ++i)
                sendto(raw.get(), error.data(), error.size(), 0, to.get(), to.size);
            send(ports::PacketOut{to_us, "MESSAGE", "z9hG4bKus", false});
            ASSERT_TRUE(next<ports::PacketIn>().has_value()) << int(code) << ", turn " << turn;
        }
    }
    EXPECT_TRUE(letters_.empty());
}

TEST_F(SipTransportTest, StreamsCutMessagesAnswerPingsAndTellTheirEnd) {
    make();
    uint64_t last_serial = 0;
    for (const Transport transport : {Transport::Tcp, Transport::Tls}) {
        const SocketAddress server = open(transport);
        Phone phone;
        connect(phone, server, transport == Transport::Tls);
        phone.socket->send("\r\n\r\n" + kOptions + kOptions.substr(0, 30));
        auto first = next<ports::PacketIn>();
        ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->bytes, kOptions);
        EXPECT_EQ(first->flow.transport, transport);
        EXPECT_EQ(first->flow.remote, phone.socket->local());
        EXPECT_EQ(first->local, server);
        EXPECT_GT(first->flow.connection, last_serial);
        last_serial = first->flow.connection;
        phone.socket->send(kOptions.substr(30));
        EXPECT_EQ(next<ports::PacketIn>()->bytes, kOptions);
        send(ports::PacketOut{first->flow, "SIP/2.0 200 OK\r\n\r\n", {}, false});
        EXPECT_TRUE(until([&] { return phone.received == "\r\nSIP/2.0 200 OK\r\n\r\n"; }));
        phone.socket.reset();
        EXPECT_EQ(next<ports::FlowClosed>()->flow, first->flow);
        send(ports::PacketOut{first->flow, "x", "z9hG4bKlate", false});
        EXPECT_EQ(next<ports::PacketFailed>()->branch, "z9hG4bKlate");
        EXPECT_EQ(transport_->connections(), 0u);
    }
}

TEST_F(SipTransportTest, ConnectsOnDemandOnceAndReportsWhatCannotBeReached) {
    make();
    const SocketAddress server = open(Transport::Tcp);
    ports::Flow flow{kGate, Transport::Tcp, listener_, 0, server};
    // To our own listener: both ends come to the same gate.
    send(ports::PacketOut{flow, kOptions, "z9hG4bK1", true});
    send(ports::PacketOut{flow, kOptions, "z9hG4bK2", true});
    const auto first = next<ports::PacketIn>();
    const auto second = next<ports::PacketIn>();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->flow, second->flow);
    EXPECT_EQ(transport_->connections(), 2u);
    send(ports::ListenerClose{listener_});
    transport_->close_connections(kGate);
    EXPECT_TRUE(next<ports::FlowClosed>().has_value());
    EXPECT_TRUE(next<ports::FlowClosed>().has_value());
    send(ports::PacketOut{flow, kOptions, "z9hG4bK3", false});
    EXPECT_EQ(next<ports::PacketFailed>()->branch, "z9hG4bK3");
    send(ports::PacketOut{flow, kOptions, "z9hG4bK4", true});
    EXPECT_EQ(next<ports::PacketFailed>()->branch, "z9hG4bK4");
}

std::string upgrade(const char* protocol) {
    return std::string(
               "GET /sip HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Protocol: ") +
           protocol + "\r\n\r\n";
}

TEST_F(SipTransportTest, WebSocketCarriesSipWithItsSubprotocolOnly) {
    make();
    for (const Transport transport : {Transport::Ws, Transport::Wss}) {
        const SocketAddress server = open(transport);
        const bool secure = transport == Transport::Wss;
        Phone stranger;
        connect(stranger, server, secure);
        stranger.socket->send(upgrade("chat"));
        EXPECT_TRUE(until([&] { return stranger.ended; }));
        EXPECT_TRUE(stranger.received.starts_with("HTTP/1.1 400 "));

        Phone phone;
        connect(phone, server, secure);
        std::string bytes = upgrade("sip");
        append_masked_frame(bytes, WebSocketOpcode::Text, kOptions, 0x11223344);
        phone.socket->send(bytes);
        const auto packet = next<ports::PacketIn>();
        ASSERT_TRUE(packet.has_value());
        EXPECT_EQ(packet->bytes, kOptions);
        EXPECT_EQ(packet->flow.transport, transport);
        send(ports::PacketOut{packet->flow, "SIP/2.0 200 OK\r\n\r\n", {}, false});
        EXPECT_TRUE(until([&] { return phone.received.ends_with("OK\r\n\r\n"); }));
        EXPECT_TRUE(phone.received.starts_with("HTTP/1.1 101 "));
        // RFC 5626 3.5.1 over WebSocket, and a close in order.
        phone.received.clear();
        bytes.clear();
        append_masked_frame(bytes, WebSocketOpcode::Text, "\r\n\r\n", 1);
        append_masked_frame(bytes, WebSocketOpcode::Ping, "p", 2);
        append_masked_frame(bytes, WebSocketOpcode::Close, "\x03\xe8", 3);
        phone.socket->send(bytes);
        EXPECT_TRUE(next<ports::FlowClosed>().has_value());
        EXPECT_TRUE(until([&] { return phone.ended; }));
        std::string expected;
        append_frame(expected, WebSocketOpcode::Text, "\r\n");
        append_frame(expected, WebSocketOpcode::Pong, "p");
        append_close(expected, 1000);
        EXPECT_EQ(phone.received, expected);
    }
}

TEST_F(SipTransportTest, AdoptsWebSocketsOfOtherListenersWithItsOwnLimits) {
    SipTransportLimits limits;
    limits.write_queue_bytes_max = 1 << 16;
    limits.first_message_max = 60ms;
    make(limits);
    const SocketAddress somewhere = *SocketAddress::parse("127.0.0.1:1");
    EXPECT_FALSE(transport_->websocket_flow(somewhere, false).has_value()) << "nobody listens";
    open(Transport::Ws);
    EXPECT_FALSE(transport_->websocket_flow(somewhere, true).has_value()) << "not for WSS";
    EXPECT_FALSE(transport_->websocket_flow(*SocketAddress::parse("[::1]:1"), false).has_value());
    Phone web;  // owns the connection until it is adopted
    const auto accepted = [&](UniqueFd fd, const SocketAddress&) {
        StreamSocket::Settings roomy;
        roomy.queue_bytes_max = 64 << 20;
        web.socket = StreamSocket::accepted(reactor_, std::move(fd), roomy, web);
    };
    const auto listener =
        *StreamListener::tcp(reactor_, *SocketAddress::parse("127.0.0.1:0"), accepted);
    const auto adopted = [&](Phone& phone) {
        web = Phone();
        connect(phone, listener->address());
        phone.socket->send(upgrade("sip"));
        ASSERT_TRUE(until([&] { return !web.received.empty(); }));
        const auto flow = transport_->websocket_flow(phone.socket->local(), false);
        ASSERT_TRUE(flow.has_value());
        transport_->adopt_websocket(*flow, std::move(web.socket), web.received);
        ASSERT_TRUE(until([&] { return phone.received.starts_with("HTTP/1.1 101 "); }));
    };
    Phone phone;
    adopted(phone);
    std::string frame;
    append_masked_frame(frame, WebSocketOpcode::Text, kOptions, 0x11223344);
    phone.socket->send(frame);
    const auto packet = next<ports::PacketIn>();
    ASSERT_TRUE(packet.has_value());
    EXPECT_EQ(packet->bytes, kOptions);
    EXPECT_EQ(packet->flow.listener, listener_);
    EXPECT_EQ(packet->local, listener->address());
    // A reader that is too slow, and one who says nothing.
    phone.socket->pause();
    for (int i = 0; i < 200; ++i) {
        send(ports::PacketOut{packet->flow, std::string(60'000, 'x'), {}, false});
    }
    EXPECT_EQ(next<ports::FlowClosed>()->flow, packet->flow);
    Phone silent;
    adopted(silent);
    EXPECT_TRUE(until([&] { return silent.ended; }));
}

TEST_F(SipTransportTest, EndsSlowSilentAndBrokenPeers) {
    SipTransportLimits limits;
    limits.handshake_max = 60ms;
    limits.message_max = 60ms;
    limits.first_message_max = 60ms;
    limits.idle_max = 60ms;
    make(limits);
    const SocketAddress tcp = open(Transport::Tcp);
    const SocketAddress tls = open(Transport::Tls);
    const SocketAddress ws = open(Transport::Ws);
    const struct {
        const char* what;
        SocketAddress to;
        std::string bytes;
        size_t told;  // letters: messages, and FlowClosed for flows that were open
    } cases[] = {
        {"says nothing", tcp, "", 1},
        {"stops within a message", tcp, kOptions.substr(0, 40), 1},
        {"goes silent", tcp, kOptions, 2},
        {"is no SIP", tcp, "GET / HTTP/1.1\r\n\r\n", 1},
        {"never shakes hands", tls, "", 0},
        {"never asks for the upgrade", ws, "GET /sip", 0},
        {"sends unmasked frames", ws, upgrade("sip") + "\x81\x01x", 1},
    };
    for (const auto& [what, to, bytes, told] : cases) {
        Phone phone;
        connect(phone, to);
        if (!bytes.empty()) phone.socket->send(bytes);
        EXPECT_TRUE(until([&] { return phone.ended; })) << what;
        EXPECT_EQ(letters_.size(), told) << what;
        letters_.clear();
        EXPECT_EQ(transport_->connections(), 0u) << what;
    }
}

TEST_F(SipTransportTest, RefusesMoreConnectionsThanAllowed) {
    SipTransportLimits limits;
    limits.connections_per_address_max = 3;
    make(limits);
    const SocketAddress server = open(Transport::Tcp);
    std::vector<std::unique_ptr<Phone>> phones;
    for (int i = 0; i < 5; ++i) {
        phones.push_back(std::make_unique<Phone>());
        connect(*phones.back(), server);
    }
    const auto ended = [&] {
        return std::count_if(phones.begin(), phones.end(), [](auto& p) { return p->ended; });
    };
    EXPECT_TRUE(until([&] { return ended() == 2 && transport_->connections() == 3; }));
    phones.clear();
    EXPECT_TRUE(until([&] { return transport_->connections() == 0; }));
    Phone late;
    connect(late, server);
    EXPECT_TRUE(until([&] { return transport_->connections() == 1; }));
}

TEST_F(SipTransportTest, AGateMayHaveSoManyConnectionsAndChangeThat) {
    make();
    const SocketAddress server = open(Transport::Tcp);
    const auto allow = [&](uint32_t connections_max) {
        send(ports::ListenerOpen{
            listener_, Transport::Tcp, *SocketAddress::parse("127.0.0.1:0"), {}, connections_max});
        EXPECT_EQ(next<ports::ListenerOpened>()->address, server) << "it stays open as it is";
    };
    allow(2);
    std::vector<std::unique_ptr<Phone>> phones;
    for (int i = 0; i < 4; ++i) {
        phones.push_back(std::make_unique<Phone>());
        connect(*phones.back(), server);
    }
    const auto ended = [&] {
        return std::count_if(phones.begin(), phones.end(), [](auto& p) { return p->ended; });
    };
    EXPECT_TRUE(until([&] { return ended() == 2 && transport_->connections() == 2; }));
    allow(3);
    Phone late;
    connect(late, server);
    EXPECT_TRUE(until([&] { return transport_->connections() == 3; }));
}

// Strangers who connect over TLS and say nothing do not keep others out.
TEST_F(SipTransportTest, TheOldestHandshakeYields) {
    SipTransportLimits limits;
    limits.handshakes_max = 3;
    make(limits);
    const SocketAddress server = open(Transport::Tls);
    std::vector<std::unique_ptr<Phone>> silent;
    for (int i = 0; i < 5; ++i) {
        silent.push_back(std::make_unique<Phone>());
        connect(*silent.back(), server);
        EXPECT_TRUE(until([&] { return silent.back()->opened; }));
    }
    Phone phone;
    connect(phone, server, true);
    EXPECT_TRUE(until([&] { return phone.opened; }));
    EXPECT_TRUE(until([&] { return silent.front()->ended; }));
}

TEST_F(SipTransportTest, ABrokenStreamIsAnsweredBeforeItEnds) {
    make();
    const SocketAddress server = open(Transport::Tcp);
    Phone phone;
    connect(phone, server);
    phone.socket->send(
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n"
        "To: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: -4\r\n\r\n");
    EXPECT_TRUE(until([&] { return phone.ended; }));
    EXPECT_TRUE(phone.received.starts_with("SIP/2.0 400 ")) << phone.received;
}

TEST_F(SipTransportTest, OpensTheSameListenerOnceAndSaysWhyOneFails) {
    make();
    const ports::ListenerOpen wanted{1, Transport::Tcp, *SocketAddress::parse("127.0.0.1:0"), {}};
    send(wanted);
    const auto first = next<ports::ListenerOpened>();
    send(wanted);
    EXPECT_EQ(next<ports::ListenerOpened>()->address, first->address);
    send(ports::ListenerOpen{2, Transport::Tcp, first->address, {}});
    EXPECT_EQ(next<ports::ListenerFailed>()->error.code, ErrorCode::Conflict);
    send(ports::ListenerOpen{3, Transport::Tls, wanted.address, "no such"});
    EXPECT_EQ(next<ports::ListenerFailed>()->error.code, ErrorCode::NotFound);
    send(ports::ListenerOpen{4, Transport::Udp, *SocketAddress::parse("192.0.2.1:0"), {}});
    EXPECT_EQ(next<ports::ListenerFailed>()->number, 4);
}

}  // namespace
}  // namespace tandem::runtime
