#include "roles/store/entity_rules.h"

#include <algorithm>
#include <cstdlib>

#include "cluster/plan.h"
#include "model/format.h"
#include "ports/address.h"
#include "ports/domain_groups.h"
#include "roles/store/limits.h"
#include "roles/store/plan_desk.h"
#include "roles/store/plan_document.h"
#include "store/catalog_tree.h"

namespace tandem::roles::store_role {
namespace {

Error missing(std::string_view field, std::string_view what) {
    return make_error(ErrorCode::NotFound, field, what);
}
Error contradiction(std::string_view field, std::string_view what) {
    return make_error(ErrorCode::OutOfRange, field, what);
}
Error used(std::string_view by) {
    return make_error(ErrorCode::Conflict, "id", by);
}

// Whether one that `visit` comes by is another entity with the same name.
template <typename T>
auto same_name(const T& mine, bool& found) {
    return [&mine, &found](const T& other) {
        found = found || (other.name == mine.name && other.id != mine.id);
        return !found;
    };
}

bool fits(std::string_view address, model::AddressFamily family) {
    if (address.empty()) return true;
    return family == model::AddressFamily::Ipv4 ? model::is_ipv4(address) : model::is_ipv6(address);
}

// The settings that belong to other roles than the instance's own.
Result<void> check_settings_owner(const model::RoleInstance& role) {
    const struct {
        bool given;
        model::RoleCode owner;
        std::string_view field;
    } all[] = {{role.sip_gate.has_value(), model::RoleCode::Sg, "sip_gate"},
               {role.external_sip_gate.has_value(), model::RoleCode::Esg, "external_sip_gate"},
               {role.web_gate.has_value(), model::RoleCode::Ws, "web_gate"},
               {role.media_gate.has_value(), model::RoleCode::Mg, "media_gate"},
               {role.b2bua.has_value(), model::RoleCode::B2b, "b2bua"},
               {role.registrar.has_value(), model::RoleCode::Sr, "registrar"},
               {role.store.has_value(), model::RoleCode::St, "store"}};
    for (const auto& one : all)
        if (one.given && one.owner != role.role)
            return contradiction(one.field, "are settings of another role than this instance's");
    return {};
}

Result<void> check_rtp_ports(const model::RoleInstance& role) {
    if (role.role != model::RoleCode::Mg) return {};
    const auto mine = role.media_gate.value_or(model::MediaGateSettings{});
    if (mine.rtp_port_min % 2 != 0)
        return contradiction("media_gate.rtp_port_min", "must be even (RFC 3550 11)");
    if (mine.rtp_port_max % 2 != 1)
        return contradiction("media_gate.rtp_port_max", "must be odd, the RTCP port of a pair");
    if (mine.rtp_port_max < mine.rtp_port_min + 3)
        return contradiction("media_gate.rtp_port_max", "must leave two pairs above rtp_port_min");
    return {};
}

// A number of an SG or WS that is not 0 may stand for one listener of a kind only.
Result<void> check_listeners(const model::RoleInstance& role) {
    if (role.sip_gate) {
        const auto& s = *role.sip_gate;
        const int tcp[] = {s.tcp_port, s.tls_port, s.ws_port, s.wss_port};
        for (size_t i = 0; i < std::size(tcp); ++i)
            if (tcp[i] != 0 && std::count(tcp, tcp + i, tcp[i]) > 0)
                return contradiction("sip_gate", "has one port for two listeners");
    }
    if (role.external_sip_gate && role.external_sip_gate->tls_port != 0 &&
        role.external_sip_gate->tls_port == role.external_sip_gate->tcp_port)
        return contradiction("external_sip_gate.tls_port", "must differ from tcp_port");
    if (role.web_gate && role.web_gate->http_port != 0 &&
        role.web_gate->http_port == role.web_gate->https_port)
        return contradiction("web_gate.https_port", "must differ from http_port");
    return {};
}

Result<void> check_parent(const Catalog& catalog, const model::Domain& domain) {
    std::optional<DomainId> above = domain.parent;
    for (int depth = 0; above; ++depth) {
        if (*above == domain.id) return contradiction("parent", "would make a circle");
        if (depth == store::domain_depth_max)
            return contradiction("parent", "is more than 16 levels down");
        const auto* parent = catalog.find_domain(*above);
        if (parent == nullptr) return missing("parent", "there is no such domain");
        above = parent->parent;
    }
    return {};
}

// What is registered in the domain would have to change hands between groups that are not told of
// it in one moment, as they are of assignments.
Result<void> check_stays_in_group(const Catalog& catalog, const model::Domain& domain) {
    const auto* before = catalog.find_domain(domain.id);
    if (before == nullptr || before->parent == domain.parent) return {};
    const ports::GroupChoices choices = ports::domain_groups_of(catalog).registrar;
    const int from = choices.group_of(ports::root_of(catalog, domain.id));
    const int to =
        choices.group_of(domain.parent ? ports::root_of(catalog, *domain.parent) : domain.id);
    if (from == to) return {};
    return make_error(ErrorCode::Conflict, "parent",
                      "would bring the domain from group " + std::to_string(from) +
                          " of registrars to group " + std::to_string(to) +
                          ": assign both trees to one group first (domain-groups)");
}

constexpr int kNodesMax = ports::nodes_max;

// Listeners of a server are at the ports above its link address, one for each node that it may run.
Result<void> check_link_address(const Catalog& catalog, const model::Server& server) {
    if (server.link_address.empty()) return {};
    const auto mine = SocketAddress::parse(server.link_address);
    if (!mine || mine->ip.is_unspecified() || mine->ip.is_multicast())
        return contradiction("link_address",
                             "must be the IP address and port of this machine that other servers "
                             "reach, like 192.0.2.7:7200");
    if (mine->port > 65'535 - kNodesMax)
        return contradiction("link_address",
                             "must have a port of at most 65335, as nodes listen above it");
    Result<void> outcome;
    catalog.visit_servers([&](const model::Server& other) {
        const auto theirs = SocketAddress::parse(other.link_address);
        const bool meets = theirs && other.id != server.id && theirs->ip == mine->ip &&
                           std::abs(theirs->port - mine->port) < kNodesMax;
        if (meets)
            outcome = make_error(ErrorCode::Conflict, "link_address",
                                 "the address " + server.link_address + " belongs to the server '" +
                                     other.name + "'");
        return !meets;
    });
    return outcome;
}

// What the instance would bring with it that can't work beside the others. What others have wrong
// with them already holds up no change of this one.
Result<void> check_among_others(const Catalog& catalog, const model::RoleInstance& role) {
    const cluster::Layout before = layout_of(catalog);
    cluster::Layout after = before;
    std::erase_if(after.instances, [&](const auto& each) { return each.id == role.id; });
    after.instances.push_back(role);
    const auto errors = cluster::errors_brought_by(before, after, role.id);
    if (errors.empty()) return {};
    for (const cluster::Place& place : errors.front().places)
        if (place.instance == role.id) return error_of(errors.front(), place.field);
    return {};
}

std::string spoken(std::string_view kind) {
    std::string text(kind);
    std::ranges::replace(text, '_', ' ');
    return text;
}

}  // namespace

Error name_taken(std::string_view field) {
    return make_error(ErrorCode::Conflict, field, "is taken by another");
}

Result<int> free_node(const Catalog& catalog) {
    std::vector<bool> used(kNodesMax + 1);
    const auto take = [&](int node) {
        if (node >= 0 && node <= kNodesMax) used[static_cast<size_t>(node)] = true;
        return true;
    };
    catalog.visit_servers([&](const model::Server& server) { return take(server.node); });
    catalog.visit_role_instances([&](const model::RoleInstance& role) { return take(role.node); });
    for (int node = 1; node <= kNodesMax; ++node) {
        if (!used[static_cast<size_t>(node)]) return node;
    }
    return make_error(ErrorCode::Unavailable, "node", "all 200 nodes of the system are taken");
}

std::optional<SocketAddress> listener_of(const model::Server& server, int node) {
    auto address = SocketAddress::parse(server.link_address);
    if (!address || node < 1 || address->port > 65'535 - node) return std::nullopt;
    address->port = static_cast<uint16_t>(address->port + node);
    return address;
}

Result<void> check_alone(const model::RoleInstance& role) {
    TRY(check_settings_owner(role));
    TRY(check_listeners(role));
    return check_rtp_ports(role);
}

Result<void> check_rules(const Catalog& catalog, const model::Site& site, Fresh) {
    bool found = false;
    catalog.visit_sites(same_name(site, found));
    if (found) return name_taken("name");
    return {};
}

Result<void> check_rules(const Catalog& catalog, const model::Server& server, Fresh fresh) {
    if (catalog.find_site(server.site) == nullptr) return missing("site", "there is no such site");
    bool found = false;
    catalog.visit_servers(same_name(server, found));
    if (found) return name_taken("name");
    // Never changed later. (Servers that were written before there were home nodes all have 1.)
    catalog.visit_servers([&](const model::Server& other) {
        found = fresh == Fresh::Yes && other.node == server.node;
        return !found;
    });
    if (found) return name_taken("node");
    return check_link_address(catalog, server);
}

Result<void> check_rules(const Catalog& catalog, const model::Interface& interface, Fresh) {
    if (catalog.find_server(interface.server) == nullptr)
        return missing("server", "there is no such server");
    if (!fits(interface.address, interface.family))
        return contradiction("address", "is not of the family");
    if (!fits(interface.advertised_address, interface.family))
        return contradiction("advertised_address", "is not of the family");
    for (size_t i = 0; i < interface.advertised_for.size(); ++i)
        if (!fits(interface.advertised_for[i].address, interface.family))
            return contradiction("advertised_for[" + std::to_string(i) + "].address",
                                 "is not of the family");
    bool found = false;
    catalog.visit_interfaces([&](const model::Interface& other) {
        found = found || (other.server == interface.server && other.name == interface.name &&
                          other.id != interface.id);
        return !found;
    });
    if (found) return name_taken("name");
    return {};
}

Result<void> check_rules(const Catalog& catalog, const model::RoleInstance& role, Fresh) {
    TRY(check_alone(role));
    if (catalog.find_server(role.server) == nullptr)
        return missing("server", "there is no such server");
    const auto* holder = catalog.find_role_instance(role.number);
    if (holder != nullptr && holder->id != role.id) return name_taken("number");
    for (size_t i = 0; i < role.interfaces.size(); ++i) {
        const auto* interface = catalog.find_interface(role.interfaces[i]);
        const std::string field = "interfaces[" + std::to_string(i) + "]";
        if (interface == nullptr) return missing(field, "there is no such interface");
        if (interface->server != role.server) return contradiction(field, "is of another server");
    }
    return check_among_others(catalog, role);
}

Result<void> check_rules(const Catalog& catalog, const model::DomainGroup& assigned, Fresh) {
    const auto* domain = catalog.find_domain(assigned.root);
    if (domain == nullptr) return missing("root", "there is no such domain");
    if (domain->parent)
        return contradiction("root", "has a domain above it: it goes where that one goes");
    const ports::DomainGroups groups = ports::domain_groups_of(catalog);
    const auto check_group = [](std::string_view field, const std::optional<int>& group,
                                const ports::GroupChoices& choices) -> Result<void> {
        const auto& there = choices.groups();
        if (!group || std::find(there.begin(), there.end(), *group) != there.end()) return {};
        return missing(field, "no copy of that group is enabled");
    };
    TRY(check_group("sr", assigned.sr, groups.registrar));
    TRY(check_group("cs", assigned.cs, groups.call_state));
    bool found = false;
    catalog.visit_domain_groups([&](const model::DomainGroup& other) {
        found = other.root == assigned.root && other.id != assigned.id;
        return !found;
    });
    if (found) return name_taken("root");
    return {};
}

Result<void> check_rules(const Catalog&, const model::SystemSettings& system, Fresh) {
    if (system.certificate_source != model::CertificateSource::File) return {};
    if (system.certificate_file.empty())
        return make_error(ErrorCode::Missing, "certificate_file",
                          "is required for the source 'file'");
    if (system.certificate_key_file.empty())
        return make_error(ErrorCode::Missing, "certificate_key_file",
                          "is required for the source 'file'");
    return {};
}

Result<void> check_rules(const Catalog& catalog, const model::Domain& domain, Fresh) {
    const auto* holder = catalog.find_domain(domain.name);
    if (holder != nullptr && holder->id != domain.id) return name_taken("name");
    TRY(check_parent(catalog, domain));
    TRY(check_stays_in_group(catalog, domain));
    TRY(check_moved_ranges(catalog, domain));
    const auto& s = domain.settings;
    if (s.expires_default < s.expires_min)
        return contradiction("settings.expires_default_s", "must be at least expires_min_s");
    if (s.expires_max < s.expires_default)
        return contradiction("settings.expires_max_s", "must be at least expires_default_s");
    if (s.session_expires < s.session_min)
        return contradiction("settings.session_expires_s", "must be at least session_min_s");
    if (s.music && catalog.find<model::Music>(domain.id, *s.music) == nullptr)
        return missing("settings.music", "there is no such file of music in the domain");
    if (s.default_trunk && catalog.find<model::Trunk>(domain.id, *s.default_trunk) == nullptr)
        return missing("settings.default_trunk", "there is no such trunk in the domain");
    if (s.default_trunk_group &&
        catalog.find<model::TrunkGroup>(domain.id, *s.default_trunk_group) == nullptr)
        return missing("settings.default_trunk_group", "there is no such group in the domain");
    if (s.default_trunk && s.default_trunk_group)
        return contradiction("settings.default_trunk_group",
                             "must be empty when default_trunk is given");
    auto algorithms = s.digest_algorithms;
    std::sort(algorithms.begin(), algorithms.end());
    if (std::adjacent_find(algorithms.begin(), algorithms.end()) != algorithms.end())
        return contradiction("settings.digest_algorithms", "names an algorithm twice");
    const auto* before = catalog.find_domain(domain.id);
    if (before == nullptr || before->settings.time_zone != s.time_zone)
        TRY(check_time_zone(s.time_zone));
    return check_numbering(s.numbering);
}

Result<void> check_rules(const Catalog& catalog, const model::Licence& licence, Fresh) {
    if (catalog.find_domain(licence.domain) == nullptr)
        return missing("domain", "there is no such domain");
    return {};
}

Result<void> check_rules(const Catalog& catalog, const model::User& user, Fresh) {
    const auto* holder = catalog.find_user_by_login(user.domain, user.login);
    if (holder != nullptr && holder->id != user.id) return name_taken("login");
    return {};
}

Result<void> check_rules(const Catalog& catalog, const model::Account& account, Fresh) {
    if (account.user && catalog.find_user(account.domain, *account.user) == nullptr)
        return missing("user", "there is no such user in the domain");
    const auto* holder = catalog.find_account_by_login(account.domain, account.login);
    if (holder != nullptr && holder->id != account.id) return name_taken("login");
    if (!account.number.empty()) {
        holder = catalog.find_account_by_number(account.domain, account.number);
        const bool is_own = holder != nullptr && holder->id == account.id;
        if (!is_own)
            return check_number_is_free(catalog, account.domain, account.number, account.id.bits);
    }
    return {};
}

Result<void> check_unused(const Catalog& catalog, const model::Site& site) {
    bool found = false;
    catalog.visit_servers([&](const model::Server& server) {
        found = server.site == site.id;
        return !found;
    });
    if (found) return used("the site still has servers");
    return {};
}

Result<void> check_unused(const Catalog& catalog, const model::Server& server) {
    bool found = false;
    catalog.visit_interfaces([&](const model::Interface& interface) {
        found = interface.server == server.id;
        return !found;
    });
    if (found) return used("the server still has interfaces");
    catalog.visit_role_instances([&](const model::RoleInstance& role) {
        found = role.server == server.id;
        return !found;
    });
    if (found) return used("the server still has role instances");
    return {};
}

Result<void> check_unused(const Catalog& catalog, const model::Interface& interface) {
    bool found = false;
    catalog.visit_role_instances([&](const model::RoleInstance& role) {
        found = std::count(role.interfaces.begin(), role.interfaces.end(), interface.id) > 0;
        return !found;
    });
    if (found) return used("a role instance still uses the interface");
    return {};
}

Result<void> check_unused(const Catalog& catalog, const model::Domain& domain) {
    size_t children = 0;
    catalog.visit_domains("", [&](const model::Domain& other) {
        if (other.parent == domain.id) ++children;
        return true;
    });
    std::string list;
    const auto add = [&](size_t count, std::string_view what) {
        if (count == 0) return;
        list += list.empty() ? "" : ", ";
        list += std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
    };
    add(catalog.account_count(domain.id), "account");
    add(catalog.user_count(domain.id), "user");
    store::DomainKinds::each([&]<typename T>() {
        if (!store::IsPerAccount<T>)
            add(catalog.count<T>(domain.id), spoken(store::DomainKind<T>::name));
    });
    add(children, "child domain");
    if (!list.empty()) return used("the domain still has " + list);
    return {};
}

Result<void> check_unused(const Catalog& catalog, const model::User& user) {
    bool found = false;
    catalog.visit_accounts(user.domain, "", [&](const store::AccountRecord& account) {
        found = account.user() == user.id;
        return !found;
    });
    if (found) return used("the user still has accounts");
    return check_unreferenced(catalog, user.domain, {"id", "user", user.id.bits});
}

Result<void> check_unused(const Catalog& catalog, const model::Account& account) {
    return check_unreferenced(catalog, account.domain, {"id", "account", account.id.bits});
}

namespace {

bool exists(const Catalog& catalog, DomainId domain, const model::Reference& to) {
    if (to.kind == "domain") return catalog.find_domain(DomainId{to.id}) != nullptr;
    if (to.kind == "account") return catalog.find_account(domain, AccountId{to.id}) != nullptr;
    if (to.kind == "user") return catalog.find_user(domain, UserId{to.id}) != nullptr;
    return store::DomainKinds::any([&]<typename T>() {
        return to.kind == store::DomainKind<T>::name &&
               catalog.find<T>(domain, store::IdOf<T>{to.id}) != nullptr;
    });
}

// How people call it.
template <typename T>
std::string name_of(const Catalog& catalog, const T& value) {
    if constexpr (store::IsNamed<T>) {
        return value.name;
    } else if constexpr (store::IsPerAccount<T>) {
        const auto* account = catalog.find_account(value.domain, value.id);
        if (account != nullptr) return std::string(account->login());
    }
    return value.id.text();
}

}  // namespace

Result<void> check_references(const Catalog& catalog, DomainId domain,
                              const std::vector<model::Reference>& references) {
    for (const model::Reference& each : references)
        if (!exists(catalog, domain, each))
            return missing(each.field, "there is no such " + spoken(each.kind));
    return {};
}

namespace {

// "the queue 'sales'"; empty: nobody.
std::string holder_of(const Catalog& catalog, DomainId domain, std::string_view number,
                      Bits128 own) {
    const auto* account = catalog.find_account_by_number(domain, number);
    if (account != nullptr && account->id.bits != own)
        return "the account '" + std::string(account->login()) + "'";
    std::string found;
    store::DomainKinds::any([&]<typename T>() {
        if constexpr (store::IsNumbered<T>) {
            const auto* holder = catalog.find_by_number<T>(domain, number);
            if (holder == nullptr || holder->id.bits == own) return false;
            found = "the " + spoken(store::DomainKind<T>::name) + " '" + name_of(catalog, *holder) +
                    "'";
        }
        return !found.empty();
    });
    return found;
}

}  // namespace

bool is_number_taken(const Catalog& catalog, DomainId domain, std::string_view number,
                     Bits128 own) {
    return !holder_of(catalog, domain, number, own).empty();
}

Result<void> check_number_is_free(const Catalog& catalog, DomainId domain, std::string_view number,
                                  Bits128 own) {
    const std::string holder = holder_of(catalog, domain, number, own);
    if (holder.empty()) return {};
    return make_error(ErrorCode::Conflict, "number", "is taken by " + holder);
}

Result<void> check_unreferenced(const Catalog& catalog, DomainId domain,
                                const model::Reference& to) {
    Result<void> outcome;
    store::DomainKinds::any([&]<typename T>() {
        catalog.visit<T>(domain, [&](const T& value) {
            // What belongs to the account goes with it.
            if (store::IsPerAccount<T> && value.id.bits == to.id) return true;
            for (const model::Reference& each : model::references_of(value)) {
                if (each.id != to.id || each.kind != to.kind) continue;
                outcome = used("the " + spoken(store::DomainKind<T>::name) + " '" +
                               name_of(catalog, value) + "' still uses it (" + each.field + ")");
                return false;
            }
            return true;
        });
        return !outcome;
    });
    return outcome;
}

}  // namespace tandem::roles::store_role
