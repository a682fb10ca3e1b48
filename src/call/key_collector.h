// Keys that a party presses during a call, gathered into a code of its domain and the number behind
// it: "*2", "1003", "#". Keys that may begin a code are held until it is known; what turns out to
// be none is let through, in its order. Pure: time and keys in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"

namespace tandem::call {

struct KeyCode {
    std::string keys;         // what begins it; no code of a domain begins with another one
    Duration pause{4s};       // after a key: the code, or the number, has ended
    bool asks_first = false;  // of an attended transfer
    bool is_alone = false;    // complete without a number
};

bool is_key(char key);  // '0' to '9', '*', '#', 'A' to 'D'

class KeyCollector {
 public:
    struct Outcome {
        size_t passes = 0;     // so many of the oldest keys held, this one included, are no code
        bool is_over = false;  // a code has ended, and all keys held are part of it
        std::optional<std::string> number;  // ... with this number; none: it was given up
        std::string code;                   // ... and which one it was
    };
    Outcome on_key(Instant now, char key, const std::vector<KeyCode>& codes);
    Outcome on_timeout(Instant now);  // nothing before next_deadline()
    std::optional<Instant> next_deadline() const { return deadline_; }
    size_t held() const { return held_.size(); }

 private:
    Outcome end(std::optional<std::string> number);
    Outcome gather_number(Instant now, char key);

    std::string held_;      // keys of what may be a code, or is one, with its number
    size_t code_size_ = 0;  // 0: no code is complete yet
    Duration pause_{0};
    std::optional<Instant> deadline_;
};

}  // namespace tandem::call
