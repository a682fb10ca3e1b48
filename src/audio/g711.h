// G.711: one byte a sample, with a logarithmic scale. ITU-T G.711 tables 1 (A-law) and 2 (mu-law).
// Samples are 16 bits wide here: those of the recommendation (13 and 14 bits) moved to the left.
#pragma once

#include <cstdint>
#include <span>

namespace tandem::audio {

enum class Law : uint8_t { A, Mu };  // RFC 3551 4.5.14: PCMA, PCMU

uint8_t encode(Law law, int16_t sample);
int16_t decode(Law law, uint8_t code);

// As many bytes as there are samples; `out` has room for them.
void encode(Law law, std::span<const int16_t> samples, std::span<uint8_t> out);
void decode(Law law, std::span<const uint8_t> codes, std::span<int16_t> out);

}  // namespace tandem::audio
