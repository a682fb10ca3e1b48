#include "model/format.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace tandem::model {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_alpha(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}
bool is_alnum(char c) {
    return is_alpha(c) || is_digit(c);
}
bool is_printable(char c) {
    return c > ' ' && c < 0x7f;
}

template <typename Predicate>
bool all(std::string_view text, Predicate predicate) {
    return std::all_of(text.begin(), text.end(), predicate);
}

std::optional<int> small_number(std::string_view text, int max) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (value < 0 || value > max || !is_digit(text.front())) return std::nullopt;
    return value;
}

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > 63) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    return all(label, [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '_'; });
}

// RFC 1035 2.3.1, with digits in front (RFC 1123 2.1) and the underscore that networks use.
bool is_domain_name(std::string_view text) {
    if (text.size() > 253) return false;
    while (true) {
        const size_t dot = text.find('.');
        if (!is_label(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

bool is_name(std::string_view text) {
    if (!is_lower(text.front()) && !is_digit(text.front())) return false;
    return all(text, [](char c) {
        return is_lower(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
    });
}

bool is_text(std::string_view text) {
    if (!all(text, [](char c) { return static_cast<uint8_t>(c) >= 0x20 && c != 0x7f; }))
        return false;
    return is_utf8(text);
}

bool is_login(std::string_view text) {
    return all(text, [](char c) {
        return is_alnum(c) || std::string_view("-_.!~*+").find(c) != std::string_view::npos;
    });
}

bool is_number(std::string_view text) {
    if (text.front() == '+') text.remove_prefix(1);
    return !text.empty() && all(text, [](char c) { return is_digit(c) || c == '*' || c == '#'; });
}

bool is_cidr(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos || slash + 1 == text.size()) return false;
    const std::string_view address = text.substr(0, slash);
    const std::string_view length = text.substr(slash + 1);
    if (is_ipv4(address)) return small_number(length, 32).has_value();
    return is_ipv6(address) && small_number(length, 128).has_value();
}

bool is_host_port(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == text.size()) return false;
    const auto port = small_number(text.substr(colon + 1), 65535);
    if (!port || *port == 0) return false;
    const std::string_view host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return is_ipv6(host.substr(1, host.size() - 2));
    return !host.empty() && is_domain_name(host);
}

bool is_email(std::string_view text) {
    const size_t at = text.rfind('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
    const std::string_view local = text.substr(0, at);
    return all(local, [](char c) { return is_printable(c) && c != '@' && c != '"' && c != '<'; }) &&
           all(text.substr(at + 1), [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

}  // namespace

bool is_ipv4(std::string_view text) {
    for (int part = 0; part < 4; ++part) {
        const size_t dot = text.find('.');
        if ((dot == std::string_view::npos) != (part == 3)) return false;
        const std::string_view digits = text.substr(0, dot);
        if (digits.empty() || digits.size() > 3 || !small_number(digits, 255)) return false;
        if (part < 3) text.remove_prefix(dot + 1);
    }
    return true;
}

// RFC 4291 2.2, forms 1 to 3.
bool is_ipv6(std::string_view text) {
    int groups = 0;
    bool gap = false;
    if (text.starts_with("::")) {
        gap = true;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        const size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            groups += 2;
            return is_ipv4(group) && (gap ? groups < 8 : groups == 8);
        }
        const auto is_hex = [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        };
        if (group.empty() || group.size() > 4 || !all(group, is_hex)) return false;
        ++groups;
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
        if (text.empty()) return false;
        if (text.front() == ':') {
            if (gap) return false;
            gap = true;
            text.remove_prefix(1);
        }
    }
    return gap ? groups < 8 : groups == 8;
}

// RFC 3629 4, without overlong forms and surrogates.
bool is_utf8(std::string_view text) {
    size_t i = 0;
    while (i < text.size()) {
        const auto lead = static_cast<uint8_t>(text[i++]);
        if (lead < 0x80) continue;
        const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - i < static_cast<size_t>(more)) return false;
        uint32_t point = lead & (0x3f >> more);
        for (int k = 0; k < more; ++k) {
            const auto byte = static_cast<uint8_t>(text[i++]);
            if ((byte & 0xc0) != 0x80) return false;
            point = (point << 6) | (byte & 0x3f);
        }
        static constexpr uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (point < least[more] || point > 0x10ffff) return false;
        if (point >= 0xd800 && point <= 0xdfff) return false;
    }
    return true;
}

bool matches(Format format, std::string_view text) {
    if (text.empty()) return true;
    switch (format) {
        case Format::Text:
            return is_text(text);
        case Format::Name:
            return is_name(text);
        case Format::Token:
            return all(text, [](char c) { return is_printable(c) && c != '"'; });
        case Format::DomainName:
            return is_domain_name(text);
        case Format::Realm:
            return all(text,
                       [](char c) { return is_printable(c) && c != '"' && c != '\\' && c != ':'; });
        case Format::Login:
            return is_login(text);
        case Format::Number:
            return is_number(text);
        case Format::Ip:
            return is_ipv4(text) || is_ipv6(text);
        case Format::Cidr:
            return is_cidr(text);
        case Format::HostPort:
            return is_host_port(text);
        case Format::Email:
            return is_email(text);
        case Format::Language:
            return all(text, [](char c) { return is_alnum(c) || c == '-'; });
        case Format::TimeZone:
            return all(text, [](char c) {
                return is_alnum(c) || c == '/' || c == '_' || c == '-' || c == '+';
            });
        case Format::Path:
            return text.front() == '/' && is_text(text);
        case Format::Pem:
            return all(text, [](char c) {
                return is_printable(c) || c == ' ' || c == '\n' || c == '\r' || c == '\t';
            });
    }
    return false;
}

std::string_view describe(Format format) {
    switch (format) {
        case Format::Text:
            return "text without control characters";
        case Format::Name:
            return "a-z, 0-9, '-', '_' and '.', beginning with a letter or digit";
        case Format::Token:
            return "printable ASCII without spaces and quotes";
        case Format::DomainName:
            return "a DNS name in lower case";
        case Format::Realm:
            return "printable ASCII without quotes, backslashes and colons";
        case Format::Login:
            return "letters, digits and -_.!~*+";
        case Format::Number:
            return "digits, '*' and '#', with an optional leading '+'";
        case Format::Ip:
            return "an IPv4 or IPv6 address";
        case Format::Cidr:
            return "a network like 10.0.0.0/8 or 2001:db8::/32";
        case Format::HostPort:
            return "host:port";
        case Format::Email:
            return "an e-mail address";
        case Format::Language:
            return "a language tag like en or pt-BR";
        case Format::TimeZone:
            return "a time zone like Europe/Berlin";
        case Format::Path:
            return "an absolute path";
        case Format::Pem:
            return "PEM text (-----BEGIN ...)";
    }
    return "";
}

}  // namespace tandem::model
