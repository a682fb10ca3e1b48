#include "audio/codec.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/rng.h"

namespace tandem::audio {
namespace {

constexpr std::array kCodecs{Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus};
using Frame = std::array<int16_t, kFrameSamples>;

Frame sine(size_t frame, double frequency) {
    Frame samples;
    for (size_t i = 0; i < samples.size(); ++i) {
        const auto at = static_cast<double>(frame * kFrameSamples + i) / kSampleRate;
        samples[i] = static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * frequency * at));
    }
    return samples;
}

// How loud a frequency is, as the amplitude of its sine.
double loudness(const std::vector<int16_t>& samples, double frequency) {
    double real = 0;
    double imaginary = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
        const double angle =
            2 * std::numbers::pi * frequency * static_cast<double>(i) / kSampleRate;
        real += samples[i] * std::cos(angle);
        imaginary += samples[i] * std::sin(angle);
    }
    return 2 * std::hypot(real, imaginary) / static_cast<double>(samples.size());
}

TEST(Codec, WhatIsSaidIsHeard) {
    for (const Codec codec : kCodecs) {
        Encoder encoder(codec);
        Decoder decoder(codec);
        std::vector<int16_t> heard;
        for (size_t i = 0; i < 50; ++i) {
            std::array<uint8_t, kPayloadBytesMax> payload;
            const size_t size = encoder.encode(sine(i, 1000), payload);
            ASSERT_GT(size, 0u);
            std::array<int16_t, kMixSamplesMax> samples;
            ASSERT_EQ(decoder.decode(std::span(payload).first(size), samples), kFrameSamples);
            if (i >= 10)
                heard.insert(heard.end(), samples.begin(), samples.begin() + kFrameSamples);
        }
        EXPECT_NEAR(loudness(heard, 1000), 8000, 1600) << static_cast<int>(codec);
        EXPECT_LT(loudness(heard, 2500), 400) << static_cast<int>(codec);
    }
}

// RFC 3551 4.5.2, 4.5.14; RFC 7587 4.2: the size that jitter buffers and SDP expect.
TEST(Codec, PayloadsAreOfTwentyMilliseconds) {
    for (const Codec codec : {Codec::Pcma, Codec::Pcmu, Codec::G722}) {
        std::array<uint8_t, kPayloadBytesMax> payload;
        EXPECT_EQ(Encoder(codec).encode(sine(0, 440), payload), 160u);
        EXPECT_EQ(clock_rate(codec) / 50, 160u);
    }
    EXPECT_EQ(clock_rate(Codec::Opus) / 50, 960u);
}

// A phone chooses the length of its packets: up to 120 ms (RFC 7587 4.2).
TEST(Codec, OpusOfSeveralFramesIsRead) {
    Encoder encoder(Codec::Opus);
    std::array<uint8_t, kPayloadBytesMax> one;
    const size_t size = encoder.encode(sine(0, 440), one);
    // RFC 6716 3.2.5: code 3, six frames of equal size.
    std::vector<uint8_t> packet{static_cast<uint8_t>((one[0] & 0xfc) | 3), 6};
    for (int i = 0; i < 6; ++i) packet.insert(packet.end(), one.begin() + 1, one.begin() + size);
    std::array<int16_t, kMixSamplesMax> samples;
    EXPECT_EQ(Decoder(Codec::Opus).decode(packet, samples), 6 * kFrameSamples);
}

TEST(Codec, NonsenseIsNoSound) {
    std::array<int16_t, kMixSamplesMax> samples;
    for (const Codec codec : kCodecs) {
        Decoder decoder(codec);
        EXPECT_EQ(decoder.decode({}, samples), 0u);
        const std::vector<uint8_t> too_long(kMixSamplesMax + 1, 0xff);
        EXPECT_EQ(decoder.decode(too_long, samples), 0u);
        SeededRng rng(7);
        for (int i = 0; i < 2000; ++i) {
            std::vector<uint8_t> noise(1 + rng.below(400));
            for (uint8_t& octet : noise) octet = static_cast<uint8_t>(rng.next());
            EXPECT_LE(decoder.decode(noise, samples), kMixSamplesMax);
        }
    }
}

}  // namespace
}  // namespace tandem::audio
