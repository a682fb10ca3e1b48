#include "sdp/relay.h"

#include <gtest/gtest.h>

#include "sdp/offer_answer.h"

namespace tandem::sdp {
namespace {

RelayView view_of(std::initializer_list<const char*> addresses) {
    RelayView view;
    view.origin = {"-", "77", 3, {AddressFamily::V4, "198.51.100.1"}};
    for (const char* address : addresses) {
        view.media.emplace_back().rtp = SocketAddress::parse(address);
    }
    return view;
}

// Everything that names the sender carries "leak" or 10.9.8.x, so that one search finds any of it.
constexpr std::string_view kTalkative =
    "v=0\r\no=leakuser 9998887 9998888 IN IP4 10.9.8.1\r\ns=leak name\r\ni=leak info\r\n"
    "u=http://leak.test/\r\ne=leak@leak.test\r\np=+1 leak\r\nc=IN IP4 10.9.8.2\r\nb=AS:90\r\n"
    "t=9998887 0\r\na=tool:leak\r\na=group:BUNDLE leak\r\na=ice-ufrag:leak\r\n"
    "a=fingerprint:sha-1 leak\r\na=x-host:10.9.8.3\r\n"
    "m=audio 4000 RTP/SAVP 96 8\r\ni=leak title\r\nc=IN IP4 10.9.8.4\r\nb=TIAS:64000\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=ptime:20 leak\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:bGVha2xlYWtsZWFrbGVha2xlYWtsZWFrbGVhaw==\r\n"
    "a=rtcp:4007 IN IP4 10.9.8.5\r\na=rtcp-mux\r\n"
    "a=candidate:1 1 UDP 1 10.9.8.6 4000 typ host\r\na=ice-pwd:leakleakleakleakleakleak\r\n"
    "a=ssrc:1 cname:leak@10.9.8.7\r\na=msid:leak leak\r\na=unknown:leak\r\na=mid:0\r\n"
    "a=sendonly\r\n"
    "m=image 4900 udptl t38\r\na=T38FaxVersion:0\r\n";

TEST(Relay, NothingOfTheSenderPassesButCoding) {
    const auto received = parse(kTalkative);
    ASSERT_TRUE(received.has_value());
    const Session out =
        rewrite_for_relay(*received, view_of({"198.51.100.1:30000", "198.51.100.1:30002"}));
    EXPECT_EQ(serialize(out),
              "v=0\r\no=- 77 3 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nb=AS:90\r\n"
              "t=0 0\r\n"
              "m=audio 30000 RTP/SAVP 96 8\r\nb=TIAS:64000\r\na=rtpmap:96 opus/48000/2\r\n"
              "a=fmtp:96 useinbandfec=1\r\na=ptime:20\r\na=rtcp-mux\r\na=mid:0\r\na=sendonly\r\n"
              "m=image 30002 udptl t38\r\na=T38FaxVersion:0\r\n");
}

TEST(Relay, ProfileKeysAndRtcpAreOurs) {
    const auto received = parse(kTalkative);
    RelayView view = view_of({"203.0.113.5:30000"});
    RelayMedia& audio = view.media[0];
    audio.rtcp_mux = RtcpMuxPolicy::Remove;
    audio.rtcp_port = 30009;
    audio.protocol = Protocol::RtpSavpf;
    audio.cryptos = {{2, "AEAD_AES_128_GCM", {{Bytes(28, 1), "", ""}}, ""}};
    const Session out = rewrite_for_relay(*received, view);
    EXPECT_EQ(out.media[0].connection.address, "203.0.113.5") << "not that of o=";
    EXPECT_EQ(out.media[0].protocol, Protocol::RtpSavpf);
    EXPECT_EQ(out.media[0].cryptos, audio.cryptos);
    EXPECT_FALSE(out.media[0].rtcp_mux);
    EXPECT_EQ(rtcp_address(out, out.media[0]), SocketAddress::parse("203.0.113.5:30009"));
    EXPECT_TRUE(out.media[1].rejected()) << "no place for it";
    EXPECT_TRUE(check_answer(*received, out).has_value());

    audio.protocol = Protocol::RtpAvp;
    audio.cryptos.clear();
    audio.rtcp_port = 0;
    const Session plain = rewrite_for_relay(*received, view);
    EXPECT_EQ(plain.media[0].protocol, Protocol::RtpAvp);
    EXPECT_TRUE(plain.media[0].cryptos.empty());
    EXPECT_EQ(plain.media[0].rtcp, std::nullopt);
}

TEST(Relay, OldHoldBecomesADirection) {
    const std::pair<const char*, Direction> cases[] = {{"", Direction::SendOnly},
                                                       {"a=recvonly\r\n", Direction::Inactive}};
    for (const auto& [line, direction] : cases) {
        const auto received = parse(
            "v=0\r\no=- 1 1 IN IP4 10.9.8.1\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\n" +
            std::string(line));
        const Session out = rewrite_for_relay(*received, view_of({"198.51.100.1:30000"}));
        EXPECT_EQ(out.media[0].direction, direction);
    }
}

TEST(Relay, RejectedStaysRejected) {
    const auto received = parse("v=0\r\no=- 1 1 IN IP4 10.9.8.1\r\nm=audio 0 RTP/AVP 8\r\n");
    const Session out = rewrite_for_relay(*received, view_of({"198.51.100.1:30000"}));
    EXPECT_TRUE(out.media[0].rejected());
    EXPECT_EQ(out.media[0].formats, (std::vector<std::string>{"8"}));
}

}  // namespace
}  // namespace tandem::sdp
