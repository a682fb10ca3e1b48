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

// --- Moving all data to another store (move.h).
// A page of the source: a few transactions of the target.
inline constexpr size_t move_page_keys = 512;
// Bytes of one transaction of the target; etcd's limit and ours is 1 MiB with keys and framing.
inline constexpr size_t move_txn_bytes = 512u << 10;
// Changes that came while the data were copied, kept until they are applied: minutes of a busy
// registrar. A site that writes faster than it copies can't be moved.
inline constexpr size_t move_changes_max = 1u << 20;
// Writes are frozen when no more than this is left to be applied: one transaction.
inline constexpr size_t move_freeze_below = 64;
// Writes wait so long at most; a switch takes part of the promised 300 ms.
inline constexpr std::chrono::milliseconds move_freeze_max{250};
// When the freeze took too long: try again so often, after so long.
inline constexpr unsigned move_freezes_max = 10;
inline constexpr std::chrono::milliseconds move_freeze_again{1'000};
// A store that does not answer, or says that it can't now, is asked again so often and so late.
inline constexpr unsigned move_errors_max = 100;
inline constexpr std::chrono::milliseconds move_pause{20};
inline constexpr std::chrono::milliseconds move_reply_max{3'000};

// --- Reading all data for a backup (backup_reader.h).
inline constexpr size_t backup_page_keys = 512;
// A piece that is handed on, unless a single record is larger: an HTTP answer of some milliseconds.
inline constexpr size_t backup_piece_bytes = 512u << 10;
// A record: key and value of one transaction, at most.
inline constexpr size_t backup_record_bytes_max = (1u << 20) + key_bytes_max + 16;
// Changes and pages that wait to be taken: a minute of a busy registrar.
inline constexpr size_t backup_waiting_bytes_max = 64u << 20;

// Members waiting in one Writer: two seconds of the store's measured rate. Above it the role
// answers "unavailable" at once instead of late.
inline constexpr size_t writer_queue_max = 65'536;

}  // namespace tandem::store
