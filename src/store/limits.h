// Bounds of the key-value contract and of what stands on it, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::store {

// etcd refuses more than 128 operations in a branch of a transaction (--max-txn-ops); one is kept
// for the writer's sequence number.
inline constexpr size_t txn_ops_max = 127;
inline constexpr size_t txn_compares_max = 127;
// etcd refuses requests above 1.5 MiB; the rest is room for its framing.
inline constexpr size_t txn_bytes_max = 1 << 20;
// A key is read by people in logs and is copied into every watch event.
inline constexpr size_t key_bytes_max = 512;
// Past changes kept for late watchers and for reads at a past revision: about ten seconds of the
// busiest registrar, or 64 MiB, whichever is less.
inline constexpr size_t history_changes_max = 65'536;
inline constexpr size_t history_bytes_max = 64u << 20;
// One watch batch is at most this many events, so that a catching-up watcher can't stall a shard.
inline constexpr size_t watch_batch_events_max = 4'096;
inline constexpr size_t watches_max = 4'096;
inline constexpr size_t leases_max = 65'536;
// etcd's shortest useful lease is about a second; a day bounds a forgotten one.
inline constexpr std::chrono::milliseconds lease_ttl_min{1'000};
inline constexpr std::chrono::milliseconds lease_ttl_max{86'400'000};

// Members waiting in one Writer: two seconds of the store's measured rate. Above it the role
// answers "unavailable" at once instead of late.
inline constexpr size_t writer_queue_max = 65'536;

}  // namespace tandem::store
