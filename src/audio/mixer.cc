#include "audio/mixer.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace tandem::audio {
namespace {

// As far back as a packet may come and be one that was overtaken; further back a source has begun
// anew.
constexpr int kOvertakenMax = 100;

}  // namespace

void MixInput::drop(size_t samples) {
    begin_ = (begin_ + samples) % ring_.size();
    count_ -= samples;
}

void MixInput::push(uint16_t sequence, std::span<const int16_t> samples) {
    if (samples.size() > ring_.size()) return;  // no packet of a phone is
    if (last_) {
        const int ahead = static_cast<int16_t>(sequence - *last_);
        if (ahead <= 0 && ahead > -kOvertakenMax) return;
    }
    last_ = sequence;
    const size_t room = ring_.size() - count_;
    if (samples.size() > room) drop(std::min(count_, count_ / 2 + samples.size()));
    for (const int16_t sample : samples) ring_[(begin_ + count_++) % ring_.size()] = sample;
}

void MixInput::add_to(std::span<int32_t> sum) {
    if (!flows_ && count_ < kMixBegin) return;
    flows_ = count_ >= sum.size();
    const size_t taken = std::min(sum.size(), count_);
    for (size_t i = 0; i < taken; ++i) sum[i] += ring_[(begin_ + i) % ring_.size()];
    drop(taken);
}

void saturate(std::span<const int32_t> sum, std::span<int16_t> out) {
    CHECK(out.size() >= sum.size());
    using Limits = std::numeric_limits<int16_t>;
    std::ranges::transform(sum, out.begin(), [](int32_t sample) {
        return static_cast<int16_t>(std::clamp<int32_t>(sample, Limits::min(), Limits::max()));
    });
}

}  // namespace tandem::audio
