// Bounds of the node links, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::runtime {

// Waiting to be written to one link: a quarter of a second of the busiest node (100 MB/s).
inline constexpr size_t link_queue_bytes_max = 32u << 20;
inline constexpr size_t link_read_bytes = 64 << 10;
// A peer that connects must say who it is at once.
inline constexpr std::chrono::milliseconds link_hello_max{2'000};
// Nodes restart within tens of milliseconds; a node that is gone costs one attempt a second.
inline constexpr std::chrono::milliseconds link_redial_first{10};
inline constexpr std::chrono::milliseconds link_redial_last{1'000};
// All nodes of a system (ports::nodes_max) and those that have not said who they are.
inline constexpr size_t link_peers_max = 256;

// Between servers. Over TCP a peer can vanish without a word: after this long without an
// acknowledgement the link is broken. Short of what a phone or a caller waits; long enough for a
// switch that learns its topology anew.
inline constexpr std::chrono::milliseconds link_unacknowledged_max{3'000};
// The kernel can't tell where its own interface is down. Heartbeats come every 50 ms; who has sent
// some and is silent for so long is not reached. Once more a moment later, as it may be us who
// stood still and have not read yet.
inline constexpr std::chrono::milliseconds link_silent_max{2'500};
inline constexpr std::chrono::milliseconds link_silent_again{250};
// An idle connection is asked after one second, every second; heartbeats make it rarely idle.
inline constexpr int link_keepalive_s = 1;
inline constexpr int link_keepalives_max = 3;
// Accepted over TCP and not greeted yet: half of all nodes that redial at once after a switch was
// rebooted; the others come again within milliseconds.
inline constexpr size_t link_ungreeted_max = 128;
// Who has no certificate of the site may ask to join it, and nothing else: so many at once, so
// long, and so often each. One that does it right asks twice.
inline constexpr size_t link_strangers_max = 8;
inline constexpr std::chrono::milliseconds link_stranger_max{15'000};
inline constexpr int link_stranger_asks_max = 4;
// A request to join has a request for a certificate (under 1 KiB) and some names.
inline constexpr size_t link_stranger_bytes_max = 16 << 10;

}  // namespace tandem::runtime
