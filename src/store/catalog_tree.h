// The tree of domains, as the catalog has it: who is below whom, and who is blocked.
#pragma once

#include "base/instant.h"
#include "store/catalog.h"

namespace tandem::store {

// The tree of domains: deeper than any organisation, and a bound on walking up from a leaf.
inline constexpr int domain_depth_max = 16;

// Calls `visit(const Entity<model::Domain>&)` for the domain, its parent, and so on to the root,
// until it answers false. A domain that is not there ends the way.
template <typename Visit>
void visit_upwards(const Catalog& catalog, DomainId from, Visit&& visit) {
    const auto* domain = catalog.find_domain(from);
    for (int depth = 0; domain != nullptr && depth <= domain_depth_max; ++depth) {
        if (!visit(*domain) || !domain->parent) return;
        domain = catalog.find_domain(*domain->parent);
    }
}

// Whether `domain` is somewhere below `ancestor`; it is not below itself.
bool is_below(const Catalog& catalog, DomainId domain, DomainId ancestor);

// Whether the domain, or one above it, is blocked, or has a licence that is over.
bool is_blocked(const Catalog& catalog, DomainId domain, UtcTime now);

}  // namespace tandem::store
