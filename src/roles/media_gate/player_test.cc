#include "roles/media_gate/player.h"

#include <gtest/gtest.h>

#include <numeric>

#include "rtp/packet.h"

namespace tandem::roles::media_gate {
namespace {

using ports::MediaCodec;
using ports::MediaPlay;
using ports::MediaSound;

struct PlayerTest : testing::Test {
    static MediaPlay play(MediaCodec codec, uint8_t payload_type) {
        MediaPlay what;
        what.codec = codec;
        what.payload_type = payload_type;
        return what;
    }
    rtp::Header next() {
        now = std::max(now, player.due());
        const size_t size = player.write_packet(now, sounds, packet);
        EXPECT_GT(size, rtp::kFixedHeaderBytes);
        payload.assign(packet.begin() + rtp::kFixedHeaderBytes,
                       packet.begin() + static_cast<ptrdiff_t>(size));
        return rtp::parse_header(std::span(packet).first(size)).value_or(rtp::Header{});
    }

    Instant now{10s};
    SoundShelf sounds;
    Player player{{77, 5, 1000}};
    std::array<uint8_t, kPlayedBytes> packet{};
    Bytes payload;
};

TEST_F(PlayerTest, OpusHasTimestampsOf48000ASecond) {
    player.start(now, play(MediaCodec::Opus, 111), 1);
    const auto first = next();
    const auto second = next();
    EXPECT_EQ(first.payload_type, 111);
    EXPECT_EQ(second.timestamp - first.timestamp, 960u);
    audio::Decoder decoder(audio::Codec::Opus);
    std::array<int16_t, audio::kMixSamplesMax> samples;
    EXPECT_EQ(decoder.decode(payload, samples), audio::kFrameSamples);
}

// The gap is counted in the codec's clock.
TEST_F(PlayerTest, WhoIsPlayedToAgainHearsTheSameSourceLater) {
    player.start(now, play(MediaCodec::Opus, 111), 1);
    const auto first = next();
    player.stop();
    now = now + 1s;
    player.start(now, play(MediaCodec::Opus, 111), 2);
    const auto again = next();
    EXPECT_EQ(again.ssrc, first.ssrc);
    EXPECT_NEAR(again.timestamp - first.timestamp, 48000, 960);
}

// RFC 3550 5.2: one source, one clock.
TEST_F(PlayerTest, ACodecOfAnotherClockIsAnotherSource) {
    player.start(now, play(MediaCodec::Pcma, 8), 1);
    const auto first = next();
    player.start(now, play(MediaCodec::G722, 9), 1);
    EXPECT_EQ(next().ssrc, first.ssrc);
    player.start(now, play(MediaCodec::Opus, 111), 1);
    EXPECT_NE(next().ssrc, first.ssrc);
}

// An SRTP party can hear 32 sources, and each of them must go on where it was.
TEST_F(PlayerTest, HoweverOftenTheCodecChangesThereIsOneSourceAClock) {
    player.start(now, play(MediaCodec::Pcma, 8), 1);
    const auto first = next();
    player.start(now, play(MediaCodec::Opus, 111), 1);
    const auto other = next();
    rtp::Header last = first, last_other = other;
    for (int i = 0; i < 100; ++i) {
        player.start(now, play(MediaCodec::Pcma, 8), 1);
        const auto again = next();
        EXPECT_EQ(again.ssrc, first.ssrc);
        EXPECT_EQ(again.sequence, static_cast<uint16_t>(last.sequence + 1));
        EXPECT_EQ(again.timestamp - last.timestamp, 2 * 160u) << "20 ms were the other's";
        player.start(now, play(MediaCodec::Opus, 111), 1);
        const auto other_again = next();
        EXPECT_EQ(other_again.ssrc, other.ssrc);
        EXPECT_EQ(other_again.sequence, static_cast<uint16_t>(last_other.sequence + 1));
        EXPECT_EQ(other_again.timestamp - last_other.timestamp, 2 * 960u);
        last = again;
        last_other = other_again;
    }
}

TEST_F(PlayerTest, ASourceThatComesBackAfterSilenceHasMovedOnAsTimeHas) {
    player.start(now, play(MediaCodec::Pcma, 8), 1);
    const auto first = next();
    player.start(now, play(MediaCodec::Opus, 111), 1);
    (void)next();
    player.stop();
    now = now + 1s;
    player.start(now, play(MediaCodec::Pcma, 8), 2);
    const auto again = next();
    EXPECT_EQ(again.ssrc, first.ssrc);
    EXPECT_NEAR(again.timestamp - first.timestamp, 8000, 320);
}

TEST_F(PlayerTest, VoicesOfAllCodecsAreHeardInAMix) {
    struct Spoken {
        audio::Codec codec;
        MediaCodec told;
    };
    for (const Spoken& each : {Spoken{audio::Codec::Pcma, MediaCodec::Pcma},
                               Spoken{audio::Codec::G722, MediaCodec::G722},
                               Spoken{audio::Codec::Opus, MediaCodec::Opus}}) {
        MediaPlay mix = play(MediaCodec::Pcmu, 0);
        mix.sound = MediaSound::Mix;
        mix.voices.push_back({2, 0, each.told, 100});
        player.stop();
        player.start(now, mix, 3);
        audio::Encoder speaker(each.codec);
        const audio::Sound tone = audio::tone(audio::Tone::Beep);
        size_t position = 0;
        double loud = 0;
        for (uint16_t i = 0; i < 8; ++i) {
            std::array<int16_t, audio::kFrameSamples> frame;
            audio::read_looped(tone, position, frame);
            rtp::Header header;
            header.payload_type = 100;
            header.sequence = i;
            std::array<uint8_t, kPlayedBytes> said{};
            rtp::write_header(header, said);
            const size_t size = speaker.encode(frame, std::span(said).subspan(12));
            Player::hear(*player.voices().front(), std::span(said).first(12 + size));
            next();
            std::array<int16_t, audio::kMixSamplesMax> heard;
            audio::Decoder(audio::Codec::Pcmu).decode(payload, heard);
            for (size_t at = 0; at < audio::kFrameSamples; ++at) loud += std::abs(heard[at]);
        }
        EXPECT_GT(loud / (8 * audio::kFrameSamples), 500) << static_cast<int>(each.told);
    }
}

}  // namespace
}  // namespace tandem::roles::media_gate
