#include "sdp/intersection.h"

#include <gtest/gtest.h>

namespace tandem::sdp {
namespace {

Session session(std::string_view lines) {
    auto parsed = parse("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n" +
                        std::string(lines));
    EXPECT_TRUE(parsed);
    return parsed ? std::move(*parsed) : Session{};
}

TEST(IntersectionTest, KeepsTheFormatsOfBoth) {
    const Session offer =
        session("m=audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\n");
    const Session other = session(
        "m=audio 5000 RTP/AVP 9 0 8 101\na=rtpmap:8 PCMA/8000\n"
        "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n");
    const Session common = in_common(offer, other);
    ASSERT_EQ(common.media.size(), 1u);
    EXPECT_EQ(common.media[0].formats, (std::vector<std::string>{"0", "8", "101"}));
    EXPECT_EQ(common.media[0].port, 5000);
    EXPECT_EQ(common.media[0].rtpmaps.size(), 2u);
    EXPECT_EQ(common.media[0].fmtps.size(), 1u);
    EXPECT_TRUE(has_media(common));
}

// The gate does not change payload types, so one number with two meanings is of no use.
TEST(IntersectionTest, DropsNumbersThatMeanSomethingElse) {
    const Session offer = session("m=audio 4000 RTP/AVP 96 8\na=rtpmap:96 opus/48000/2\n");
    const Session other = session("m=audio 5000 RTP/AVP 96 8\na=rtpmap:96 iLBC/8000\n");
    const Session common = in_common(offer, other);
    EXPECT_EQ(common.media[0].formats, (std::vector<std::string>{"8"}));
    EXPECT_TRUE(common.media[0].rtpmaps.empty());
}

TEST(IntersectionTest, AnswersEachLine) {
    const Session offer = session("m=audio 4000 RTP/AVP 8\nm=video 4002 RTP/AVP 34\n");
    const Session common = in_common(offer, session("m=audio 5000 RTP/AVP 8\n"));
    ASSERT_EQ(common.media.size(), 2u);
    EXPECT_EQ(common.media[0].port, 5000);
    EXPECT_TRUE(common.media[1].rejected());
    EXPECT_EQ(common.media[1].type, "video");
    const Session fewer = in_common(session("m=audio 5000 RTP/AVP 8\n"), offer);
    EXPECT_EQ(fewer.media.size(), 1u);
}

TEST(IntersectionTest, TelephoneEventsAloneAreNoCall) {
    const Session offer =
        session("m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n");
    const Session other =
        session("m=audio 5000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n");
    EXPECT_FALSE(has_media(in_common(offer, other)));
}

}  // namespace
}  // namespace tandem::sdp
