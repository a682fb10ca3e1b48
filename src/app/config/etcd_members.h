// The etcd cluster that the servers of a site run themselves: <data>/etcd.toml, written by the node
// that knows the site, read by the parent, which runs the member of its server. Without the file
// this server has none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace tandem::app {

struct EtcdServerEntry {
    std::string name;    // of the server
    std::string client;  // where its member is reached by clients, "192.0.2.1:7379"
    std::string peer;    // and by the other members

    friend bool operator==(const EtcdServerEntry&, const EtcdServerEntry&) = default;
};

struct EtcdCluster {
    std::string token;    // keeps clusters apart that share addresses one after the other
    std::string founder;  // the server whose member is the first
    // PEM files, for clients and members alike. Empty: in clear.
    std::string tls_ca;
    std::string tls_certificate;
    std::string tls_key;
    // All that are to have a member, in the order in which they are preferred.
    std::vector<EtcdServerEntry> servers;

    const EtcdServerEntry* find(const std::string& name) const;
    std::vector<std::string> endpoints() const;  // of clients
    friend bool operator==(const EtcdCluster&, const EtcdCluster&) = default;
};

Result<EtcdCluster> parse_etcd_cluster(const std::string& text, const std::string& file_name);
std::string to_text(const EtcdCluster& cluster);

// nullopt: there is no file.
Result<std::optional<EtcdCluster>> load_etcd_cluster(const std::string& data);
Result<void> save_etcd_cluster(const std::string& data, const EtcdCluster& cluster);
// This server is to have no member any more.
Result<void> remove_etcd_cluster(const std::string& data);

}  // namespace tandem::app
