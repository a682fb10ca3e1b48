// What a call has asked another role, and waits for.
#pragma once

#include <cstdint>

#include "base/instant.h"

namespace tandem::call {

enum class Purpose : uint8_t {
    Bindings,      // devices of the destination
    Rebind,        // the flow of one branch, or of a party that talks, failed
    Place,         // of the media
    Replaced,      // the dialog that a transfer names
    OpenMedia,     // ports for new branches
    OfferMedia,    // ports for an offer that travels on
    UpdateMedia,   // what an answer settled
    CheckMedia,    // whether the gate still has the context
    OpenNewcomer,  // ports for who takes somebody's place
    OpenIntruder,  // ports for who joins two
    CloseMedia,    // final statistics
    Count,         // of the calls that the destination is in
    Feature,       // a change of what the caller's account has set
};

struct Question {
    uint64_t request = 0;
    Purpose purpose = Purpose::Bindings;
    uint8_t branch = 0;  // or destination, or leg
    Instant deadline;
};

struct Wanted {
    Purpose purpose = Purpose::Bindings;
    Duration deadline{0};
    uint8_t branch = 0;
};

}  // namespace tandem::call
