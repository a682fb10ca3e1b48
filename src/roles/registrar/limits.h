// Bounds of a registrar, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::roles::registrar {

// Contacts in one REGISTER; a domain may allow an account up to 100 bindings, but not in one go.
inline constexpr size_t contacts_per_request_max = 16;
// Text of one binding (contact, its parameters, instance, Call-ID, Path). Real ones take 200-400
// bytes; the bound keeps one account from filling the store.
inline constexpr size_t binding_text_bytes_max = 4096;
// User-Agent is for people; more of it than this says nothing.
inline constexpr size_t user_agent_bytes_max = 128;
inline constexpr size_t path_hops_max = 8;
// REGISTERs of one account waiting for a write of the same account; a phone has one at a time
// (RFC 3261 10.2), so more come from several phones at once or from a flood.
inline constexpr size_t waiting_per_account_max = 8;
// Writes in flight: two seconds of the store's measured rate in batches.
inline constexpr size_t writes_max = 16'384;
// Letters held while the bindings are loaded.
inline constexpr size_t held_letters_max = 4'096;
// Fingerprints of answered requests, kept for as long as a phone may retransmit (timer F, 32 s).
inline constexpr size_t answered_max = 65'536;
inline constexpr Duration answered_life = 32s;
// A page that was asked for and did not come; and a store that could not answer.
inline constexpr Duration load_answer_max = 2s;
inline constexpr Duration load_retry = 200ms;
// The same while phones of one domain wait for it.
inline constexpr Duration domain_read_max = 500ms;
// Keys read in one go while loading: about 400 KiB.
inline constexpr size_t load_page_keys = 1'000;
// Expired bindings removed in one call, so that a million that expire at once do not stall a shard.
inline constexpr size_t expiries_per_call_max = 500;
inline constexpr uint32_t page_limit_max = 1'000;

// A new sharing of the domains among groups (sharing_record.h): a commit takes 1-10 ms, 100 ms on a
// slow disk; proposed again when there was no news.
inline constexpr Duration sharing_retry = 300ms;
// How long to wait for changes of the layers that another has seen already.
inline constexpr Duration sharing_wait_max = 5s;
// Requests that wait for the copy that is to have them: as long as a gate lets them wait.
inline constexpr Duration parked_max = 2s;

// Messages that wait for a device. Of one account: a weekend's; of all: some 40 MiB of memory at
// 2 KiB each, and more than a node writes in a minute.
inline constexpr size_t messages_of_account_max = 50;
inline constexpr size_t messages_max = 20'000;
inline constexpr std::chrono::milliseconds messages_kept_for = std::chrono::hours(24 * 7);
inline constexpr Duration messages_look = 60s;

// Accounts that CS follows for those who have subscribed to them: as many as it has subscriptions,
// 64 bytes each. It asks every 10 s; whoever has not for three times is gone.
inline constexpr size_t followed_accounts_max = 100'000;
inline constexpr Duration followed_max = 30s;

// A registration of at least this is stored with a later expiry, so that refreshes need no write
// (see stored_expiry()). A shorter one is stored exactly: its owner wants to be missed soon.
inline constexpr int64_t quantised_from_s = 120;

// RFC 5626 4.4.1: the phone sends keep-alives at most this far apart.
inline constexpr int flow_timer_s = 120;
inline constexpr uint32_t retry_after_s = 2;
// Zones of licences whose members are remembered until the catalog changes.
inline constexpr size_t licence_zones_max = 1'000;

}  // namespace tandem::roles::registrar
