// What the grants of a domain give to whom.
#pragma once

#include "model/rights.h"
#include "store/catalog.h"

namespace tandem::store {

struct HeldRights {
    model::Rights own;    // in the domain of the grants
    model::Rights below;  // in those below it
};

// All grants of the domain are looked through: they are few beside its accounts.
HeldRights rights_of(const Catalog& catalog, DomainId domain, UserId user);
HeldRights rights_of(const Catalog& catalog, DomainId domain, ApiTokenId token);

}  // namespace tandem::store
