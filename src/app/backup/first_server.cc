#include "app/backup/first_server.h"

#include <algorithm>
#include <optional>

#include "base/net_address.h"
#include "model/entities.h"
#include "model/format.h"
#include "store/keys.h"

namespace tandem::app {
namespace {

template <typename T>
struct Found {
    const store::KeyValue* item = nullptr;
    model::Stored<T> stored;
};

template <typename T>
Result<std::vector<Found<T>>> all_of(const std::vector<store::KeyValue>& layers,
                                     std::string_view prefix) {
    std::vector<Found<T>> all;
    for (const store::KeyValue& item : layers) {
        if (!item.key.starts_with(prefix)) continue;
        auto stored = model::decode_stored<T>(item.value);
        if (!stored.has_value()) {
            return make_error(ErrorCode::Malformed, "",
                              "the layers of the backup cannot be read: " + item.key + ": " +
                                  stored.error().message);
        }
        all.push_back({&item, std::move(*stored)});
    }
    return all;
}

template <typename T>
store::Op put(Found<T> found) {
    ++found.stored.head.version;
    found.stored.head.writer = "restore";
    return store::Put{
        found.item->key,
        model::encode_stored(found.stored.value, found.stored.head, found.item->value), 0};
}

bool is_any(const std::string& address) {
    return address == "0.0.0.0" || address == "::";
}

// The interface that is to have another address, if any.
Found<model::Interface>* interface_to_move(std::vector<Found<model::Interface>>& interfaces,
                                           const model::Server& server,
                                           const std::string& address) {
    Found<model::Interface>* first = nullptr;
    for (auto& each : interfaces) {
        const model::Interface& interface = each.stored.value;
        if (!(interface.server == server.id)) continue;
        if (interface.address == address || is_any(interface.address)) return nullptr;
        if (first == nullptr || interface.name == "default") first = &each;
    }
    return first;
}

}  // namespace

Result<FirstServer> first_server_of(const std::vector<store::KeyValue>& layers,
                                    const std::string& address, const std::string& link_address) {
    auto servers = TRY(all_of<model::Server>(layers, "/i/server/"));
    auto interfaces = TRY(all_of<model::Interface>(layers, "/i/interface/"));
    auto roles = TRY(all_of<model::RoleInstance>(layers, "/l/role/"));
    if (servers.empty())
        return make_error(ErrorCode::Malformed, "", "the backup has no server in its layers");
    std::ranges::sort(servers, {}, [](const auto& each) { return each.stored.value.node; });
    Found<model::Server>& first = servers.front();
    model::Server& server = first.stored.value;
    const model::Server before = server;

    FirstServer result;
    result.name = server.name;
    for (size_t i = 1; i < servers.size(); ++i)
        result.others.push_back(servers[i].stored.value.name);
    if (server.node != 1) {
        for (auto& role : roles) {
            if (role.stored.value.node != server.node) continue;
            role.stored.value.node = 1;
            result.changes.push_back(put(role));
        }
        result.changes.push_back(store::Delete{store::keys::server_node(server.node)});
        result.changes.push_back(store::Put{store::keys::server_node(1), server.id.text(), 0});
        server.node = 1;
    }
    auto* moved = address.empty() ? nullptr : interface_to_move(interfaces, server, address);
    const auto links = SocketAddress::parse(server.link_address);
    const auto ip = IpAddress::parse(address);
    if (moved != nullptr) {
        model::Interface& interface = moved->stored.value;
        if (ip && links && links->ip.text() == interface.address)
            server.link_address = SocketAddress{*ip, links->port}.text();
        interface.address = address;
        interface.family =
            model::is_ipv6(address) ? model::AddressFamily::Ipv6 : model::AddressFamily::Ipv4;
        result.changes.push_back(put(*moved));
    }
    if (!link_address.empty()) server.link_address = link_address;
    if (!(server == before)) result.changes.push_back(put(first));
    result.link_address = server.link_address;
    return result;
}

}  // namespace tandem::app
