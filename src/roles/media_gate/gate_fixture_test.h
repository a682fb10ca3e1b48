// A media gate, two parties that it joins, and what it sends them.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "roles/media_gate/gate.h"
#include "rtp/packet.h"

extern size_t counted_allocations;  // counted_allocations_test.cc

namespace tandem::roles::media_gate {

inline SocketAddress at(const char* text) {
    return *SocketAddress::parse(text);
}

inline const SocketAddress kAlice = at("192.0.2.10:4000");
inline const SocketAddress kBob = at("192.0.2.20:5000");
inline constexpr ports::Instance kOwner{7};

inline ports::SrtpKey key_of(uint8_t seed,
                             ports::SrtpSuite suite = ports::SrtpSuite::AesCm128HmacSha1_80) {
    return {suite, Bytes(rtp::key_and_salt_bytes(*suite_of(suite)), seed)};
}

inline ports::TerminationSettings party(uint32_t id, const SocketAddress& rtp) {
    ports::TerminationSettings settings;
    settings.termination = id;
    settings.signalling_source = rtp.ip;
    ports::StreamSettings& stream = settings.streams.emplace_back();
    stream.remote_rtp = rtp;
    stream.remote_rtcp = SocketAddress{rtp.ip, static_cast<uint16_t>(rtp.port + 1)};
    return settings;
}

inline GateSettings gate_settings() {
    GateSettings settings;
    const IpAddress ip = *IpAddress::parse("203.0.113.1");
    settings.v4 = AddressPlan{*IpAddress::parse("0.0.0.0"), ip, {}};
    settings.port_min = 30000;
    settings.port_max = 30015;
    settings.seed = 42;
    return settings;
}

struct Sent {
    uint32_t port = 0;
    SocketAddress to;
    Bytes bytes;
    rtp::Header header() const { return rtp::parse_header(bytes).value_or(rtp::Header{}); }
};

// What the gate sends. One that only counts allocates nothing.
class Sink final : public ports::PacketSink {
 public:
    void send(uint32_t port, const SocketAddress& to, std::span<const uint8_t> packet) override {
        ++count;
        if (!only_counts) sent.push_back({port, to, Bytes(packet.begin(), packet.end())});
    }
    void clear() {
        sent.clear();
        count = 0;
    }
    std::vector<Sent> sent;
    size_t count = 0;
    bool only_counts = false;
};

// Alice, who sends to port 30000, and bob, who sends to port 30002, hear each other.
class TwoParties : public testing::Test {
 protected:
    TwoParties() {
        request.context.bits = {1, 2};
        request.set = {party(1, kAlice), party(2, kBob)};
        request.joined = {{1, 2}};
    }
    // The request; what it causes is in `output`.
    ports::MediaReply ask() {
        output = {};
        return gate.on_request(now, kOwner, request, output);
    }
    // A packet of one source of theirs: `payload` follows the header.
    void send(uint32_t port, const SocketAddress& from, rtp::Header header,
              std::span<const uint8_t> payload) {
        header.ssrc = 77;
        rtp::write_header(header, buffer);
        std::ranges::copy(payload, buffer.begin() + 12);
        gate.on_packet({now, port, from, buffer, 12 + payload.size()}, sink);
    }

    Instant now{100s};
    Gate gate{gate_settings()};
    ports::MediaRequest request;
    GateOutput output;
    Sink sink;
    std::array<uint8_t, 2048> buffer{};
};

}  // namespace tandem::roles::media_gate
