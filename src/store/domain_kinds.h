// The kinds of entities of which a domain has many, one line each. Store keys, indexes of names and
// numbers, the catalog's trees, references and the API's lists follow from this and from the
// schema; what must hold between entities is in roles/store/entity_rules.h. Domains, accounts,
// users and licences have more to them and are dealt with one by one.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "base/id.h"

// Only their names: whoever needs more includes model/generated/<kind>.h.
namespace tandem::model {
struct NumberRange;
struct DialRule;
struct Schedule;
struct Representation;
struct Trunk;
struct TrunkGroup;
struct RingGroup;
struct FeatureCode;
struct Music;
struct Queue;
struct QueueAgent;
struct AccountService;
struct Grant;
struct ApiToken;
}  // namespace tandem::model

namespace tandem::store {

// `name`: as in the schema and in requests. `segment`: in keys, never to be changed.
template <typename T>
struct DomainKind;
template <>
struct DomainKind<model::NumberRange> {
    static constexpr std::string_view name = "number_range", segment = "range";
};
template <>
struct DomainKind<model::DialRule> {
    static constexpr std::string_view name = "dial_rule", segment = "dial-rule";
};
template <>
struct DomainKind<model::Schedule> {
    static constexpr std::string_view name = "schedule", segment = "schedule";
};
template <>
struct DomainKind<model::Representation> {
    static constexpr std::string_view name = "representation", segment = "representation";
};
template <>
struct DomainKind<model::Trunk> {
    static constexpr std::string_view name = "trunk", segment = "trunk";
};
template <>
struct DomainKind<model::TrunkGroup> {
    static constexpr std::string_view name = "trunk_group", segment = "trunk-group";
};
template <>
struct DomainKind<model::RingGroup> {
    static constexpr std::string_view name = "ring_group", segment = "ring-group";
};
template <>
struct DomainKind<model::Queue> {
    static constexpr std::string_view name = "queue", segment = "queue";
};
template <>
struct DomainKind<model::QueueAgent> {
    static constexpr std::string_view name = "queue_agent", segment = "queue-agent";
};
template <>
struct DomainKind<model::AccountService> {
    static constexpr std::string_view name = "account_service", segment = "account-service";
};
template <>
struct DomainKind<model::FeatureCode> {
    static constexpr std::string_view name = "feature_code", segment = "feature-code";
};

template <>
struct DomainKind<model::Music> {
    static constexpr std::string_view name = "music", segment = "music";
};
template <>
struct DomainKind<model::Grant> {
    static constexpr std::string_view name = "grant", segment = "grant";
};
template <>
struct DomainKind<model::ApiToken> {
    static constexpr std::string_view name = "api_token", segment = "api-token";
};

template <typename... Ts>
struct KindList {
    static constexpr size_t count = sizeof...(Ts);
    template <template <typename> typename Each>
    struct Mapped : Each<Ts>... {};  // one base for each kind

    // Calls `visit.template operator()<T>()` for each.
    template <typename Visit>
    static void each(const Visit& visit) {
        (visit.template operator()<Ts>(), ...);
    }
    // The place of one of them.
    template <typename T>
    static constexpr size_t index_of() {
        size_t index = 0;
        (void)((std::is_same_v<T, Ts> || (++index, false)) || ...);
        return index;
    }
    // Until one answers true; whether one did.
    template <typename Visit>
    static bool any(const Visit& visit) {
        return (visit.template operator()<Ts>() || ...);
    }
};

using DomainKinds =
    KindList<model::NumberRange, model::DialRule, model::Schedule, model::Representation,
             model::Trunk, model::TrunkGroup, model::RingGroup, model::Queue, model::FeatureCode,
             model::AccountService, model::QueueAgent, model::Music, model::Grant, model::ApiToken>;

template <typename T>
concept IsDomainKind = requires { DomainKind<T>::segment; };
template <IsDomainKind T>
inline constexpr size_t index_of_kind = DomainKinds::index_of<T>();
template <typename T>
concept IsNamed = requires(const T& value) { value.name.size(); };
template <typename T>
concept IsNumbered = requires(const T& value) { value.number.size(); };

// One for each account instead of many of the domain: its id is the account's.
template <typename T>
concept IsPerAccount =
    IsDomainKind<T> && std::is_same_v<std::remove_cvref_t<decltype(T{}.id)>, AccountId>;

template <typename T>
using IdOf = std::remove_cvref_t<decltype(T{}.id)>;

}  // namespace tandem::store
