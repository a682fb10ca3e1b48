// What the media gate answers by itself to the offer of a caller who waits in a queue.
#pragma once

#include "sdp/session.h"

namespace tandem::call {

// Its first audio line in G.711, all others refused. Not has_media(): it can play nothing to him.
sdp::Session answer_of_gate(const sdp::Session& offer);

}  // namespace tandem::call
