// Bounds of a web gate, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::roles::web_gate {

// Requests whose answers others owe us. Above it the gate answers 503 at once.
inline constexpr size_t pending_max = 4'096;
// A client waits no longer for what another role owes; proxies in between give up after 10-60 s.
inline constexpr Duration reply_deadline = 5s;
// Nodes answer for their status from memory; a node that is gone must not hold the others' back.
inline constexpr Duration status_deadline = 1s;
// A listener that could not be opened is tried again: its port may belong to a process that is
// about to end.
inline constexpr Duration listener_retry_pause = 1s;
// A registrar that has just lost a domain, or its post, says so: whoever has it is asked this much
// later, and so often.
inline constexpr Duration ask_again_pause = 50ms;
inline constexpr int ask_again_max = 20;
// A backup whose next piece nobody has asked for is forgotten: its watch costs the store, and there
// is only one at a time.
inline constexpr Duration backup_idle_max = 30s;
// Refusals that are alike become one record of the audit log in this time.
inline constexpr Duration refusals_gathering = 1s;
// Different refusals of one such time that are written down one by one.
inline constexpr size_t refusals_different_max = 100;
// Somebody who signs in does so for a day's work.
inline constexpr std::chrono::milliseconds session_length = std::chrono::hours(12);
// Tries of passwords for one name from one address, and the time in which one of them is
// forgotten: people mistype some times, and a day's tries of a program are less than 3 000.
inline constexpr int failures_of_name_max = 5;
inline constexpr Duration failures_of_name_pause = 30s;
// From one address, whatever the names: an office signs in from behind one.
inline constexpr int failures_of_address_max = 30;
inline constexpr Duration failures_of_address_pause = 10s;
// Some 120 bytes each.
inline constexpr size_t failures_counted_max = 20'000;
// Lines of one bulk request: what the longest body that is usual can hold.
inline constexpr size_t bulk_lines_max = 20'000;
// Lines of one bulk request that are with ST at once: enough to fill its batches one after the
// other, few enough that the requests of others are not far behind.
inline constexpr size_t bulk_in_flight_max = 256;
inline constexpr size_t bulks_max = 8;
// Exports under way: each has one page in hand, some 400 KiB, and asks history without a pause.
inline constexpr size_t exports_max = 8;
// More than the runtime waits for a client that takes nothing.
inline constexpr Duration export_room_max = 60s;
// Longer than any call.
inline constexpr int64_t history_duration_max_s = 366LL * 86'400;
// Streams of events: screens of operators and programs, each an open connection.
inline constexpr size_t event_streams_max = 200;
// What waits for a client that reads slower than things happen: some thousand events. It has to
// come again then, and is told how things stand.
inline constexpr size_t event_bytes_max = 512 * 1024;
// Last-Event-ID: ours have 37 characters at most; of a longer one nothing is known anyway.
inline constexpr size_t event_id_max = 64;
// CS is asked again so often, and whoever listens is judged again.
inline constexpr Duration event_renewal = 5s;
// A word into the silence, so that proxies in between leave the connection open.
inline constexpr Duration event_silence_max = 15s;
inline constexpr uint32_t page_limit_default = 100;
inline constexpr uint32_t page_limit_max = 1'000;
inline constexpr size_t path_bytes_max = 1'024;
inline constexpr size_t query_values_max = 32;
inline constexpr size_t body_bytes_default = 1 << 20;

}  // namespace tandem::roles::web_gate
