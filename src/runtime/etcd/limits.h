// Bounds of the etcd client and of the members that we supervise, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::runtime {

// One try of a small request at one member. A member that died or was paused costs this much before
// the next one is asked: with 1 s instead, a killed leader left writes unavailable for 1.04 s.
inline constexpr std::chrono::milliseconds etcd_try{80};
// A transaction waits for a disk, too. Its outcome is unknown afterwards and costs a read.
inline constexpr std::chrono::milliseconds etcd_txn_try{100};
// One page of a large range: megabytes to encode and to send.
inline constexpr std::chrono::milliseconds etcd_page_try{500};
inline constexpr std::chrono::milliseconds etcd_page_max{10'000};
// When all members have been tried twice and none was quick enough, the next round waits twice as
// long, up to this: a machine that is merely slow must get its answers some day.
inline constexpr std::chrono::milliseconds etcd_try_max{1'000};
// From the asker's question to its answer, all tries together. Elections take a third of it.
inline constexpr std::chrono::milliseconds etcd_request_max{2'000};
// Before the next try when a member said "not now" (no leader yet, too busy) or could not be
// reached: short against an election, long against a loop.
inline constexpr std::chrono::milliseconds etcd_pause{15};
// For so long other members are preferred to one that failed.
inline constexpr std::chrono::milliseconds etcd_set_aside{1'000};
// Connections that broke are taken up again so often, also where nothing is to be asked.
inline constexpr std::chrono::milliseconds etcd_reconnect{250};
// Requests that wait for their answers: twice the queue of a Writer's store at its measured rate,
// above which "unavailable" at once is the better answer.
inline constexpr size_t etcd_requests_max = 16'384;

// A watch stream is asked for a sign of life so often, and is given up after so long a silence.
inline constexpr std::chrono::milliseconds etcd_watch_ping{150};
inline constexpr std::chrono::milliseconds etcd_watch_silence_max{450};

// Pages of a range: etcd 3.4 walks the whole rest of the range for each page, so pages are few; but
// one page is about this many bytes, so that nobody is stalled by it.
inline constexpr int64_t etcd_page_keys_first = 1'024;
inline constexpr int64_t etcd_page_keys_min = 128;
inline constexpr int64_t etcd_page_keys_max = 32'768;
inline constexpr size_t etcd_page_bytes_aim = 4u << 20;
// A range whose revision was compacted between two pages is begun anew so many times.
inline constexpr int etcd_range_restarts_max = 3;
// A response that a member sent in fragments, joined. A revision has at most 1 MiB of keys and
// values; a member gathers up to a thousand revisions in a response.
inline constexpr size_t etcd_watch_events_max = 1u << 20;

// Heartbeat and election of members on one site: see docs/decisions/0011-etcd-backend.md.
inline constexpr std::chrono::milliseconds etcd_heartbeat{30};
inline constexpr std::chrono::milliseconds etcd_election{180};
// A member tells quiet watches so often how far they have come, and keeps history for so much
// longer that a watch which lost its member finds its place again.
inline constexpr std::chrono::seconds etcd_progress_notify{10};
inline constexpr std::chrono::minutes etcd_history{5};
// etcd's log is cut after so many transactions; what a member that was away for longer needs is
// then a snapshot of the whole database.
inline constexpr int etcd_snapshot_count = 20'000;
// Above this a member refuses writes. etcd advises no more than 8 GiB; the smallest server has as
// much memory, and a million accounts take about 1 GiB with their history.
inline constexpr uint64_t etcd_quota_bytes = 4ull << 30;
// A member's log of the last start is searched for what ended it; a panic's trace is some KiB.
inline constexpr size_t etcd_log_tail_bytes = 64u << 10;

// How often the supervision looks at its member: a state that an operator sees is this old.
inline constexpr std::chrono::milliseconds etcd_look{200};
// A member that was serving and has not answered for so long is called silent: several looks, so
// that one lost answer is none.
inline constexpr std::chrono::milliseconds etcd_silent_after{1'000};
// A member with these many wasted bytes, being this part of its file, is worth a defragmentation.
inline constexpr int64_t etcd_wasted_bytes_min = 64ll << 20;
inline constexpr int etcd_wasted_percent_min = 50;

}  // namespace tandem::runtime
