// Bounds of the SQLite files, each with its reason.
#pragma once

#include <chrono>
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
// A page of records of calls: its JSON stays below about 2 MiB.
inline constexpr size_t cdr_page_max = 1000;
// A search that finds little gives what it has after this, and says from where to go on: nobody
// waits longer for a page, and the history's thread is free for new records in between.
inline constexpr std::chrono::milliseconds cdr_search_max{400};
// A search by what its index does not order by time (the beginning of a number, say) takes so many
// keys at most before it sorts them: some 20 ms. Where there are more, looking through all records
// finds a page's worth sooner.
inline constexpr size_t cdr_gathered_max = 20'000;
// Records of the former shape of the file that are taken over in one transaction.
inline constexpr int cdr_taken_over_at_once = 1000;
// Another process may hold the history's file for a backup.
inline constexpr int sqlite_busy_ms = 2000;

}  // namespace tandem::runtime
