// Bounds of sound in memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::audio {

// What the telephone network has: all sound in memory is mono of this rate.
inline constexpr uint32_t kSampleRate = 8000;
// A packet's worth: 20 ms, which every phone can take (RFC 3551 4.2).
inline constexpr size_t kFrameSamples = kSampleRate / 50;
// The largest payload of a frame: G.711's and G.722's, one byte a sample. Opus keeps to it.
inline constexpr size_t kPayloadBytesMax = kFrameSamples;
// What waits for a mix: 120 ms, more than a phone's network is uneven by. Half of it goes when it
// is full.
inline constexpr size_t kMixSamplesMax = 6 * kFrameSamples;
// Gathered before a speaker is heard.
inline constexpr size_t kMixBegin = 2 * kFrameSamples;
// Chunks of a WAV file that are looked at; usual ones have three to five.
inline constexpr size_t kWavChunksMax = 64;
// The shortest file that is worth being played again and again.
inline constexpr size_t kWavSamplesMin = kSampleRate / 10;

}  // namespace tandem::audio
