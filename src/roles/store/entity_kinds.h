// Per kind of entity what generic work needs: its keys, its indexes, how to find it in the catalog.
// One struct a kind, all with the same members. keep_fixed() carries over what no change may touch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "model/entities.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::store_role {

namespace keys = tandem::store::keys;
using tandem::store::Catalog;

// Whether there is one for each id, or one for the domain or system.
enum class Cardinality { Many, Single };

template <typename T>
struct Kind;

struct SiteKind {
    static constexpr std::string_view name = "site";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Site& v) { return keys::site(v.id); }
    static std::vector<std::string> indexes(const model::Site& v) {
        return {keys::site_name(v.name)};
    }
    static std::vector<std::string> references(const model::Site&) { return {}; }
    static void keep_fixed(const model::Site& from, model::Site& to) { to.id = from.id; }
};
struct ServerKind {
    static constexpr std::string_view name = "server";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Server& v) { return keys::server(v.id); }
    static std::vector<std::string> indexes(const model::Server& v) {
        return {keys::server_name(v.name), keys::server_node(v.node)};
    }
    static std::vector<std::string> references(const model::Server& v) {
        return {keys::site(v.site)};
    }
    static void keep_fixed(const model::Server& from, model::Server& to) {
        to.id = from.id;
        to.node = from.node;
    }
};
struct InterfaceKind {
    static constexpr std::string_view name = "interface";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::Interface& v) { return keys::interface(v.id); }
    static std::vector<std::string> indexes(const model::Interface&) { return {}; }
    static std::vector<std::string> references(const model::Interface& v) {
        return {keys::server(v.server)};
    }
    static void keep_fixed(const model::Interface& from, model::Interface& to) { to.id = from.id; }
};
struct RoleInstanceKind {
    static constexpr std::string_view name = "role_instance";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::RoleInstance& v) { return keys::role_instance(v.id); }
    static std::vector<std::string> indexes(const model::RoleInstance& v) {
        return {keys::role_number(v.number)};
    }
    static std::vector<std::string> references(const model::RoleInstance& v) {
        std::vector<std::string> all = {keys::server(v.server)};
        for (const InterfaceId id : v.interfaces) all.push_back(keys::interface(id));
        return all;
    }
    static void keep_fixed(const model::RoleInstance& from, model::RoleInstance& to) {
        to.id = from.id;
    }
};
struct SystemKind {
    static constexpr std::string_view name = "system";
    static constexpr Cardinality cardinality = Cardinality::Single;
    static std::string key(const model::SystemSettings&) { return keys::system_settings(); }
    static std::vector<std::string> indexes(const model::SystemSettings&) { return {}; }
    static std::vector<std::string> references(const model::SystemSettings&) { return {}; }
    static void keep_fixed(const model::SystemSettings& from, model::SystemSettings& to) {
        to.certificate_key_sealed = from.certificate_key_sealed;
    }
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
    static std::vector<std::string> references(const model::Domain& v) {
        return v.parent ? std::vector{keys::domain(*v.parent)} : std::vector<std::string>{};
    }
    static void keep_fixed(const model::Domain& from, model::Domain& to) {
        to.id = from.id;
        to.realm = from.realm;
        to.certificate_key_sealed = from.certificate_key_sealed;
    }
};
struct LicenceKind {
    static constexpr std::string_view name = "licence";
    static constexpr Cardinality cardinality = Cardinality::Single;
    static std::string key(const model::Licence& v) { return keys::licence(v.domain); }
    static std::vector<std::string> indexes(const model::Licence&) { return {}; }
    static std::vector<std::string> references(const model::Licence& v) {
        return {keys::domain(v.domain)};
    }
    static void keep_fixed(const model::Licence& from, model::Licence& to) {
        to.domain = from.domain;
    }
};
struct UserKind {
    static constexpr std::string_view name = "user";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::User& v) { return keys::user(v.domain, v.id); }
    static std::vector<std::string> indexes(const model::User& v) {
        return {keys::user_login(v.domain, v.login)};
    }
    static std::vector<std::string> references(const model::User& v) {
        return {keys::domain(v.domain)};
    }
    static void keep_fixed(const model::User& from, model::User& to) {
        to.id = from.id;
        to.domain = from.domain;
        to.password_hash = from.password_hash;
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
    static std::vector<std::string> references(const model::Account& v) {
        std::vector<std::string> all = {keys::domain(v.domain)};
        if (v.user) all.push_back(keys::user(v.domain, *v.user));
        return all;
    }
    static void keep_fixed(const model::Account& from, model::Account& to) {
        to.id = from.id;
        to.domain = from.domain;
        to.credentials = from.credentials;
    }
};
struct NumberRangeKind {
    static constexpr std::string_view name = "number_range";
    static constexpr Cardinality cardinality = Cardinality::Many;
    static std::string key(const model::NumberRange& v) {
        return keys::number_range(v.domain, v.id);
    }
    static std::vector<std::string> indexes(const model::NumberRange&) { return {}; }
    static std::vector<std::string> references(const model::NumberRange& v) {
        return {keys::domain(v.domain)};
    }
    static void keep_fixed(const model::NumberRange& from, model::NumberRange& to) {
        to.id = from.id;
        to.domain = from.domain;
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
struct Kind<model::SystemSettings> : SystemKind {};
template <>
struct Kind<model::Domain> : DomainKind {};
template <>
struct Kind<model::Licence> : LicenceKind {};
template <>
struct Kind<model::User> : UserKind {};
template <>
struct Kind<model::Account> : AccountKind {};
template <>
struct Kind<model::NumberRange> : NumberRangeKind {};

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
           try_kind.template operator()<model::SystemSettings>() ||
           try_kind.template operator()<model::Domain>() ||
           try_kind.template operator()<model::Licence>() ||
           try_kind.template operator()<model::User>() ||
           try_kind.template operator()<model::Account>() ||
           try_kind.template operator()<model::NumberRange>();
}

}  // namespace tandem::roles::store_role
