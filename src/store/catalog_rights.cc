#include "store/catalog_rights.h"

namespace tandem::store {
namespace {

template <typename IsTheirs>
HeldRights rights_where(const Catalog& catalog, DomainId domain, IsTheirs is_theirs) {
    HeldRights held;
    catalog.visit<model::Grant>(domain, [&](const model::Grant& grant) {
        if (!is_theirs(grant)) return true;
        const model::Rights rights = model::rights_of(grant);
        held.own.add(rights);
        if (grant.scope == model::GrantScope::Subtree) held.below.add(rights);
        return true;
    });
    return held;
}

}  // namespace

HeldRights rights_of(const Catalog& catalog, DomainId domain, UserId user) {
    return rights_where(catalog, domain,
                        [&](const model::Grant& grant) { return grant.user == user; });
}

HeldRights rights_of(const Catalog& catalog, DomainId domain, ApiTokenId token) {
    return rights_where(catalog, domain,
                        [&](const model::Grant& grant) { return grant.token == token; });
}

}  // namespace tandem::store
