// Per kind of entity what generic work needs: its keys, its indexes, how to find it in the catalog.
// One struct a kind, all with the same members.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/id.h"
#include "model/entities.h"
#include "store/catalog.h"
#include "store/domain_kinds.h"
#include "store/keys.h"

namespace tandem::roles::store_role {

namespace keys = tandem::store::keys;
using tandem::store::Catalog;

// Whether there is one for each id, or one for the domain or system.
enum class Cardinality { Many, Single };

template <typename T>
struct Kind;

// Those of which a domain has many (store/domain_kinds.h). Names are unique among their kind, and
// numbers in the domain, whoever has them.
template <store::IsDomainKind T>
struct Kind<T> {
    using Of = store::DomainKind<T>;
    static constexpr std::string_view name = Of::name;
    static constexpr Cardinality cardinality =
        store::IsPerAccount<T> ? Cardinality::Single : Cardinality::Many;
    static std::string key(const T& v) { return keys::in_domain(v.domain, Of::segment, v.id.bits); }
    static std::vector<std::string> indexes(const T& v) {
        std::vector<std::string> all;
        if constexpr (requires { v.name.size(); })
            all.push_back(keys::name_in_domain(v.domain, Of::segment, v.name));
        if constexpr (requires { v.number.size(); })
            if (!v.number.empty()) all.push_back(keys::number(v.domain, v.number));
        return all;
    }
};

struct SiteKind {
    static constexpr std::string_view name = "site";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Site& v) { return keys::site(v.id); }
    static std::vector<std::string> indexes(const model::Site& v) {
        return {keys::site_name(v.name)};
    }
};
struct ServerKind {
    static constexpr std::string_view name = "server";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Server& v) { return keys::server(v.id); }
    static std::vector<std::string> indexes(const model::Server& v) {
        return {keys::server_name(v.name), keys::server_node(v.node)};
    }
};
struct InterfaceKind {
    static constexpr std::string_view name = "interface";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Interface& v) { return keys::interface(v.id); }
    static std::vector<std::string> indexes(const model::Interface&) { return {}; }
};
struct RoleInstanceKind {
    static constexpr std::string_view name = "role_instance";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::RoleInstance& v) { return keys::role_instance(v.id); }
    static std::vector<std::string> indexes(const model::RoleInstance& v) {
        return {keys::role_number(v.number)};
    }
};
struct DomainGroupKind {
    static constexpr std::string_view name = "domain_group";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::DomainGroup& v) { return keys::domain_group(v.id); }
    static std::vector<std::string> indexes(const model::DomainGroup& v) {
        return {keys::domain_group_root(v.root)};
    }
};
struct SystemKind {
    static constexpr std::string_view name = "system";
    static constexpr Cardinality cardinality = Cardinality::Single;
    static std::string key(const model::SystemSettings&) { return keys::system_settings(); }
    static std::vector<std::string> indexes(const model::SystemSettings&) { return {}; }
};
struct DomainKind {
    static constexpr std::string_view name = "domain";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Domain& v) { return keys::domain(v.id); }
    static std::vector<std::string> indexes(const model::Domain& v) {
        std::vector<std::string> all = {keys::domain_name(v.name)};
        if (v.parent) all.push_back(keys::child_domain(*v.parent, v.id));
        return all;
    }
};
struct LicenceKind {
    static constexpr std::string_view name = "licence";
    static constexpr Cardinality cardinality = Cardinality::Single;
    static std::string key(const model::Licence& v) { return keys::licence(v.domain); }
    static std::vector<std::string> indexes(const model::Licence&) { return {}; }
};
struct UserKind {
    static constexpr std::string_view name = "user";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::User& v) { return keys::user(v.domain, v.id); }
    static std::vector<std::string> indexes(const model::User& v) {
        return {keys::user_login(v.domain, v.login)};
    }
};
struct AccountKind {
    static constexpr std::string_view name = "account";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Account& v) { return keys::account(v.domain, v.id); }
    static std::vector<std::string> indexes(const model::Account& v) {
        std::vector<std::string> all = {keys::login(v.domain, v.login)};
        if (!v.number.empty()) all.push_back(keys::number(v.domain, v.number));
        return all;
    }
};

template <>
struct Kind<model::Site> : SiteKind {};
template <>
struct Kind<model::Server> : ServerKind {};
template <>
struct Kind<model::Interface> : InterfaceKind {};
template <>
struct Kind<model::RoleInstance> : RoleInstanceKind {};
template <>
struct Kind<model::DomainGroup> : DomainGroupKind {};
template <>
struct Kind<model::SystemSettings> : SystemKind {};
template <>
struct Kind<model::Domain> : DomainKind {};
template <>
struct Kind<model::Licence> : LicenceKind {};
template <>
struct Kind<model::User> : UserKind {};
template <>
struct Kind<model::Account> : AccountKind {};

// Calls `visit.template operator()<T>()` for the kind called `name`; false: there is none.
template <typename Visit>
bool with_kind(std::string_view name, Visit&& visit) {
    const auto try_kind = [&]<typename T>() {
        if (name != Kind<T>::name) return false;
        visit.template operator()<T>();
        return true;
    };
    return try_kind.template operator()<model::Site>() ||
           try_kind.template operator()<model::Server>() ||
           try_kind.template operator()<model::Interface>() ||
           try_kind.template operator()<model::RoleInstance>() ||
           try_kind.template operator()<model::DomainGroup>() ||
           try_kind.template operator()<model::SystemSettings>() ||
           try_kind.template operator()<model::Domain>() ||
           try_kind.template operator()<model::Licence>() ||
           try_kind.template operator()<model::User>() ||
           try_kind.template operator()<model::Account>() || store::DomainKinds::any(try_kind);
}

// Of the entity that a reference in the domain means.
inline std::string key_of(DomainId domain, const model::Reference& reference) {
    const Bits128 id = reference.id;
    if (reference.kind == SiteKind::name) return keys::site({id});
    if (reference.kind == ServerKind::name) return keys::server({id});
    if (reference.kind == InterfaceKind::name) return keys::interface({id});
    if (reference.kind == DomainKind::name) return keys::domain({id});
    if (reference.kind == UserKind::name) return keys::user(domain, {id});
    if (reference.kind == AccountKind::name) return keys::account(domain, {id});
    std::string key;
    const bool known = store::DomainKinds::any([&]<typename T>() {
        if (reference.kind != store::DomainKind<T>::name) return false;
        key = keys::in_domain(domain, store::DomainKind<T>::segment, id);
        return true;
    });
    CHECK(known);
    return key;
}

}  // namespace tandem::roles::store_role
