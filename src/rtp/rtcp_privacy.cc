#include "rtp/rtcp_privacy.h"

#include <algorithm>
#include <cstring>

#include "rtp/rtcp.h"

namespace tandem::rtp {
namespace {

constexpr uint8_t kCname = 1;  // RFC 3550 6.5.1
constexpr size_t kWordBytes = 4, kHeaderBytes = 4, kSourceBytes = 4, kItemHeaderBytes = 2;
constexpr size_t kHashDigits = 16;

constexpr size_t padded(size_t bytes) {
    return (bytes + 3) / 4 * 4;
}

// The hash in hexadecimal digits, as many as the name had characters.
size_t write_name(std::span<const uint8_t> name, SipHashKey key, uint8_t* at) {
    const uint64_t value = siphash(key, name);
    const size_t digits = std::min(name.size(), kHashDigits);
    for (size_t i = 0; i < digits; ++i) at[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    return digits;
}

// Bytes up to and with the null octets that end the chunk (RFC 3550 6.5), 0 when it does not end.
// `name` becomes its CNAME.
size_t read_chunk(std::span<const uint8_t> rest, std::span<const uint8_t>& name) {
    size_t at = kSourceBytes;
    while (at < rest.size() && rest[at] != 0) {
        if (at + kItemHeaderBytes > rest.size()) return 0;
        const size_t length = rest[at + 1];
        if (at + kItemHeaderBytes + length > rest.size()) return 0;
        if (rest[at] == kCname) name = rest.subspan(at + kItemHeaderBytes, length);
        at += kItemHeaderBytes + length;
    }
    const size_t end = padded(at + 1);
    return end > rest.size() ? 0 : end;
}

void write_header(uint8_t* at, RtcpType type, size_t count, size_t body_bytes) {
    const size_t words = body_bytes / kWordBytes;
    at[0] = static_cast<uint8_t>(0x80 | count);
    at[1] = static_cast<uint8_t>(type);
    at[2] = static_cast<uint8_t>(words >> 8);
    at[3] = static_cast<uint8_t>(words);
}

// Both write a packet whose body is made of `body`, and return its bytes. What is written is never
// longer than what was read before it, so it may lie in the same buffer.
size_t hide_description(std::span<uint8_t> body, size_t count, SipHashKey key, uint8_t* packet) {
    uint8_t* const to = packet + kHeaderBytes;
    size_t read = 0, written = 0, chunks = 0;
    while (chunks < count && read + kSourceBytes <= body.size()) {
        std::span<const uint8_t> name;
        const size_t chunk = read_chunk(body.subspan(read), name);
        if (chunk == 0) break;
        uint8_t hidden[kHashDigits];
        const size_t digits = write_name(name, key, hidden);
        uint8_t* at = to + written;
        std::memmove(at, body.data() + read, kSourceBytes);
        read += chunk;
        const size_t items = digits == 0 ? 0 : kItemHeaderBytes + digits;
        const size_t bytes = padded(kSourceBytes + items + 1);
        std::memset(at + kSourceBytes, 0, bytes - kSourceBytes);
        if (digits != 0) {
            at[kSourceBytes] = kCname;
            at[kSourceBytes + 1] = static_cast<uint8_t>(digits);
            std::memcpy(at + kSourceBytes + kItemHeaderBytes, hidden, digits);
        }
        written += bytes;
        ++chunks;
    }
    write_header(packet, RtcpType::SourceDescription, chunks, written);
    return kHeaderBytes + written;
}

size_t hide_reason(std::span<uint8_t> body, size_t count, uint8_t* packet) {
    const size_t sources = std::min(count, body.size() / kSourceBytes);
    std::memmove(packet + kHeaderBytes, body.data(), sources * kSourceBytes);
    write_header(packet, RtcpType::Bye, sources, sources * kSourceBytes);
    return kHeaderBytes + sources * kSourceBytes;
}

// RFC 4585 6.4: format 15, and after the two SSRCs the application's own. "REMB" is that of
// draft-alvestrand-rmcat-remb 2.2.
bool is_foreign_feedback(const RtcpBlock& block) {
    constexpr uint8_t kApplicationLayer = 15;
    constexpr std::string_view kRemb = "REMB";
    if (block.type != RtcpType::PayloadFeedback || block.count != kApplicationLayer) return false;
    const auto feedback = parse_feedback(block);
    return !feedback || !as_text(feedback->control).starts_with(kRemb);
}

// As it was, with its padding emptied.
size_t keep(std::span<uint8_t> packet, size_t body_bytes, uint8_t* to) {
    std::memmove(to, packet.data(), packet.size());
    const size_t used = kHeaderBytes + body_bytes;
    if (used < packet.size()) std::memset(to + used, 0, packet.size() - used - 1);
    return packet.size();
}

size_t keep_report(std::span<uint8_t> body, const RtcpBlock& block, uint8_t* packet) {
    const size_t bytes = std::min(body.size(), report_bytes(block));
    std::memmove(packet + kHeaderBytes, body.data(), bytes);
    write_header(packet, block.type, block.count, bytes);
    return kHeaderBytes + bytes;
}

// Writes what may be shown of `packet`, and returns its bytes.
size_t show(std::span<uint8_t> packet, const RtcpBlock& block, SipHashKey key, uint8_t* to) {
    const std::span<uint8_t> body = packet.subspan(kHeaderBytes, block.body.size());
    switch (block.type) {
        case RtcpType::SenderReport:
        case RtcpType::ReceiverReport:
            return keep_report(body, block, to);
        case RtcpType::SourceDescription:
            return hide_description(body, block.count, key, to);
        case RtcpType::Bye:
            return hide_reason(body, block.count, to);
        case RtcpType::TransportFeedback:
        case RtcpType::PayloadFeedback:
            return is_foreign_feedback(block) ? 0 : keep(packet, body.size(), to);
        case RtcpType::ExtendedReport:
            return keep(packet, body.size(), to);
        case RtcpType::App:
            break;
    }
    return 0;  // APP, and what has no name
}

}  // namespace

size_t hide_party(std::span<uint8_t> compound, SipHashKey key) {
    RtcpReader reader{BytesView(compound)};
    size_t read = 0, written = 0;
    while (const auto block = reader.next()) {
        const size_t words = size_t{compound[read + 2]} << 8 | compound[read + 3];
        const size_t bytes = kHeaderBytes + kWordBytes * words;
        written += show(compound.subspan(read, bytes), *block, key, compound.data() + written);
        read += bytes;
    }
    return written;
}

}  // namespace tandem::rtp
