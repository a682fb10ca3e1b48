// What two descriptions have in common: for joining two parties who both made an offer, so that
// neither can be asked for an answer to the other's. RFC 3264 6.
#pragma once

#include "sdp/session.h"

namespace tandem::sdp {

// `other` as an answer to `offer`: as many lines as the offer has, each with those formats of the
// other's line that the offer has too, by the same number and for the same encoding, as our gate
// does not change payload types. Lines with nothing in common are rejected.
Session in_common(const Session& offer, const Session& other);

// Whether any line is left that carries more than telephone events and comfort noise.
bool has_media(const Session& session);

}  // namespace tandem::sdp
