// Whose members an etcd of our own has: the servers of the layers.
#pragma once

#include <vector>

#include "app/config/etcd_members.h"
#include "app/config/store_place.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::app {

// By their home nodes: the first server is preferred. One that others cannot reach has none, unless
// it is the only one.
std::vector<EtcdServerEntry> etcd_servers_of(const store::Catalog& catalog);
EtcdCluster cluster_of(const StorePlace& place, std::vector<EtcdServerEntry> servers);

}  // namespace tandem::app
