// Bounds of a gate for trunks, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::roles::external_sip_gate {

// Of one trunk: eight proxies (as its schema allows), and what DNS makes of them.
inline constexpr size_t places_max = 32;
// A line is not looked at more often, whatever it says.
inline constexpr Duration pause_least = 10ms;
// DNS is asked again when the records have expired, but within these bounds: zones with short ones
// must not make many trunks ask all the time.
inline constexpr Duration resolve_again = 60s;
inline constexpr Duration resolve_retry = 10s;
// What name servers said before is better than half of it, but not for ever.
inline constexpr Duration half_known_most = 600s;
inline constexpr Duration resolve_deadline = 12s;
// Look-ups under way. One leads to at most 64 questions at a time (sip/locate.h: 32 hosts, A and
// AAAA), and a node's resolver has room for 2,000: 30 * 64 = 1,920. Of one domain so few that seven
// others with dead name servers leave room for it.
inline constexpr size_t look_ups_max = 30;
inline constexpr size_t look_ups_per_domain_max = 4;

// An address that a name led to counts for calls that come in for so long after it did last: some
// zones give another part of their servers each time. Longer would let in who has it next.
inline constexpr Duration learned_for = 3600s;
// Of one trunk; twice the places that it has at a time.
inline constexpr size_t learned_max = 64;

// A proxy that does not answer an OPTIONS for so long is not tried first any more. RFC 3261
// 17.1.2.2 would have us wait for 32 s; a caller does not.
inline constexpr Duration ping_deadline = 4s;
// One that is away is asked more often than one that is there.
inline constexpr Duration ping_again = 5s;

// A registrar may grant very little (RFC 3261 10.3), but we do not ask more often.
inline constexpr Duration refresh_least = 5s;
// 423 may ask for longer registrations, within reason.
inline constexpr uint32_t expires_most_s = 86'400;
// A REGISTER that nobody answers for so long has failed; timer F (32 s) is too patient where there
// is another proxy.
inline constexpr Duration register_deadline = 8s;
// RFC 5626 4.5: the pause after a failure doubles.
inline constexpr Duration backoff_first = 5s;
inline constexpr Duration backoff_most = 300s;
// Wrong passwords are not tried again and again: providers ban who does.
inline constexpr Duration backoff_refused = 300s;
// Answers to challenges for one registration: 401 and 407, and a nonce that was stale.
inline constexpr uint32_t challenges_max = 3;
// Whom to expect at how many addresses over TLS: of one domain a hundred trunks with ten addresses
// each. Together not more than the transport keeps for a gate; its limits.h has the same.
inline constexpr size_t tls_peers_per_domain_max = 1'000;
inline constexpr size_t tls_peers_max = 10'000;
// A contact that is taken back is worth so much patience.
inline constexpr Duration unregister_deadline = 3s;

}  // namespace tandem::roles::external_sip_gate
