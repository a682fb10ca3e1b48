// Bounds of the call state role, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::roles::call_state {

// Calls in the index, about 600 bytes each: ten times what one server carries.
inline constexpr size_t kCallsMax = 500'000;
// A page of calls is one letter; at 400 bytes a call it stays below half a megabyte.
inline constexpr uint32_t kPageMax = 1'000;
inline constexpr uint32_t kPageDefault = 100;
// How often the directory is compared with the owners known: a new owner is asked for its calls,
// those of one that vanished are dropped after kOwnerGrace.
inline constexpr Duration kSweep = 1s;
// An owner whose complete report has not come within this is asked once more.
inline constexpr Duration kAskAgain = 5s;
// A B2B that restarts reports its calls again within this; until then they stay visible.
inline constexpr Duration kOwnerGrace = 30s;

// --- Who follows the calls of a domain.
// A gate asks again every few seconds for as long as somebody listens; one that has gone is
// forgotten.
inline constexpr Duration kFollowerMax = 15s;
// Of all gates: each change of a call is one letter to each of its domain's.
inline constexpr size_t kFollowersMax = 1'000;
// Calls in one letter of what there is: some 100 KiB.
inline constexpr size_t kFollowedPage = 200;
// A gate that has not got the last letter by then will not: it is told all again.
inline constexpr Duration kFollowerLost = 1s;

// Events that are kept, so that a stream goes on where it broke: 600 bytes each. A domain's last
// minutes, a busy one's last seconds; in all some 12 MiB.
inline constexpr size_t kLoggedOfDomainMax = 500;
inline constexpr size_t kLoggedMax = 20'000;
inline constexpr size_t kLoggedDomainsMax = 1'000;
// After the last listener has gone: a program that is updated is back by then.
inline constexpr Duration kLoggedAfter = 5min;

// --- Subscriptions (RFC 6665).
// In seconds. Phones ask for an hour; a shorter one than a minute is a flood.
inline constexpr uint32_t kSubscriptionMin = 60;
inline constexpr uint32_t kSubscriptionDefault = 3'600;
inline constexpr uint32_t kSubscriptionMax = 7'200;
// Of one account: three key modules beside a phone have some 120 lamps.
inline constexpr size_t kSubscriptionsOfAccountMax = 200;
// About 1.5 kB each.
inline constexpr size_t kSubscriptionsMax = 100'000;
inline constexpr size_t kEventIdMax = 64;
// Between two NOTIFYs of one subscription: what happens meanwhile is told together. Versions count
// tenths of seconds from its beginning, so that they rise across a switch of CS, too.
inline constexpr Duration kNotifyApart = 100ms;
// One whose connection is gone is kept for a while: the phone connects and registers anew within
// seconds, and is looked for then. One that stays away subscribes anew when it is back.
inline constexpr uint8_t kUnreachedMax = 4;
inline constexpr Duration kUnreachedAgain = 5s;
// After a switch all are told anew, so many a second.
inline constexpr Duration kNotifyAllApart = 2ms;
// How long that waits for the calls to be known.
inline constexpr Duration kCallsKnownMax = 2s;
// A look without a subscription waits so long for the registrar.
inline constexpr std::chrono::milliseconds kKnownMax = 2s;
// How an account stands is asked of the registrar, for those that somebody watches; it tells
// changes by itself.
inline constexpr Duration kPresenceLook = 10s;
// A contact that has ended is told for so long, so that each watcher hears of it once at least;
// phones that begin anew all the time make some.
inline constexpr std::chrono::milliseconds kEndedContactsTold = 60s;
inline constexpr size_t kEndedContactsMax = 16;

// --- Publications (RFC 3903). They live as long as subscriptions may. Some 500 bytes each; an
// account has a few phones and programs that publish, and what they left behind when they crashed.
inline constexpr size_t kPublicationsMax = 100'000;
inline constexpr size_t kPublicationsOfAccountMax = 10;
// Presence documents have 0.5 to 2 KiB.
inline constexpr size_t kPublishedBytesMax = 16'384;
inline constexpr size_t kEntityTagMax = 64;
// A page of subscriptions read from the store, and how long it is waited for.
inline constexpr uint32_t kSubscriptionsPage = 500;
inline constexpr Duration kSubscriptionsReadMax = 2s;
// What comes while they are read waits.
inline constexpr size_t kHeldMax = 1'000;

// --- Queues.
// A B2B that has got advice reports within milliseconds; one that has not by then may have lost it.
inline constexpr Duration kAdviceConfirmed = 2s;
// Where somebody waits, all is looked at again after this: an agent may have been in a call of
// another domain, whose end says nothing here.
inline constexpr Duration kQueueLook = 5s;
// An agent who was asked and did not answer is not asked again at once: he is not at his desk, or
// his phone is off.
inline constexpr Duration kAgentRest = 5s;
// Agents that ring at once for one call; a call has no more devices (call/limits.h).
inline constexpr size_t kAgentsAtOnce = 16;
// Agents and queues whose past is remembered, some 100 bytes each. With one more it is forgotten.
inline constexpr size_t kAgentsMax = 100'000;
inline constexpr size_t kQueueTurnsMax = 100'000;

// Versions that a copy which goes on with a subscription leaves out.
inline constexpr uint32_t kVersionsAhead = 10;

// --- Licences of calls.
// A B2B that is away for so long has lost its calls to others, who have reported them by then.
inline constexpr Duration kLeasesGrace = 3s;
// After a switch: B2Bs report what they hold within milliseconds of being asked.
inline constexpr Duration kLeasesSettle = 1s;
// A call waits so long for leases that others are to give back; it has not got its 100 yet.
inline constexpr Duration kLeaseWait = 150ms;
// Of one B2B: a hundredth of a second's calls of a large site is enough to ask seldom.
inline constexpr int64_t kLeaseBlockMax = 64;
// Domains with a figure for calls, of three kinds and a rate.
inline constexpr size_t kLeaseZonesMax = 40'000;
inline constexpr size_t kLeaseWaitingMax = 256;

}  // namespace tandem::roles::call_state
