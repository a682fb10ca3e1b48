// What is left of the quantities that licences name (store/licences.h), exact also while writes are
// under way: a change that takes some claims it from its judgement until the catalog shows it.
// Owned by the store role; one copy writes at a time.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/entities.h"
#include "store/licences.h"

namespace tandem::roles::store_role {

struct Claim {
    DomainId holder;
    store::Quantity quantity = store::Quantity::Accounts;
    int64_t amount = 0;
    std::optional<model::NumberRange> range;  // instead: one that is being written
};
using Claims = std::vector<Claim>;

class LicenceBook {
 public:
    // Of a zone: what the catalog shows as taken, and what is claimed beyond that.
    int64_t taken(const store::Catalog& catalog, DomainId holder, store::Quantity quantity);
    void hold(const Claims& claims);
    void release(const Claims& claims);
    // Another one with some of the same numbers, where both can't be had.
    const model::NumberRange* range_being_written(const model::NumberRange& beside) const;

 private:
    using Place = std::pair<DomainId, store::Quantity>;
    struct Counted {
        store::Revision revision;
        int64_t sum = 0;
    };
    std::map<Place, Counted> counted_;
    std::map<Place, int64_t> claimed_;
    std::vector<model::NumberRange> ranges_;
};

struct LicenceScope {
    const store::Catalog& catalog;
    LicenceBook& book;
};
// One more of a quantity for the domain. Forbidden, with what there is and what is needed.
Result<void> claim_one(LicenceScope scope, DomainId domain, store::Quantity quantity,
                       Claims& claims);
// Several of them at once.
struct Wanted {
    store::Quantity quantity = store::Quantity::Accounts;
    int64_t amount = 1;
};
Result<void> claim_some(LicenceScope scope, DomainId domain, Wanted wanted, Claims& claims);
// A licence that becomes another one: the holder above has enough, and what is in use and handed on
// fits into it. Forbidden: the domain above has too little. Conflict: more is taken already.
Result<void> claim_licence(LicenceScope scope, const model::Licence& before,
                           const model::Licence& after, Claims& claims);
// A domain that comes below another one, with all that it has.
Result<void> claim_move(LicenceScope scope, const model::Domain& before, const model::Domain& after,
                        Claims& claims);

}  // namespace tandem::roles::store_role
