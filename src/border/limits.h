// Bounds of a SIP gate, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::border {

// RFC 3261 18.1.1: a request within 200 bytes of an unknown path MTU (1500) asks for TCP.
inline constexpr size_t udp_request_bytes_max = 1300;
// Requests that took TCP for their size and may have to come back to UDP: 8 KiB each at most.
inline constexpr size_t large_requests_max = 1024;
// An entry serves its CANCEL and ACK too, so it outlives the longest ringing (timer C, 180 s).
inline constexpr Duration large_request_life = 200s;
// A phone whose TCP port refused is not tried again for so long.
inline constexpr Duration tcp_refusal_memory = 300s;
inline constexpr size_t tcp_refusals_max = 4096;

// Sources watched for rate and offences; the least recently seen of a set is forgotten. 4 ways a
// set, 48 bytes each: 768 KiB.
inline constexpr size_t source_sets = 4096;
inline constexpr size_t source_ways = 4;

// Pairs of method and status in the metrics; a label that outsiders choose must not grow them.
inline constexpr size_t counted_answers_max = 200;

// A message whose receiver is away waits for it: a restart or a switch takes a second at most. A
// crowd of them, 8 KiB each at most, is no restart but a failure, and gets its 503 at once.
inline constexpr Duration receiver_away_max = 2s;
inline constexpr size_t waiting_messages_max = 2048;

// Listeners of one gate: transports times interfaces, as an operator would still read them.
inline constexpr size_t listeners_max = 64;
// A listener that could not be opened is tried again: its port may belong to a process that is
// about to end.
inline constexpr Duration listener_retry_pause = 1s;
// Local addresses remembered for a listener that is bound to all of them.
inline constexpr size_t local_addresses_max = 16;

// Retry-After of a refusal for overload is spread over this many seconds, so that phones do not
// come back as one.
inline constexpr uint32_t retry_after_min_s = 5;
inline constexpr uint32_t retry_after_spread_s = 10;

// A gate that drains beside others answers for so long: T4 (RFC 3261 17.1.2.2), the time that a
// message lives in the network.
inline constexpr Duration drain_linger = std::chrono::seconds(5);

}  // namespace tandem::border
