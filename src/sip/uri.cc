#include "sip/uri.h"

#include <array>

#include "base/bytes.h"
#include "base/octets.h"
#include "sip/limits.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

// Character classes of RFC 3261 25.1.
enum : uint8_t {
    unreserved_char = 1,  // alphanum and mark
    user_char = 2,        // user-unreserved
    password_char = 4,
    param_char = 8,    // param-unreserved
    header_char = 16,  // hnv-unreserved
    host_char = 32,
    number_char = 64,  // of a tel URI: digits, visual separators, hex digits, * and # (RFC 3966 3)
    reserved_char = 128,  // RFC 3261 25.1 reserved
};

constexpr std::array<uint8_t, 256> classes = [] {
    std::array<uint8_t, 256> table{};
    const auto add = [&table](std::string_view chars, uint8_t kind) {
        for (const char c : chars) table[static_cast<uint8_t>(c)] |= kind;
    };
    constexpr std::string_view alphanum =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    add(alphanum, unreserved_char | host_char);
    add("-_.!~*'()", unreserved_char);
    // INTEROP: phones dial "*72#" without escaping the '#'.
    add("&=+$,;?/#", user_char);
    add("&=+$,", password_char);
    add("[]/:&+$", param_char);
    add("[]/?:+$", header_char);
    add("-._", host_char);  // INTEROP: '_' is in no host name, but in many private ones
    add("0123456789abcdefABCDEF*#+-.()", number_char);
    add(";/?:@&=+$,", reserved_char);
    return table;
}();

bool is_a(char c, uint8_t kinds) {
    return (classes[static_cast<uint8_t>(c)] & kinds) != 0;
}

bool is_escape(std::string_view text, size_t at) {
    return at + 2 < text.size() && hex_value(text[at + 1]) >= 0 && hex_value(text[at + 2]) >= 0;
}

// The first character that is neither of `kinds` nor a whole escape; text.size() when all are.
size_t first_foreign(std::string_view text, uint8_t kinds) {
    size_t i = 0;
    while (i < text.size()) {
        if (text[i] == '%' && is_escape(text, i)) {
            i += 3;
        } else if (is_a(text[i], kinds)) {
            ++i;
        } else {
            return i;
        }
    }
    return i;
}

Error uri_error(std::string_view what, size_t offset) {
    Error error = make_error(ErrorCode::Malformed, "uri", what, 400);
    error.offset = offset;
    return error;
}

bool is_ipv4_text(std::string_view text) {
    int parts = 0;
    while (true) {
        const size_t dot = text.find('.');
        const std::string_view part = text.substr(0, dot);
        if (part.size() > 3 || !parse_decimal(part, 255)) return false;
        ++parts;
        if (dot == std::string_view::npos) return parts == 4;
        text.remove_prefix(dot + 1);
    }
}

// The 16-bit groups in "a:b:c" or "a:b:1.2.3.4"; -1 when it is not such a list. Empty text: 0.
int ipv6_groups(std::string_view text, bool last) {
    int groups = 0;
    while (!text.empty()) {
        const size_t colon = text.find(':');
        const std::string_view part = text.substr(0, colon);
        const bool at_end = colon == std::string_view::npos;
        if (at_end && last && part.find('.') != std::string_view::npos) {
            return is_ipv4_text(part) ? groups + 2 : -1;
        }
        if (part.empty() || part.size() > 4) return -1;
        for (const char c : part) {
            if (hex_value(c) < 0) return -1;
        }
        ++groups;
        if (at_end) return groups;
        text.remove_prefix(colon + 1);
        if (text.empty()) return -1;
    }
    return groups;
}

// RFC 5954 4.1. INTEROP: "a:::1.2.3.4" was allowed by the grammar of RFC 3261 and is accepted still
// (RFC 5118 4.10).
bool is_ipv6_text(std::string_view text) {
    const size_t gap = text.find("::");
    if (gap == std::string_view::npos) return ipv6_groups(text, true) == 8;
    std::string_view tail = text.substr(gap + 2);
    if (!tail.empty() && tail.front() == ':' && tail.find('.') != std::string_view::npos) {
        tail.remove_prefix(1);
    }
    const int before = ipv6_groups(text.substr(0, gap), false);
    const int after = ipv6_groups(tail, true);
    return before >= 0 && after >= 0 && before + after <= 7;
}

Result<UriView> parse_tel(UriView uri, std::string_view rest, size_t base) {
    const size_t end = std::min(rest.find(';'), rest.size());
    uri.user = rest.substr(0, end);
    uri.has_user = true;
    bool digit = false;
    for (size_t i = 0; i < uri.user.size(); ++i) {
        if (!is_a(uri.user[i], number_char)) return uri_error("not a telephone number", base + i);
        digit = digit || hex_value(uri.user[i]) >= 0 || uri.user[i] == '*' || uri.user[i] == '#';
    }
    if (!digit) return uri_error("a telephone number needs a digit", base);
    uri.params = Params(rest.substr(end));
    const std::string_view params = uri.params.text();
    for (size_t i = 0; i < params.size();) {
        if (params[i] == ';' || params[i] == '=') {
            ++i;
            continue;
        }
        const size_t stop = std::min(params.find_first_of(";=", i), params.size());
        const size_t bad = first_foreign(params.substr(i, stop - i), unreserved_char | param_char);
        if (bad != stop - i) return uri_error("parameter", base + end + i + bad);
        i = stop;
    }
    return uri;
}

Result<UriView> parse_unknown(UriView uri, std::string_view rest, size_t base) {
    uri.opaque = rest;
    if (rest.empty()) return uri_error("nothing follows the scheme", base);
    for (size_t i = 0; i < rest.size(); ++i) {
        const auto byte = static_cast<unsigned char>(rest[i]);
        if (byte <= ' ' || byte == 0x7f || rest[i] == '<' || rest[i] == '>' || rest[i] == '"') {
            return uri_error("a character that no URI may hold", base + i);
        }
    }
    return uri;
}

// Checks "name=value" pieces between separators: non-empty names, allowed characters only.
Result<void> check_pairs(std::string_view text, char separator, uint8_t kinds, size_t base) {
    size_t start = 0;
    size_t count = 0;
    while (start <= text.size()) {
        const size_t end = std::min(text.find(separator, start), text.size());
        const std::string_view pair = text.substr(start, end - start);
        const size_t equal = std::min(pair.find('='), pair.size());
        if (equal == 0) return uri_error("a parameter without a name", base + start);
        if (++count > params_max) return uri_error("too many parameters", base + start);
        const size_t bad_name = first_foreign(pair.substr(0, equal), kinds);
        if (bad_name != equal) return uri_error("parameter name", base + start + bad_name);
        if (equal < pair.size()) {
            const std::string_view value = pair.substr(equal + 1);
            const size_t bad = first_foreign(value, kinds);
            if (bad != value.size()) return uri_error("parameter value", base + start + equal + 1);
        }
        start = end + 1;
    }
    return {};
}

Result<void> take_userinfo(UriView& uri, std::string_view userinfo, size_t base) {
    const size_t colon = userinfo.find(':');
    uri.has_user = true;
    uri.user = userinfo.substr(0, colon);
    if (uri.user.empty()) return uri_error("empty user part", base);
    const size_t bad = first_foreign(uri.user, unreserved_char | user_char);
    if (bad != uri.user.size()) return uri_error("user part", base + bad);
    if (colon == std::string_view::npos) return {};
    uri.password = userinfo.substr(colon + 1);
    const size_t bad_password = first_foreign(*uri.password, unreserved_char | password_char);
    if (bad_password != uri.password->size()) {
        return uri_error("password", base + colon + 1 + bad_password);
    }
    return {};
}

Result<UriView> parse_sip(UriView uri, std::string_view rest, size_t base) {
    const size_t at = rest.find('@');
    if (at != std::string_view::npos) {
        TRY(take_userinfo(uri, rest.substr(0, at), base));
        rest.remove_prefix(at + 1);
        base += at + 1;
    }
    const size_t host_end = std::min(rest.find_first_of(";?"), rest.size());
    auto host_port = HostPort::parse(rest.substr(0, host_end));
    if (!host_port) {
        Error error = std::move(host_port).error();
        error.offset += base;
        return error;
    }
    uri.host_port = *host_port;
    const size_t query = rest.find('?', host_end);
    if (host_end < rest.size() && rest[host_end] == ';') {
        const size_t end = std::min(query, rest.size());
        uri.params = Params(rest.substr(host_end, end - host_end));
        TRY(check_pairs(uri.params.text().substr(1), ';', unreserved_char | param_char,
                        base + host_end + 1));
    }
    if (query != std::string_view::npos) {
        uri.headers = Params(rest.substr(query + 1), '&');
        TRY(check_pairs(uri.headers.text(), '&', unreserved_char | header_char, base + query + 1));
    }
    return uri;
}

UriScheme scheme_from(std::string_view text) {
    if (equals_ignoring_case(text, "sip")) return UriScheme::Sip;
    if (equals_ignoring_case(text, "sips")) return UriScheme::Sips;
    if (equals_ignoring_case(text, "tel")) return UriScheme::Tel;
    return UriScheme::Other;
}

}  // namespace

Result<HostPort> HostPort::parse(std::string_view text) {
    HostPort parsed;
    size_t end = 0;
    if (!text.empty() && text.front() == '[') {
        end = text.find(']');
        if (end == std::string_view::npos) return uri_error("no closing bracket", 0);
        parsed.host = text.substr(1, end - 1);
        parsed.ipv6 = true;
        if (!is_ipv6_text(parsed.host)) return uri_error("not an IPv6 address", 1);
        ++end;
    } else {
        while (end < text.size() && is_a(text[end], host_char)) ++end;
        parsed.host = text.substr(0, end);
        if (parsed.host.empty()) return uri_error("no host", 0);
    }
    if (end == text.size()) return parsed;
    if (text[end] != ':') return uri_error("a character that no host may hold", end);
    const auto port = parse_decimal(text.substr(end + 1), 65'535);
    if (!port) return uri_error("port is not a number up to 65535", end + 1);
    parsed.port = static_cast<uint16_t>(*port);
    return parsed;
}

void HostPort::append_to(std::string& out) const {
    if (ipv6) out += '[';
    out += host;
    if (ipv6) out += ']';
    if (port) {
        out += ':';
        out += std::to_string(*port);
    }
}

bool HostPort::is_ipv4() const {
    return is_ipv4_text(host);
}

bool operator==(const HostPort& a, const HostPort& b) {
    return a.port == b.port && a.ipv6 == b.ipv6 && equals_ignoring_case(a.host, b.host);
}

Result<UriView> UriView::parse(std::string_view text) {
    UriView uri;
    uri.text = text;
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) return uri_error("no scheme", 0);
    uri.scheme_text = text.substr(0, colon);
    // RFC 3986 3.1.
    if (!is_a(text[0], host_char) || (text[0] >= '0' && text[0] <= '9')) {
        return uri_error("a scheme starts with a letter", 0);
    }
    for (size_t i = 0; i < colon; ++i) {
        const char c = text[i];
        if ((!is_a(c, host_char) && c != '+') || c == '_') return uri_error("scheme", i);
    }
    uri.scheme = scheme_from(uri.scheme_text);
    const std::string_view rest = text.substr(colon + 1);
    switch (uri.scheme) {
        case UriScheme::Sip:
        case UriScheme::Sips:
            return parse_sip(uri, rest, colon + 1);
        case UriScheme::Tel:
            return parse_tel(uri, rest, colon + 1);
        case UriScheme::Other:
            break;
    }
    return parse_unknown(uri, rest, colon + 1);
}

std::string UriView::decoded_user() const {
    return percent_decode(user);
}

std::string percent_decode(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && is_escape(text, i)) {
            plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::string escape_user(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string escaped;
    escaped.reserve(text.size());
    for (const char c : text) {
        // '#' is accepted from phones but is not in the grammar, so it is written escaped.
        if (is_a(c, unreserved_char | user_char) && c != '#') {
            escaped += c;
        } else {
            escaped += '%';
            escaped += digits[static_cast<uint8_t>(c) >> 4];
            escaped += digits[static_cast<uint8_t>(c) & 15];
        }
    }
    return escaped;
}

Uri Uri::from(const UriView& view) {
    Uri uri;
    uri.scheme = view.scheme;
    if (view.scheme == UriScheme::Other) uri.opaque = view.text;
    uri.user = view.decoded_user();
    uri.host = view.host();
    uri.port = view.port();
    uri.params = view.params.text();
    uri.headers = view.headers.text();
    return uri;
}

std::string Uri::text() const {
    if (scheme == UriScheme::Other) return opaque;
    if (scheme == UriScheme::Tel) return "tel:" + user + params;
    std::string out = scheme == UriScheme::Sips ? "sips:" : "sip:";
    if (!user.empty()) out += escape_user(user) + "@";
    HostPort{host, port, host.find(':') != std::string::npos}.append_to(out);
    out += params;
    if (!headers.empty()) out += "?" + headers;
    return out;
}

}  // namespace tandem::sip
