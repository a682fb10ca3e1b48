// What a party may be offered, where that is less than what the other one has: trunks name their
// codecs. Pure.
#pragma once

#include <string>
#include <vector>

#include "sdp/session.h"

namespace tandem::call {

struct OfferLimits {
    std::vector<std::string> codecs;  // encoding names of audio, in this order; empty: any
    bool no_events = false;           // digits are sent as tones: no telephone-event

    friend bool operator==(const OfferLimits&, const OfferLimits&) = default;
    bool empty() const { return codecs.empty() && !no_events; }
};

// Leaves what may be offered, in the order of the limits. A line of which no codec is left is
// closed (port 0).
void limit_offer(const OfferLimits& limits, sdp::Session& offer);
// Whether something is left of each audio line that is open.
bool is_within(const OfferLimits& limits, const sdp::Session& offer);

}  // namespace tandem::call
