#include "app/node/store_members.h"

#include <algorithm>

#include "app/node/node_store.h"
#include "base/net_address.h"
#include "runtime/reactor/clock.h"
#include "store/catalog.h"

namespace tandem::app {
namespace {

constexpr auto kMoveAgain = std::chrono::seconds(60);  // after one that failed

EtcdServerEntry entry_of(const model::Server& server) {
    const auto links = SocketAddress::parse(server.link_address);
    SocketAddress at{links ? links->ip : *IpAddress::parse("127.0.0.1"),
                     static_cast<uint16_t>(server.etcd_port)};
    EtcdServerEntry entry{server.name, at.text(), {}};
    ++at.port;
    entry.peer = at.text();
    return entry;
}

}  // namespace

std::vector<EtcdServerEntry> etcd_servers_of(const store::Catalog& catalog) {
    std::vector<const model::Server*> servers;
    catalog.visit_servers([&](const model::Server& server) {
        servers.push_back(&server);
        return true;
    });
    if (servers.size() > 1)
        std::erase_if(servers, [](const auto* server) { return server->link_address.empty(); });
    std::ranges::sort(servers, {}, [](const model::Server* server) { return server->node; });
    std::vector<EtcdServerEntry> entries;
    for (const model::Server* server : servers) entries.push_back(entry_of(*server));
    return entries;
}

EtcdCluster cluster_of(const StorePlace& place, std::vector<EtcdServerEntry> servers) {
    return {place.cluster,         place.founder, place.tls_ca,
            place.tls_certificate, place.tls_key, std::move(servers)};
}

void NodeStore::follow_servers(const store::Catalog& catalog, bool is_home) {
    if (followed_ == catalog.revision()) return;
    followed_ = catalog.revision();
    auto servers = etcd_servers_of(catalog);
    if (servers == told_servers_) return;
    told_servers_ = servers;
    shard_.reactor().post([this, servers = std::move(servers), is_home]() mutable {
        on_servers(std::move(servers), is_home);
    });
}

void NodeStore::on_servers(std::vector<EtcdServerEntry> servers, bool is_home) {
    servers_ = std::move(servers);
    is_home_ = is_home;
    keep_members();
    move_by_itself();
}

// The files of this server say which members there are; the parent and the other nodes read them.
// Not during a move: then the founder is alone.
void NodeStore::keep_members() {
    if (!is_home_ || servers_.empty() || mover_) return;
    if (place_.cluster.empty()) {  // the parent ends the member
        const auto removed = remove_etcd_cluster(bootstrap_.data);
        if (!removed.has_value()) say(ports::LogLine::Level::Error, removed.error().message);
        return;
    }
    const EtcdCluster wanted = cluster_of(place_, servers_);
    const auto known = load_etcd_cluster(bootstrap_.data);
    if (!known.has_value() || *known != wanted) {
        const auto saved = save_etcd_cluster(bootstrap_.data, wanted);
        if (!saved.has_value()) say(ports::LogLine::Level::Error, saved.error().message);
    }
    StorePlace place = place_;
    place.endpoints = wanted.endpoints();
    if (place == place_) return;
    const auto saved = save_store_place(bootstrap_.data, place);
    if (!saved.has_value()) return say(ports::LogLine::Level::Error, saved.error().message);
    switch_to(place, nullptr);
}

// At the first join. Whoever has moved the store by hand goes on to do so.
void NodeStore::move_by_itself() {
    const bool is_due = node_ == kStoreNode && bootstrap_.etcd.automatic &&
                        place_.generation == 1 && place_.kind == StorePlace::Kind::Sqlite &&
                        servers_.size() > 1;
    if (!is_due) return;
    moves_by_itself_.arm(kMoveAgain, [this] { move_by_itself(); });
    if (mover_) return;
    const auto begun = begin_move(runtime::read_clocks(), {.kind = "etcd", .endpoints = {}});
    if (begun.has_value()) return;
    say(ports::LogLine::Level::Error,
        "the store cannot move to etcd by itself, and will be tried again: " +
            begun.error().message);
}

}  // namespace tandem::app
