// Bounds of dialogs and legs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::sip {

// Early dialogs that one INVITE of ours may have by forking downstream. More are ignored until one
// of them answers.
inline constexpr size_t early_dialogs_max = 8;
// Routes of one dialog. Real ones have up to 5; a request must still fit into head_bytes_max.
inline constexpr size_t route_set_max = 32;
// Requests that one leg has under way at a time, each direction, besides INVITEs.
inline constexpr size_t leg_requests_max = 16;
// Reliable provisionals that wait behind the one that is not yet acknowledged (RFC 3262 3).
inline constexpr size_t reliable_provisionals_waiting_max = 8;
// Attempts at one INVITE: 401, 407, 422 and 491 may each ask for another.
inline constexpr uint32_t invite_attempts_max = 5;
// How far CSeq jumps when another instance takes a dialog over: more than could have been sent
// since the last snapshot.
inline constexpr uint32_t cseq_skip_on_take_over = 100;
// RFC 4028 4: the least that may be asked for.
inline constexpr uint32_t min_se_floor_s = 90;

}  // namespace tandem::sip
