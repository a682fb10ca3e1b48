// Packets of parties that encrypt.
#include "roles/media_gate/relay_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

TEST_F(GateTest, TranslatesBetweenSrtpAndRtp) {
    request.set[0].streams[0].from_party = key_of(1);
    request.set[0].streams[0].to_party = key_of(2, ports::SrtpSuite::AeadAes128Gcm);
    ask();
    auto alice_sends = *rtp::SrtpContext::create(rtp::SrtpSuite::AesCm128HmacSha1_80,
                                                 key_of(1).key_and_salt, rtp::SrtpUse::Send);
    auto alice_hears = *rtp::SrtpContext::create(rtp::SrtpSuite::AeadAes128Gcm, Bytes(28, 2),
                                                 rtp::SrtpUse::Receive);
    const Bytes plain = rtp_packet(1);
    Bytes secret = plain;
    secret.resize(plain.size() + rtp::kSrtpOverheadMax);
    secret.resize(alice_sends.protect(secret, plain.size()).length);

    // From an unknown address: the packet authenticates, so that is where she is.
    receive(alice(), kStranger, secret);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].bytes, plain);
    receive(alice(), kAlice, secret);
    EXPECT_EQ(sink.sent.size(), 0u) << "replayed";
    receive(alice(), kAlice, plain);
    EXPECT_EQ(sink.sent.size(), 0u) << "not encrypted";

    receive(bob(), kBob, rtp_packet(7, 3));
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, kStranger);
    Bytes heard = sink.sent[0].bytes;
    ASSERT_EQ(alice_hears.unprotect(heard).length, 172u);
    heard.resize(172);
    EXPECT_EQ(heard, rtp_packet(7, 3));

    receive(bob() + 1u, kBobRtcp, sender_report(3, 1));
    EXPECT_EQ(sink.sent.size(), 0u) << "her RTCP address is not known";
    const Bytes report = sender_report(1, 77);
    Bytes secret_report = report;
    secret_report.resize(report.size() + rtp::kSrtpOverheadMax);
    secret_report.resize(alice_sends.protect_rtcp(secret_report, report.size()).length);
    receive(alice() + 1u, kStranger, secret_report);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].bytes, report);
    EXPECT_TRUE(statistics_of(1).srtp);
    EXPECT_FALSE(statistics_of(2).srtp);
}

TEST_F(GateTest, NothingGoesInTheClearToWhoEncrypts) {
    request.set[0].streams[0].from_party = key_of(1);
    ask();
    receive(bob(), kBob, rtp_packet(7, 3));
    EXPECT_EQ(sink.sent.size(), 0u) << "she has no key of ours yet";
    receive(bob() + 1u, kBobRtcp, sender_report(3, 1));
    EXPECT_EQ(sink.sent.size(), 0u);
    request.set[0].streams[0].to_party = key_of(2);
    ask();
    receive(bob(), kBob, rtp_packet(8, 3));
    EXPECT_EQ(sink.sent.size(), 1u);
}

TEST_F(GateTest, HoldKeepsKeysAndNewKeysBegin) {
    request.set[0].streams[0].to_party = key_of(2);
    ask();
    receive(bob(), kBob, rtp_packet(65535));
    receive(bob(), kBob, rtp_packet(0));
    request.set[0].streams[0].direction = ports::MediaDirection::SendOnly;
    ask();
    EXPECT_TRUE(output.open.empty()) << "streams keep their ports";
    receive(bob(), kBob, rtp_packet(0));
    EXPECT_EQ(sink.sent.size(), 0u) << "the same index under the same key";
    request.set[0].streams[0].to_party = key_of(3);
    ask();
    receive(bob(), kBob, rtp_packet(0));
    EXPECT_EQ(sink.sent.size(), 1u);
}

TEST_F(GateTest, GoesOnAfterRestore) {
    request.set[0].streams[0].from_party = key_of(1);
    request.set[0].streams[0].to_party = key_of(2);
    ask();
    auto alice_sends = *rtp::SrtpContext::create(rtp::SrtpSuite::AesCm128HmacSha1_80,
                                                 key_of(1).key_and_salt, rtp::SrtpUse::Send);
    const auto from_alice = [&](uint16_t sequence) {
        Bytes packet = rtp_packet(sequence);
        packet.resize(172 + rtp::kSrtpOverheadMax);
        packet.resize(alice_sends.protect(packet, 172).length);
        return packet;
    };
    receive(alice(), kStranger, from_alice(65535));
    receive(alice(), kStranger, from_alice(0));
    ASSERT_EQ(sink.sent.size(), 1u);
    Gate second{gate_settings()};
    GateOutput opened;
    ASSERT_TRUE(second.restore(now, gate.snapshot(), opened).has_value());
    EXPECT_EQ(opened.open.size(), 4u);
    gate = std::move(second);
    receive(alice(), kStranger, from_alice(1));
    ASSERT_EQ(sink.sent.size(), 1u) << "roll-over counter";
    EXPECT_EQ(sink.sent[0].bytes, rtp_packet(1));
    receive(bob(), kBob, rtp_packet(3, 3));
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, kStranger) << "the latched address";
    EXPECT_FALSE(gate.restore(now, gate.snapshot(), opened).has_value()) << "ports are in use";
}

}  // namespace
}  // namespace tandem::roles::media_gate
