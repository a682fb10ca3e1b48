// Bounds of call logic, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::call {

// Digits of a number that is pressed during a call: the longest number of the model is as long.
inline constexpr size_t kKeyedNumberMax = 32;

// Devices of one account that ring at the same time. People have five; a desk with 16 is a queue.
inline constexpr size_t kForkMax = 16;
// Devices that one page calls: routing/limits.h has as many accounts, most with one device.
inline constexpr size_t kPagedMax = 32;
// Branches that one call may make in all, with retries over another profile or flow and with
// redirections: the index of a leg has 8 bits, and a call that needs more is looping.
inline constexpr size_t kBranchesMax = 48;
// Of one that waits in a queue: an hour of agents who ring for 20 s each, within the same 8 bits.
inline constexpr size_t kQueueBranchesMax = 200;
// A caller who waits in a queue hears so when no agent was free within this; CS answers in
// milliseconds, so that he hears his place with it.
inline constexpr Duration kQueuedTold = 300ms;
// And again: every minute, RFC 3261 13.3.1.1.
inline constexpr Duration kQueuedToldAgain = 60s;
// Who is transferred into a queue has a place there when CS says so, in milliseconds; or after
// this, as CS may be changing hands, and whoever transferred him waits for it.
inline constexpr Duration kQueueTakesIn = 2s;
// Queues that the record of a call holds (items_max of its `queues`).
inline constexpr size_t kQueueNotesMax = 16;
// Contacts followed after 3xx answers, all branches together. RFC 3261 8.1.3.4 warns of loops.
inline constexpr size_t kRedirectionsMax = 8;

// Stages of one call, with those that forwardings add, and accounts that it may ring: 8 bits name
// one, and nobody waits for so many.
inline constexpr size_t kStagesMax = 128;
inline constexpr size_t kDestinationsMax = 128;
// Calls of an account that are looked at to see whether it is busy: as many as it may ask to be
// bounded by (100), and as many that ring.
inline constexpr uint32_t kCountedCallsMax = 200;
// A call that nobody answers ends after this, whatever stages it has left: longer than the longest
// time that one account may ring (600 s).
inline constexpr Duration kRingLongest = 15min;

// How long the called phones ring when neither the domain nor the phone says otherwise.
inline constexpr Duration kRingTimeout = 60s;
// Looks for another way to a phone whose connection broke, one for each request that failed: a
// minute of refreshes.
inline constexpr uint8_t kFlowSearchesMax = 8;
// Between those for a BYE, which nothing repeats: phones connect anew within seconds.
inline constexpr Duration kByeAgain = 3s;
// A proxy of a trunk that says nothing to an INVITE, not even 100, for so long is passed by when
// there is another. RFC 3261 17.1.1.2 would wait for 32 s, and a caller would not.
inline constexpr Duration kFirstWordOutside = 4s;
inline constexpr Duration kFirstWordOfLast = 10s;  // where there is no other
// Letters between roles take well below a millisecond in one node and a few between nodes. A call
// that waits longer than this fails cleanly instead of leaving its caller without a sign.
inline constexpr Duration kBindingsDeadline = 2s;
inline constexpr Duration kPlaceDeadline = 2s;
// A new call looks for its devices and its media gate for so long in all: registrar and controller
// may change hands, which takes up to a second. Whoever does not answer is given so much for one
// try, as questions to a node that stands still are not refused.
inline constexpr Duration kLocateGiveUp = 2s;
inline constexpr Duration kLocateTry = 700ms;
inline constexpr Duration kLocateAgain = 30ms;
// A gate is back 0.3 s after its death.
inline constexpr Duration kNoRoomMost = 600ms;
inline constexpr Duration kNoRoomAgain = 100ms;
inline constexpr Duration kMediaDeadline = 2s;
// The 2xx waits for its snapshot this long and no longer; then the call is unprotected. A commit
// takes milliseconds; while the store elects a leader, some 250 ms, just when protection counts.
// Below T1, when the 2xx is repeated.
inline constexpr Duration kCommitDeadline = 450ms;
// A call that rang when its B2B died is ended this long after the restart: links to other nodes are
// there within tens of milliseconds.
inline constexpr Duration kRestoredRinging = 300ms;
// After a restart the gate is asked whether it has the call's context. While it cannot be reached
// it may be starting, or the link to it: below the second in which sound is to be back.
inline constexpr Duration kMediaCheckGiveUp = 400ms;
// A gate, or a leg with another offer under way, is asked again after this.
inline constexpr Duration kMediaTryAgain = 20ms;
// No gate is there: ten thousand calls may ask, so less often.
inline constexpr Duration kMediaPlaceAgain = 50ms;
// A phone that refused the new ports for the moment is offered them again after this.
inline constexpr Duration kMoveOfferAgain = 1s;
// A call that has no media gate for so long ends: nobody listens to silence for longer.
inline constexpr Duration kMediaMoveGiveUp = 30s;
// CS answers from memory; the caller waits for it before anything rings.
inline constexpr Duration kCountDeadline = 300ms;
// A feature code's write is answered within milliseconds, or when a store has been elected.
inline constexpr Duration kFeatureDeadline = 3s;
// The call that says "done" by being answered: long enough to be seen, too short to be waited for.
inline constexpr Duration kFeatureAnswered = 1s;
// An ended call waits this long for its final statistics; the CDR is written without them then.
inline constexpr Duration kStatisticsDeadline = 2s;
// After a restart both phones are asked whether they are still there: not before media had its time
// to come back, and so many at a time that ten thousand restored calls do not ask at once.
inline constexpr Duration kAuditPause = 1s;
inline constexpr Duration kAuditOfCall = 2ms;
inline constexpr Duration kAuditSpreadMax = 30s;

// Reports of transfers that one call may owe: each party's last one, and one under way for each.
inline constexpr size_t kReferReportsMax = 4;
// The owner of the dialog that a transfer names answers in milliseconds, or another one is asked.
inline constexpr Duration kReplacedDeadline = 1s;
// Whoever transferred is let go when he has answered the last NOTIFY, or after this: phones that
// answer at all do so within two repetitions.
inline constexpr Duration kLastNotifyDeadline = 2s;
// A report's subscription lasts longer than any search.
inline constexpr Duration kReferExpires = kRingLongest + 60s;

// Messages kept for the ladder of a call: a basic call has 14; transfers and holds 40.
inline constexpr size_t kTraceEntriesMax = 64;
inline constexpr size_t kTraceBytesMax = 48 * 1024;
// One snapshot. A typical one has 3 to 6 KiB; a larger one leaves the call unprotected.
inline constexpr size_t kSnapshotBytesMax = 64 * 1024;
// m-lines that we carry. Further ones are rejected (port 0).
inline constexpr size_t kStreamsMax = 8;
// Requests other than INVITE and UPDATE that one party may have on their way to the other.
inline constexpr size_t kRelayedRequestsMax = 8;
// Body of an INFO or MESSAGE that is passed through.
inline constexpr size_t kBodyBytesMax = 16 * 1024;

}  // namespace tandem::call
