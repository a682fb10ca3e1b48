// What a string field may contain. Every format is checked by code of its own: no regular
// expressions.
#pragma once

#include <string_view>

namespace tandem::model {

enum class Format {
    Text,        // UTF-8 without control characters
    Name,        // a-z, 0-9, '-', '_', '.'; begins with a letter or digit
    Token,       // printable ASCII without spaces and quotes
    DomainName,  // DNS name in lower case (RFC 1035 2.3.1)
    Realm,       // printable ASCII without quote, backslash and colon
    Login,       // unreserved characters of a SIP user part (RFC 3261 25.1) without parentheses and
                 // quote
    Number,      // digits, '*', '#', with an optional leading '+'
    Ip,          // IPv4 or IPv6 literal
    Cidr,        // address/prefix length
    HostPort,    // host:port, IPv6 in brackets
    Email,       // local@domain
    Language,    // BCP 47 tag
    TimeZone,    // IANA name
    Path,        // absolute path
    Pem,         // printable ASCII in lines (RFC 7468)
};

// Empty strings are the business of the length bounds: they match every format.
bool matches(Format format, std::string_view text);
std::string_view describe(Format format);  // "an IPv4 or IPv6 address"

bool is_ipv4(std::string_view text);
bool is_ipv6(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace tandem::model
