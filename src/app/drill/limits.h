// Bounds of a drill, each with its reason.
#pragma once

#include <cstddef>

#include "base/instant.h"

namespace tandem::drill {

// Each call has an RTP port at both ends; the phones' range has 5000.
inline constexpr int calls_max = 1000;
inline constexpr int rate_max = 200;  // each call is a dozen messages and two media ports
// A socket each; the usual limit of open files (hard, 1 048 576) is far away.
inline constexpr int registrations_max = 20'000;
inline constexpr int rounds_max = 1000;
inline constexpr int seconds_max = 600;

// The RTP ports of the phones: not those of a media gate, nor those that the kernel hands out.
inline constexpr uint16_t rtp_port_first = 20'000;
inline constexpr uint16_t rtp_port_last = 29'998;
// Datagrams of one socket before the others have their turn.
inline constexpr int reads_per_turn_max = 16;
inline constexpr size_t datagram_bytes_max = 65'536;

// A registered phone refreshes its binding so often, one after the other: how exactly a switch of
// the registrar is seen.
inline constexpr Duration refresh_period = 25ms;
// The API is asked so often, for the same reason.
inline constexpr Duration api_period = 50ms;
// Phones register, and calls that are to be held are placed, so far apart at the beginning.
inline constexpr Duration register_spacing = 4ms;
inline constexpr Duration hold_spacing = 20ms;
// A phone with several gates turns to the next when one leaves it without any answer for so long:
// before its first repetition (timer A and E of RFC 3261: 500 ms).
inline constexpr Duration gate_silence_max = 450ms;

// New calls ring and talk for up to this, so that some of them are in each state at the harm.
inline constexpr Duration ring_most = 1500ms;
inline constexpr Duration talk_most = 1s;
// A caller waits for so long in all, and, if even then nothing is heard of his call, a little more:
// a round need not wait for the 64 * T1 of a call that is lost.
inline constexpr Duration call_patience = 8s;
inline constexpr Duration cancel_patience = 3s;
// They go on for so long before the harm and after its end.
inline constexpr Duration before_harm = 1500ms;
inline constexpr Duration after_harm = 3s;
// Each pair of phones is used for a new call again after this: twice as long as a call lasts that
// goes well.
inline constexpr Duration pair_reuse = 8s;
// A held call has no sound when neither side has heard anything for this.
inline constexpr Duration silence_most = 500ms;
// Phones that act so late say more of their own machine than of the system.
inline constexpr Duration lateness_most = 250ms;

// At the end the called side hangs up, too, so long after the caller.
inline constexpr Duration called_hang_up_after = 2s;

// How long a drill waits before it gives up: until phones are registered and calls are up, until
// calls in doubt have ended (64 * T1 and the patience of a caller), until what was harmed is back,
// until each call has its CDR: one whose BYE met nobody ends when its media gate has heard nothing
// for a minute.
inline constexpr Duration setup_patience = 60s;
inline constexpr Duration calls_patience = 80s;
inline constexpr Duration calls_patience_interrupted = 6s;
inline constexpr Duration back_patience = 120s;
inline constexpr Duration records_patience = 100s;
inline constexpr Duration records_patience_lost =
    5s;  // when as many are missing as calls were lost

inline constexpr size_t api_threads = 8;  // which make and remove accounts

}  // namespace tandem::drill
