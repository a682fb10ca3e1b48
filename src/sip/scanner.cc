#include "sip/scanner.h"

#include <array>
#include <charconv>

namespace tandem::sip {
namespace {

// RFC 3261 25.1: token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~").
constexpr std::array<bool, 256> token_chars = [] {
    std::array<bool, 256> table{};
    for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
    for (int c = '0'; c <= '9'; ++c) table[c] = true;
    for (const char c : std::string_view("-.!%*_+`'~")) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

constexpr bool is_lws(char c) {
    return c == ' ' || c == '\t';
}

// The index just behind the quote that closes the one at `open`, or npos.
size_t behind_quoted(std::string_view text, size_t open) {
    for (size_t i = open + 1; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            return i + 1;
        }
    }
    return std::string_view::npos;
}

}  // namespace

bool is_token_char(char c) {
    return token_chars[static_cast<unsigned char>(c)];
}

bool is_token(std::string_view text) {
    for (const char c : text) {
        if (!is_token_char(c)) return false;
    }
    return !text.empty();
}

std::string_view trim_lws(std::string_view text) {
    while (!text.empty() && is_lws(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_lws(text.back())) text.remove_suffix(1);
    return text;
}

void Scanner::skip_lws() {
    while (position_ < text_.size() && is_lws(text_[position_])) ++position_;
}

bool Scanner::accept(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
}

bool Scanner::accept_separator(char c) {
    const size_t start = position_;
    skip_lws();
    if (!accept(c)) {
        position_ = start;
        return false;
    }
    skip_lws();
    return true;
}

std::string_view Scanner::token() {
    const size_t start = position_;
    while (position_ < text_.size() && is_token_char(text_[position_])) ++position_;
    return text_.substr(start, position_ - start);
}

std::string_view Scanner::until_any(std::string_view stops) {
    const size_t start = position_;
    while (position_ < text_.size() && stops.find(text_[position_]) == std::string_view::npos) {
        ++position_;
    }
    return text_.substr(start, position_ - start);
}

std::optional<std::string_view> Scanner::quoted_string() {
    if (peek() != '"') return std::nullopt;
    const size_t open = position_;
    const size_t behind = behind_quoted(text_, open);
    if (behind == std::string_view::npos) return std::nullopt;
    position_ = behind;
    return text_.substr(open + 1, behind - open - 2);
}

std::optional<uint32_t> parse_decimal(std::string_view digits, uint32_t max) {
    if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
    uint32_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc() || stop != end || number > max) return std::nullopt;
    return number;
}

std::string unquote(std::string_view inside) {
    std::string plain;
    plain.reserve(inside.size());
    for (size_t i = 0; i < inside.size(); ++i) {
        if (inside[i] == '\\' && i + 1 < inside.size()) ++i;
        plain += inside[i];
    }
    return plain;
}

std::string quote(std::string_view text) {
    std::string quoted = "\"";
    quoted.reserve(text.size() + 2);
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted += '"';
}

std::string_view next_list_value(std::string_view& rest) {
    size_t i = 0;
    while (i < rest.size() && rest[i] != ',') {
        if (rest[i] == '"') {
            const size_t behind = behind_quoted(rest, i);
            i = behind == std::string_view::npos ? rest.size() : behind;
        } else if (rest[i] == '<') {
            const size_t close = rest.find('>', i);
            i = close == std::string_view::npos ? rest.size() : close + 1;
        } else {
            ++i;
        }
    }
    const std::string_view value = trim_lws(rest.substr(0, i));
    rest.remove_prefix(i < rest.size() ? i + 1 : i);
    return value;
}

}  // namespace tandem::sip
