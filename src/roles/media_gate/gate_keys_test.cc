// Keys that parties press: who hears of them, and that packets pass as ever.
#include "roles/media_gate/gate_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

class Keys : public TwoParties {
 protected:
    Keys() {
        for (auto& each : request.set) each.streams[0].telephone_event_type = 101;
        sink.only_counts = true;
    }
    void ask() { ASSERT_FALSE(TwoParties::ask().error.has_value()); }
    // Three packets while it is pressed, three of its end.
    void press(uint32_t port, const SocketAddress& from, char key, uint8_t type = 101) {
        for (int i = 0; i < 6; ++i) {
            rtp::Header header;
            header.payload_type = type;
            header.sequence = ++sequence;
            header.timestamp = timestamp;
            const auto event = rtp::dtmf_event(key).value_or(99);
            const auto duration = static_cast<uint16_t>(160 * std::min(i + 1, 4));
            std::array<uint8_t, 4> payload{};
            rtp::write_telephone_event({event, i > 2, 10, duration}, payload);
            send(port, from, header, payload);
        }
        timestamp += 1600;
    }
    std::string told() {
        output = {};
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
    EXPECT_EQ(sink.count, 18u) << "they pass all the same";
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
