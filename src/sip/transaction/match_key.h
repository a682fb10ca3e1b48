// How requests find the server transaction that they belong to. RFC 3261 17.2.3, 8.2.2.2.
#pragma once

#include <cstdint>

#include "base/crypto.h"
#include "sip/message.h"

namespace tandem::sip {

// A keyed 64-bit hash of what identifies a server transaction: branch, sent-by and method of the
// top Via (ACK and CANCEL count as INVITE when `as_invite`), or the fields of RFC 2543 when the
// branch lacks the magic cookie. Outsiders don't know the key, so among 10^5 live transactions a
// clash has a chance of 3 in 10^10, and nobody can bring one about.
enum class MatchAs : uint8_t { ItsMethod, Invite };
uint64_t server_match_key(SipHashKey key, const Message& request, MatchAs as);

// From tag, Call-ID and CSeq: equal for copies of one request that came by different ways. 0 for
// requests that cannot be merged (within a dialog, ACK, CANCEL).
uint64_t merge_key(SipHashKey key, const Message& request);

}  // namespace tandem::sip
