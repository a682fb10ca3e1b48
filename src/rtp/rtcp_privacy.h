// What RTCP says of a party beyond its streams: names, programs, places, reasons. RFC
// 3550 6.5, 6.6, RFC 7022.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/crypto.h"

namespace tandem::rtp {

// Rewrites a valid compound, in place, as it may be shown to the other party:
//   SR, RR         without what a profile has added after the report blocks (RFC 3550 6.4.3)
//   SDES           only the CNAME is left, and that as a keyed hash, since phones put addresses of
//                  their own networks into it; streams of one party stay together, as the key is
//                  that of the call
//   BYE            loses its reason
//   RTPFB, PSFB    pass, as they name streams and nothing else; but of application layer feedback
//                  (RFC 4585 6.4) only REMB, the estimate of the bandwidth
//   XR             passes: its registered blocks hold figures (RFC 3611)
//   APP            is left out: what is in it is between an application and itself (RFC 3550 6.7),
//                  such as names, places and addresses of the sender, and we cannot read it
//   all others     are left out, for the same reason; port mapping and RSI carry addresses (RFC
//                  5760 7.1, RFC 6284)
// Padding is emptied. Returns the new length, never more than the old one; 0: nothing is left.
size_t hide_party(std::span<uint8_t> compound, SipHashKey key);

}  // namespace tandem::rtp
