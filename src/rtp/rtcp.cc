#include "rtp/rtcp.h"

#include <algorithm>
#include <cstring>

#include "base/octets.h"

namespace tandem::rtp {
namespace {

constexpr size_t kSenderInfoBytes = 20;
constexpr size_t kReportBlockBytes = 24;
constexpr uint8_t kCname = 1;  // RFC 3550 6.5.1
constexpr size_t kCnameBytesMax = 255;
constexpr double kRoundTripMsMax =
    60'000;  // beyond a minute the peer's arithmetic is wrong, not slow

ReportBlock read_block(const uint8_t* at) {
    ReportBlock block;
    block.ssrc = load32(at);
    block.fraction_lost = at[4];
    const auto lost = static_cast<int32_t>(load32(at + 4) << 8);
    block.cumulative_lost = lost >> 8;  // sign of 24 bits
    block.highest_sequence = load32(at + 8);
    block.jitter = load32(at + 12);
    block.last_sr = load32(at + 16);
    block.delay_since_last_sr = load32(at + 20);
    return block;
}

void write_block(const ReportBlock& block, uint8_t* at) {
    store32(at, block.ssrc);
    store32(at + 4, static_cast<uint32_t>(block.cumulative_lost) & 0xffffff);
    at[4] = block.fraction_lost;
    store32(at + 8, block.highest_sequence);
    store32(at + 12, block.jitter);
    store32(at + 16, block.last_sr);
    store32(at + 20, block.delay_since_last_sr);
}

}  // namespace

//  |V=2|P|  count  |      type     |     length in words, less 1   |   RFC 3550 6.4.1
std::optional<RtcpBlock> RtcpReader::next() {
    if (rest_.empty() || broken_) return std::nullopt;
    broken_ = true;
    if (rest_.size() < 4 || rest_[0] >> 6 != 2 || ++count_ > kRtcpPacketsMax) return std::nullopt;
    const size_t bytes = 4 * (size_t{load16(&rest_[2])} + 1);
    if (bytes > rest_.size()) return std::nullopt;
    RtcpBlock block;
    block.type = static_cast<RtcpType>(rest_[1]);
    block.count = rest_[0] & 0x1f;
    block.body = rest_.subspan(4, bytes - 4);
    if (rest_[0] & 0x20) {
        if (block.body.empty()) return std::nullopt;
        const uint8_t padding = block.body.back();
        if (padding == 0 || padding > block.body.size()) return std::nullopt;
        block.body = block.body.first(block.body.size() - padding);
    }
    rest_ = rest_.subspan(bytes);
    broken_ = false;
    return block;
}

bool is_valid_compound(BytesView compound) {
    RtcpReader reader(compound);
    size_t blocks = 0;
    while (const auto block = reader.next()) {
        ++blocks;
        const bool report =
            block->type == RtcpType::SenderReport || block->type == RtcpType::ReceiverReport;
        if (report && !parse_report(*block)) return false;
    }
    return blocks > 0 && reader.complete();
}

size_t report_bytes(const RtcpBlock& block) {
    const bool sender = block.type == RtcpType::SenderReport;
    return 4 + (sender ? kSenderInfoBytes : 0) + kReportBlockBytes * block.count;
}

std::optional<Report> parse_report(const RtcpBlock& block) {
    const bool sender = block.type == RtcpType::SenderReport;
    if (!sender && block.type != RtcpType::ReceiverReport) return std::nullopt;
    if (block.body.size() < report_bytes(block)) return std::nullopt;
    const size_t fixed = 4 + (sender ? kSenderInfoBytes : 0);
    const uint8_t* at = block.body.data();
    Report report;
    report.ssrc = load32(at);
    if (sender)
        report.sender =
            SenderInfo{load64(at + 4), load32(at + 12), load32(at + 16), load32(at + 20)};
    report.block_count = block.count;
    for (size_t i = 0; i < block.count; ++i)
        report.blocks[i] = read_block(at + fixed + kReportBlockBytes * i);
    return report;
}

std::optional<Feedback> parse_feedback(const RtcpBlock& block) {
    if (block.type != RtcpType::TransportFeedback && block.type != RtcpType::PayloadFeedback)
        return std::nullopt;
    if (block.body.size() < 8) return std::nullopt;
    return Feedback{block.count, load32(&block.body[0]), load32(&block.body[4]),
                    block.body.subspan(8)};
}

std::optional<std::string_view> cname_of(const RtcpBlock& block) {
    if (block.type != RtcpType::SourceDescription || block.count == 0) return std::nullopt;
    BytesView rest = block.body;
    if (rest.size() < 4) return std::nullopt;
    rest = rest.subspan(4);
    while (rest.size() >= 2 && rest[0] != 0) {
        const size_t length = rest[1];
        if (rest.size() < 2 + length) return std::nullopt;
        if (rest[0] == kCname) return as_text(rest.subspan(2, length));
        rest = rest.subspan(2 + length);
    }
    return std::nullopt;
}

bool bye_names(const RtcpBlock& bye, uint32_t ssrc) {
    if (bye.type != RtcpType::Bye || bye.body.size() < 4u * bye.count) return false;
    for (size_t i = 0; i < bye.count; ++i) {
        if (load32(&bye.body[4 * i]) == ssrc) return true;
    }
    return false;
}

// Room for one packet with its header written, zeroed; nullptr when it does not fit.
uint8_t* RtcpWriter::begin(RtcpType type, uint8_t count, size_t body_bytes) {
    if (!ok_ || buffer_.size() - size_ < 4 + body_bytes) {
        ok_ = false;
        return nullptr;
    }
    uint8_t* at = buffer_.data() + size_;
    std::memset(at, 0, 4 + body_bytes);
    at[0] = static_cast<uint8_t>(0x80 | count);
    at[1] = static_cast<uint8_t>(type);
    store16(at + 2, static_cast<uint16_t>(body_bytes / 4));
    size_ += 4 + body_bytes;
    return at + 4;
}

void RtcpWriter::report(uint32_t ssrc, const std::optional<SenderInfo>& sender,
                        std::span<const ReportBlock> blocks) {
    const auto count = static_cast<uint8_t>(std::min(blocks.size(), kReportBlocksMax));
    const RtcpType type = sender ? RtcpType::SenderReport : RtcpType::ReceiverReport;
    const size_t fixed = 4 + (sender ? kSenderInfoBytes : 0);
    uint8_t* at = begin(type, count, fixed + kReportBlockBytes * count);
    if (at == nullptr) return;
    store32(at, ssrc);
    if (sender) {
        store64(at + 4, sender->ntp);
        store32(at + 12, sender->rtp_timestamp);
        store32(at + 16, sender->packets);
        store32(at + 20, sender->octets);
    }
    for (size_t i = 0; i < count; ++i) write_block(blocks[i], at + fixed + kReportBlockBytes * i);
}

// One chunk: SSRC, CNAME item, a null octet, padded to a word (RFC 3550 6.5).
void RtcpWriter::source_description(uint32_t ssrc, std::string_view cname) {
    cname = cname.substr(0, kCnameBytesMax);
    const size_t bytes = (4 + 2 + cname.size() + 1 + 3) / 4 * 4;
    uint8_t* at = begin(RtcpType::SourceDescription, 1, bytes);
    if (at == nullptr) return;
    store32(at, ssrc);
    at[4] = kCname;
    at[5] = static_cast<uint8_t>(cname.size());
    std::memcpy(at + 6, cname.data(), cname.size());
}

void RtcpWriter::bye(uint32_t ssrc) {
    if (uint8_t* at = begin(RtcpType::Bye, 1, 4)) store32(at, ssrc);
}

uint64_t ntp_of(UtcTime time) {
    constexpr int64_t kUnixEpochInNtp = 2'208'988'800;  // seconds from 1900 to 1970, 17 leap days
    const int64_t seconds = time.unix_ms / 1000, ms = time.unix_ms % 1000;
    return static_cast<uint64_t>(seconds + kUnixEpochInNtp) << 32 |
           (static_cast<uint64_t>(ms) << 32) / 1000;
}

std::optional<double> round_trip_ms(uint32_t arrival, const ReportBlock& block) {
    if (block.last_sr == 0) return std::nullopt;
    const auto units = static_cast<int32_t>(arrival - block.last_sr - block.delay_since_last_sr);
    const double ms = units * 1000.0 / 65536;
    // A little below zero is the resolution of the two clocks; more is nonsense.
    if (ms < -10 || ms > kRoundTripMsMax) return std::nullopt;
    return std::max(ms, 0.0);
}

}  // namespace tandem::rtp
