#include "roles/store/entity_reader.h"

#include <charconv>

#include "model/json_writer.h"
#include "model/rights.h"
#include "roles/store/entity_kinds.h"
#include "roles/store/limits.h"
#include "store/catalog_tree.h"

namespace tandem::roles::store_role {
namespace {

using ports::EntityReply;
using ports::EntityRequest;
using store::Entity;

Error not_found(std::string_view field, std::string_view what) {
    return make_error(ErrorCode::NotFound, field, what);
}

// An entity with its version, as a reply is made of.
template <typename T>
struct Found {
    T value;
    uint64_t version = 0;
};
template <typename T>
std::optional<Found<T>> found(const Entity<T>* entity) {
    if (entity == nullptr) return std::nullopt;
    return Found<T>{static_cast<const T&>(*entity), entity->version};
}
std::optional<Found<model::Account>> found(const store::AccountRecord* record, DomainId domain) {
    if (record == nullptr) return std::nullopt;
    return Found<model::Account>{record->expand(domain), record->version};
}

// By id, else by natural name. One overload a kind; `domain` is nil for those outside domains.
template <typename T>
struct Tag {};

template <typename T, typename VisitAll>
std::optional<Found<T>> by_name(std::string_view name, VisitAll&& visit_all) {
    std::optional<Found<T>> hit;
    visit_all([&](const Entity<T>& entity) {
        if (entity.name == name) hit = found(&entity);
        return !hit;
    });
    return hit;
}

std::optional<Found<model::Site>> look_up(Tag<model::Site>, const Catalog& catalog, DomainId,
                                          std::string_view id) {
    if (const auto parsed = SiteId::parse(id)) return found(catalog.find_site(*parsed));
    return by_name<model::Site>(id, [&](auto visit) { catalog.visit_sites(visit); });
}
std::optional<Found<model::Server>> look_up(Tag<model::Server>, const Catalog& catalog, DomainId,
                                            std::string_view id) {
    if (const auto parsed = ServerId::parse(id)) return found(catalog.find_server(*parsed));
    return by_name<model::Server>(id, [&](auto visit) { catalog.visit_servers(visit); });
}
// Names of interfaces are unique on their server only, so they are found by id.
std::optional<Found<model::Interface>> look_up(Tag<model::Interface>, const Catalog& catalog,
                                               DomainId, std::string_view id) {
    const auto parsed = InterfaceId::parse(id);
    return parsed ? found(catalog.find_interface(*parsed)) : std::nullopt;
}
std::optional<Found<model::RoleInstance>> look_up(Tag<model::RoleInstance>, const Catalog& catalog,
                                                  DomainId, std::string_view id) {
    if (const auto parsed = RoleInstanceId::parse(id))
        return found(catalog.find_role_instance(*parsed));
    int number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
    return found(catalog.find_role_instance(number));
}
// By the domain as well, as each has one.
std::optional<Found<model::DomainGroup>> look_up(Tag<model::DomainGroup>, const Catalog& catalog,
                                                 DomainId, std::string_view id) {
    std::optional<Found<model::DomainGroup>> hit;
    const auto* domain = catalog.find_domain(id);
    catalog.visit_domain_groups([&](const Entity<model::DomainGroup>& each) {
        const bool is_meant = each.id.text() == id || each.root.text() == id ||
                              (domain != nullptr && each.root == domain->id);
        if (is_meant) hit = found(&each);
        return !hit;
    });
    return hit;
}
std::optional<Found<model::SystemSettings>> look_up(Tag<model::SystemSettings>,
                                                    const Catalog& catalog, DomainId,
                                                    std::string_view) {
    return found(&catalog.system());
}
std::optional<Found<model::Domain>> look_up(Tag<model::Domain>, const Catalog& catalog, DomainId,
                                            std::string_view id) {
    if (const auto parsed = DomainId::parse(id)) {
        if (const auto* domain = catalog.find_domain(*parsed)) return found(domain);
    }
    return found(catalog.find_domain(id));
}
// A domain without a licence of its own shows one without bounds.
std::optional<Found<model::Licence>> look_up(Tag<model::Licence>, const Catalog& catalog,
                                             DomainId domain, std::string_view) {
    if (const auto* licence = catalog.find_licence(domain)) return found(licence);
    Found<model::Licence> none;
    none.value.domain = domain;
    return none;
}
std::optional<Found<model::User>> look_up(Tag<model::User>, const Catalog& catalog, DomainId domain,
                                          std::string_view id) {
    if (const auto parsed = UserId::parse(id)) {
        if (const auto* user = catalog.find_user(domain, *parsed)) return found(user);
    }
    return found(catalog.find_user_by_login(domain, id));
}
std::optional<Found<model::Account>> look_up(Tag<model::Account>, const Catalog& catalog,
                                             DomainId domain, std::string_view id) {
    if (const auto parsed = AccountId::parse(id)) {
        if (const auto* account = catalog.find_account(domain, *parsed))
            return found(account, domain);
    }
    return found(catalog.find_account_by_login(domain, id), domain);
}
template <store::IsDomainKind T>
std::optional<Found<T>> look_up(Tag<T>, const Catalog& catalog, DomainId domain,
                                std::string_view id) {
    if constexpr (store::IsPerAccount<T>) {
        const auto account = resolve_account(catalog, domain, id);
        if (!account) return std::nullopt;
        if (const auto* entity = catalog.find<T>(domain, *account)) return found(entity);
        Found<T> none;  // as if it were there, with nothing changed
        none.value.id = *account;
        none.value.domain = domain;
        return none;
    } else {
        if (const auto parsed = store::IdOf<T>::parse(id)) {
            if (const auto* entity = catalog.find<T>(domain, *parsed)) return found(entity);
        }
        if constexpr (requires(T value) { value.name.size(); })
            return found(catalog.find_by_name<T>(domain, id));
        return std::nullopt;
    }
}

template <typename T>
concept InDomain = requires(T value) {
    { value.domain } -> std::convertible_to<DomainId>;
};

template <typename T>
Result<DomainId> domain_of(const Catalog& catalog, const EntityRequest& request) {
    if constexpr (InDomain<T>) return resolve_domain(catalog, request.domain);
    return DomainId{};
}

template <typename T>
Result<Found<T>> find_as(const Catalog& catalog, const EntityRequest& request) {
    const DomainId domain = TRY(domain_of<T>(catalog, request));
    auto hit = look_up(Tag<T>{}, catalog, domain, request.id);
    if (!hit) return not_found("", "there is no such " + std::string(Kind<T>::name));
    return std::move(*hit);
}

// A page of a list in the making.
struct Page {
    std::string json = "{\"items\":[";
    size_t count = 0;
    size_t limit = 0;
    const ports::Actor* actor = nullptr;  // who sees it
    std::string last;
    bool more = false;

    template <typename T>
    bool add(const T& value, std::string_view cursor) {
        if (count == limit) {
            more = true;
            return false;
        }
        json += count++ > 0 ? "," : "";
        json += model::encode(value, model::Audience::Api);
        last = cursor;
        return true;
    }
    std::string close() {
        json += "],\"next\":";
        if (more)
            model::append_json_string(json, last);
        else
            json += "null";
        return std::move(json) + "}";
    }
};

// The few entities outside domains: a cursor is the id of the last one.
template <typename T>
auto adding(Page& page, std::string_view after) {
    return [&page, after](const Entity<T>& entity) {
        const std::string id = entity.id.text();
        if (!after.empty() && id <= after) return true;
        return page.add(static_cast<const T&>(entity), id);
    };
}

void fill(Tag<model::Site>, Page& page, const Catalog& catalog, DomainId, std::string_view after) {
    catalog.visit_sites(adding<model::Site>(page, after));
}
void fill(Tag<model::Server>, Page& page, const Catalog& catalog, DomainId,
          std::string_view after) {
    catalog.visit_servers(adding<model::Server>(page, after));
}
void fill(Tag<model::Interface>, Page& page, const Catalog& catalog, DomainId,
          std::string_view after) {
    catalog.visit_interfaces(adding<model::Interface>(page, after));
}
void fill(Tag<model::RoleInstance>, Page& page, const Catalog& catalog, DomainId,
          std::string_view after) {
    int number = 0;
    std::from_chars(after.data(), after.data() + after.size(), number);
    catalog.visit_role_instances([&](const model::RoleInstance& role) {
        return role.number <= number || page.add(role, std::to_string(role.number));
    });
}
void fill(Tag<model::DomainGroup>, Page& page, const Catalog& catalog, DomainId,
          std::string_view after) {
    catalog.visit_domain_groups(adding<model::DomainGroup>(page, after));
}
void fill(Tag<model::SystemSettings>, Page& page, const Catalog& catalog, DomainId,
          std::string_view) {
    page.add(static_cast<const model::SystemSettings&>(catalog.system()), "");
}
// His own domain, and those below it, where he may read them.
bool sees(const Catalog& catalog, const ports::Actor& actor, DomainId domain) {
    using model::Resource;
    if (actor.domain.is_nil()) return true;
    if (domain == actor.domain)
        return model::Rights(actor.own).has(Resource::Settings, model::Verb::Read);
    return model::Rights(actor.below).has(Resource::Settings, model::Verb::Read) &&
           store::is_below(catalog, domain, actor.domain);
}
void fill(Tag<model::Domain>, Page& page, const Catalog& catalog, DomainId,
          std::string_view after) {
    catalog.visit_domains(after, [&](const model::Domain& domain) {
        return !sees(catalog, *page.actor, domain.id) || page.add(domain, domain.name);
    });
}
void fill(Tag<model::Licence>, Page& page, const Catalog& catalog, DomainId domain,
          std::string_view) {
    if (const auto* licence = catalog.find_licence(domain))
        page.add(static_cast<const model::Licence&>(*licence), "");
}
void fill(Tag<model::User>, Page& page, const Catalog& catalog, DomainId domain,
          std::string_view after) {
    catalog.visit_users(domain, after,
                        [&](const model::User& user) { return page.add(user, user.login); });
}
void fill(Tag<model::Account>, Page& page, const Catalog& catalog, DomainId domain,
          std::string_view after) {
    catalog.visit_accounts(domain, after, [&](const store::AccountRecord& account) {
        return page.add(account.expand(domain), account.login());
    });
}
template <store::IsDomainKind T>
void fill(Tag<T>, Page& page, const Catalog& catalog, DomainId domain, std::string_view after) {
    const auto last = bits128_from_hex(after).value_or(Bits128{});
    catalog.visit_after<T>(domain, last, [&](const Entity<T>& entity) {
        return page.add(static_cast<const T&>(entity), entity.id.text());
    });
}

Error unknown_kind(std::string_view kind) {
    return not_found("", "there is no kind '" + std::string(kind.substr(0, 40)) + "'");
}

}  // namespace

Result<DomainId> resolve_domain(const Catalog& catalog, std::string_view domain) {
    if (const auto id = DomainId::parse(domain)) {
        if (catalog.find_domain(*id) != nullptr) return *id;
    }
    const auto* by_name = catalog.find_domain(domain);
    if (by_name == nullptr) return not_found("domain", "there is no such domain");
    return by_name->id;
}

Result<AccountId> resolve_account(const Catalog& catalog, DomainId domain,
                                  std::string_view account) {
    if (const auto id = AccountId::parse(account)) {
        if (catalog.find_account(domain, *id) != nullptr) return *id;
    }
    const auto* by_login = catalog.find_account_by_login(domain, account);
    if (by_login == nullptr) return not_found("", "there is no such account");
    return by_login->id;
}

Result<std::string> locate(const Catalog& catalog, const EntityRequest& request) {
    Result<std::string> key = unknown_kind(request.kind);
    with_kind(request.kind, [&]<typename T>() {
        const auto hit = find_as<T>(catalog, request);
        key =
            hit ? Result<std::string>(Kind<T>::key(hit->value)) : Result<std::string>(hit.error());
    });
    return key;
}

Result<EntityReply> read_entity(const Catalog& catalog, const EntityRequest& request) {
    Result<EntityReply> reply = unknown_kind(request.kind);
    with_kind(request.kind, [&]<typename T>() {
        const auto hit = find_as<T>(catalog, request);
        if (!hit) {
            reply = hit.error();
            return;
        }
        reply = EntityReply{std::nullopt, model::encode(hit->value, model::Audience::Api),
                            std::to_string(hit->version)};
    });
    return reply;
}

Result<EntityReply> list_entities(const Catalog& catalog, const EntityRequest& request) {
    if (request.limit == 0 || request.limit > list_limit_max)
        return make_error(ErrorCode::OutOfRange, "limit", "must be an integer from 1 to 1000");
    Result<EntityReply> reply = unknown_kind(request.kind);
    with_kind(request.kind, [&]<typename T>() {
        const auto domain = domain_of<T>(catalog, request);
        if (!domain) {
            reply = domain.error();
            return;
        }
        Page page;
        page.limit = request.limit;
        page.actor = &request.actor;
        fill(Tag<T>{}, page, catalog, *domain, request.after);
        reply = EntityReply{std::nullopt, page.close(), {}};
    });
    return reply;
}

}  // namespace tandem::roles::store_role
