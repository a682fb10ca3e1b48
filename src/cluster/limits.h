// Times and bounds of liveness, leadership and take-over, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::cluster {

// Liveness.
inline constexpr Duration heartbeat_interval = 50ms;
// Five heartbeats: four lost ones, or a scheduling delay of 200 ms, accuse nobody.
inline constexpr Duration suspicion_after = 250ms;
// A shard that does not turn while its node is heard: it is rather short of time than hung, and its
// death would end the node.
inline constexpr Duration stalled_after = 1s;
// A run that is known from the store and has not been heard yet: its links are being made, nodes
// dial once a second, and the answer to its claim may come late, as its etcd member has just
// started, too.
inline constexpr Duration first_heard_within = 5s;
// Of one that another observer has heard and hears no more: it did start, and links are dialled
// once a second.
inline constexpr Duration first_heard_within_lost = 1'500ms;
// Of a node on the observer's own server: its death is told by its link at once, so silence only
// means that it hangs, or that the machine is short of time.
inline constexpr Duration suspicion_on_server_after = 1s;
// What an observer told counts for as long as it would itself be believed to live.
inline constexpr Duration report_valid = 250ms;
// The store's view is refreshed every 100 ms; one refresh may be lost.
inline constexpr Duration store_view_valid = 250ms;
// An observer that did not look for so long has been paused itself: what it did not hear meanwhile
// says nothing about others.
inline constexpr Duration own_pause_min = 150ms;
// A suspect is believed again after living this long without a gap, doubled for each relapse.
inline constexpr Duration recovery_min = 150ms;
inline constexpr unsigned recovery_doublings_max = 6;  // 9.6 s
inline constexpr Duration relapses_forgotten_after = 60s;
// Of one system and of one node, as in the logic layer: what lies above is refused or ignored.
inline constexpr size_t nodes_max = 200;
inline constexpr size_t shards_max = 8;
// Heartbeats whose echo is awaited: 1.6 s of them. An older echo confirms nothing that counts.
inline constexpr size_t sent_kept_max = 32;

// Self check.
// 50 ms before anybody may suspect us: that much a message may be on its way, and clocks differ.
inline constexpr Duration confirmation_valid = 200ms;
// Who hears none of at least two other servers is cut off itself. It is silent, so that phones turn
// to gates that work; after this it takes the others for dead and goes on as far as the store lets
// it.
inline constexpr Duration cut_off_most = 10s;
// Media of a shard that has stood still is held back for so long when nobody confirms its node:
// links that broke meanwhile are made again within a second, and then it hears of its death.
inline constexpr Duration wake_silence_most = 3s;
// Asks the store this long after the last confirmation, so that the answer comes in time.
inline constexpr Duration ask_after = 100ms;
// Instances of one shard: all are renewed in one transaction, whose other branch reads them.
inline constexpr size_t claims_of_shard_max = 60;

// The store.
// A store answers in 1-10 ms, one with a slow disk in 100 ms; an answer that comes later is lost.
inline constexpr Duration store_deadline = 300ms;
inline constexpr Duration store_pause = 20ms;

// Leadership.
inline constexpr Duration post_min = 5s;
// The first try to take a post over is looked after sooner than store_deadline says. The store may
// have lost its own leader with the same server: what an etcd member hands on to that one before
// its election timeout (180 to 360 ms of silence, and a post is tried for after 250 ms) is lost
// without a word. A try that was only late does no harm, as the next one has the same value.
inline constexpr Duration first_try_deadline = 120ms;
// Candidates try one after the other, the preferred one first, so that they seldom collide.
inline constexpr Duration candidate_stagger = 60ms;
// Who released its post does not take it back before others had the chance.
inline constexpr Duration released_rest = 1s;
// Writes that wait for the store when the post is to be handed over; what is not written by then is
// refused to its asker, who tries again with the successor.
inline constexpr Duration flush_max = 500ms;
// A watch can die in silence; a candidate looks for itself now and then.
inline constexpr Duration poll_interval = 1s;
inline constexpr size_t candidates_max = 16;

// Load.
// Timer C (RFC 3261 16.6 step 11), the longest that an INVITE may be without an answer: choices of
// before the last shift are of no call that still rings.
inline constexpr Duration load_shift_pause = 180s;
inline constexpr Duration load_look_interval = 1s;
// Of one heartbeat; a node has a few.
inline constexpr size_t loads_max = 64;

// Adoption of calls.
inline constexpr size_t listed_max = 512;      // keys of one page; only keys, about 50 KiB
inline constexpr size_t batch_calls_max = 24;  // 24 x (3 ops, 2 reads) and the fences: below 127
inline constexpr size_t batch_bytes_max = 400u << 10;  // snapshots are <= 8 KiB each
// A pass over what is left, for calls whose adopter has died or saw other survivors than we did.
inline constexpr Duration sweep_again_after = 400ms;
// From this pass on every survivor takes whatever is left.
inline constexpr unsigned take_all_from_pass = 3;
inline constexpr size_t asked_calls_max = 1024;  // requests waiting for a call; above: 503
inline constexpr size_t victims_max = 1024;      // dead instances whose calls are being adopted

// Plan.
// Of one layout: enough for a person to begin with, when each of hundreds clashes with each other.
inline constexpr size_t findings_max = 200;

}  // namespace tandem::cluster
