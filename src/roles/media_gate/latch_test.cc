#include "roles/media_gate/latch.h"

#include <gtest/gtest.h>

namespace tandem::roles::media_gate {
namespace {

SocketAddress at(const char* text) {
    return *SocketAddress::parse(text);
}

const SocketAddress kDescribed = at("10.0.0.5:4000");  // in the SDP, behind a NAT
const SocketAddress kNat = at("203.0.113.7:61000");    // as the NAT shows it
const SocketAddress kNatMoved = at("203.0.113.7:61999");
const SocketAddress kStranger = at("198.51.100.66:5555");

rtp::Header packet(uint32_t n, uint32_t ssrc = 1) {
    rtp::Header header;
    header.sequence = static_cast<uint16_t>(n);
    header.timestamp = n * 160;
    header.ssrc = ssrc;
    return header;
}

class LatchTest : public testing::Test {
 protected:
    LatchTest() { latch.vouch({kDescribed, *IpAddress::parse("203.0.113.7")}, kAudioSourcesMax); }

    bool send(Instant now, const SocketAddress& from, const rtp::Header& header,
              Proof proof = Proof::None) {
        return latch.admit(now, from, &header, proof);
    }
    // The party talks: 20 ms a packet, n = 0 .. count - 1. Returns the time of the last.
    Instant talk(uint32_t count, const SocketAddress& from = kNat) {
        for (uint32_t n = 0; n < count; ++n) EXPECT_TRUE(send(Instant{n * 20ms}, from, packet(n)));
        return Instant{(count - 1) * 20ms};
    }
    Latch latch;
};

TEST_F(LatchTest, LatchesToVouchedAddressesOnly) {
    EXPECT_EQ(latch.target(), kDescribed) << "until it is heard";
    EXPECT_FALSE(send({}, kStranger, packet(0)));
    EXPECT_FALSE(latch.locked());
    EXPECT_TRUE(send({}, kNat, packet(0)));
    EXPECT_EQ(latch.target(), kNat);
}

TEST_F(LatchTest, AStrangerNeverTakesALiveStream) {
    const Instant now = talk(10);
    EXPECT_FALSE(send(now + 5ms, kStranger, packet(10, 666)));
    EXPECT_FALSE(send(now + 5ms, kStranger, packet(10))) << "not even with the right SSRC";
    EXPECT_TRUE(send(now + 20ms, kNat, packet(10)));
    EXPECT_EQ(latch.target(), kNat);
}

TEST_F(LatchTest, AStrangerNeverTakesASilentStreamWithoutItsNumbers) {
    const Instant later = talk(10) + 10s;
    struct Case {
        const char* what;
        uint32_t sequence, timestamp, ssrc;
    };
    for (const Case& c :
         {Case{"another SSRC", 10, 1600, 2}, Case{"a number gone by", 9, 1600, 1},
          Case{"a far number", 9 + kContinuationPackets + 1, 1600, 1},
          Case{"time going back", 10, 100, 1}, Case{"time far ahead", 10, 1440 + 90 * 13'000, 1}}) {
        rtp::Header header = packet(c.sequence, c.ssrc);
        header.timestamp = c.timestamp;
        EXPECT_FALSE(send(later, kStranger, header)) << c.what;
    }
    EXPECT_EQ(latch.target(), kNat);
}

TEST_F(LatchTest, AMovedPartyIsFollowed) {
    // The NAT changed the port: same SSRC, next number, at once.
    Instant now = talk(10);
    EXPECT_TRUE(send(now + 20ms, kNatMoved, packet(10)));
    EXPECT_EQ(latch.target(), kNatMoved);
    // From Wi-Fi to the mobile network: another IP, which waits for the silence of the old one.
    now = now + 20ms;
    EXPECT_FALSE(send(now + 900ms, kStranger, packet(11)));
    EXPECT_TRUE(send(now + 1000ms, kStranger, packet(60)));
    EXPECT_EQ(latch.target(), kStranger);
}

TEST_F(LatchTest, ANewSourceAtAVouchedIpWaitsForSilence) {
    const Instant now = talk(10);
    EXPECT_FALSE(send(now + 400ms, kNatMoved, packet(7777, 2)));
    EXPECT_TRUE(send(now + 500ms, kNatMoved, packet(7777, 2)));
}

TEST_F(LatchTest, WhoWasDisplacedComesBack) {
    // A neighbour behind the same NAT uses a pause; the party's next packet takes the stream back.
    const Instant now = talk(10) + 600ms;
    ASSERT_TRUE(send(now, kNatMoved, packet(500, 666)));
    EXPECT_TRUE(send(now + 10ms, kNat, packet(40)));
    EXPECT_EQ(latch.target(), kNat);
    EXPECT_FALSE(send(now + 20ms, kNatMoved, packet(501, 667)));
    EXPECT_TRUE(send(now + 20ms, kDescribed, packet(1, 9))) << "the SDP's own address always may";
}

TEST_F(LatchTest, ASecondSourceAtTheSameAddressWaits) {
    Instant now = talk(10);
    EXPECT_FALSE(send(now + 10ms, kNat, packet(0, 2))) << "injected beside a live one";
    EXPECT_TRUE(send(now + 200ms, kNat, packet(0, 2))) << "music on hold after speech";
    now = now + 200ms;
    EXPECT_FALSE(send(now + 20ms, kNat, packet(12, 1)));
    latch.vouch(latch.vouched(), kAudioSourcesMax);  // a re-INVITE allows a change at once
    EXPECT_TRUE(send(now + 20ms, kNat, packet(12, 1)));
    EXPECT_FALSE(send(now + 30ms, kNat, packet(1, 3))) << "one change";
}

TEST_F(LatchTest, VideoHasSeveralSources) {
    latch.vouch(latch.vouched(), kVideoSourcesMax);
    for (uint32_t ssrc = 1; ssrc <= kVideoSourcesMax; ++ssrc)
        EXPECT_TRUE(send({}, kNat, packet(0, ssrc)));
    EXPECT_FALSE(send({}, kNat, packet(0, 77)));
}

TEST_F(LatchTest, SignallingUnlocks) {
    talk(10);
    const SocketAddress elsewhere = at("192.0.2.50:9000");
    latch.vouch({elsewhere, std::nullopt}, kAudioSourcesMax);
    EXPECT_EQ(latch.target(), elsewhere);
    EXPECT_FALSE(send(Instant{1s}, kNat, packet(11)));
    EXPECT_TRUE(send(Instant{1s}, elsewhere, packet(11)));
}

TEST_F(LatchTest, ProofMovesAtOnce) {
    const Instant now = talk(10);
    EXPECT_TRUE(send(now + 1ms, kStranger, packet(5), Proof::Authenticated));
    EXPECT_EQ(latch.target(), kNat) << "held back on its way: taken, but nobody moves";
    EXPECT_TRUE(send(now + 1ms, kStranger, packet(10), Proof::Authenticated));
    EXPECT_EQ(latch.target(), kStranger);
}

TEST_F(LatchTest, GoesOnAfterRestore) {
    talk(10);
    Latch restored = Latch::restore(latch.snapshot(), kAudioSourcesMax);
    EXPECT_EQ(restored.target(), kNat);
    EXPECT_EQ(restored.snapshot(), latch.snapshot());
    const rtp::Header next = packet(30);
    EXPECT_TRUE(restored.admit(Instant{5s}, kNat, &next, Proof::None));
}

}  // namespace
}  // namespace tandem::roles::media_gate
