// Whether what clients saw of a store can be explained by one order in which everything happened:
// linearizability, decided for each key by itself, by the search of Wing and Gong with the states
// remembered that have led nowhere. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"

namespace tandem::sim {

// A value of a key; nullopt: the key does not exist.
using SeenValue = std::optional<std::string>;

struct Operation {
    enum class Kind {
        Read,           // saw `value`
        Write,          // of `value`
        CompareAndSet,  // from `expected` to `value`
    };
    enum class Outcome {
        Done,
        Refused,  // of CompareAndSet: it saw `seen` instead of `expected`
        Unknown,  // of Write and CompareAndSet: it took effect after `called`, some day or never
    };
    std::string key;
    Kind kind = Kind::Read;
    Outcome outcome = Outcome::Done;
    SeenValue expected;
    SeenValue value;
    SeenValue seen;
    Instant called;
    Instant returned;  // not of Unknown
};

struct HistoryVerdict {
    enum class Kind {
        Linearizable,
        Violated,
        Undecided,  // the search took more steps than it may
    };
    Kind kind = Kind::Linearizable;
    std::string explanation;  // of Violated: the key, and what could not be placed
};

// All keys are absent at first.
HistoryVerdict check_history(const std::vector<Operation>& history);

}  // namespace tandem::sim
