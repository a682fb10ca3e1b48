#include "roles/store/actor_rules.h"

#include "model/rights.h"
#include "store/catalog_rights.h"
#include "store/catalog_tree.h"

namespace tandem::roles::store_role {
namespace {

using model::Rights;
using ports::Actor;
using store::Catalog;

Error for_above(std::string_view field) {
    return make_error(ErrorCode::Forbidden, field, "can be changed by a domain above only");
}
Error too_much(std::string_view field) {
    return make_error(ErrorCode::Forbidden, field, "is more than you may do yourself");
}

bool is_operator(const Actor& actor) {
    return actor.domain.is_nil();
}

// In a domain that a web gate has found to be within reach.
Rights rights_in(const Actor& actor, DomainId domain) {
    return Rights(domain == actor.domain ? actor.own : actor.below);
}

// What somebody may do below the domain: his rights below reach all the way down.
bool has_all_of(const Actor& actor, DomainId domain, const store::HeldRights& held) {
    return rights_in(actor, domain).has_all_of(held.own) &&
           Rights(actor.below).has_all_of(held.below);
}

Result<void> check_parent_in_reach(const Catalog& catalog, const Actor& actor,
                                   const model::Domain& domain) {
    const bool within = domain.parent && (*domain.parent == actor.domain ||
                                          store::is_below(catalog, *domain.parent, actor.domain));
    if (within) return {};
    if (!domain.parent)
        return make_error(ErrorCode::Missing, "parent", "is required: the domain to put it below");
    return make_error(ErrorCode::NotFound, "parent", "there is no such domain");
}

store::HeldRights held_by(const model::Grant& grant) {
    store::HeldRights held{model::rights_of(grant), {}};
    if (grant.scope == model::GrantScope::Subtree) held.below = held.own;
    return held;
}

}  // namespace

template <>
Result<void> check_actor(const Catalog& catalog, const ports::EntityRequest& request,
                         Transition<model::Domain> change) {
    const Actor& actor = request.actor;
    if (is_operator(actor) || change.after == nullptr) return {};
    if (change.before == nullptr) return check_parent_in_reach(catalog, actor, *change.after);
    const model::Domain& before = *change.before;
    const model::Domain& after = *change.after;
    const bool moves = before.parent != after.parent;
    const bool is_above = before.id != actor.domain &&
                          Rights(actor.below).has(model::Resource::Domains, model::Verb::Write);
    if (is_above) return moves ? check_parent_in_reach(catalog, actor, after) : Result<void>();
    if (before.name != after.name) return for_above("name");
    if (moves) return for_above("parent");
    if (before.settings.blocked != after.settings.blocked) return for_above("settings.blocked");
    return {};
}

template <>
Result<void> check_actor(const Catalog&, const ports::EntityRequest& request,
                         Transition<model::Grant> change) {
    if (is_operator(request.actor)) return {};
    for (const model::Grant* each : {change.before, change.after}) {
        if (each == nullptr) continue;
        const store::HeldRights held = held_by(*each);
        const Rights mine = rights_in(request.actor, each->domain);
        if (!mine.has_all_of(held.own))
            return too_much(each->role == model::GrantRole::Custom ? "rights" : "role");
        if (!Rights(request.actor.below).has_all_of(held.below)) return too_much("scope");
    }
    return {};
}

template <>
Result<void> check_actor(const Catalog& catalog, const ports::EntityRequest& request,
                         Transition<model::User> change) {
    if (is_operator(request.actor) || !change.before || !change.after) return {};
    // A roll-back brings a former password with it.
    const bool is_same = change.before->password_hash == change.after->password_hash;
    if (request.password_hash.empty() && is_same) return {};
    const auto held = store::rights_of(catalog, change.before->domain, change.before->id);
    const bool may = has_all_of(request.actor, change.before->domain, held);
    return may ? Result<void>() : too_much("password");
}

}  // namespace tandem::roles::store_role
