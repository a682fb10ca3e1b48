// RTCP: compound packets read block by block, reports written (RFC 3550 6, RFC 4585 6).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/instant.h"
#include "rtp/limits.h"

namespace tandem::rtp {

enum class RtcpType : uint8_t {
    SenderReport = 200,
    ReceiverReport = 201,
    SourceDescription = 202,
    Bye = 203,
    App = 204,
    TransportFeedback = 205,  // RTPFB: generic NACK, transport-wide congestion control
    PayloadFeedback = 206,    // PSFB: PLI, FIR, REMB
    ExtendedReport = 207,     // RFC 3611
};

// One packet of a compound. `type` may be a value that RtcpType does not name.
struct RtcpBlock {
    RtcpType type = RtcpType::ReceiverReport;
    uint8_t count = 0;  // reports, chunks, sources; the format of feedback; the subtype of APP
    BytesView body;     // after the four-byte header, without padding
};

// Reads a compound from its beginning. Stops at the first block that does not fit.
class RtcpReader {
 public:
    explicit RtcpReader(BytesView compound) : rest_(compound) {}
    std::optional<RtcpBlock> next();
    // After next() gave nothing: whether the compound ended where it should.
    bool complete() const { return !broken_ && rest_.empty(); }

 private:
    BytesView rest_;
    bool broken_ = false;
    size_t count_ = 0;
};

// Whether the whole compound is well formed: versions, lengths, and for reports their counts.
// Reduced-size packets (RFC 5506), which begin with feedback, are well formed too.
bool is_valid_compound(BytesView compound);

struct ReportBlock {  // RFC 3550 6.4.1
    uint32_t ssrc = 0;
    uint8_t fraction_lost = 0;    // 256ths of the interval since the last report
    int32_t cumulative_lost = 0;  // 24 bits, signed
    uint32_t highest_sequence = 0;
    uint32_t jitter = 0;
    uint32_t last_sr = 0;              // middle 32 bits of the NTP time of the last SR
    uint32_t delay_since_last_sr = 0;  // 1/65536 s
};

struct SenderInfo {
    uint64_t ntp = 0;  // 32.32 seconds since 1900
    uint32_t rtp_timestamp = 0;
    uint32_t packets = 0;
    uint32_t octets = 0;
};

// SR or RR.
struct Report {
    uint32_t ssrc = 0;
    std::optional<SenderInfo> sender;
    std::array<ReportBlock, kReportBlocksMax> blocks;
    uint8_t block_count = 0;
    std::span<const ReportBlock> reports() const { return {blocks.data(), block_count}; }
};
std::optional<Report> parse_report(const RtcpBlock& block);
// Of its body, without what a profile has added (RFC 3550 6.4.3).
size_t report_bytes(const RtcpBlock& block);

struct Feedback {  // RFC 4585 6.1
    uint8_t format = 0;
    uint32_t sender_ssrc = 0;
    uint32_t media_ssrc = 0;
    BytesView control;
};
std::optional<Feedback> parse_feedback(const RtcpBlock& block);

std::optional<std::string_view> cname_of(
    const RtcpBlock& source_description);  // of the first chunk
bool bye_names(const RtcpBlock& bye, uint32_t ssrc);

// Writes a compound into a caller's buffer; what does not fit is left out and ok() turns false.
class RtcpWriter {
 public:
    explicit RtcpWriter(std::span<uint8_t> buffer) : buffer_(buffer) {}
    void report(uint32_t ssrc, const std::optional<SenderInfo>& sender,
                std::span<const ReportBlock> blocks);
    void source_description(uint32_t ssrc, std::string_view cname);
    void bye(uint32_t ssrc);
    bool ok() const { return ok_; }
    std::span<uint8_t> written() const { return buffer_.first(size_); }

 private:
    uint8_t* begin(RtcpType type, uint8_t count, size_t body_bytes);

    std::span<uint8_t> buffer_;
    size_t size_ = 0;
    bool ok_ = true;
};

// NTP time of a wall clock, 32.32 (RFC 3550 4), and the middle 32 bits that reports echo.
uint64_t ntp_of(UtcTime time);
inline uint32_t middle_of(uint64_t ntp) {
    return static_cast<uint32_t>(ntp >> 16);
}

// Round trip in ms from a report block that echoes our SR, `arrival` the middle NTP bits at
// reception (RFC 3550 6.4.1: A - LSR - DLSR). nullopt when it echoes none, or the peer's clock
// makes it absurd.
std::optional<double> round_trip_ms(uint32_t arrival, const ReportBlock& block);

}  // namespace tandem::rtp
