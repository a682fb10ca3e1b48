// Bounds of routing, each with its reason.
#pragma once

#include <cstddef>

namespace tandem::routing {

// Forwardings of one call, one after the other: a colleague, his mobile, the office, a mailbox; and
// as many again. Beyond that somebody plays.
inline constexpr size_t kForwardsMax = 8;

}  // namespace tandem::routing
