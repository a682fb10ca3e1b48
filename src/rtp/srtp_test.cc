#include "rtp/srtp.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/octets.h"
#include "base/rng.h"
#include "rtp/srtp_cipher.h"
#ifdef TANDEM_HAVE_SRTP2
#include <srtp2/srtp.h>
#endif

namespace tandem::rtp {
namespace {

constexpr SrtpSuite kSuites[] = {SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_32,
                                 SrtpSuite::AesCm256HmacSha1_80, SrtpSuite::AesCm256HmacSha1_32,
                                 SrtpSuite::AeadAes128Gcm,       SrtpSuite::AeadAes256Gcm};

Bytes key_for(SrtpSuite suite) {
    Bytes key(key_and_salt_bytes(suite));
    for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(7 * i + 1);
    return key;
}

SrtpContext context_of(SrtpSuite suite, SrtpUse use) {
    return std::move(*SrtpContext::create(suite, key_for(suite), use));
}

struct Packet {
    std::array<uint8_t, 512> bytes{};
    size_t length = 0;
    std::span<uint8_t> view() { return std::span(bytes).first(length); }
    Bytes copy() { return Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)); }
};

Packet rtp_packet(uint16_t sequence, uint32_t ssrc = 0xcafe, size_t payload = 160) {
    Packet packet;
    packet.bytes[0] = 0x80;
    packet.bytes[1] = 8;
    store16(&packet.bytes[2], sequence);
    store32(&packet.bytes[4], sequence * 160u);
    store32(&packet.bytes[8], ssrc);
    for (size_t i = 0; i < payload; ++i)
        packet.bytes[12 + i] = static_cast<uint8_t>(sequence * 3 + i);
    packet.length = 12 + payload;
    return packet;
}

Packet rtcp_packet(uint32_t ssrc, uint32_t salt) {
    Packet packet;
    packet.bytes[0] = 0x80;
    packet.bytes[1] = 200;
    store16(&packet.bytes[2], 6);
    store32(&packet.bytes[4], ssrc);
    for (size_t i = 8; i < 28; ++i) packet.bytes[i] = static_cast<uint8_t>(salt + i);
    packet.length = 28;
    return packet;
}

SrtpStatus protect(SrtpContext& context, Packet& packet) {
    const SrtpOutcome outcome = context.protect(packet.bytes, packet.length);
    if (outcome.status == SrtpStatus::Ok) packet.length = outcome.length;
    return outcome.status;
}

SrtpStatus unprotect(SrtpContext& context, Packet& packet) {
    const SrtpOutcome outcome = context.unprotect(packet.view());
    if (outcome.status == SrtpStatus::Ok) packet.length = outcome.length;
    return outcome.status;
}

TEST(SrtpCipher, Rfc3711B2Keystream) {
    SessionKeys keys;
    const Bytes key = *hex_decode("2B7E151628AED2A6ABF7158809CF4F3C");
    const Bytes salt = *hex_decode("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    std::memcpy(keys.encryption.data(), key.data(), key.size());
    std::memcpy(keys.salt.data(), salt.data(), salt.size());
    SrtpCipher cipher(SrtpSuite::AesCm128HmacSha1_80, keys, SrtpUse::Send);
    Bytes stream(48);
    cipher.xor_keystream(cipher.vector_for(0, 0), stream);
    EXPECT_EQ(hex_encode(stream),
              "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab"
              "41e95b3bb0a2e8dd477901e4fca894c0");
}

TEST(SrtpCipher, Rfc3711B3KeyDerivation) {
    const Bytes master =
        *hex_decode("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
    const SessionKeys keys =
        derive_session_keys(SrtpSuite::AesCm128HmacSha1_80, master, KeySet::Rtp);
    EXPECT_EQ(hex_encode(BytesView(keys.encryption).first(16)), "c61e7a93744f39ee10734afe3ff7a087");
    EXPECT_EQ(hex_encode(keys.salt), "30cbbc08863d8c85d49db34a9ae1");
    EXPECT_EQ(hex_encode(keys.authentication), "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
}

TEST(SrtpCipher, Rfc7714Section16Gcm128) {
    SessionKeys keys;
    for (uint8_t i = 0; i < 16; ++i) keys.encryption[i] = i;
    const Bytes salt = *hex_decode("517569642070726f2071756f");
    std::memcpy(keys.salt.data(), salt.data(), salt.size());
    SrtpCipher cipher(SrtpSuite::AeadAes128Gcm, keys, SrtpUse::Send);
    Bytes packet = *hex_decode(
        "8040f17b8041f8d35501a0b2"
        "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573");
    packet.resize(packet.size() + 16);
    const auto vector = cipher.vector_for(0x5501a0b2, 0xf17b);
    EXPECT_EQ(hex_encode(BytesView(vector).first(12)), "51753c6580c2726f20718414");
    cipher.seal(vector, BytesView(packet).first(12), std::span(packet).subspan(12, 38),
                &packet[12 + 38]);
    EXPECT_EQ(hex_encode(packet),
              "8040f17b8041f8d35501a0b2"
              "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
              "899d7f27beb16a9152cf765ee4390cce");
}

TEST(Srtp, RoundTripThroughRolloverLossAndReordering) {
    for (const SrtpSuite suite : kSuites) {
        SrtpContext send = context_of(suite, SrtpUse::Send);
        SrtpContext receive = context_of(suite, SrtpUse::Receive);
        std::vector<std::pair<Packet, Bytes>> sent;
        for (uint32_t n = 65500; n < 65700; ++n) {
            Packet packet = rtp_packet(static_cast<uint16_t>(n));
            const Bytes plain = packet.copy();
            ASSERT_EQ(protect(send, packet), SrtpStatus::Ok);
            ASSERT_NE(packet.copy(), plain);
            if (n % 7 != 0) sent.emplace_back(packet, plain);
        }
        for (size_t i = 0; i + 1 < sent.size(); i += 2) std::swap(sent[i], sent[i + 1]);
        for (auto& [packet, plain] : sent) {
            Packet again = packet;
            ASSERT_EQ(unprotect(receive, packet), SrtpStatus::Ok) << sdes_name(suite);
            ASSERT_EQ(packet.copy(), plain);
            ASSERT_EQ(unprotect(receive, again), SrtpStatus::Replayed);
        }
    }
}

TEST(Srtp, AReceiverFindsTheRolloverCounterOfItsFirstSource) {
    for (const SrtpSuite suite : kSuites) {
        SrtpContext sender = context_of(suite, SrtpUse::Send);
        for (uint32_t sequence = 0; sequence < 3 * 65536; sequence += 16384) {
            Packet packet = rtp_packet(static_cast<uint16_t>(sequence));
            ASSERT_EQ(sender.protect(packet.bytes, packet.length).status, SrtpStatus::Ok);
        }
        SrtpContext late = context_of(suite, SrtpUse::Receive);
        for (uint16_t sequence = 49153; sequence < 49160; ++sequence) {
            Packet packet = rtp_packet(sequence);
            const Bytes plain = packet.copy();
            packet.length = sender.protect(packet.bytes, packet.length).length;
            const SrtpOutcome opened = late.unprotect(packet.view());
            ASSERT_EQ(opened.status, SrtpStatus::Ok) << sdes_name(suite);
            packet.length = opened.length;
            EXPECT_EQ(packet.copy(), plain);
        }
        // Another source of the same party begins anew, and is not searched for.
        Packet other = rtp_packet(7, 0xbeef);
        other.length = sender.protect(other.bytes, other.length).length;
        EXPECT_EQ(late.unprotect(other.view()).status, SrtpStatus::Ok);
    }
}

TEST(Srtp, ForgeriesDoNotMakeItSearchForever) {
    SrtpContext sender = context_of(SrtpSuite::AesCm128HmacSha1_80, SrtpUse::Send);
    SrtpContext receiver = context_of(SrtpSuite::AesCm128HmacSha1_80, SrtpUse::Receive);
    for (uint16_t i = 0; i < 2 * kRolloverSearchesMax; ++i) {
        Packet forged = rtp_packet(i);
        forged.length += 10;
        EXPECT_EQ(receiver.unprotect(forged.view()).status, SrtpStatus::BadTag);
    }
    Packet packet = rtp_packet(5);
    packet.length = sender.protect(packet.bytes, packet.length).length;
    EXPECT_EQ(receiver.unprotect(packet.view()).status, SrtpStatus::Ok);
}

TEST(Srtp, RefusesForgeriesAndStaysUsable) {
    for (const SrtpSuite suite : kSuites) {
        SrtpContext send = context_of(suite, SrtpUse::Send);
        SrtpContext receive = context_of(suite, SrtpUse::Receive);
        Packet good = rtp_packet(100);
        ASSERT_EQ(protect(send, good), SrtpStatus::Ok);
        for (const size_t at : {size_t{1}, size_t{4}, size_t{9}, size_t{40}, good.length - 1}) {
            Packet bad = good;
            bad.bytes[at] ^= 1;
            EXPECT_EQ(unprotect(receive, bad), SrtpStatus::BadTag) << at;
        }
        Packet jump = good;  // a forged far sequence number must not move the window
        store16(&jump.bytes[2], 20000);
        EXPECT_EQ(unprotect(receive, jump), SrtpStatus::BadTag);
        Packet cut = good;
        cut.length = 15;
        EXPECT_EQ(unprotect(receive, cut), SrtpStatus::Malformed);
        EXPECT_EQ(unprotect(receive, good), SrtpStatus::Ok);
    }
}

TEST(Srtp, ASenderNeverRepeatsItsKeystream) {
    SrtpContext send = context_of(SrtpSuite::AesCm128HmacSha1_80, SrtpUse::Send);
    Packet first = rtp_packet(5), again = rtp_packet(5);
    EXPECT_EQ(protect(send, first), SrtpStatus::Ok);
    EXPECT_EQ(protect(send, again), SrtpStatus::Replayed);
    for (uint32_t ssrc = 1; ssrc < kSrtpSourcesMax; ++ssrc) {
        Packet packet = rtp_packet(5, ssrc);
        EXPECT_EQ(protect(send, packet), SrtpStatus::Ok);
    }
    Packet one_more = rtp_packet(5, 1000);
    EXPECT_EQ(protect(send, one_more), SrtpStatus::TooManySources);
    Packet tight = rtp_packet(6);
    EXPECT_EQ(send.protect(tight.view(), tight.length).status, SrtpStatus::NoRoom);
}

TEST(Srtp, AReceiverForgetsTheOldestSource) {
    SrtpContext receive = context_of(SrtpSuite::AeadAes128Gcm, SrtpUse::Receive);
    for (uint32_t ssrc = 0; ssrc < 3 * kSrtpSourcesMax; ++ssrc) {
        SrtpContext send = context_of(SrtpSuite::AeadAes128Gcm, SrtpUse::Send);
        Packet packet = rtp_packet(5, ssrc);
        ASSERT_EQ(protect(send, packet), SrtpStatus::Ok);
        EXPECT_EQ(unprotect(receive, packet), SrtpStatus::Ok);
    }
    EXPECT_EQ(receive.snapshot().sources.size(), kSrtpSourcesMax);
}

TEST(Srtp, RtcpRoundTripAndReplay) {
    for (const SrtpSuite suite : kSuites) {
        SrtpContext send = context_of(suite, SrtpUse::Send);
        SrtpContext receive = context_of(suite, SrtpUse::Receive);
        for (uint32_t n = 0; n < 5; ++n) {
            Packet packet = rtcp_packet(77, n);
            const Bytes plain = packet.copy();
            packet.length = send.protect_rtcp(packet.bytes, packet.length).length;
            ASSERT_GT(packet.length, plain.size());
            Packet again = packet, bad = packet;
            bad.bytes[12] ^= 1;
            EXPECT_EQ(receive.unprotect_rtcp(bad.view()).status, SrtpStatus::BadTag);
            const SrtpOutcome outcome = receive.unprotect_rtcp(packet.view());
            ASSERT_EQ(outcome.status, SrtpStatus::Ok);
            packet.length = outcome.length;
            EXPECT_EQ(packet.copy(), plain);
            EXPECT_EQ(receive.unprotect_rtcp(again.view()).status, SrtpStatus::Replayed);
        }
    }
}

TEST(Srtp, RestoredContextsGoOn) {
    for (const SrtpSuite suite : kSuites) {
        SrtpContext send = context_of(suite, SrtpUse::Send);
        SrtpContext receive = context_of(suite, SrtpUse::Receive);
        const auto pass = [&](uint16_t sequence) {
            Packet packet = rtp_packet(sequence);
            EXPECT_EQ(protect(send, packet), SrtpStatus::Ok);
            EXPECT_EQ(unprotect(receive, packet), SrtpStatus::Ok) << sequence;
            return packet;
        };
        pass(65535);
        pass(0);  // ROC 1
        Packet report = rtcp_packet(1, 1);
        report.length = send.protect_rtcp(report.bytes, report.length).length;
        EXPECT_EQ(receive.unprotect_rtcp(report.view()).status, SrtpStatus::Ok);
        send = std::move(*SrtpContext::restore(send.snapshot()));
        receive = std::move(*SrtpContext::restore(receive.snapshot()));
        pass(1);
        Packet repeated = rtp_packet(0);
        EXPECT_EQ(protect(send, repeated), SrtpStatus::Replayed);
        Packet second = rtcp_packet(1, 1);
        second.length = send.protect_rtcp(second.bytes, second.length).length;
        EXPECT_EQ(receive.unprotect_rtcp(second.view()).status, SrtpStatus::Ok);
    }
    SrtpSnapshot broken;
    EXPECT_FALSE(SrtpContext::restore(broken).has_value());
}

TEST(ReplayWindow, KeepsTheLast128) {
    ReplayWindow window;
    for (const uint64_t index : {1000u, 1003u, 1100u, 1099u}) {
        EXPECT_TRUE(window.is_fresh(index));
        window.commit(index);
        EXPECT_FALSE(window.is_fresh(index));
    }
    EXPECT_TRUE(window.is_fresh(1001));
    EXPECT_FALSE(window.is_fresh(1003));
    EXPECT_FALSE(window.is_fresh(1100 - 128)) << "too old";
    EXPECT_TRUE(window.is_fresh(1100 - 127));
    window.commit(1164);  // 64 further
    EXPECT_FALSE(window.is_fresh(1100));
    EXPECT_FALSE(window.is_fresh(1099));
    EXPECT_TRUE(window.is_fresh(1101));
    window.commit(5000);
    EXPECT_TRUE(window.is_fresh(4999));
    EXPECT_FALSE(window.is_fresh(1164));
}

TEST(Srtp, SdesNames) {
    for (const SrtpSuite suite : kSuites) EXPECT_EQ(suite_from_sdes(sdes_name(suite)), suite);
    EXPECT_EQ(suite_from_sdes("F8_128_HMAC_SHA1_80"), std::nullopt);
    EXPECT_FALSE(SrtpContext::create(kSuites[0], Bytes(29), SrtpUse::Send).has_value());
}

#ifdef TANDEM_HAVE_SRTP2

// A session of libsrtp2 with the same key.
class Peer {
 public:
    Peer(SrtpSuite suite, srtp_ssrc_type_t direction) : key_(key_for(suite)) {
        static const srtp_err_status_t started = srtp_init();
        EXPECT_EQ(started, srtp_err_status_ok);
        srtp_policy_t policy;
        std::memset(&policy, 0, sizeof policy);
        set_suite(suite, policy);
        policy.ssrc.type = direction;
        policy.key = key_.data();
        policy.window_size = 128;
        EXPECT_EQ(srtp_create(&session_, &policy), srtp_err_status_ok);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() { srtp_dealloc(session_); }
    srtp_t session() const { return session_; }

 private:
    static void set_suite(SrtpSuite suite, srtp_policy_t& policy) {
        switch (suite) {
            case SrtpSuite::AesCm128HmacSha1_80:
                srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
                srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
                return;
            case SrtpSuite::AesCm128HmacSha1_32:
                srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
                srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
                return;
            case SrtpSuite::AesCm256HmacSha1_80:
                srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
                srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
                return;
            case SrtpSuite::AesCm256HmacSha1_32:
                srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
                srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
                return;
            case SrtpSuite::AeadAes128Gcm:
                srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
                srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
                return;
            case SrtpSuite::AeadAes256Gcm:
                srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
                srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
                return;
        }
    }
    Bytes key_;
    srtp_t session_ = nullptr;
};

// Headers with CSRCs, extensions and padding, sizes from nothing to a full frame.
Packet varied_packet(uint16_t sequence, SeededRng& rng) {
    Packet packet = rtp_packet(sequence, static_cast<uint32_t>(1 + rng.below(3)), rng.below(300));
    const auto csrcs = static_cast<uint8_t>(rng.below(3));
    packet.bytes[0] |= csrcs;
    packet.length = std::max<size_t>(packet.length, 12 + 4u * csrcs + 8);
    if (rng.below(3) == 0) {
        packet.bytes[0] |= 0x10;
        store16(&packet.bytes[12 + 4u * csrcs + 2], 1);
    }
    return packet;
}

TEST(SrtpAgainstLibsrtp, RtpIsEqualPacketByPacket) {
    for (const SrtpSuite suite : kSuites) {
        SeededRng rng(4711);
        SrtpContext send = context_of(suite, SrtpUse::Send);
        SrtpContext receive = context_of(suite, SrtpUse::Receive);
        Peer peer_send(suite, ssrc_any_outbound), peer_receive(suite, ssrc_any_inbound);
        for (uint32_t n = 65000; n < 66500; ++n) {
            Packet ours = varied_packet(static_cast<uint16_t>(n), rng);
            Packet theirs = ours;
            const Bytes plain = ours.copy();
            ASSERT_EQ(protect(send, ours), SrtpStatus::Ok);
            int length = static_cast<int>(theirs.length);
            ASSERT_EQ(srtp_protect(peer_send.session(), theirs.bytes.data(), &length),
                      srtp_err_status_ok);
            theirs.length = static_cast<size_t>(length);
            ASSERT_EQ(ours.copy(), theirs.copy()) << sdes_name(suite) << " " << n;
            ASSERT_EQ(unprotect(receive, theirs), SrtpStatus::Ok);
            ASSERT_EQ(theirs.copy(), plain);
            length = static_cast<int>(ours.length);
            ASSERT_EQ(srtp_unprotect(peer_receive.session(), ours.bytes.data(), &length),
                      srtp_err_status_ok);
            ours.length = static_cast<size_t>(length);
            ASSERT_EQ(ours.copy(), plain);
        }
    }
}

TEST(SrtpAgainstLibsrtp, RtcpIsEqualPacketByPacket) {
    for (const SrtpSuite suite : kSuites) {
        SrtpContext send = context_of(suite, SrtpUse::Send);
        SrtpContext receive = context_of(suite, SrtpUse::Receive);
        Peer peer_send(suite, ssrc_any_outbound), peer_receive(suite, ssrc_any_inbound);
        for (uint32_t n = 0; n < 300; ++n) {
            Packet ours = rtcp_packet(1 + n % 2, n);
            Packet theirs = ours;
            const Bytes plain = ours.copy();
            ours.length = send.protect_rtcp(ours.bytes, ours.length).length;
            int length = static_cast<int>(theirs.length);
            ASSERT_EQ(srtp_protect_rtcp(peer_send.session(), theirs.bytes.data(), &length),
                      srtp_err_status_ok);
            theirs.length = static_cast<size_t>(length);
            ASSERT_EQ(ours.copy(), theirs.copy()) << sdes_name(suite);
            const SrtpOutcome outcome = receive.unprotect_rtcp(theirs.view());
            ASSERT_EQ(outcome.status, SrtpStatus::Ok);
            theirs.length = outcome.length;
            ASSERT_EQ(theirs.copy(), plain);
            length = static_cast<int>(ours.length);
            ASSERT_EQ(srtp_unprotect_rtcp(peer_receive.session(), ours.bytes.data(), &length),
                      srtp_err_status_ok);
        }
    }
}

#endif

}  // namespace
}  // namespace tandem::rtp
