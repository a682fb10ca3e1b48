// Bounds of the B2B role, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::roles::b2bua {

// SUBSCRIBEs that wait for CS, which answers when its store has written. A phone repeats its
// request until then, and hears nothing new.
inline constexpr size_t kSubscribesMax = 10'000;
inline constexpr Duration kSubscribeDeadline = 4s;

// Calls of one instance when its settings say nothing: about 16 KiB each, 320 MiB.
inline constexpr size_t kCallsMax = 20'000;
// Calls that have ended and are kept for 32 s: those of 600 a second, which is more than an
// instance takes.
inline constexpr size_t kEndedCallsMax = 20'000;
// Forwardings before a call came to us that whoever is called hears of, and the length of each:
// phones show the first, and nobody has more (routing/limits.h: kForwardsMax).
inline constexpr size_t kDiversionsMax = 8;
inline constexpr size_t kDiversionBytesMax = 256;
// What an overloaded instance tells phones to wait (RFC 3261 20.33); spread by the phones' own
// randomness.
inline constexpr int kRetryAfterSeconds = 5;
// Snapshots waiting for the store. Above it new calls are refused: they could not be made safe.
inline constexpr size_t kWritesWaitingMax = 8'192;
// Letters that arrive while the calls of the former incarnation are being read.
inline constexpr size_t kHeldLettersMax = 4'096;
// Snapshots read in one go.
inline constexpr size_t kRestorePage = 256;
// An answer of the store to a reading of snapshots takes milliseconds; then it is asked again.
// Requests kept for calls whose owner died a moment ago: 2 s of hang-ups of 10 000 calls.
inline constexpr size_t kOrphansMax = 1024;
inline constexpr Duration kOrphanLife = 2s;
inline constexpr Duration kRestoreRetry = 500ms;
// Without a store the instance serves new calls after this all the same.
inline constexpr Duration kRestoreGiveUp = 5s;
// A draining instance whose calls have all ended stays for T4 (RFC 3261 17.1.2.2), the time that a
// message lives in the network, not for the 64 * T1 that it would keep them otherwise: a BYE has
// been sent four times by then.
inline constexpr Duration kDrainedAfter = 5s;
// While it drains, an instance looks so often whether others could go on with all of its calls.
inline constexpr Duration kDrainLook = 100ms;
// While a media gate takes leave, calls move from it: so many, so often. Twice as many re-INVITEs
// are what a B2B does in a tenth of that time.
inline constexpr Duration kGateLook = 200ms;
inline constexpr size_t kMovesAtOnce = 40;
// Calls in one CallReportAll letter.
inline constexpr size_t kReportPage = 200;
// How long a page message may wait for a device (RFC 3428 has no dialog to come back to).
inline constexpr Duration kPageDeadline = 30s;
// And for the registrar to store it.
inline constexpr Duration kPageStoreMax = 3s;
inline constexpr size_t kPagesMax = 2'000;
inline constexpr size_t kPageDevicesMax = 10;
inline constexpr size_t kPageBytesMax = 16 * 1024;
// Calls that wait for CS to lease them a call: it answers in milliseconds.
inline constexpr size_t kLeaseWaitingMax = 1'024;
// An answer that has not come by then will not: the call goes on unchecked rather than wait longer.
inline constexpr Duration kLeaseAnswerMax = 1s;
// Agents of queues whose last call is remembered, some 100 bytes each, and told to each CS that is
// elected.
inline constexpr size_t kQueueAgentsMax = 5'000;
// INVITEs that wait for CS to say where a call rings, which takes it milliseconds.
inline constexpr size_t kPicksMax = 256;
inline constexpr uint8_t kPickIndex = 254;  // in place of a leg's, in the numbers of such questions
inline constexpr Duration kPickDeadline = 1s;
// Digits of a slot where calls are parked: people remember no more.
inline constexpr size_t kSlotDigitsMax = 4;
// INVITEs that another B2B answers, remembered for 64 * T1 as they may be repeated, cancelled and
// acknowledged.
inline constexpr size_t kHandedMax = 1'024;
// Nonces for calls live as long as those for registrations.
inline constexpr std::chrono::milliseconds kNonceLifetime{300'000};

// What other B2Bs are told of ring groups: statements in one letter, some 20 KiB, and how long that
// somebody talks may wait for more of the kind: 50 letters a second at the most, where one for each
// call that begins or ends could be 600.
inline constexpr size_t kGroupNewsPage = 500;
inline constexpr Duration kGroupNewsPause = 20ms;

}  // namespace tandem::roles::b2bua
