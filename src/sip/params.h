// Parameters: ";a=b;c;d=\"e\"" of headers and URIs, "a=b&c=d" of URI headers, "a=b, c=d" of
// digests.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace tandem::sip {

struct Param {
    std::string_view name;
    std::string_view value;  // without its quotes; escapes kept, see unquote()
    bool has_value = false;
    bool quoted = false;
};

// A view over parameter text; nothing is decoded until it is asked for.
class Params {
 public:
    Params() = default;
    explicit Params(std::string_view text, char separator = ';')
        : text_(text), separator_(separator) {}

    class Iterator {
     public:
        using value_type = Param;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(std::string_view rest, char separator) : rest_(rest), separator_(separator) {
            ++*this;
        }
        const Param& operator*() const { return param_; }
        const Param* operator->() const { return &param_; }
        Iterator& operator++();
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.done_; }

     private:
        std::string_view rest_;
        Param param_;
        char separator_ = ';';
        bool done_ = false;
    };

    Iterator begin() const { return {text_, separator_}; }
    std::default_sentinel_t end() const { return {}; }

    // Names compare without case. An empty view when the parameter has no value.
    std::optional<std::string_view> get(std::string_view name) const;
    bool has(std::string_view name) const { return get(name).has_value(); }
    std::optional<uint32_t> number(std::string_view name) const;  // nullopt: absent or not a number
    bool empty() const { return begin() == end(); }
    std::string_view text() const { return text_; }  // as it stood, with the first separator

    // Every parameter follows the grammar: a token name, and a token, host or quoted string as
    // value; no name twice (RFC 3261 7.3.1); at most params_max.
    bool well_formed() const;

 private:
    std::string_view text_;
    char separator_ = ';';
};

}  // namespace tandem::sip
