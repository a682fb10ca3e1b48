// Bounds of the SQLite files, each with its reason.
#pragma once

#include <cstddef>

namespace tandem::runtime {

// Pages kept in memory: 16 MiB hold what calls write and delete again. All that is read often, the
// catalog and the bindings, is in memory as it is, and the kernel has its own copy of the pages.
// SQLite's unit for a negative number is KiB.
inline constexpr int sqlite_cache_kib = 16 * 1024;
// A checkpoint every 16 MiB of log: rarely enough for throughput, often enough for a quick start.
inline constexpr int sqlite_checkpoint_pages = 4096;
// A piece of the log that is written at once: more than most commits. SQLite's own files can't take
// 128 KiB in one write.
inline constexpr size_t sqlite_gathered_bytes_max = 96 * 1024;
// Another process may hold the history's file for a backup.
inline constexpr int sqlite_busy_ms = 2000;

}  // namespace tandem::runtime
