// What the order of the members of ring groups is made of, beside the groups: who had the last
// turn, and who has talked when. A B2B has one; it knows what the B2Bs of its site have told.
#pragma once

#include "routing/group_turns.h"
#include "routing/talk_times.h"

namespace tandem::routing {

struct GroupOrder {
    GroupTurns turns;
    TalkTimes talks;
};

}  // namespace tandem::routing
