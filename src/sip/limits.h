// What a SIP message may hold at most. They are checked while scanning, before anything is decoded,
// so a hostile message costs at most one pass over its bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::sip {

// A UDP payload cannot be larger than 65 507 bytes (RFC 768 with IPv4's 16-bit length).
inline constexpr size_t datagram_bytes_max = 65'536;
// Streams carry larger bodies (RFC 3261 18.1.1), but one connection must not hold much memory.
inline constexpr size_t stream_message_bytes_max = 262'144;
// All header lines with the start line. Real ones take 1-4 KiB; 32 KiB leaves room for long route
// sets.
inline constexpr size_t head_bytes_max = 32'768;
// One header field value, long enough for an RFC 8224 Identity token (about 2 KiB) or a
// History-Info.
inline constexpr size_t header_value_bytes_max = 8'192;
// Longest registered field name has 32 characters; a longer one is noise.
inline constexpr size_t header_name_bytes_max = 128;
// Header fields of one message. 70 Vias (the default Max-Forwards) and 70 Record-Routes fit.
inline constexpr size_t headers_max = 256;
// Comma-separated values that one list header (all its fields together) may hold.
inline constexpr size_t list_values_max = 256;
// RFC 3261 gives no bound; longer ones answer 414.
inline constexpr size_t uri_bytes_max = 2'048;
inline constexpr size_t method_bytes_max = 32;
inline constexpr size_t reason_phrase_bytes_max = 512;
inline constexpr size_t params_max = 64;  // of one URI or header value
// RFC 3261 8.1.1.5: a CSeq number is less than 2^31.
inline constexpr uint32_t cseq_number_end = 0x8000'0000u;
// RFC 3261 20.22: Max-Forwards is 0-255; 70 when the sender gave none (16.3, step 3).
inline constexpr uint32_t max_forwards_max = 255;
inline constexpr uint32_t max_forwards_default = 70;
// Digest nonces and their parts that we accept to look at.
inline constexpr size_t nonce_bytes_max = 256;
// Nonces whose counts are remembered, 16 bytes each: 1 MiB an instance.
inline constexpr size_t nonce_counts_max = 65'536;

// The limits of one listener; an operator may only tighten them.
struct ParserLimits {
    size_t message_bytes = datagram_bytes_max;
    size_t head_bytes = head_bytes_max;
    size_t headers = headers_max;
    size_t header_value_bytes = header_value_bytes_max;
    size_t uri_bytes = uri_bytes_max;

    static constexpr ParserLimits stream() {
        ParserLimits limits;
        limits.message_bytes = stream_message_bytes_max;
        return limits;
    }
};

}  // namespace tandem::sip
