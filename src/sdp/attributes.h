// The values of single attributes. Each parser takes what follows "a=name:" and says in a few
// static words what is wrong with it.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "sdp/session.h"

namespace tandem::sdp {

template <typename T>
using Parsed = std::expected<T, std::string_view>;

Parsed<Connection> parse_connection(std::string_view value);    // RFC 8866 5.7
Parsed<RtpMap> parse_rtpmap(std::string_view value);            // RFC 8866 6.6
Parsed<RtcpAttribute> parse_rtcp(std::string_view value);       // RFC 3605 2.1
Parsed<Crypto> parse_crypto(std::string_view value);            // RFC 4568 9.1
Parsed<Fingerprint> parse_fingerprint(std::string_view value);  // RFC 8122 5
std::optional<Direction> parse_direction(std::string_view name);

void append_connection(const Connection& connection, std::string& out);  // "IN IP4 192.0.2.1"
void append_crypto(const Crypto& crypto, std::string& out);

}  // namespace tandem::sdp
