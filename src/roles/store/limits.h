// Bounds of the store role, each with its reason.
#pragma once

#include <cstddef>

#include "base/instant.h"
#include "store/limits.h"

namespace tandem::roles::store_role {

// A list is one answer of the API: a thousand accounts are about 300 KiB.
inline constexpr size_t list_limit_max = 1000;

// Role instances of a plan: a site of thirty servers with all roles. Judging them takes some tens
// of milliseconds.
inline constexpr size_t plan_roles_max = 300;
// A plan is written at once: what one transaction of the store takes, less room for what guards the
// writer.
// One is the record in the audit log.
inline constexpr size_t plan_ops_max = store::txn_ops_max - 1;
inline constexpr size_t plan_compares_max = store::txn_compares_max - 20;

// Changes between question and answer: as many as one second of the store's batches.
inline constexpr size_t changes_max = 16'384;
// A change whose grounds changed while it was written is judged again so often; more means that
// somebody else changes the same entity all the time.
inline constexpr int judgements_max = 4;
// An answer waits so long for the catalog to show the write; then it goes out, being true anyway.
inline constexpr Duration catalog_wait_max = 300ms;
// Records of one step from outbox to history: their deletion fits one write of the store.
inline constexpr size_t outbox_batch = 100;
inline constexpr Duration outbox_retry_pause = 1s;
// Records gather so long before they move: a seventieth of the commits at 300 calls/s, and nobody
// looks for a record sooner.
inline constexpr Duration outbox_gathering = 250ms;
// Records that were told and wait for history: half a minute of 300 calls/s, some 15 MB. When more
// come, they are read from the outbox once there is time for them.
inline constexpr size_t outbox_waiting_max = 10'000;
// Records that stay in the outbox for an ST that is away: some 150 MB in the store. The oldest of
// more go without it.
inline constexpr size_t outbox_kept_max = 100'000;
// A page of the outbox that has not come by then is asked for again; whoever waits for a change
// that needs another read is told to try again.
inline constexpr Duration store_answer_max = 2s;
// History answers within a disk's longest stall, or is asked again.
inline constexpr Duration history_answer_max = 10s;

// Records that are forgotten in one step: some 20 ms of the history's thread.
inline constexpr uint32_t retention_step = 500;
// Between two steps while there is more: 2500 records/s go, some eight times as many as come.
inline constexpr Duration retention_step_pause = 200ms;
// Between two looks: what is kept for days may be kept a minute longer.
inline constexpr Duration retention_pause = 60s;

// Servers whose clocks differ by more when they join would judge leases, CDRs and nonces
// differently.
inline constexpr std::chrono::milliseconds join_clock_difference_max{5'000};
// A token that is carried to the next machine by hand, or waits for a machine to be delivered.
inline constexpr uint32_t join_token_valid_min_s = 1;
inline constexpr uint32_t join_token_valid_max_s = 7 * 86'400;
// For how long a token is known after its end, so that who comes too late is told so.
inline constexpr std::chrono::milliseconds join_token_kept = std::chrono::hours(24);
inline constexpr size_t join_tokens_max = 64;  // more than servers that are added in a week
// Characters of 5.17 bits: 165 bits.
inline constexpr size_t join_secret_length = 32;
// Records of the audit log that a roll-back looks at.
inline constexpr uint32_t past_page = 1'000;
inline constexpr size_t past_records_max = 10'000;
// Zones of licences whose use is remembered until the catalog changes.
inline constexpr size_t counted_zones_max = 10'000;
inline constexpr size_t api_token_secret_length = 32;
// Grants of a domain are looked through for each request of its users: some 0.2 ms for these.
inline constexpr size_t grants_max = 10'000;
// Enough that one of them lives; a token stays short enough to be copied.
inline constexpr size_t join_token_addresses_max = 5;

// A file of music, 24 s of G.711: in base64 it fits one document together with the one that it
// replaces, and with the audit record one transaction of the store.
inline constexpr size_t music_bytes_max = 190 * 1024;
// Each node has them in memory.
inline constexpr size_t music_files_max = 20;
// Each number that is nobody's is held against all of them.
inline constexpr size_t feature_codes_max = 100;
// Keys of a code that is pressed in a call: people have to know it by heart.
inline constexpr size_t pressed_code_max = 8;

}  // namespace tandem::roles::store_role
