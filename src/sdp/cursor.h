// Reads one line of a description field by field.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace tandem::sdp {

class Cursor {
 public:
    explicit Cursor(std::string_view text) : rest_(text) { skip_spaces(); }

    // The next field, up to a space; empty at the end. INTEROP: several spaces count as one.
    std::string_view word() { return until(' '); }
    std::string_view until(char stop) {
        const size_t end = rest_.find(stop);
        const std::string_view out = rest_.substr(0, end);
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        skip_spaces();
        return out;
    }
    std::string_view rest() const { return rest_; }
    bool at_end() const { return rest_.empty(); }

 private:
    void skip_spaces() {
        while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    }
    std::string_view rest_;
};

// The whole of `text` as a decimal number of the type's range.
template <typename Number>
std::optional<Number> decimal(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace tandem::sdp
