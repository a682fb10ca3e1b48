// A cursor over header text: the lexical rules of RFC 3261 25.1. Used by every typed header.
// Folded lines were made one line by the message parser, so linear white space is SP and HTAB only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::sip {

// Names compare without case (RFC 3261 7.3.1). As equals_ignoring_case(), but most names differ in
// their size, and that is seen here without a call.
inline bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

bool is_token_char(char c);
bool is_token(std::string_view text);  // non-empty, token characters only
std::string_view trim_lws(std::string_view text);

class Scanner {
 public:
    explicit Scanner(std::string_view text) : text_(text) {}

    size_t position() const { return position_; }
    bool at_end() const { return position_ >= text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[position_]; }
    std::string_view rest() const { return text_.substr(position_); }
    void advance(size_t count) { position_ += count; }

    void skip_lws();
    bool accept(char c);            // exactly here
    bool accept_separator(char c);  // with white space on both sides (SEMI, EQUAL, SLASH, ...)
    std::string_view token();       // longest run of token characters, may be empty
    // Everything up to one of `stops` or the end.
    std::string_view until_any(std::string_view stops);
    // After the opening quote is seen here: the text between the quotes, escapes kept; nullopt: no
    // end.
    std::optional<std::string_view> quoted_string();

 private:
    std::string_view text_;
    size_t position_ = 0;
};

// Decimal digits only, at most `max`; nullopt otherwise.
std::optional<uint32_t> parse_decimal(std::string_view digits, uint32_t max = UINT32_MAX);

std::string unquote(std::string_view inside);  // resolves quoted-pairs; input is without its quotes
std::string quote(std::string_view text);      // "text" with \" and \\ escaped

// Takes the next value off a comma-separated list, trimmed. Commas within "..." and <...> don't
// count.
std::string_view next_list_value(std::string_view& rest);

}  // namespace tandem::sip
