#include "roles/store/plan_document.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <vector>

#include "base/check.h"
#include "model/codec.h"
#include "model/json_reader.h"
#include "model/limits.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"

namespace tandem::roles::store_role {

namespace json = boost::json;
using cluster::Layout;
using model::RoleInstance;

// What the document holds once names have become ids. Outside the unnamed namespace for decode().
struct PlanDocument {
    std::vector<RoleInstance> roles;
};
void read(model::ObjectReader& in, PlanDocument& out) {
    in.object_list("roles", out.roles,
                   {.items_max = plan_roles_max, .presence = model::Presence::Required});
    in.finish();
}

namespace {

std::string path_to(size_t index, std::string_view field) {
    return "roles[" + std::to_string(index) + "]." + std::string(field);
}

Error at(size_t index, Error error) {
    error.field = path_to(index, error.field);
    return error;
}

std::string text_of(const json::value& value) {
    const json::string& text = value.get_string();
    return {text.data(), text.size()};
}

// ---- Names instead of ids.

Result<ServerId> server_named(const Layout& layout, const std::string& name) {
    if (const auto id = ServerId::parse(name)) return *id;
    for (const model::Server& server : layout.servers)
        if (server.name == name) return server.id;
    return make_error(ErrorCode::NotFound, "server",
                      "there is no server '" + name.substr(0, model::quoted_bytes_max) + "'");
}

Result<InterfaceId> interface_named(const Layout& layout, ServerId server, const std::string& name,
                                    size_t index) {
    if (const auto id = InterfaceId::parse(name)) return *id;
    for (const model::Interface& interface : layout.interfaces)
        if (interface.server == server && interface.name == name) return interface.id;
    return make_error(
        ErrorCode::NotFound, "interfaces[" + std::to_string(index) + "]",
        "its server has no interface '" + name.substr(0, model::quoted_bytes_max) + "'");
}

// What is of another type stays as it is, for the decoder to refuse.
Result<void> name_to_ids(const Layout& layout, json::object& role) {
    json::value* server = role.if_contains("server");
    if (server == nullptr || !server->is_string()) return {};
    const ServerId id = TRY(server_named(layout, text_of(*server)));
    *server = json::string(id.text());
    json::value* interfaces = role.if_contains("interfaces");
    if (interfaces == nullptr || !interfaces->is_array()) return {};
    size_t index = 0;
    for (json::value& each : interfaces->get_array()) {
        if (each.is_string())
            each = json::string(TRY(interface_named(layout, id, text_of(each), index)).text());
        ++index;
    }
    return {};
}

// ---- From the document to the layout.

struct Read {
    std::vector<RoleInstance> roles;
    std::vector<bool> has_node;
};

Result<Read> read_roles(std::string_view document, const Layout& now) {
    Read result;
    boost::system::error_code error;
    json::value tree;
    if (document.size() <= model::document_bytes_max) tree = json::parse(document, error);
    json::value* roles = tree.is_object() ? tree.get_object().if_contains("roles") : nullptr;
    if (roles == nullptr || !roles->is_array()) {
        // It will not do: the decoder says why.
        result.roles = TRY(model::decode<PlanDocument>(document, model::Source::Api)).roles;
        return result;
    }
    size_t index = 0;
    for (json::value& each : roles->get_array()) {
        if (each.is_object()) {
            const auto named = name_to_ids(now, each.get_object());
            if (!named) return at(index, named.error());
        }
        result.has_node.push_back(each.is_object() && each.get_object().contains("node"));
        ++index;
    }
    result.roles =
        TRY(model::decode<PlanDocument>(json::serialize(tree), model::Source::Api)).roles;
    return result;
}

const RoleInstance* find_number(const Layout& layout, int number) {
    const auto found = std::find_if(layout.instances.begin(), layout.instances.end(),
                                    [&](const auto& each) { return each.number == number; });
    return found == layout.instances.end() ? nullptr : &*found;
}

Error forbidden(std::string_view field, const std::string& why) {
    return make_error(ErrorCode::Forbidden, field, why);
}

// `before`: the instance of that number; null: there is none.
Result<void> check_fixed(const RoleInstance& role, const RoleInstance* before) {
    if (!role.id.is_nil() && (before == nullptr || role.id != before->id))
        return forbidden("id", "is given by the system and can't be set: leave it out");
    if (before != nullptr && before->role != role.role)
        return forbidden("role", "number " + std::to_string(role.number) + " is a " +
                                     std::string(to_string(before->role)) +
                                     " and can't become another: take a number of its own");
    return {};
}

void place_in_node(RoleInstance& role, const RoleInstance* before, const Layout& layout) {
    if (before != nullptr && before->server == role.server) {
        role.node = before->node;
        return;
    }
    for (const model::Server& server : layout.servers)
        if (server.id == role.server) role.node = server.node;
}

}  // namespace

cluster::Layout layout_of(const store::Catalog& catalog) {
    Layout layout;
    catalog.visit_servers([&](const model::Server& server) {
        layout.servers.push_back(server);
        return true;
    });
    catalog.visit_interfaces([&](const model::Interface& interface) {
        layout.interfaces.push_back(interface);
        return true;
    });
    catalog.visit_role_instances([&](const RoleInstance& role) {
        layout.instances.push_back(role);
        return true;
    });
    catalog.visit_domain_groups([&](const model::DomainGroup& each) {
        const auto* domain = catalog.find_domain(each.root);
        cluster::Assignment assignment{domain == nullptr ? "" : domain->name,
                                       domain == nullptr || !domain->parent, model::RoleCode::Sr,
                                       each.sr.value_or(0)};
        if (each.sr) layout.assignments.push_back(assignment);
        assignment.role = model::RoleCode::Cs;
        assignment.group = each.cs.value_or(0);
        if (each.cs) layout.assignments.push_back(std::move(assignment));
        return true;
    });
    return layout;
}

std::string roles_json(const Layout& layout) {
    json::array roles;
    for (const RoleInstance& role : layout.instances) {
        boost::system::error_code error;
        json::value item = json::parse(model::encode(role, model::Audience::Api), error);
        CHECK(!error);
        json::object& fields = item.get_object();
        fields.erase("id");
        for (const model::Server& server : layout.servers)
            if (server.id == role.server) fields["server"] = server.name;
        json::array names;
        for (const InterfaceId id : role.interfaces)
            for (const model::Interface& interface : layout.interfaces)
                if (interface.id == id) names.emplace_back(interface.name);
        fields["interfaces"] = std::move(names);
        roles.push_back(std::move(item));
    }
    return json::serialize(roles);
}

Result<Layout> read_plan(std::string_view document, const Layout& now, Minting minting) {
    Read read = TRY(read_roles(document, now));
    Layout wanted;
    wanted.servers = now.servers;
    wanted.interfaces = now.interfaces;
    wanted.assignments = now.assignments;
    std::set<RoleInstanceId> kept;
    for (size_t i = 0; i < read.roles.size(); ++i) {
        RoleInstance& role = read.roles[i];
        const RoleInstance* before = find_number(now, role.number);
        const auto fixed = check_fixed(role, before);
        if (!fixed) return at(i, fixed.error());
        if (!read.has_node[i]) place_in_node(role, before, now);
        const auto alone = check_alone(role);
        if (!alone) return at(i, alone.error());
        // A second one of the same number is another instance, and cluster::check() an error.
        const bool is_new = before == nullptr || !kept.insert(before->id).second;
        role.id = is_new ? RoleInstanceId::mint(minting.now, minting.rng) : before->id;
        wanted.instances.push_back(std::move(role));
    }
    return wanted;
}

std::string path_of(const Layout& layout, const cluster::Place& place) {
    for (size_t i = 0; i < layout.instances.size(); ++i)
        if (layout.instances[i].id == place.instance) return path_to(i, place.field);
    return {};
}

}  // namespace tandem::roles::store_role
