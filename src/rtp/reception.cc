#include "rtp/reception.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tandem::rtp {
namespace {

constexpr std::array<uint32_t, 6> kRates{8000, 16000, 32000, 44100, 48000, 90000};
// A jump of the sequence number beyond this is a restart of the source, not loss (A.1:
// MAX_DROPOUT).
constexpr int kDropoutMax = 3000;
constexpr Duration kRateWindow = 1s;
// Timestamps that run off the clock by a tenth belong to no known rate: the stream paused or
// jumped.
constexpr double kRateTolerance = 0.1;

// Arrival in timestamp units; only differences count, so that wrapping does no harm.
uint32_t in_units(Instant now, uint32_t hz) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.since_epoch).count();
    const auto seconds = us / 1'000'000, rest = us % 1'000'000;
    return static_cast<uint32_t>(seconds * hz + rest * hz / 1'000'000);
}

double ms_of(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

void ClockRate::on_packet(Instant now, uint32_t timestamp) {
    if (hz_ != 0) return;
    if (!started_) {
        started_ = true;
        since_ = now;
        first_timestamp_ = timestamp;
        return;
    }
    if (now - since_ < kRateWindow) return;
    const double measured = (timestamp - first_timestamp_) * 1000.0 / ms_of(now - since_);
    for (const uint32_t rate : kRates) {
        if (std::abs(measured - rate) < rate * kRateTolerance && hz_ == 0) hz_ = rate;
    }
    // 44.1 and 48 kHz are nearer to each other than the tolerance: the nearest wins.
    if (hz_ == 44100 && measured > 46050) hz_ = 48000;
    started_ = hz_ != 0;  // else measure anew
}

void Reception::restart(uint16_t sequence) {
    expected_before_ += sequence_.started() ? sequence_.highest() - base_sequence_ + 1 : 0;
    sequence_ = SequenceExtender();
    base_sequence_ = sequence_.extend(sequence);
    has_transit_ = false;
}

void Reception::on_packet(Instant now, const Header& header) {
    const auto step =
        static_cast<int16_t>(header.sequence - static_cast<uint16_t>(sequence_.highest()));
    if (!sequence_.started() || std::abs(step) > kDropoutMax)
        restart(header.sequence);
    else
        sequence_.extend(header.sequence);
    ++received_;
    clock_.on_packet(now, header.timestamp);
    update_jitter(now, header.timestamp);
    last_timestamp_ = header.timestamp;
    last_packet_ = now;
}

void Reception::update_jitter(Instant now, uint32_t timestamp) {
    if (clock_.hz() == 0) return;
    // Only a packet that is newer than all before tells of the network's timing. A frame of several
    // packets shares a timestamp, and all packets of a pressed key carry the timestamp of its start
    // (RFC 4733 2.2.1), also when the sound goes on between them.
    const auto step = static_cast<int32_t>(timestamp - newest_timestamp_);
    if (has_transit_ && step <= 0 && step > -static_cast<int32_t>(clock_.hz() * 4)) return;
    newest_timestamp_ = timestamp;
    const uint32_t transit = in_units(now, clock_.hz()) - timestamp;
    const auto change = static_cast<int32_t>(transit - transit_);
    transit_ = transit;
    if (!has_transit_) {
        has_transit_ = true;
        return;
    }
    const uint32_t distance =
        change < 0 ? -static_cast<uint32_t>(change) : static_cast<uint32_t>(change);
    if (distance > clock_.hz() * 4) return;  // the timestamp jumped: a new talk spurt, not jitter
    jitter_ += distance - ((jitter_ + 8) >> 4);
}

uint64_t Reception::expected() const {
    if (!sequence_.started()) return 0;
    return expected_before_ + (sequence_.highest() - base_sequence_) + 1;
}

int64_t Reception::lost() const {
    return static_cast<int64_t>(expected()) - static_cast<int64_t>(received_);
}

double Reception::jitter_ms() const {
    return clock_.hz() == 0 ? 0 : jitter() * 1000.0 / clock_.hz();
}

ReportBlock Reception::report(uint32_t last_sr, uint32_t delay_since_last_sr) {
    const uint64_t expected_now = expected() - expected_prior_;
    const uint64_t received_now = received_ - received_prior_;
    expected_prior_ = expected();
    received_prior_ = received_;
    ReportBlock block;
    block.ssrc = ssrc_;
    if (expected_now > received_now)
        block.fraction_lost = static_cast<uint8_t>(
            std::min<uint64_t>(255, ((expected_now - received_now) << 8) / expected_now));
    block.cumulative_lost = static_cast<int32_t>(std::clamp<int64_t>(lost(), -0x800000, 0x7fffff));
    block.highest_sequence = sequence_.highest();
    block.jitter = jitter();
    block.last_sr = last_sr;
    block.delay_since_last_sr = delay_since_last_sr;
    return block;
}

double r_factor(double loss_fraction, double jitter_ms, double round_trip_ms) {
    constexpr double kBest = 93.2, kRobustness = 25.1, kPacketMs = 20, kKneeMs = 177.3;
    const double delay = round_trip_ms / 2 + 2 * jitter_ms + kPacketMs;
    const double delay_impairment = 0.024 * delay + 0.11 * std::max(0.0, delay - kKneeMs);
    const double loss = std::clamp(loss_fraction, 0.0, 1.0) * 100;
    return std::clamp(kBest - delay_impairment - 95 * loss / (loss + kRobustness), 0.0, kBest);
}

double mos_from_r(double r) {
    if (r <= 0) return 1;
    if (r >= 100) return 4.5;
    return std::max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
}

}  // namespace tandem::rtp
