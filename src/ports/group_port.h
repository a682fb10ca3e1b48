// Ring groups: what B2Bs tell each other, so that who comes first is the same wherever the next
// call begins. Each statement stands for itself and may be repeated; the newest counts.
#pragma once

#include <cstdint>
#include <vector>

#include "base/instant.h"
#include "model/ids.h"

namespace tandem::ports {

struct GroupNews {  // B2B to B2B
    struct Turn {   // of a group whose members take turns
        RingGroupId group;
        AccountId first;  // whom its last call began with
        UtcTime at;       // later than that of each turn before it (routing/group_turns.h)
    };
    struct Talk {
        AccountId account;
        UtcTime last;        // the end of his last talk; 0: none is known
        bool talks = false;  // in a call of the sender
    };
    // It begins with all that the sender knows: whoever is not named as one who talks in its calls
    // does not.
    bool all = false;
    uint32_t epoch = 0;  // of the sender
    std::vector<Turn> turns;
    std::vector<Talk> talks;
};

}  // namespace tandem::ports
