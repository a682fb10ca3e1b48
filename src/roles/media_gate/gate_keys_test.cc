// Keys that parties press: who hears of them, and that packets pass as ever.
#include <gtest/gtest.h>

#include <string>

#include "roles/media_gate/gate.h"
#include "rtp/packet.h"

extern size_t counted_allocations;  // counted_allocations_test.cc

namespace tandem::roles::media_gate {
namespace {

constexpr ports::Instance kOwner{7};
const SocketAddress kAlice = *SocketAddress::parse("192.0.2.10:4000");
const SocketAddress kBob = *SocketAddress::parse("192.0.2.20:5000");

class CountingSink final : public ports::PacketSink {
 public:
    void send(uint32_t, const SocketAddress&, std::span<const uint8_t>) override { ++sent; }
    size_t sent = 0;
};

class Keys : public testing::Test {
 protected:
    Keys() : gate(settings()) {
        request.context.bits = {1, 2};
        request.set = {party(1, kAlice), party(2, kBob)};
        request.joined = {{1, 2}};
    }
    static GateSettings settings() {
        GateSettings settings;
        settings.v4 =
            AddressPlan{*IpAddress::parse("0.0.0.0"), *IpAddress::parse("203.0.113.1"), {}};
        settings.port_min = 30000;
        settings.port_max = 30015;
        return settings;
    }
    static ports::TerminationSettings party(uint32_t id, const SocketAddress& rtp) {
        ports::TerminationSettings settings;
        settings.termination = id;
        settings.signalling_source = rtp.ip;
        auto& stream = settings.streams.emplace_back();
        stream.remote_rtp = rtp;
        stream.telephone_event_type = 101;
        return settings;
    }
    void ask() {
        GateOutput output;
        ASSERT_FALSE(gate.on_request(now, kOwner, request, output).error.has_value());
    }
    // Three packets while it is pressed, three of its end.
    void press(uint32_t port, const SocketAddress& from, char key, uint8_t type = 101) {
        for (int i = 0; i < 6; ++i) {
            std::array<uint8_t, 2048> buffer{};
            rtp::Header header;
            header.payload_type = type;
            header.sequence = ++sequence;
            header.timestamp = timestamp;
            header.ssrc = 77;
            rtp::write_header(header, buffer);
            const auto event = rtp::dtmf_event(key).value_or(99);
            const auto duration = static_cast<uint16_t>(160 * std::min(i + 1, 4));
            rtp::write_telephone_event({event, i > 2, 10, duration},
                                       std::span<uint8_t, 4>(buffer.data() + 12, 4));
            gate.on_packet({now, port, from, buffer, 16}, sink);
        }
        timestamp += 1600;
    }
    std::string told() {
        GateOutput output;
        gate.tell_news(output);
        std::string keys;
        for (const auto& [owner, event] : output.events) {
            EXPECT_EQ(owner, kOwner);
            EXPECT_EQ(event.kind, ports::MediaEvent::Kind::Key);
            EXPECT_EQ(event.context, request.context);
            keys += std::to_string(event.termination) + static_cast<char>(event.key) + " ";
        }
        return keys;
    }

    Instant now{1000s};
    Gate gate;
    ports::MediaRequest request;
    CountingSink sink;
    uint16_t sequence = 0;
    uint32_t timestamp = 16000;
};

TEST_F(Keys, TheOwnerIsToldOfThoseThatItWants) {
    request.set[1].reports_keys = true;
    ask();
    press(30002, kBob, '*');
    press(30002, kBob, '2');
    press(30000, kAlice, '5');  // nobody has asked for hers
    EXPECT_TRUE(gate.has_news());
    EXPECT_EQ(told(), "2* 22 ");
    EXPECT_FALSE(gate.has_news());
    EXPECT_EQ(sink.sent, 18u) << "they pass all the same";
}

TEST_F(Keys, NobodyIsToldWhereNobodyAsks) {
    ask();
    press(30002, kBob, '*');
    EXPECT_FALSE(gate.has_news());
    request.set[1].reports_keys = true;
    ask();
    press(30002, kBob, '#');
    EXPECT_EQ(told(), "2# ");
    request.set[1].reports_keys = false;
    ask();
    press(30002, kBob, '#');
    EXPECT_FALSE(gate.has_news());
}

TEST_F(Keys, SoundIsNoKeyNorIsAnUnknownEvent) {
    request.set[1].reports_keys = true;
    ask();
    press(30002, kBob, '1', 8);
    press(30002, kBob, '?');
    EXPECT_FALSE(gate.has_news());
}

TEST_F(Keys, OfAContextThatHasEndedNothingIsTold) {
    request.set[1].reports_keys = true;
    ask();
    press(30002, kBob, '1');
    request.set.clear();
    request.close = true;
    ask();
    EXPECT_EQ(told(), "");
}

TEST_F(Keys, AFloodIsBoundedAndNothingIsAllocated) {
    request.set[1].reports_keys = true;
    ask();
    press(30002, kBob, '1');
    const size_t before = counted_allocations;
    for (size_t i = 0; i < 100; ++i) press(30002, kBob, '1');
    EXPECT_EQ(counted_allocations - before, 0u);
    EXPECT_EQ(told().size(), 3 * kKeysPerSecondMax);
    now = now + 1s;
    press(30002, kBob, '2');
    EXPECT_EQ(told(), "22 ");
}

}  // namespace
}  // namespace tandem::roles::media_gate
