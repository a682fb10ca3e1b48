// Numbers that are not in the domain: over which trunks they are reached, and whom a trunk calls
// for a number that nobody has.
#pragma once

#include <optional>
#include <string>

#include "model/ids.h"
#include "routing/route.h"

namespace tandem::routing {

// Where calls leave a domain: a trunk of it, or a group of them.
struct Outlet {
    DomainId domain;
    std::optional<TrunkId> trunk;
    std::optional<TrunkGroupId> group;
    bool is_told = true;  // whether the steps may name what the domain has set
};

// One stage for each enabled trunk: the next is tried when one can't. Never over the one that the
// call has come in by.
void add_trunks(const store::Catalog& catalog, const Question& question, const Outlet& outlet,
                const std::string& number, Route& route);

// Of a number that nobody in the domain has: over the domain's default trunk or group of them, if
// somebody outside may have it; of a call that came over a trunk, to the number that the trunk
// calls instead, and never out again. nullopt: neither.
std::optional<Route> leave_or_enter(const store::Catalog& catalog, const Question& question,
                                    const std::string& number, const Route& route);

}  // namespace tandem::routing
