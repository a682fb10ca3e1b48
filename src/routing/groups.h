// Ring groups: who of the members rings, in which order, and what comes when nobody has taken the
// call.
#pragma once

#include "model/generated/ring_group.h"
#include "routing/route.h"

namespace tandem::routing {

// `route` with the stages in which the members ring. Those who are disabled, not to be disturbed or
// take no anonymous calls do not, nor who calls or has had the call; what members have set for
// calls that they do not take is not followed, as it is the group's call.
Route ring_group(const store::Catalog& catalog, const Question& question,
                 const model::RingGroup& group, Route route);

}  // namespace tandem::routing
