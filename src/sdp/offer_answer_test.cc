#include "sdp/offer_answer.h"

#include <gtest/gtest.h>

namespace tandem::sdp {
namespace {

Session with_lines(std::string_view lines, std::string_view address = "192.0.2.1") {
    const std::string host(address);
    auto session = parse("v=0\r\no=- 1 1 IN IP4 " + host + "\r\ns=-\r\nc=IN IP4 " + host +
                         "\r\nt=0 0\r\n" + std::string(lines));
    EXPECT_TRUE(session.has_value());
    return session ? *session : Session();
}

const Session kAudio = with_lines("m=audio 4000 RTP/AVP 8 0\r\n");
const Session kAudioAnswer = with_lines("m=audio 5000 RTP/AVP 8\r\n");
const Session kHold = with_lines("m=audio 4000 RTP/AVP 8 0\r\na=sendonly\r\n");

Origin our_origin() {
    return {"-", "77", 10, {AddressFamily::V4, "198.51.100.1"}};
}

TEST(Direction, ReversesAndAnswers) {
    using enum Direction;
    EXPECT_EQ(reversed(SendOnly), RecvOnly);
    EXPECT_EQ(reversed(SendRecv), SendRecv);
    EXPECT_EQ(reversed(Inactive), Inactive);
    struct Case {
        Direction offered, ours, answer;
    };
    for (const Case& c : {Case{SendRecv, SendRecv, SendRecv}, Case{SendOnly, SendRecv, RecvOnly},
                          Case{RecvOnly, SendRecv, SendOnly}, Case{SendOnly, SendOnly, Inactive},
                          Case{SendRecv, RecvOnly, RecvOnly}, Case{Inactive, SendRecv, Inactive}})
        EXPECT_EQ(answer_direction(c.offered, c.ours), c.answer);
}

TEST(Hold, ByDirectionOrZeroAddress) {
    EXPECT_FALSE(is_hold(kAudio));
    EXPECT_TRUE(is_hold(kHold));
    EXPECT_TRUE(is_hold(with_lines("m=audio 4000 RTP/AVP 8\r\n", "0.0.0.0")));
    EXPECT_FALSE(is_hold(with_lines("m=audio 0 RTP/AVP 8\r\na=inactive\r\n"))) << "nothing is live";
    EXPECT_FALSE(
        is_hold(with_lines("m=audio 4000 RTP/AVP 8\r\na=inactive\r\nm=video 4002 RTP/AVP 97\r\n")));
    EXPECT_FALSE(is_hold(with_lines("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n")));
}

TEST(Answer, MustFitTheOffer) {
    const std::pair<const char*, bool> answers[] = {
        {"m=audio 5000 RTP/AVP 8\r\nm=video 0 RTP/AVP 97\r\n", true},
        {"m=audio 5000 RTP/AVP 8\r\n", false},
        {"m=video 0 RTP/AVP 97\r\nm=audio 5000 RTP/AVP 8\r\n", false},
        {"m=audio 5000 RTP/AVP 8\r\nm=video 6000 RTP/AVP 97\r\n", false},
        {"m=audio 5000 RTP/AVP\r\nm=video 0 RTP/AVP 97\r\n", false},
    };
    const Session offer = with_lines("m=audio 4000 RTP/AVP 8\r\nm=video 0 RTP/AVP 97\r\n");
    for (const auto& [lines, fits] : answers)
        EXPECT_EQ(check_answer(offer, with_lines(lines)).has_value(), fits) << lines;
    EXPECT_TRUE(check_answer(offer, rejecting_answer(offer, our_origin())).has_value());
    EXPECT_TRUE(rejecting_answer(kAudio, our_origin()).media[0].rejected());
}

TEST(OfferAnswer, VersionRisesByOneOnlyWithAChange) {
    OfferAnswer leg(our_origin());
    EXPECT_EQ(leg.send_offer(kAudio)->origin.version, 10u);
    ASSERT_TRUE(leg.receive_answer(kAudioAnswer).has_value());
    EXPECT_TRUE(leg.established());
    EXPECT_EQ(leg.send_offer(kAudio)->origin.version, 10u) << "session refresh";
    ASSERT_TRUE(leg.receive_answer(kAudioAnswer).has_value());
    EXPECT_EQ(leg.send_offer(kHold)->origin.version, 11u);
    leg.roll_back();
    EXPECT_EQ(leg.state(), OfferState::Stable);
    EXPECT_EQ(leg.local()->origin.version, 10u) << "what was agreed holds";
    EXPECT_EQ(leg.send_offer(kHold)->origin.version, 12u) << "11 was used";
    ASSERT_TRUE(leg.receive_answer(kAudioAnswer).has_value());
    ASSERT_TRUE(leg.receive_offer(kAudioAnswer).has_value());
    EXPECT_EQ(leg.send_answer(kHold)->origin.version, 12u);
    ASSERT_TRUE(leg.receive_offer(kAudioAnswer).has_value());
    EXPECT_EQ(leg.send_answer(kAudio)->origin.version, 13u);
    EXPECT_EQ(leg.local()->origin.session_id, "77");
}

// Some phones take the first answer that comes, in a 183, for the one that counts.
TEST(OfferAnswer, APreviewCountsForNothingButItsVersion) {
    const Session elsewhere = with_lines("m=audio 5002 RTP/AVP 8\r\n");
    OfferAnswer leg(our_origin());
    ASSERT_TRUE(leg.receive_offer(kAudio).has_value());
    const auto first = leg.preview_answer(kAudioAnswer, {});
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->origin.version, 10u);
    EXPECT_EQ(leg.state(), OfferState::RemoteOffer);
    EXPECT_FALSE(leg.established());
    EXPECT_EQ(leg.preview_answer(kAudioAnswer, *first)->origin.version, 10u) << "said again";
    const auto moved = leg.preview_answer(elsewhere, *first);
    EXPECT_EQ(moved->origin.version, 11u);
    OfferAnswer other = leg;
    EXPECT_EQ(leg.send_answer(elsewhere, *moved)->origin.version, 11u);
    EXPECT_EQ(other.send_answer(kAudioAnswer, *moved)->origin.version, 12u);
    EXPECT_TRUE(other.established());
}

TEST(OfferAnswer, RefusesWhatTheStateForbids) {
    OfferAnswer leg(our_origin());
    EXPECT_FALSE(leg.receive_answer(kAudio).has_value());
    EXPECT_FALSE(leg.send_answer(kAudio).has_value());
    EXPECT_FALSE(leg.revise_answer(kAudio).has_value());
    ASSERT_TRUE(leg.send_offer(kAudio).has_value());
    EXPECT_EQ(leg.send_offer(kAudio).error().sip_status, 491);
    EXPECT_EQ(leg.receive_offer(kAudio).error().sip_status, 491) << "glare";
    EXPECT_FALSE(leg.send_answer(kAudio).has_value());
    EXPECT_FALSE(leg.receive_answer(with_lines("")).has_value());
    EXPECT_EQ(leg.state(), OfferState::LocalOffer) << "a wrong answer changes nothing";
    ASSERT_TRUE(leg.receive_answer(kAudioAnswer).has_value());
    ASSERT_TRUE(leg.revise_answer(kAudio).has_value());
    EXPECT_EQ(leg.remote()->media[0].port, 4000);
    ASSERT_TRUE(leg.receive_offer(kAudio).has_value());
    EXPECT_EQ(leg.receive_offer(kAudio).error().sip_status, 500);
    leg.roll_back();
    EXPECT_FALSE(leg.receive_offer(with_lines("")).has_value()) << "an m-line was removed";
}

// RFC 3264 8.3.3: from sound to fax (T.38) and back, on the same line.
TEST(OfferAnswer, ALineMayChangeItsMediaType) {
    OfferAnswer leg(our_origin());
    ASSERT_TRUE(leg.send_offer(kAudio).has_value());
    ASSERT_TRUE(leg.receive_answer(kAudioAnswer).has_value());
    const Session fax = with_lines("m=image 4002 udptl t38\r\n");
    ASSERT_TRUE(leg.receive_offer(fax).has_value());
    EXPECT_FALSE(leg.send_answer(kAudio).has_value()) << "an answer is of the type offered";
    ASSERT_TRUE(leg.send_answer(fax).has_value());
    EXPECT_TRUE(leg.send_offer(kAudio).has_value());
}

TEST(OfferAnswer, GoesOnAfterRestore) {
    OfferAnswer leg(our_origin());
    ASSERT_TRUE(leg.send_offer(kAudio).has_value());
    OfferAnswer second = OfferAnswer::restore(leg.snapshot());
    EXPECT_EQ(second.state(), OfferState::LocalOffer);
    ASSERT_TRUE(second.receive_answer(kAudioAnswer).has_value());
    OfferAnswer third = OfferAnswer::restore(second.snapshot());
    EXPECT_EQ(third.send_offer(kAudio)->origin.version, 10u);
    third.roll_back();
    EXPECT_EQ(third.send_offer(kHold)->origin.version, 11u);
}

TEST(Align, FitsANewPartyToAnOldLeg) {
    const Session previous = with_lines("m=video 1 RTP/AVP 97\r\nm=audio 2 RTP/AVP 8\r\n");
    const Session next = with_lines("m=audio 4000 RTP/AVP 0\r\nm=image 4002 udptl t38\r\n");
    const Aligned aligned = align_offer(previous, next);
    ASSERT_EQ(aligned.offer.media.size(), 3u);
    EXPECT_TRUE(check_reoffer(previous, aligned.offer).has_value());
    EXPECT_TRUE(aligned.offer.media[0].rejected());
    EXPECT_EQ(aligned.offer.media[1].port, 4000);
    EXPECT_EQ(aligned.offer.media[2].type, "image");
    const Session answer =
        with_lines("m=video 0 RTP/AVP 97\r\nm=audio 6000 RTP/AVP 0\r\nm=image 0 udptl t38\r\n");
    const Session back = unaligned_answer(answer, aligned, next);
    EXPECT_TRUE(check_answer(next, back).has_value());
    EXPECT_EQ(back.media[0].port, 6000);
    EXPECT_TRUE(back.media[1].rejected());
}

}  // namespace
}  // namespace tandem::sdp
