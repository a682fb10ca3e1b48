// Time as an argument. Instant is monotonic and drives timers; UtcTime is the wall clock of
// records. Neither has a now(): the runtime or the simulation passes them in.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace tandem {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // 500ms, 32s in every state machine

// A point of the monotonic clock (CLOCK_BOOTTIME in the runtime), meaningful within one machine.
struct Instant {
    Duration since_epoch{0};

    friend auto operator<=>(const Instant&, const Instant&) = default;
    friend Instant operator+(Instant a, Duration b) { return {a.since_epoch + b}; }
    friend Instant operator-(Instant a, Duration b) { return {a.since_epoch - b}; }
    friend Duration operator-(Instant a, Instant b) { return a.since_epoch - b.since_epoch; }
};

// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
struct UtcTime {
    int64_t unix_ms = 0;

    friend auto operator<=>(const UtcTime&, const UtcTime&) = default;
};

// "2026-11-22T21:44:12.123Z" (RFC 3339).
std::string to_rfc3339(UtcTime time);

// Both clocks as read at one moment. The clocks of a state machine's call.
struct Now {
    Instant mono;
    UtcTime utc;
};

}  // namespace tandem
