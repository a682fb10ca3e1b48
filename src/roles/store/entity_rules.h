// What must hold between the fields of an entity, and between it and the others. Bounds of single
// fields are the decoder's business.
#pragma once

#include <optional>

#include "base/net_address.h"
#include "base/result.h"
#include "model/entities.h"
#include "store/catalog.h"

namespace tandem::roles::store_role {

using store::Catalog;

// Errors name the field: Conflict, the name is taken; NotFound, a reference points nowhere;
// OutOfRange, the fields contradict each other; Forbidden, the licence does not allow it. `fresh`:
// the entity is about to be created, so that licences count it.
enum class Fresh { Yes, No };

// The lowest number that no server has for its home node and no role instance is hosted by.
// Unavailable: all are taken.
Result<int> free_node(const Catalog& catalog);
// Where a node of the server listens for those of other servers; nullopt: nowhere.
std::optional<SocketAddress> listener_of(const model::Server& server, int node);

// What must hold in a role instance by itself, whatever others there are.
Result<void> check_alone(const model::RoleInstance& role);

Result<void> check_rules(const Catalog& catalog, const model::Site& site, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Server& server, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Interface& interface, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::RoleInstance& role, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::SystemSettings& system, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Domain& domain, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Licence& licence, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::User& user, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Account& account, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::NumberRange& range, Fresh fresh);

// Conflict while others refer to it, or belong to it: names what is in the way.
Result<void> check_unused(const Catalog& catalog, const model::Site& site);
Result<void> check_unused(const Catalog& catalog, const model::Server& server);
Result<void> check_unused(const Catalog& catalog, const model::Interface& interface);
Result<void> check_unused(const Catalog& catalog, const model::Domain& domain);
Result<void> check_unused(const Catalog& catalog, const model::User& user);
inline Result<void> check_unused(const Catalog&, const model::RoleInstance&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::SystemSettings&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::Licence&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::Account&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::NumberRange&) {
    return {};
}

}  // namespace tandem::roles::store_role
