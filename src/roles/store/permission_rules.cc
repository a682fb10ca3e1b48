// What must hold in grants and API tokens.
#include "model/rights.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"

namespace tandem::roles::store_role {

Result<void> check_own_rules(const Catalog& catalog, const model::Grant& grant, Fresh fresh) {
    if (grant.user.has_value() == grant.token.has_value())
        return make_error(ErrorCode::OutOfRange, "user", "must be given, or else token");
    for (size_t i = 0; i < grant.rights.size(); ++i) {
        auto right = model::parse_right(grant.rights[i]);
        if (right) continue;
        right.error().field = "rights[" + std::to_string(i) + "]";
        return right.error();
    }
    if (grant.role == model::GrantRole::Custom && grant.rights.empty())
        return make_error(ErrorCode::Missing, "rights", "are required without a role");
    if (fresh == Fresh::Yes && catalog.count<model::Grant>(grant.domain) >= grants_max)
        return make_error(ErrorCode::Conflict, "", "the domain has 10000 grants already");
    return {};
}

Result<void> check_own_rules(const Catalog&, const model::ApiToken&, Fresh) {
    return {};
}

}  // namespace tandem::roles::store_role
