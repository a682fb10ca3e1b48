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
// Nodes of one server.
inline constexpr size_t link_peers_max = 256;

}  // namespace tandem::runtime
