#include "app/site/neighbours.h"

#include <algorithm>

#include "ports/address.h"
#include "store/catalog.h"

namespace tandem::app {
namespace {

struct Known {
    const model::Server* self = nullptr;
    std::map<uint16_t, const model::Server*> of_node;
};

Known read(const store::Catalog& catalog, uint16_t home) {
    Known known;
    catalog.visit_role_instances([&](const model::RoleInstance& role) {
        if (!role.enabled) return true;
        const model::Server* server = catalog.find_server(role.server);
        if (server != nullptr) known.of_node.try_emplace(static_cast<uint16_t>(role.node), server);
        return true;
    });
    // After what hosts something: servers that were written before there were home nodes all
    // have 1.
    catalog.visit_servers([&](const model::Server& server) {
        known.of_node.try_emplace(static_cast<uint16_t>(server.node), &server);
        return true;
    });
    if (const auto self = known.of_node.find(home); self != known.of_node.end()) {
        known.self = self->second;
    }
    return known;
}

std::optional<SocketAddress> listener(const model::Server& server, uint16_t node) {
    auto address = SocketAddress::parse(server.link_address);
    if (!address || address->port > 65'535 - node) return std::nullopt;
    address->port = static_cast<uint16_t>(address->port + node);
    return address;
}

}  // namespace

Neighbours neighbours_of(const store::Catalog& catalog, const ports::Directory& directory,
                         const Neighbours& before, uint16_t home) {
    const Known known = read(catalog, home);
    Neighbours now;
    now.is_removed = known.self == nullptr;
    now.self.node = home;
    now.self.name = now.is_removed ? before.self.name : known.self->name;
    now.self.link_address = now.is_removed ? before.self.link_address : known.self->link_address;
    now.own = {home};
    for (const auto& [node, server] : known.of_node) {
        if (node == home) continue;
        if (server == known.self) {
            now.own.push_back(node);
        } else if (const auto address = listener(*server, node)) {
            now.others[node] = {server->name, *address};
            if (server->node == node) {
                now.self.neighbours.push_back({server->name, node, *address});
            }
        }
    }
    // What drains stays where it was.
    for (const ports::DirectoryEntry& entry : directory.entries()) {
        if (known.of_node.contains(entry.node)) continue;
        const bool was_own = std::ranges::find(before.own, int{entry.node}) != before.own.end();
        const bool is_listed = std::ranges::find(now.own, int{entry.node}) != now.own.end();
        const auto place = before.others.find(entry.node);
        if (was_own && !is_listed) now.own.push_back(entry.node);
        if (place != before.others.end()) now.others.insert(*place);
    }
    return now;
}

}  // namespace tandem::app
