// RTP packets as views of a datagram, and what shares their port.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace tandem::rtp {

// What the first bytes of a datagram on a media port say that it is (RFC 7983 7, RFC 5761 4).
enum class Kind : uint8_t { Rtp, Rtcp, Stun, Dtls, Unknown };
Kind classify(BytesView datagram);

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
// |                           timestamp                           |
// |           synchronization source (SSRC) identifier            |
// |  contributing source (CSRC) identifiers ... header extension  |
// RFC 3550 5.1, 5.3.1.
struct Header {
    bool padding = false;
    bool extension = false;
    bool marker = false;
    uint8_t csrc_count = 0;
    uint8_t payload_type = 0;
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
    uint32_t ssrc = 0;
    uint16_t header_bytes = 12;  // with CSRCs and extension: where the payload begins
};
inline constexpr size_t kFixedHeaderBytes = 12;

// nullopt: not version 2, or shorter than its header says. Says nothing about padding, which is
// encrypted in SRTP.
std::optional<Header> parse_header(BytesView packet);

// The payload without padding, of an unencrypted packet; nullopt when the padding exceeds it.
std::optional<BytesView> payload_of(BytesView packet, const Header& header);

// Writes the fixed header (no CSRCs, no extension). `out` has at least 12 bytes.
void write_header(const Header& header, std::span<uint8_t> out);

// 16-bit sequence numbers as 32-bit ones, by the nearest to the last (RFC 3550 A.1).
class SequenceExtender {
 public:
    uint32_t extend(uint16_t sequence);
    uint32_t highest() const { return highest_; }
    bool started() const { return started_; }

 private:
    uint32_t highest_ = 0;
    bool started_ = false;
};

// RFC 4733 2.3: | event (8) | E | R | volume (6) | duration (16) |
struct TelephoneEvent {
    uint8_t event = 0;  // 0-9, 10 '*', 11 '#', 12-15 A-D, 16 flash
    bool end = false;
    uint8_t volume = 0;     // -dBm0
    uint16_t duration = 0;  // timestamp units
};
std::optional<TelephoneEvent> parse_telephone_event(BytesView payload);
void write_telephone_event(const TelephoneEvent& event, std::span<uint8_t, 4> out);
std::optional<char> dtmf_digit(uint8_t event);  // '0'..'9', '*', '#', 'A'..'D'
std::optional<uint8_t> dtmf_event(char digit);  // the inverse, either case

}  // namespace tandem::rtp
