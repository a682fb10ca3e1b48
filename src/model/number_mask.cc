#include "model/number_mask.h"

#include <algorithm>
#include <bit>

#include "model/limits.h"

namespace tandem::model {
namespace {

using Symbols = NumberMask::Symbols;

constexpr std::string_view kSymbols = "0123456789*#+";
constexpr Symbols kAll = (1 << 13) - 1;
constexpr Symbols kDigits = (1 << 10) - 1;
constexpr Symbols kFromOne = kDigits & ~Symbols{1};
constexpr Symbols kFromTwo = kDigits & ~Symbols{3};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

Error wrong(size_t offset, std::string_view what) {
    std::string message = "at position " + std::to_string(offset + 1) + ": ";
    message += what;
    Error error = make_error(ErrorCode::Malformed, "", message);
    error.offset = offset;
    return error;
}

// Reads the set whose "[" is at `at`, and leaves `at` behind its "]".
Result<Symbols> read_set(std::string_view text, size_t& at) {
    const size_t begin = at++;
    const bool inverted = at < text.size() && text[at] == '^';
    if (inverted) ++at;
    Symbols set = 0;
    for (; at < text.size() && text[at] != ']'; ++at) {
        const char first = text[at];
        if (symbol_of(first) == 0)
            return wrong(at, "a set holds digits, '+', '#', '*' and ranges like 1-5");
        const bool is_range = at + 1 < text.size() && text[at + 1] == '-';
        if (!is_range) {
            set |= symbol_of(first);
            continue;
        }
        const char last = at + 2 < text.size() ? text[at + 2] : ']';
        if (!is_digit(first) || !is_digit(last))
            return wrong(at, "a range goes from a digit to a digit");
        if (last < first) return wrong(at, "a range goes upwards");
        for (char c = first; c <= last; ++c) set |= symbol_of(c);
        at += 2;
    }
    if (at == text.size()) return wrong(begin, "the '[' has no ']'");
    ++at;
    if (inverted) set = kAll & ~set;
    if (set == 0) return wrong(begin, "the set is empty");
    return set;
}

Result<Symbols> read_element(std::string_view text, size_t& at) {
    const char c = text[at];
    if (c == '[') return read_set(text, at);
    Symbols set = symbol_of(c);
    if (c == 'X') set = kDigits;
    if (c == 'Z') set = kFromOne;
    if (c == 'N') set = kFromTwo;
    if (set == 0)
        return wrong(at, "a mask consists of digits, '+', '#', '*', X, Z, N and sets in brackets");
    ++at;
    return set;
}

}  // namespace

Symbols symbol_of(char c) {
    const size_t at = kSymbols.find(c);
    return at == std::string_view::npos ? Symbols{0} : static_cast<Symbols>(1U << at);
}

Result<NumberMask> NumberMask::parse(std::string_view text) {
    NumberMask mask;
    if (text.empty()) return mask;
    mask.open_ = text.back() == '*';
    if (mask.open_) text.remove_suffix(1);
    for (size_t at = 0; at < text.size();) {
        if (mask.elements_.size() == mask_elements_max)
            return wrong(at, "a mask has at most 32 characters to fit, as numbers have");
        mask.elements_.push_back(TRY(read_element(text, at)));
    }
    return mask;
}

bool NumberMask::matches(std::string_view number) const {
    if (open_ ? number.size() < elements_.size() : number.size() != elements_.size()) return false;
    for (size_t i = 0; i < elements_.size(); ++i)
        if ((elements_[i] & symbol_of(number[i])) == 0) return false;
    return true;
}

bool NumberMask::overlaps(const NumberMask& other) const {
    const size_t both = std::min(elements_.size(), other.elements_.size());
    for (size_t i = 0; i < both; ++i)
        if ((elements_[i] & other.elements_[i]) == 0) return false;
    if (elements_.size() < other.elements_.size()) return open_;
    return elements_.size() == other.elements_.size() || other.open_;
}

bool NumberMask::covers(const NumberMask& other) const {
    if (elements_.size() > other.elements_.size()) return false;
    for (size_t i = 0; i < elements_.size(); ++i)
        if ((other.elements_[i] & ~elements_[i]) != 0) return false;
    return open_ || (elements_.size() == other.elements_.size() && !other.open_);
}

std::string NumberMask::only_number() const {
    std::string number;
    if (open_) return number;
    for (const Symbols each : elements_) {
        if (!std::has_single_bit(each)) return {};
        number += kSymbols[static_cast<size_t>(std::countr_zero(each))];
    }
    return number;
}

}  // namespace tandem::model
