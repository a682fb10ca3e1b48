#include "call/party_media.h"

#include <gtest/gtest.h>

namespace tandem::call {
namespace {

sdp::Session parsed(std::string text) {
    auto session = sdp::parse("v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\n" +
                              std::move(text));
    EXPECT_TRUE(session.has_value());
    return session ? std::move(*session) : sdp::Session{};
}

constexpr const char* kPlain = "m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n";
constexpr const char* kKey = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
std::string secure(std::string_view suite = "AES_CM_128_HMAC_SHA1_80", uint32_t tag = 2) {
    return "m=audio 4000 RTP/SAVP 8\na=crypto:" + std::to_string(tag) + " " + std::string(suite) +
           " inline:" + kKey + "\n";
}

PartyMedia party(uint32_t termination, MediaProfile profile = MediaProfile::Rtp) {
    const IpAddress ip = *IpAddress::parse("198.51.100.1");
    PartyMedia media(termination, AddressFamily::V4, ip, profile);
    const auto port = static_cast<uint16_t>(30000 + termination * 10);
    media.set_local({{{ip, port}, {ip, static_cast<uint16_t>(port + 1)}}});
    return media;
}

TEST(PartyMedia, LearnsWhereAPartyIsAndWhatItSends) {
    PartyMedia media = party(1);
    ASSERT_TRUE(media.learn(parsed(std::string(kPlain) + "a=sendonly\n"), SdpRole::Offer,
                            SrtpPolicy::Optional));
    const auto settings = media.settings();
    ASSERT_EQ(settings.streams.size(), 1u);
    EXPECT_EQ(settings.streams[0].remote_rtp->text(), "192.0.2.7:4000");
    EXPECT_EQ(settings.streams[0].direction, ports::MediaDirection::SendOnly);
    EXPECT_EQ(settings.streams[0].telephone_event_type, 101);
}

TEST(PartyMedia, ProfilesFollowThePolicy) {
    struct Case {
        std::string offer;
        SrtpPolicy policy;
        bool fits;
    };
    const Case cases[] = {
        {kPlain, SrtpPolicy::Off, true},
        {kPlain, SrtpPolicy::Required, false},
        {secure(), SrtpPolicy::Off, false},
        {secure(), SrtpPolicy::Required, true},
        {secure(), SrtpPolicy::Optional, true},
        {secure("NOT_A_SUITE"), SrtpPolicy::Optional, false},
        {"m=audio 4000 UDP/TLS/RTP/SAVPF 8\n", SrtpPolicy::Optional, false},
        {"m=audio 0 RTP/SAVP 8\n", SrtpPolicy::Off, true},
    };
    for (const Case& c : cases) {
        PartyMedia media = party(1);
        EXPECT_EQ(media.learn(parsed(c.offer), SdpRole::Offer, c.policy), c.fits) << c.offer;
    }
}

// Alice speaks SRTP, Bob does not; then the other way round.
TEST(PartyMedia, EachSideHasItsOwnKeys) {
    SeededRng rng(1);
    PartyMedia alice = party(1);
    PartyMedia bob = party(2);
    const sdp::Session offer = parsed(secure());
    ASSERT_TRUE(alice.learn(offer, SdpRole::Offer, SrtpPolicy::Optional));
    bob.prepare(offer);
    const sdp::Session to_bob = bob.describe(offer, SdpRole::Offer, rng);
    EXPECT_EQ(to_bob.media.at(0).protocol, sdp::Protocol::RtpAvp);
    EXPECT_TRUE(to_bob.media[0].cryptos.empty());
    const sdp::Session answer = parsed(kPlain);
    ASSERT_TRUE(bob.learn(answer, SdpRole::Answer, SrtpPolicy::Optional));
    const sdp::Session to_alice = alice.describe(answer, SdpRole::Answer, rng);
    EXPECT_EQ(to_alice.media.at(0).protocol, sdp::Protocol::RtpSavp);
    ASSERT_EQ(to_alice.media[0].cryptos.size(), 1u);
    EXPECT_EQ(to_alice.media[0].cryptos[0].tag, 2u);
    EXPECT_TRUE(alice.is_secure());
    EXPECT_FALSE(bob.is_secure());

    // A hold keeps the key that Alice has.
    const Bytes key = alice.settings().streams[0].to_party.key_and_salt;
    ASSERT_TRUE(alice.learn(offer, SdpRole::Offer, SrtpPolicy::Optional));
    alice.describe(answer, SdpRole::Answer, rng);
    EXPECT_EQ(alice.settings().streams[0].to_party.key_and_salt, key);
}

TEST(PartyMedia, AnAnswerChoosesOneOfOurKeys) {
    SeededRng rng(1);
    PartyMedia bob = party(2, MediaProfile::Srtp);
    const sdp::Session offer = parsed(kPlain);
    bob.prepare(offer);
    const sdp::Session to_bob = bob.describe(offer, SdpRole::Offer, rng);
    EXPECT_EQ(to_bob.media.at(0).protocol, sdp::Protocol::RtpSavp);
    ASSERT_EQ(to_bob.media[0].cryptos.size(), 5u);
    EXPECT_EQ(to_bob.media[0].cryptos[0].suite, "AES_CM_128_HMAC_SHA1_80");
    PartyMedia other = bob;
    EXPECT_FALSE(other.learn(parsed(secure("AES_CM_128_HMAC_SHA1_80", 4)), SdpRole::Answer,
                             SrtpPolicy::Optional))
        << "the tag is of another suite";
    ASSERT_TRUE(bob.learn(parsed(secure("AES_CM_128_HMAC_SHA1_80", 1)), SdpRole::Answer,
                          SrtpPolicy::Optional));
    EXPECT_EQ(bob.settings().streams[0].to_party.key_and_salt,
              to_bob.media[0].cryptos[0].keys[0].key_and_salt);
    // The next offer repeats the agreed key alone.
    EXPECT_EQ(bob.describe(offer, SdpRole::Offer, rng).media[0].cryptos.size(), 1u);
    bob.forget_keys();
    EXPECT_EQ(bob.describe(offer, SdpRole::Offer, rng).media[0].cryptos.size(), 5u);
}

TEST(PartyMedia, SecureSignallingGetsSrtpFirst) {
    using ports::Transport;
    EXPECT_EQ(profile_for_callee(SrtpPolicy::Optional, Transport::Udp).first, MediaProfile::Rtp);
    EXPECT_EQ(profile_for_callee(SrtpPolicy::Optional, Transport::Tls).first, MediaProfile::Srtp);
    EXPECT_TRUE(profile_for_callee(SrtpPolicy::Optional, Transport::Tls).try_other);
    EXPECT_FALSE(profile_for_callee(SrtpPolicy::Required, Transport::Udp).try_other);
    EXPECT_EQ(profile_for_callee(SrtpPolicy::Off, Transport::Wss).first, MediaProfile::Rtp);
    EXPECT_EQ(srtp_policy_from("required"), SrtpPolicy::Required);
    EXPECT_EQ(srtp_policy_from("maybe"), std::nullopt);
}

}  // namespace
}  // namespace tandem::call
