// Bounds of a node host.
#pragma once

#include <cstddef>

#include "base/instant.h"

namespace tandem::roles::host {

// Letters handled before the shard looks at its sockets and timers again: about 10 ms of work.
inline constexpr size_t letters_per_run_max = 4096;
// Questions to other nodes whose answer is awaited; each takes about 400 bytes. Beyond this a lost
// node is noticed by the askers' own deadlines.
inline constexpr size_t questions_awaited_max = 65536;
// Entries of one page when the catalog is read: about 1 MiB.
inline constexpr size_t catalog_page_entries = 2000;
// Letters that come before the instances of a shard have been started: a restart takes 0.2 s.
inline constexpr size_t letters_held_max = 8192;
// Of one shard: some 100 KiB. A node that starts all roles says ten, so hundreds of them are days
// of an ordinary site.
inline constexpr size_t events_kept_max = 500;
// Ids of events: shards whose numbers differ never use the same, up to so many nodes.
inline constexpr uint64_t event_lanes = 100;
inline constexpr uint64_t event_lanes_of_node = 4;
inline constexpr Duration store_retry_pause = 100ms;
// An instance that is another node's no more is believed to finish what it has for so long, unless
// its node tells sooner: both read the same change within some 10 ms of each other.
inline constexpr Duration departure_told_within = 1s;
// A page of the catalog that has not come by then is asked for again.
inline constexpr Duration store_reply_max = 2s;

}  // namespace tandem::roles::host
