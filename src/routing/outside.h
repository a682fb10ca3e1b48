// Numbers that are not in the domain: over which trunks they are reached, and whom a trunk calls
// for a number that nobody has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "routing/route.h"

namespace tandem::routing {

// One stage for each enabled trunk: the next is tried when one can't.
void add_trunks(const store::Catalog& catalog, const Question& question, const std::string& number,
                const std::vector<TrunkId>& trunks, Route& route);

// Of a number that nobody in the domain has: over the domain's default trunk or group of them, if
// somebody outside may have it; of a call that came over a trunk, to the number that the trunk
// calls instead, and never out again. nullopt: neither.
std::optional<Route> leave_or_enter(const store::Catalog& catalog, const Question& question,
                                    const std::string& number, const Route& route);

}  // namespace tandem::routing
