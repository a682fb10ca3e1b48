// Voices on their way into one: what several say, added up frame by frame.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "audio/limits.h"

namespace tandem::audio {

// One speaker's samples, from when his packets come to when a frame is due. Packets come unevenly:
// two frames are gathered before the first is taken, and again after they have run out. A packet
// that was overtaken is left out; what waits for too long is, too, so that nobody lags behind.
class MixInput {
 public:
    void push(uint16_t sequence, std::span<const int16_t> samples);
    // Adds what is there to the sum; of what is not, nothing.
    void add_to(std::span<int32_t> sum);
    size_t waiting() const { return count_; }

 private:
    void drop(size_t samples);

    std::array<int16_t, kMixSamplesMax> ring_{};
    size_t begin_ = 0;
    size_t count_ = 0;
    std::optional<uint16_t> last_;
    bool flows_ = false;
};

// The sum as samples: what is too loud stays at the loudest.
void saturate(std::span<const int32_t> sum, std::span<int16_t> out);

}  // namespace tandem::audio
