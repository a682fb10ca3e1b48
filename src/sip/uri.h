// SIP, SIPS and tel URIs. RFC 3261 19.1 and 25.1, RFC 3966 3, RFC 5954 (IPv6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sip/params.h"

namespace tandem::sip {

enum class UriScheme : uint8_t { Sip, Sips, Tel, Other };

struct HostPort {
    std::string_view host;  // an IPv6 address stands here without its brackets
    std::optional<uint16_t> port;
    bool ipv6 = false;

    // "host", "host:port", "[v6]:port"; nothing may follow.
    static Result<HostPort> parse(std::string_view text);
    void append_to(std::string& out) const;
    bool is_ipv4() const;
    bool is_address() const { return ipv6 || is_ipv4(); }
    friend bool operator==(const HostPort& a, const HostPort& b);  // host without case
};

// Views into the text that was parsed.
struct UriView {
    std::string_view text;  // all of it
    UriScheme scheme = UriScheme::Other;
    std::string_view scheme_text;
    bool has_user = false;
    std::string_view user;  // still escaped; the number of a tel URI with its visual separators
    std::optional<std::string_view> password;
    HostPort host_port;       // empty host for tel and other schemes
    Params params;            // after ';'
    Params headers{{}, '&'};  // after '?'
    std::string_view opaque;  // what follows the colon of a scheme that we do not know

    static Result<UriView> parse(std::string_view text);

    bool is_sip() const { return scheme == UriScheme::Sip || scheme == UriScheme::Sips; }
    std::string_view host() const { return host_port.host; }
    std::optional<uint16_t> port() const { return host_port.port; }
    std::string decoded_user() const;  // escapes resolved
};

// RFC 3261 19.1.4. Not transitive, as the RFC says; two tel URIs compare by RFC 3966 4.
bool equivalent(const UriView& a, const UriView& b);

// RFC 3261 10.3 step 5: the key of a binding: "sip:user@host", user unescaped and escaped again in
// one way, host in lower case, no parameters, headers, password or port. sips becomes sip.
std::string canonical_aor(const UriView& uri);

// A URI to be built. Parts are unescaped; text() escapes them.
struct Uri {
    UriScheme scheme = UriScheme::Sip;
    std::string user;
    std::string host;  // for tel URIs empty; IPv6 without brackets
    std::optional<uint16_t> port;
    std::string params;   // raw, with the leading ';'
    std::string headers;  // raw, without the leading '?'
    std::string opaque;   // UriScheme::Other: the whole text

    static Uri from(const UriView& view);
    std::string text() const;
};

std::string percent_decode(std::string_view text);
std::string escape_user(std::string_view text);  // all that the user part does not allow as it is

}  // namespace tandem::sip
