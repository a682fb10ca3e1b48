#include "rtp/packet.h"

#include "base/octets.h"

namespace tandem::rtp {
namespace {

constexpr std::string_view kDigits = "0123456789*#ABCD";

}  // namespace

// RFC 7983 7 by the first byte: 0-3 STUN, 20-63 DTLS, 128-191 RTP or RTCP. Of these, RTCP has
// packet types 192-223 where RTP has marker and payload type (RFC 5761 4).
Kind classify(BytesView datagram) {
    if (datagram.size() < 2) return Kind::Unknown;
    const uint8_t first = datagram[0];
    if (first <= 3) return Kind::Stun;
    if (first >= 20 && first <= 63) return Kind::Dtls;
    if (first < 128 || first > 191) return Kind::Unknown;
    return datagram[1] >= 192 && datagram[1] <= 223 ? Kind::Rtcp : Kind::Rtp;
}

std::optional<Header> parse_header(BytesView packet) {
    if (packet.size() < kFixedHeaderBytes || packet[0] >> 6 != 2) return std::nullopt;
    Header header;
    header.padding = packet[0] & 0x20;
    header.extension = packet[0] & 0x10;
    header.csrc_count = packet[0] & 0x0f;
    header.marker = packet[1] & 0x80;
    header.payload_type = packet[1] & 0x7f;
    header.sequence = load16(&packet[2]);
    header.timestamp = load32(&packet[4]);
    header.ssrc = load32(&packet[8]);
    size_t bytes = kFixedHeaderBytes + 4u * header.csrc_count;
    if (header.extension) {
        if (packet.size() < bytes + 4) return std::nullopt;
        bytes += 4 + 4u * load16(&packet[bytes + 2]);
    }
    if (packet.size() < bytes || bytes > UINT16_MAX) return std::nullopt;
    header.header_bytes = static_cast<uint16_t>(bytes);
    return header;
}

std::optional<BytesView> payload_of(BytesView packet, const Header& header) {
    BytesView payload = packet.subspan(header.header_bytes);
    if (!header.padding) return payload;
    if (payload.empty() || payload.back() == 0 || payload.back() > payload.size())
        return std::nullopt;
    return payload.first(payload.size() - payload.back());
}

void write_header(const Header& header, std::span<uint8_t> out) {
    out[0] = 0x80;
    out[1] = static_cast<uint8_t>((header.marker ? 0x80 : 0) | header.payload_type);
    store16(&out[2], header.sequence);
    store32(&out[4], header.timestamp);
    store32(&out[8], header.ssrc);
}

uint32_t SequenceExtender::extend(uint16_t sequence) {
    if (!started_) {
        started_ = true;
        highest_ = sequence;
        return highest_;
    }
    const auto step = static_cast<int16_t>(sequence - static_cast<uint16_t>(highest_));
    const uint32_t extended = highest_ + static_cast<uint32_t>(static_cast<int32_t>(step));
    if (step > 0) highest_ = extended;
    return extended;
}

std::optional<TelephoneEvent> parse_telephone_event(BytesView payload) {
    if (payload.size() < 4) return std::nullopt;
    return TelephoneEvent{payload[0], (payload[1] & 0x80) != 0,
                          static_cast<uint8_t>(payload[1] & 0x3f), load16(&payload[2])};
}

void write_telephone_event(const TelephoneEvent& event, std::span<uint8_t, 4> out) {
    out[0] = event.event;
    out[1] = static_cast<uint8_t>((event.end ? 0x80 : 0) | (event.volume & 0x3f));
    store16(&out[2], event.duration);
}

std::optional<char> dtmf_digit(uint8_t event) {
    if (event >= kDigits.size()) return std::nullopt;
    return kDigits[event];
}

std::optional<uint8_t> dtmf_event(char digit) {
    const char upper = digit >= 'a' && digit <= 'd' ? static_cast<char>(digit - 'a' + 'A') : digit;
    const size_t at = kDigits.find(upper);
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<uint8_t>(at);
}

}  // namespace tandem::rtp
