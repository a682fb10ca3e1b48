#include "app/config/etcd_members.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "app/config/durable_file.h"
#include "base/net_address.h"

namespace tandem::app {
namespace {

std::string path_of(const std::string& data) {
    return data + "/etcd.toml";
}

Result<EtcdServerEntry> read_server(const toml::node& node, const std::string& file) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
        return make_error(ErrorCode::OutOfRange, "servers", file + ": servers must hold tables");
    }
    EtcdServerEntry server;
    server.name = (*table)["name"].value_or(std::string());
    server.client = (*table)["client"].value_or(std::string());
    server.peer = (*table)["peer"].value_or(std::string());
    if (server.name.empty() || !SocketAddress::parse(server.client) ||
        !SocketAddress::parse(server.peer)) {
        return make_error(ErrorCode::OutOfRange, "servers",
                          file +
                              ": each of servers needs name, client and peer, the latter two "
                              "addresses with ports");
    }
    return server;
}

Result<EtcdCluster> read_cluster(const toml::table& table, const std::string& file) {
    EtcdCluster cluster;
    cluster.token = table["token"].value_or(std::string());
    cluster.founder = table["founder"].value_or(std::string());
    cluster.tls_ca = table["tls_ca"].value_or(std::string());
    cluster.tls_certificate = table["tls_certificate"].value_or(std::string());
    cluster.tls_key = table["tls_key"].value_or(std::string());
    const toml::array* servers = table["servers"].as_array();
    if (servers == nullptr || servers->empty() || cluster.token.empty()) {
        return make_error(ErrorCode::Missing, "servers",
                          file + ": token and at least one of servers must be there");
    }
    for (const toml::node& node : *servers) cluster.servers.push_back(TRY(read_server(node, file)));
    return cluster;
}

}  // namespace

const EtcdServerEntry* EtcdCluster::find(const std::string& name) const {
    const auto found = std::ranges::find(servers, name, &EtcdServerEntry::name);
    return found == servers.end() ? nullptr : &*found;
}

std::vector<std::string> EtcdCluster::endpoints() const {
    std::vector<std::string> list;
    for (const EtcdServerEntry& server : servers) list.push_back(server.client);
    return list;
}

Result<EtcdCluster> parse_etcd_cluster(const std::string& text, const std::string& file_name) {
    try {
        return read_cluster(toml::parse(text, file_name), file_name);
    } catch (const toml::parse_error& error) {
        return make_error(ErrorCode::Malformed, "",
                          file_name + ":" + std::to_string(error.source().begin.line) +
                              ": not valid TOML: " + std::string(error.description()));
    }
}

std::string to_text(const EtcdCluster& cluster) {
    toml::table table;
    table.insert("token", cluster.token);
    table.insert("founder", cluster.founder);
    if (!cluster.tls_ca.empty()) {
        table.insert("tls_ca", cluster.tls_ca);
        table.insert("tls_certificate", cluster.tls_certificate);
        table.insert("tls_key", cluster.tls_key);
    }
    toml::array servers;
    for (const EtcdServerEntry& server : cluster.servers) {
        servers.push_back(
            toml::table{{"name", server.name}, {"client", server.client}, {"peer", server.peer}});
    }
    table.insert("servers", std::move(servers));
    std::ostringstream text;
    text << "# The etcd members of this site. Written by tandemd.\n" << table << '\n';
    return text.str();
}

Result<std::optional<EtcdCluster>> load_etcd_cluster(const std::string& data) {
    const std::string path = path_of(data);
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return std::optional<EtcdCluster>();
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::NotFound, "", path + ": cannot be opened");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return std::optional(TRY(parse_etcd_cluster(text, path)));
}

Result<void> save_etcd_cluster(const std::string& data, const EtcdCluster& cluster) {
    return replace_file(path_of(data), to_text(cluster), 0644);
}

Result<void> remove_etcd_cluster(const std::string& data) {
    std::error_code error;
    std::filesystem::remove(path_of(data), error);
    if (!error) return {};
    return make_error(ErrorCode::Internal, "", path_of(data) + ": " + error.message());
}

}  // namespace tandem::app
