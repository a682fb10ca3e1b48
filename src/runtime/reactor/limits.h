// Bounds of the event loop, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::runtime {

// Letters waiting for one shard: about a second of a shard that is saturated (100 000 letters/s),
// after which waiting has no use, as callers have given up.
inline constexpr size_t mailbox_letters_max = 65'536;
// I/O handlers run in one turn before the driver gets its turn, so that a flood on one socket
// cannot starve timers.
inline constexpr size_t handlers_per_turn_max = 256;
// A reactor looks at its clocks at least so often, even when nothing happens.
inline constexpr std::chrono::milliseconds reactor_wait_max{1'000};
// How far apart the turns of a busy shard begin. At 300 calls/s each turn then handles some ten
// messages and letters instead of one or two, and waking, waiting and sending are paid once for
// them. A message waits a millisecond longer on average, and as much as a batch of packets does.
inline constexpr std::chrono::milliseconds shard_pace{2};

}  // namespace tandem::runtime
