// What must hold between the fields of an entity, and between it and the others. Bounds of single
// fields are the decoder's business.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "model/entities.h"
#include "store/catalog.h"
#include "store/domain_kinds.h"

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

Error name_taken(std::string_view field);

// What must hold in a role instance by itself, whatever others there are.
Result<void> check_alone(const model::RoleInstance& role);

Result<void> check_rules(const Catalog& catalog, const model::Site& site, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Server& server, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Interface& interface, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::DomainGroup& assigned, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::RoleInstance& role, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::SystemSettings& system, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Domain& domain, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Licence& licence, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::User& user, Fresh fresh);
Result<void> check_rules(const Catalog& catalog, const model::Account& account, Fresh fresh);

// Of the kinds of store/domain_kinds.h, beyond what they all must keep to.
Result<void> check_own_rules(const Catalog& catalog, const model::NumberRange& range, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::Trunk& trunk, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::TrunkGroup& group, Fresh fresh);

Result<void> check_own_rules(const Catalog& catalog, const model::DialRule& rule, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::Schedule& schedule, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::Representation& representation,
                             Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::RouteExpectation& expected,
                             Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::Grant& grant, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::ApiToken& token, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::AccountService& set, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::RingGroup& group, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::FeatureCode& code, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::Music& music, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::Queue& queue, Fresh fresh);
Result<void> check_own_rules(const Catalog& catalog, const model::QueueAgent& agent, Fresh fresh);
// Without queues that it has been logged in to and is no member of any more.
void forget_queues(const Catalog& catalog, const model::QueueAgent& before,
                   model::QueueAgent& agent);

// Of a domain, by itself.
Result<void> check_numbering(const model::NumberingSettings& numbering);
Result<void> check_time_zone(std::string_view name);
// Whether the external ranges of a domain that comes below another one fit there.
Result<void> check_moved_ranges(const Catalog& catalog, const model::Domain& domain);

Result<void> check_references(const Catalog& catalog, DomainId domain,
                              const std::vector<model::Reference>& references);
// Whether an account or something else of the domain, other than `own`, has the number.
bool is_number_taken(const Catalog& catalog, DomainId domain, std::string_view number, Bits128 own);
// Numbers are of a domain, so the holder that is named is never another tenant's.
Result<void> check_number_is_free(const Catalog& catalog, DomainId domain, std::string_view number,
                                  Bits128 own);
template <store::IsDomainKind T>
Result<void> check_rules(const Catalog& catalog, const T& value, Fresh fresh) {
    if constexpr (store::IsNamed<T>) {
        const auto* holder = catalog.find_by_name<T>(value.domain, value.name);
        if (holder != nullptr && holder->id != value.id) return name_taken("name");
    }
    if constexpr (store::IsNumbered<T>) {
        if (!value.number.empty())
            TRY(check_number_is_free(catalog, value.domain, value.number, value.id.bits));
    }
    TRY(check_references(catalog, value.domain, model::references_of(value)));
    if constexpr (requires { check_own_rules(catalog, value, fresh); })
        return check_own_rules(catalog, value, fresh);
    return {};
}

// Conflict while others refer to it, or belong to it: names what is in the way.
Result<void> check_unused(const Catalog& catalog, const model::Site& site);
Result<void> check_unused(const Catalog& catalog, const model::Server& server);
Result<void> check_unused(const Catalog& catalog, const model::Interface& interface);
Result<void> check_unused(const Catalog& catalog, const model::Domain& domain);
Result<void> check_unused(const Catalog& catalog, const model::User& user);
inline Result<void> check_unused(const Catalog&, const model::RoleInstance&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::DomainGroup&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::SystemSettings&) {
    return {};
}
inline Result<void> check_unused(const Catalog&, const model::Licence&) {
    return {};
}
Result<void> check_unused(const Catalog& catalog, const model::Account& account);
// Whether anything in the domain refers to the entity, and what.
Result<void> check_unreferenced(const Catalog& catalog, DomainId domain,
                                const model::Reference& to);
// What has been handed down stays with those who have it.
Result<void> check_unused(const Catalog& catalog, const model::NumberRange& range);
Result<void> check_not_default(const Catalog& catalog, const model::Trunk& trunk);
Result<void> check_not_default(const Catalog& catalog, const model::TrunkGroup& group);
Result<void> check_not_default(const Catalog& catalog, const model::Music& music);
template <store::IsDomainKind T>
Result<void> check_unused(const Catalog& catalog, const T& value) {
    if constexpr (store::IsPerAccount<T>) return {};
    if constexpr (requires { check_not_default(catalog, value); })
        TRY(check_not_default(catalog, value));
    return check_unreferenced(catalog, value.domain,
                              {"id", store::DomainKind<T>::name, value.id.bits});
}

}  // namespace tandem::roles::store_role
