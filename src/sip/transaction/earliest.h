// The earliest of deadlines that may not be set.
#pragma once

#include <initializer_list>
#include <optional>

#include "base/instant.h"

namespace tandem::sip {

inline std::optional<Instant> earliest(std::initializer_list<std::optional<Instant>> deadlines) {
    std::optional<Instant> first;
    for (const auto& deadline : deadlines) {
        if (deadline && (!first || *deadline < *first)) first = deadline;
    }
    return first;
}

inline bool is_due(const std::optional<Instant>& deadline, Instant now) {
    return deadline && *deadline <= now;
}

}  // namespace tandem::sip
