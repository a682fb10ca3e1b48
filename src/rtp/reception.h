// What a receiver knows of one source: expected, lost, jitter (RFC 3550 6.4.1, A.1, A.3, A.8), and
// the quality that a listener would give it (ITU-T G.107).
#pragma once

#include <cstdint>

#include "base/instant.h"
#include "rtp/packet.h"
#include "rtp/rtcp.h"

namespace tandem::rtp {

// The clock rate of a stream whose codec nobody told us: timestamps against arrival times over at
// least a second, snapped to the rates in use (RFC 3551 6, Opus, video).
class ClockRate {
 public:
    void on_packet(Instant now, uint32_t timestamp);
    uint32_t hz() const { return hz_; }  // 0: not known yet

 private:
    Instant since_;
    uint32_t first_timestamp_ = 0;
    uint32_t hz_ = 0;
    bool started_ = false;
};

// One source, as received. A new SSRC needs a new one.
class Reception {
 public:
    explicit Reception(uint32_t ssrc) : ssrc_(ssrc) {}

    void on_packet(Instant now, const Header& header);

    uint32_t ssrc() const { return ssrc_; }
    uint64_t received() const { return received_; }
    uint64_t expected() const;
    int64_t lost() const;  // negative with duplicates (A.3)
    uint32_t highest_sequence() const { return sequence_.highest(); }
    uint32_t jitter() const { return jitter_ >> 4; }  // timestamp units (A.8)
    double jitter_ms() const;                         // 0 while the clock rate is unknown
    Instant last_packet() const { return last_packet_; }
    uint32_t last_timestamp() const { return last_timestamp_; }

    // What to report of the interval since the last report; starts a new interval (A.3).
    ReportBlock report(uint32_t last_sr, uint32_t delay_since_last_sr);

 private:
    void update_jitter(Instant now, uint32_t timestamp);
    void restart(uint16_t sequence);

    uint32_t ssrc_;
    SequenceExtender sequence_;
    uint32_t base_sequence_ = 0;
    uint64_t received_ = 0;
    uint64_t expected_before_ = 0;  // of earlier runs, when the source restarted its numbering
    uint64_t expected_prior_ = 0;
    uint64_t received_prior_ = 0;
    ClockRate clock_;
    uint32_t transit_ = 0;
    uint32_t newest_timestamp_ = 0;  // of those that jitter was measured of
    bool has_transit_ = false;
    uint32_t jitter_ = 0;  // scaled by 16, as in A.8
    uint32_t last_timestamp_ = 0;
    Instant last_packet_;
};

// E-model of ITU-T G.107 reduced to what the network does to G.711 with loss concealment:
// R = 93.2 - Id - Ie_eff; Id = 0.024 d + 0.11 (d - 177.3) beyond 177.3 ms of one-way delay d
// (network half of the round trip, twice the jitter for the buffer, one 20 ms packet); Ie_eff = 95
// p / (p + Bpl), p the loss in per cent, Bpl = 25.1 (G.113 appendix I).
double r_factor(double loss_fraction, double jitter_ms, double round_trip_ms);
// MOS of a listener, 1..4.5 (G.107 annex B).
double mos_from_r(double r);
inline double mos(double loss_fraction, double jitter_ms, double round_trip_ms) {
    return mos_from_r(r_factor(loss_fraction, jitter_ms, round_trip_ms));
}

}  // namespace tandem::rtp
