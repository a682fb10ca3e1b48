// When two URIs are the same. RFC 3261 19.1.4, RFC 3966 4.
#include <array>

#include "base/bytes.h"
#include "base/octets.h"
#include "sip/uri.h"

namespace tandem::sip {
namespace {

enum class Letters : uint8_t { Exact, AnyCase };

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// One character of escaped text. An escaped reserved character is not the same as itself unescaped.
struct Unit {
    char byte = 0;
    bool escaped_reserved = false;
    friend bool operator==(const Unit&, const Unit&) = default;
};

Unit take_unit(std::string_view& text, Letters letters) {
    Unit unit;
    if (text.size() >= 3 && text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
        unit.byte = static_cast<char>(hex_value(text[1]) * 16 + hex_value(text[2]));
        constexpr std::string_view reserved = ";/?:@&=+$,";
        unit.escaped_reserved = reserved.find(unit.byte) != std::string_view::npos;
        text.remove_prefix(3);
    } else {
        unit.byte = text.front();
        text.remove_prefix(1);
    }
    if (letters == Letters::AnyCase) unit.byte = lower(unit.byte);
    return unit;
}

bool same_text(std::string_view a, std::string_view b, Letters letters) {
    while (!a.empty() && !b.empty()) {
        if (take_unit(a, letters) != take_unit(b, letters)) return false;
    }
    return a.empty() && b.empty();
}

std::optional<Param> find_param(const Params& params, std::string_view name) {
    for (const Param& param : params) {
        if (same_text(param.name, name, Letters::AnyCase)) return param;
    }
    return std::nullopt;
}

// Parameters that must stand in both URIs or in neither. The text of 19.1.4 lists user, ttl, method
// and maddr; its examples add transport.
bool must_be_in_both(std::string_view name) {
    constexpr std::array<std::string_view, 5> names = {"user", "ttl", "method", "maddr",
                                                       "transport"};
    for (const std::string_view known : names) {
        if (equals_ignoring_case(name, known)) return true;
    }
    return false;
}

bool params_agree(const Params& a, const Params& b) {
    for (const Param& param : a) {
        const auto other = find_param(b, param.name);
        if (!other && must_be_in_both(param.name)) return false;
        if (other && !same_text(param.value, other->value, Letters::AnyCase)) return false;
    }
    return true;
}

bool headers_within(const Params& a, const Params& b) {
    for (const Param& header : a) {
        const auto other = find_param(b, header.name);
        if (!other || !same_text(header.value, other->value, Letters::Exact)) return false;
    }
    return true;
}

std::string number_digits(std::string_view number) {
    std::string digits;
    for (const char c : number) {
        constexpr std::string_view visual_separators = "-.()";
        if (visual_separators.find(c) == std::string_view::npos) digits += lower(c);
    }
    return digits;
}

bool tel_params_within(const Params& a, const Params& b) {
    for (const Param& param : a) {
        const auto other = find_param(b, param.name);
        if (!other) return false;
        const bool number = equals_ignoring_case(param.name, "phone-context") ||
                            equals_ignoring_case(param.name, "ext");
        const bool same = number ? number_digits(param.value) == number_digits(other->value)
                                 : same_text(param.value, other->value, Letters::AnyCase);
        if (!same) return false;
    }
    return true;
}

bool tel_equivalent(const UriView& a, const UriView& b) {
    return number_digits(a.user) == number_digits(b.user) &&
           tel_params_within(a.params, b.params) && tel_params_within(b.params, a.params);
}

}  // namespace

bool equivalent(const UriView& a, const UriView& b) {
    if (a.scheme != b.scheme) return false;
    if (a.scheme == UriScheme::Tel) return tel_equivalent(a, b);
    if (a.scheme == UriScheme::Other) {
        return equals_ignoring_case(a.scheme_text, b.scheme_text) && a.opaque == b.opaque;
    }
    if (a.has_user != b.has_user || !same_text(a.user, b.user, Letters::Exact)) return false;
    if (a.password.has_value() != b.password.has_value()) return false;
    if (a.password && !same_text(*a.password, *b.password, Letters::Exact)) return false;
    return a.host_port == b.host_port && params_agree(a.params, b.params) &&
           params_agree(b.params, a.params) && headers_within(a.headers, b.headers) &&
           headers_within(b.headers, a.headers);
}

std::string canonical_aor(const UriView& uri) {
    if (uri.scheme == UriScheme::Tel) return "tel:" + number_digits(uri.user);
    if (!uri.is_sip()) return to_lower(uri.scheme_text) + ":" + std::string(uri.opaque);
    std::string aor = "sip:";
    if (uri.has_user) aor += escape_user(uri.decoded_user()) + "@";
    const std::string host = to_lower(uri.host());
    HostPort{host, std::nullopt, uri.host_port.ipv6}.append_to(aor);
    return aor;
}

}  // namespace tandem::sip
