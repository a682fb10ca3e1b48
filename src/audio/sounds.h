// Sound in memory, and sounds that need no file: a melody for those who wait, and call progress
// tones. Made by arithmetic, so that they are ours and the same everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "audio/limits.h"

namespace tandem::audio {

// Mono, kSampleRate.
struct Sound {
    std::vector<int16_t> samples;
};

enum class Tone : uint8_t {
    Ringback,    // 425 Hz, 1 s on, 4 s off (ITU-T E.180, Europe's)
    Busy,        // 425 Hz, 0.5 s on, 0.5 s off
    Congestion,  // 425 Hz, 0.25 s on, 0.25 s off
    Beep,        // 1000 Hz, 0.2 s, once
};

// One period of it: played again and again it is the tone.
Sound tone(Tone tone);
// Some twenty seconds of soft notes that end where they begin.
Sound melody();

// Copies the samples from `position` on into `out`, beginning anew at the end of the sound, and
// moves `position`. Of a sound without samples: silence.
void read_looped(const Sound& sound, size_t& position, std::span<int16_t> out);
// The same without beginning anew: silence behind the end. False: nothing of it was left.
bool read_once(const Sound& sound, size_t& position, std::span<int16_t> out);

}  // namespace tandem::audio
