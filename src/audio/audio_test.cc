#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "audio/g711.h"
#include "audio/mixer.h"
#include "audio/sounds.h"
#include "audio/wav.h"

namespace tandem::audio {
namespace {

// How much of a frequency the samples have, as the amplitude of its sine.
double amplitude_of(std::span<const int16_t> samples, double frequency) {
    std::complex<double> sum;
    for (size_t i = 0; i < samples.size(); ++i) {
        const double angle = 2 * std::numbers::pi * frequency * double(i) / kSampleRate;
        sum += double(samples[i]) * std::polar(1.0, -angle);
    }
    return 2 * std::abs(sum) / double(samples.size());
}

Bytes wav_of(uint16_t format, uint16_t channels, uint32_t rate, uint16_t bits, const Bytes& data) {
    Bytes out;
    const auto word = [&](std::string_view text) {
        out.insert(out.end(), text.begin(), text.end());
    };
    const auto number = [&](uint32_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
    };
    word("RIFF");
    number(static_cast<uint32_t>(36 + data.size()), 4);
    word("WAVEfmt ");
    number(16, 4);
    number(format, 2);
    number(channels, 2);
    number(rate, 4);
    number(rate * channels * bits / 8, 4);
    number(channels * bits / 8u, 2);
    number(bits, 2);
    word("data");
    number(static_cast<uint32_t>(data.size()), 4);
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

std::string refusal_of(const Bytes& file) {
    const auto read = read_wav(file);
    return read ? "" : read.error().message.substr(0, read.error().message.find(';'));
}

// ITU-T G.711 tables 1a and 2a: what the ends and the middle of the scale are.
TEST(G711, HasTheValuesOfTheRecommendation) {
    EXPECT_EQ(encode(Law::A, 0), 0xD5);
    EXPECT_EQ(encode(Law::A, 32767), 0xAA);
    EXPECT_EQ(encode(Law::A, -32768), 0x2A);
    EXPECT_EQ(decode(Law::A, 0xD5), 8);
    EXPECT_EQ(decode(Law::A, 0xAA), 32256);
    EXPECT_EQ(decode(Law::A, 0x2A), -32256);
    EXPECT_EQ(encode(Law::Mu, 0), 0xFF);
    EXPECT_EQ(encode(Law::Mu, 32767), 0x80);
    EXPECT_EQ(encode(Law::Mu, -32768), 0x00);
    EXPECT_EQ(decode(Law::Mu, 0xFF), 0);
    EXPECT_EQ(decode(Law::Mu, 0x80), 32124);
    EXPECT_EQ(decode(Law::Mu, 0x00), -32124);
}

TEST(G711, EachCodeComesBackAsItself) {
    for (const Law law : {Law::A, Law::Mu}) {
        for (int code = 0; code < 256; ++code) {
            const int16_t sample = decode(law, static_cast<uint8_t>(code));
            const uint8_t back = encode(law, sample);
            // Mu-law has two zeros.
            if (sample != 0) {
                EXPECT_EQ(back, code) << int(law);
            }
        }
    }
}

TEST(G711, IsNeverFurtherFromTheSampleThanHalfAStep) {
    for (const Law law : {Law::A, Law::Mu}) {
        for (int sample = -32000; sample <= 32000; sample += 7) {
            const int back = decode(law, encode(law, static_cast<int16_t>(sample)));
            EXPECT_LE(std::abs(back - sample), std::max(16, std::abs(sample) / 24)) << sample;
        }
    }
}

TEST(Sounds, TonesHaveTheirFrequencyAndTheirPauses) {
    const Sound busy = tone(Tone::Busy);
    ASSERT_EQ(busy.samples.size(), kSampleRate);
    const std::span<const int16_t> all(busy.samples);
    EXPECT_GT(amplitude_of(all.first(4000), 425), 3500);
    EXPECT_LT(amplitude_of(all.first(4000), 1000), 50);
    EXPECT_EQ(amplitude_of(all.subspan(4000), 425), 0);
    EXPECT_EQ(tone(Tone::Ringback).samples.size(), 5 * kSampleRate);
}

TEST(Sounds, TheMelodyIsSoftAndSoundsAllTheTime) {
    const Sound sound = melody();
    EXPECT_EQ(sound.samples.size(), 20 * kSampleRate);
    for (size_t second = 0; second < 20; ++second) {
        double power = 0;
        for (size_t i = 0; i < kSampleRate; ++i)
            power += std::pow(double(sound.samples[second * kSampleRate + i]), 2);
        const double loudness = std::sqrt(power / kSampleRate);
        EXPECT_GT(loudness, 300) << second;
        EXPECT_LT(loudness, 5000) << second;
    }
    // Played again and again: no step where it begins anew.
    EXPECT_LT(std::abs(sound.samples.front() - sound.samples.back()), 1500);
}

TEST(Sounds, ReadsInACircleOrOnce) {
    const Sound sound{{1, 2, 3}};
    size_t position = 0;
    std::array<int16_t, 5> out{};
    read_looped(sound, position, out);
    EXPECT_EQ(out, (std::array<int16_t, 5>{1, 2, 3, 1, 2}));
    read_looped(sound, position, out);
    EXPECT_EQ(out, (std::array<int16_t, 5>{3, 1, 2, 3, 1}));
    position = 0;
    EXPECT_TRUE(read_once(sound, position, out));
    EXPECT_EQ(out, (std::array<int16_t, 5>{1, 2, 3, 0, 0}));
    EXPECT_FALSE(read_once(sound, position, out));
    EXPECT_EQ(out, (std::array<int16_t, 5>{}));
    read_looped(Sound{}, position, out);
    EXPECT_EQ(out, (std::array<int16_t, 5>{}));
}

std::vector<int16_t> frame_of(int16_t value) {
    return std::vector<int16_t>(kFrameSamples, value);
}
int32_t taken_from(MixInput& input) {
    std::array<int32_t, kFrameSamples> sum{};
    input.add_to(sum);
    return sum[kFrameSamples - 1];
}

TEST(Mixer, GathersTwoFramesFirstAndAgainAfterAGap) {
    MixInput input;
    input.push(1, frame_of(10));
    EXPECT_EQ(taken_from(input), 0);
    input.push(2, frame_of(20));
    EXPECT_EQ(taken_from(input), 10);
    EXPECT_EQ(taken_from(input), 20);
    EXPECT_EQ(taken_from(input), 0) << "it has run out";
    input.push(3, frame_of(30));
    EXPECT_EQ(taken_from(input), 0);
    input.push(4, frame_of(40));
    EXPECT_EQ(taken_from(input), 30);
}

TEST(Mixer, LeavesOutWhatWasOvertakenAndWhatWaitsForTooLong) {
    MixInput input;
    input.push(65535, frame_of(1));
    input.push(0, frame_of(2));
    input.push(65535, frame_of(3));
    input.push(0, frame_of(3));
    EXPECT_EQ(input.waiting(), 2 * kFrameSamples);
    input.push(40000, frame_of(4));  // another source
    EXPECT_EQ(input.waiting(), 3 * kFrameSamples);
    for (uint16_t i = 1; i < 20; ++i) input.push(static_cast<uint16_t>(40000 + i), frame_of(5));
    EXPECT_LE(input.waiting(), kMixSamplesMax);
    EXPECT_EQ(taken_from(input), 5);
    input.push(50000, std::vector<int16_t>(kMixSamplesMax + 1, 9));
    EXPECT_LE(input.waiting(), kMixSamplesMax);
}

TEST(Mixer, AddsUpAndStaysWithinBounds) {
    MixInput a, b;
    for (uint16_t i = 1; i <= 2; ++i) {
        a.push(i, frame_of(30000));
        b.push(i, frame_of(i == 1 ? 20000 : -31000));
    }
    for (const int16_t expected : {int16_t{32767}, int16_t{-1000}}) {
        std::array<int32_t, kFrameSamples> sum{};
        std::array<int16_t, kFrameSamples> out{};
        a.add_to(sum);
        b.add_to(sum);
        saturate(sum, out);
        EXPECT_EQ(out[7], expected);
    }
}

TEST(Wav, ReadsPcmAndG711) {
    Bytes pcm(3200);
    for (size_t i = 0; i < 1600; ++i) pcm[2 * i + 1] = static_cast<uint8_t>(i);
    const auto plain = read_wav(wav_of(1, 1, 8000, 16, pcm));
    ASSERT_TRUE(plain.has_value()) << plain.error().message;
    EXPECT_EQ(plain->samples.size(), 1600u);
    EXPECT_EQ(plain->samples[3], 3 * 256);
    const auto wide = read_wav(wav_of(1, 1, 16000, 16, Bytes(8000, 5)));
    ASSERT_TRUE(wide.has_value());
    EXPECT_EQ(wide->samples.size(), 2000u);
    EXPECT_EQ(wide->samples[100], 5 * 257);
    const auto a_law = read_wav(wav_of(6, 1, 8000, 8, Bytes(800, 0xAA)));
    ASSERT_TRUE(a_law.has_value());
    EXPECT_EQ(a_law->samples[7], 32256);
    const auto mu_law = read_wav(wav_of(7, 1, 8000, 8, Bytes(800, 0xFF)));
    ASSERT_TRUE(mu_law.has_value());
    EXPECT_EQ(mu_law->samples[7], 0);
}

TEST(Wav, WhatIsWrittenIsReadAgain) {
    const Sound busy = tone(Tone::Busy);
    const auto back = read_wav(write_wav(busy));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    ASSERT_EQ(back->samples.size(), busy.samples.size());
    EXPECT_NEAR(amplitude_of(std::span(back->samples).first(4000), 425),
                amplitude_of(std::span(busy.samples).first(4000), 425), 20);
}

TEST(Wav, SaysWhatTheFileHasInstead) {
    const Bytes data(3200);
    EXPECT_EQ(refusal_of({}), "this is no WAV file");
    EXPECT_EQ(refusal_of(Bytes(100, 'x')), "this is no WAV file");
    EXPECT_EQ(refusal_of(wav_of(1, 2, 8000, 16, data)), "the file has 2 channels");
    EXPECT_EQ(refusal_of(wav_of(1, 1, 44100, 16, data)), "the file has 44100 samples a second");
    EXPECT_EQ(refusal_of(wav_of(1, 1, 8000, 8, data)), "the file has samples of 8 bits");
    EXPECT_EQ(refusal_of(wav_of(17, 1, 8000, 4, data)), "the file is of format 17");
    EXPECT_EQ(refusal_of(wav_of(1, 1, 8000, 16, Bytes(100))), "the file is shorter than 0.1 s");
    Bytes without_data = wav_of(1, 1, 8000, 16, data);
    without_data.resize(36);
    EXPECT_EQ(refusal_of(without_data), "the file has no format or no data");
}

// No file, however broken, is read beyond its end.
TEST(Wav, AnyBeginningOfAFileIsReadOrRefused) {
    const Bytes whole = wav_of(1, 1, 8000, 16, Bytes(4000, 3));
    for (size_t length = 0; length < whole.size(); ++length) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        const auto read = read_wav(part);
        if (read) {
            EXPECT_LE(read->samples.size(), 2000u);
        }
    }
    Bytes wrong = whole;
    for (size_t i = 0; i < 44; ++i) {
        wrong[i] = 0xFF;
        (void)read_wav(wrong);
    }
}

}  // namespace
}  // namespace tandem::audio
