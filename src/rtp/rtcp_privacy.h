// What RTCP says of a party beyond its streams: names, programs, places, reasons. RFC
// 3550 6.5, 6.6, RFC 7022.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/crypto.h"

namespace tandem::rtp {

// Rewrites a valid compound, in place, as it may be shown to the other party. Of a source
// description only the CNAME is left, and that as a keyed hash, since phones put addresses of their
// own networks into it; streams of one party stay together, as the key is that of the call. A BYE
// loses its reason. All else is as it was. Returns the new length, never more than the old one.
size_t hide_party(std::span<uint8_t> compound, SipHashKey key);

}  // namespace tandem::rtp
