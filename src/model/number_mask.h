// Masks of numbers, as rules have them for callers and for what is dialled.
//
//   mask    = *element [ "*" ]               ; at the end: anything may follow, or nothing
//   element = DIGIT / "+" / "#" / "*"        ; itself; "*" as such at the end is "[*]"
//           / "X"                            ; 0-9
//           / "Z"                            ; 1-9
//           / "N"                            ; 2-9
//           / "[" [ "^" ] 1*( symbol / DIGIT "-" DIGIT ) "]"    ; one of these, or none of them
//   symbol  = DIGIT / "+" / "#" / "*"
//
// An empty mask is the same as "*". Whatever is no number, like a login, fits only where the mask
// ends with "*" before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tandem::model {

class NumberMask {
 public:
    // Bit n: the symbol n of "0123456789*#+".
    using Symbols = uint16_t;

    NumberMask() = default;  // anything
    // Errors: Malformed or TooLarge, naming the position, counted from 1; `field` is left empty.
    static Result<NumberMask> parse(std::string_view text);

    bool matches(std::string_view number) const;
    // Whether some number fits both.
    bool overlaps(const NumberMask& other) const;
    // Whether each number that fits the other fits this one.
    bool covers(const NumberMask& other) const;

    const std::vector<Symbols>& elements() const { return elements_; }
    bool is_open() const { return open_; }  // anything may follow
    // The one number that fits; empty: there are several.
    std::string only_number() const;
    friend bool operator==(const NumberMask&, const NumberMask&) = default;

 private:
    std::vector<Symbols> elements_;
    bool open_ = true;
};

// The bit of a character; 0: it is no symbol of numbers.
NumberMask::Symbols symbol_of(char c);

}  // namespace tandem::model
