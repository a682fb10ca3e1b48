#include "audio/sounds.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tandem::audio {
namespace {

// -16 dBm0: as loud as speech is on average, so that nobody takes the receiver from the ear.
constexpr double kLoudness = 4000;
// Begin and end of what would crackle otherwise.
constexpr size_t kEdge = kSampleRate / 200;

double turn(double frequency, size_t sample) {
    return 2 * std::numbers::pi * frequency * static_cast<double>(sample) / kSampleRate;
}

void add_tone(Sound& sound, double frequency, size_t on, size_t off) {
    for (size_t i = 0; i < on; ++i) {
        const size_t to_edge = std::min({i, on - i, kEdge});
        const double edge = static_cast<double>(to_edge) / kEdge;
        sound.samples.push_back(
            static_cast<int16_t>(kLoudness * edge * std::sin(turn(frequency, i))));
    }
    sound.samples.insert(sound.samples.end(), off, int16_t{0});
}

// Semitones above A (220 Hz), one a beat, over a slow bass: four bars of I, VI, IV, V.
constexpr int kRest = -100;
constexpr int kBars = 8;
constexpr int kBeats = 8;  // eighths of a bar
constexpr int kNotes[kBars][kBeats] = {
    {3, 7, 10, 15, 10, 7, 10, 7},    {0, 3, 7, 12, 7, 3, 7, 3},
    {8, 12, 15, 20, 15, 12, 15, 12}, {10, 14, 17, 22, 17, 14, 10, kRest},
    {3, 7, 10, 15, 19, 15, 10, 7},   {0, 3, 7, 12, 15, 12, 7, 3},
    {8, 12, 15, 12, 8, 12, 15, 20},  {10, 14, 17, 14, 10, 7, 5, kRest}};
constexpr int kBass[kBars] = {-9, -12, -4, -2, -9, -12, -4, -2};
constexpr size_t kBeatSamples = kSampleRate * 5 / 16;

double frequency_of(int semitones) {
    return 220 * std::pow(2.0, semitones / 12.0);
}

// A sine by turning a pointer: calling libm for each of a million samples would hold up whoever
// plays meanwhile.
class Oscillator {
 public:
    explicit Oscillator(double frequency)
        : sine_(std::sin(turn(frequency, 1))), cosine_(std::cos(turn(frequency, 1))) {}
    double next() {
        const double now = y_;
        y_ = y_ * cosine_ + x_ * sine_;
        x_ = x_ * cosine_ - now * sine_;
        return now;
    }

 private:
    double sine_;
    double cosine_;
    double x_ = 1;
    double y_ = 0;
};

// A struck string: a fundamental and a little of its octave that fade. Its end wraps round, so that
// the last notes ring into the first ones when the melody begins anew.
void strike(std::vector<double>& mix, size_t at, double frequency, double loudness, double fade_s) {
    const auto length = static_cast<size_t>(fade_s * 4 * kSampleRate);
    const double fading = std::exp(-1 / (fade_s * kSampleRate));
    const double attack = 1 / (0.012 * kSampleRate);
    Oscillator fundamental(frequency), octave(2 * frequency);
    double rise = 0;
    for (size_t i = 0; i < length; ++i) {
        rise = std::min(1.0, rise + attack);
        mix[(at + i) % mix.size()] += loudness * rise * (fundamental.next() + 0.25 * octave.next());
        loudness *= fading;
    }
}

}  // namespace

Sound tone(Tone tone) {
    Sound sound;
    switch (tone) {
        case Tone::Ringback:
            add_tone(sound, 425, kSampleRate, 4 * kSampleRate);
            break;
        case Tone::Busy:
            add_tone(sound, 425, kSampleRate / 2, kSampleRate / 2);
            break;
        case Tone::Congestion:
            add_tone(sound, 425, kSampleRate / 4, kSampleRate / 4);
            break;
        case Tone::Beep:
            add_tone(sound, 1000, kSampleRate / 5, 0);
            break;
    }
    return sound;
}

Sound melody() {
    std::vector<double> mix(kBeatSamples * kBeats * kBars, 0.0);
    for (size_t bar = 0; bar < kBars; ++bar) {
        const size_t start = bar * kBeats * kBeatSamples;
        strike(mix, start, frequency_of(kBass[bar]), 0.35, 0.9);
        for (size_t beat = 0; beat < kBeats; ++beat) {
            const int note = kNotes[bar][beat];
            if (note == kRest) continue;
            strike(mix, start + beat * kBeatSamples, frequency_of(note), 0.5, 0.35);
        }
    }
    Sound sound;
    sound.samples.reserve(mix.size());
    for (const double sample : mix) {
        // Sums stay below 2; whatever goes beyond is bent, not cut.
        sound.samples.push_back(static_cast<int16_t>(2 * kLoudness * std::tanh(sample)));
    }
    return sound;
}

void read_looped(const Sound& sound, size_t& position, std::span<int16_t> out) {
    if (sound.samples.empty()) {
        std::ranges::fill(out, int16_t{0});
        return;
    }
    for (int16_t& sample : out) {
        if (position >= sound.samples.size()) position = 0;
        sample = sound.samples[position++];
    }
}

bool read_once(const Sound& sound, size_t& position, std::span<int16_t> out) {
    std::ranges::fill(out, int16_t{0});
    if (position >= sound.samples.size()) return false;
    const size_t count = std::min(out.size(), sound.samples.size() - position);
    std::copy_n(sound.samples.begin() + static_cast<std::ptrdiff_t>(position), count, out.begin());
    position += count;
    return true;
}

}  // namespace tandem::audio
