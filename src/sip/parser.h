// Bytes to Message, for datagrams and WebSocket frames. Streams: see framer.h. RFC 3261
// 7, 18.3, 25.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sip/limits.h"
#include "sip/message.h"

namespace tandem::sip {

// Finds the start line, the header fields and the body. Nothing within header values is decoded:
// see validate.h. The error names the header ("start-line" for the first line), the offset into
// `bytes` and the SIP status that answers it: 400, 413 (too large), 414 (URI too long), 505 (not
// SIP/2.0). `bytes` is taken on success and is still there (perhaps unfolded in place) on failure.
// Blank lines before the start line are skipped (7.5). Bytes after Content-Length are ignored, too
// few are an error (18.3); without Content-Length the body is the rest.
Result<Message> parse_message(std::string&& bytes, const ParserLimits& limits = {});
Result<Message> parse_message(std::string_view bytes, const ParserLimits& limits = {});
inline Result<Message> parse_message(const char* text, const ParserLimits& limits = {}) {
    return parse_message(std::string_view(text), limits);
}

// The answer to bytes that parse_message() refused with `error`: a response with whatever of Via,
// From, To, Call-ID and CSeq could be found. nullopt when the bytes are no request (or an ACK), or
// lack a usable Via to send the answer to.
std::optional<Message> answer_to_rejected(std::string_view bytes, const Error& error);

// A datagram that only keeps a NAT binding open: empty, or blank lines, or NULs (INTEROP: some
// phones).
bool is_keep_alive(std::string_view datagram);

}  // namespace tandem::sip
