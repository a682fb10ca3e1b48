// What somebody may not change although he has the right to change entities of the kind: what is
// above him, and what is worth more than he has himself. A web gate has judged the rest
// (web_gate/permit.h).
#pragma once

#include "base/result.h"
#include "model/entities.h"
#include "ports/web_port.h"
#include "store/catalog.h"

namespace tandem::roles::store_role {

// What a change makes of an entity; null: it is not there.
template <typename T>
struct Transition {
    const T* before = nullptr;
    const T* after = nullptr;
};

// Errors: NotFound, as for what is not there, where a domain is out of reach; Forbidden.
template <typename T>
Result<void> check_actor(const store::Catalog&, const ports::EntityRequest&, Transition<T>) {
    return {};
}
// Name, place in the tree and blocking of a domain are for those above it.
template <>
Result<void> check_actor(const store::Catalog& catalog, const ports::EntityRequest& request,
                         Transition<model::Domain> change);
// Nobody gives, or takes from another, rights that he has not got.
template <>
Result<void> check_actor(const store::Catalog& catalog, const ports::EntityRequest& request,
                         Transition<model::Grant> change);
// Whose password somebody sets, he can be.
template <>
Result<void> check_actor(const store::Catalog& catalog, const ports::EntityRequest& request,
                         Transition<model::User> change);

}  // namespace tandem::roles::store_role
