#include "sdp/session.h"

#include <gtest/gtest.h>

#include "sdp/limits.h"

namespace tandem::sdp {
namespace {

constexpr std::string_view kHead =
    "v=0\r\no=a 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

Session parsed(std::string_view tail) {
    auto session = parse(std::string(kHead) + std::string(tail));
    EXPECT_TRUE(session.has_value()) << session.error().message;
    return session ? *session : Session();
}

TEST(Parse, ReadsAPhonesOffer) {
    const Session s = parsed(
        "a=tool:x\r\na=sendonly\r\n"
        "m=audio 7078 RTP/AVP 96 8 101\r\nb=AS:84\r\na=rtpmap:96 opus/48000/2\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
        "a=rtcp:7090 IN IP4 192.0.2.77\r\na=silenceSupp:off - - - -\r\n"
        "m=video 0 RTP/AVPF 97\r\na=inactive\r\n");
    EXPECT_EQ(s.origin.session_id, "1");
    EXPECT_EQ(s.origin.version, 2u);
    ASSERT_EQ(s.media.size(), 2u);
    const Media& audio = s.media[0];
    EXPECT_EQ(audio.formats, (std::vector<std::string>{"96", "8", "101"}));
    ASSERT_NE(audio.rtpmap(96), nullptr);
    EXPECT_EQ(audio.rtpmap(96)->encoding, "opus");
    EXPECT_EQ(audio.rtpmap(96)->clock_rate, 48000u);
    EXPECT_EQ(audio.rtpmap(96)->parameters, "2");
    EXPECT_EQ(audio.rtpmap(8), nullptr);
    EXPECT_EQ(audio.fmtps[0].parameters, "0-16");
    EXPECT_EQ(audio.bandwidths[0].value, 84u);
    EXPECT_EQ(direction_of(s, audio), Direction::SendOnly);
    EXPECT_EQ(direction_of(s, s.media[1]), Direction::Inactive);
    EXPECT_EQ(rtp_address(s, audio), SocketAddress::parse("192.0.2.1:7078"));
    EXPECT_EQ(rtcp_address(s, audio), SocketAddress::parse("192.0.2.77:7090"));
    EXPECT_EQ(audio.attributes, (std::vector<Attribute>{{"silenceSupp", "off - - - -"}}));
    EXPECT_TRUE(s.media[1].rejected());
    EXPECT_EQ(rtp_address(s, s.media[1]), std::nullopt);
}

TEST(Parse, RtcpFollowsMuxAndPort) {
    const Session s = parsed(
        "m=audio 7078 RTP/AVP 0\r\n"
        "m=audio 7078 RTP/AVP 0\r\na=rtcp-mux\r\n"
        "m=audio 65535 RTP/AVP 0\r\n"
        "m=audio 7078 RTP/AVP 0\r\nc=IN IP4 phone.test\r\n");
    EXPECT_EQ(rtcp_address(s, s.media[0])->port, 7079);
    EXPECT_EQ(rtcp_address(s, s.media[1])->port, 7078);
    EXPECT_EQ(rtcp_address(s, s.media[2]), std::nullopt);
    EXPECT_EQ(rtp_address(s, s.media[3]), std::nullopt);
}

TEST(Parse, CryptoLines) {
    const Session s = parsed(
        "m=audio 4000 RTP/SAVP 8\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
        "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 UNENCRYPTED_SRTCP\r\n"
        "a=crypto:2 F8_128_HMAC_SHA1_80 magic:abc\r\n"
        "a=crypto:3 AEAD_AES_128_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n");
    ASSERT_EQ(s.media[0].cryptos.size(), 3u);
    const Crypto& first = s.media[0].cryptos[0];
    EXPECT_EQ(first.tag, 1u);
    EXPECT_EQ(first.suite, "AES_CM_128_HMAC_SHA1_80");
    ASSERT_EQ(first.keys.size(), 1u);
    EXPECT_EQ(first.keys[0].key_and_salt.size(), 30u);
    EXPECT_EQ(first.keys[0].lifetime, "2^20");
    EXPECT_EQ(first.keys[0].mki, "1:4");
    EXPECT_EQ(first.session_parameters, "UNENCRYPTED_SRTCP");
    EXPECT_TRUE(s.media[0].cryptos[1].keys.empty()) << "an unknown key method is no error";
    EXPECT_EQ(s.media[0].cryptos[2].keys[0].key_and_salt.size(), 28u) << "padding may be missing";
    EXPECT_EQ(serialize(s).find("F8_128"), std::string::npos) << "a line without a key is no line";
    EXPECT_TRUE(s.media[0].is_secure());
}

TEST(Parse, ToleratesWhatRfc8866Tolerates) {
    // LF ends lines, empty lines, unknown types and attributes, k=, missing s= and t=.
    const auto s = parse(
        "v=0\no=- 1 1 IN IP4 0.0.0.0\n\nx=what\nk=clear:1\nm=audio  9  RTP/AVP  "
        "0\na=new:1\na=flag\n");
    ASSERT_TRUE(s.has_value()) << s.error().message;
    EXPECT_EQ(s->name, "-");
    EXPECT_EQ(s->times, (std::vector<std::string>{"0 0"}));
    EXPECT_EQ(s->media[0].attributes, (std::vector<Attribute>{{"new", "1"}, {"flag", ""}}));
}

TEST(Parse, ErrorsNameLineAndField) {
    struct Case {
        std::string_view text, field, line;
        ErrorCode code = ErrorCode::Malformed;
    };
    const std::string origin = "v=0\r\no=a 1 2 IN IP4 1.2.3.4\r\n";
    std::string many = origin;
    for (size_t i = 0; i <= kMediaMax; ++i) many += "m=audio 1 RTP/AVP 0\r\n";
    const std::string attributes = origin + [] {
        std::string out;
        for (size_t i = 0; i <= kAttributesMax; ++i) out += "a=x\r\n";
        return out;
    }();
    std::string formats = origin + "m=audio 1 RTP/AVP";
    for (size_t i = 0; i <= kFormatsMax; ++i) formats += " 0";
    const std::string port = origin + "m=audio 65536 RTP/AVP 0\r\n";
    const std::string count = origin + "m=audio 1/0 RTP/AVP 0\r\n";
    const std::string rtpmap = origin + "m=audio 1 RTP/AVP 0\r\na=rtpmap:200 x/8000\r\n";
    const std::string rate = origin + "m=audio 1 RTP/AVP 0\r\na=rtpmap:0 PCMU\r\n";
    const std::string crypto = origin + "m=audio 1 RTP/SAVP 0\r\na=crypto:1 S inline:***\r\n";
    const std::string rtcp = origin + "m=audio 1 RTP/SAVP 0\r\na=rtcp:x\r\n";
    const std::string family = origin + "c=IN IP5 1.2.3.4\r\n";
    const std::string big(kDescriptionBytesMax + 1, 'x');
    const std::string nul = origin + std::string("a=x\0y\r\n", 7);
    const Case cases[] = {
        {"", "v", ""},
        {"v=1\r\n", "v", "line 1"},
        {"o=a 1 2 IN IP4 1.2.3.4\r\n", "v", "line 1"},
        {"v=0\r\ns=-\r\n", "o", ""},
        {"v=0\r\no=a 1 x IN IP4 1.2.3.4\r\n", "o", "line 2"},
        {"v=0\r\no=a 1 99999999999999999999 IN IP4 1.2.3.4\r\n", "o", "line 2"},
        {"v=0\r\nnonsense\r\n", "sdp", "line 2"},
        {port, "m", "line 3"},
        {count, "m", "line 3"},
        {rtpmap, "a=rtpmap", "line 4"},
        {rate, "a=rtpmap", "line 4"},
        {crypto, "a=crypto", "line 4"},
        {rtcp, "a=rtcp", "line 4"},
        {family, "c", "line 3"},
        {nul, "sdp", "line 0"},
        {many, "m", "line 19", ErrorCode::TooLarge},
        {attributes, "a", "line 259", ErrorCode::TooLarge},
        {formats, "m", "line 3", ErrorCode::TooLarge},
        {big, "sdp", "line 0", ErrorCode::TooLarge},
    };
    for (const Case& c : cases) {
        const auto result = parse(c.text);
        ASSERT_FALSE(result.has_value()) << c.text.substr(0, 80);
        EXPECT_EQ(result.error().field, c.field) << c.text.substr(0, 80);
        EXPECT_EQ(result.error().code, c.code) << c.text.substr(0, 80);
        EXPECT_TRUE(result.error().message.starts_with(c.line)) << result.error().message;
        EXPECT_EQ(result.error().sip_status, c.code == ErrorCode::TooLarge ? 413 : 400);
    }
}

TEST(Serialize, GivesBackWhatWasParsed) {
    const std::string text =
        std::string(kHead) +
        "a=ice-lite\r\na=tool:x\r\n"
        "m=audio 4000/2 RTP/SAVPF 8 96\r\nc=IN IP6 2001:db8::1\r\nb=AS:64\r\n"
        "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=ptime:20\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
        "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 KDR=0\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
        "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=end-of-candidates\r\n"
        "a=fingerprint:sha-256 AA:BB\r\na=setup:passive\r\n"
        "a=rtcp:4001 IN IP6 2001:db8::1\r\na=rtcp-mux\r\n"
        "a=ssrc:5 cname:x\r\na=mid:0\r\na=recvonly\r\n"
        "m=image 4900 udptl t38\r\na=T38FaxVersion:0\r\n";
    const auto session = parse(text);
    ASSERT_TRUE(session.has_value());
    EXPECT_EQ(serialize(*session), text);
}

}  // namespace
}  // namespace tandem::sdp
