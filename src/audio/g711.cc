#include "audio/g711.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

namespace tandem::audio {
namespace {

// A code has a sign, three bits of segment and four bits of place within it. A-law inverts every
// other bit, mu-law all of them, so that silence is not a row of equal bits on the line.
constexpr uint8_t kInvertedA = 0x55;
constexpr int kBiasMu = 0x84;  // 33 in the 14 bits of the recommendation
constexpr int kClipMu = 32635;

constexpr int16_t decode_a(uint8_t code) {
    const int bits = code ^ kInvertedA;
    const int segment = bits >> 4 & 7;
    // The middle of the step.
    int magnitude = (bits & 15) * 16 + 8;
    if (segment > 0) magnitude = (magnitude + 256) << (segment - 1);
    return static_cast<int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

constexpr int16_t decode_mu(uint8_t code) {
    const int bits = ~code & 0xff;
    const int segment = bits >> 4 & 7;
    const int magnitude = (((bits & 15) * 8 + kBiasMu) << segment) - kBiasMu;
    return static_cast<int16_t>((bits & 0x80) != 0 ? -magnitude : magnitude);
}

constexpr uint8_t encode_a(int16_t sample) {
    // -1 belongs to the negative half: its magnitude is that of 0.
    const bool negative = sample < 0;
    const int magnitude = negative ? ~sample : sample;
    const int width = std::bit_width(static_cast<unsigned>(magnitude >> 8));
    const int segment = std::max(0, width);
    const int place = magnitude >> (segment > 1 ? segment + 3 : 4) & 15;
    return static_cast<uint8_t>(((negative ? 0 : 0x80) | segment << 4 | place) ^ kInvertedA);
}

constexpr uint8_t encode_mu(int16_t sample) {
    const bool negative = sample < 0;
    const int magnitude = std::min(negative ? -int{sample} : int{sample}, kClipMu) + kBiasMu;
    const int segment = std::bit_width(static_cast<unsigned>(magnitude >> 8));
    const int place = magnitude >> (segment + 3) & 15;
    return static_cast<uint8_t>(~((negative ? 0x80 : 0) | segment << 4 | place));
}

template <int16_t (*Decode)(uint8_t)>
constexpr std::array<int16_t, 256> table_of() {
    std::array<int16_t, 256> table{};
    for (size_t code = 0; code < table.size(); ++code)
        table[code] = Decode(static_cast<uint8_t>(code));
    return table;
}
constexpr auto kDecodedA = table_of<decode_a>();
constexpr auto kDecodedMu = table_of<decode_mu>();

}  // namespace

uint8_t encode(Law law, int16_t sample) {
    return law == Law::A ? encode_a(sample) : encode_mu(sample);
}

int16_t decode(Law law, uint8_t code) {
    return law == Law::A ? kDecodedA[code] : kDecodedMu[code];
}

void encode(Law law, std::span<const int16_t> samples, std::span<uint8_t> out) {
    CHECK(out.size() >= samples.size());
    const auto one = law == Law::A ? encode_a : encode_mu;
    std::ranges::transform(samples, out.begin(), one);
}

void decode(Law law, std::span<const uint8_t> codes, std::span<int16_t> out) {
    CHECK(out.size() >= codes.size());
    const auto& table = law == Law::A ? kDecodedA : kDecodedMu;
    std::ranges::transform(codes, out.begin(), [&](uint8_t code) { return table[code]; });
}

}  // namespace tandem::audio
