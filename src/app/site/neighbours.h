// Which nodes the system has and where they run, as the layers say it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/config/server_file.h"
#include "base/net_address.h"
#include "runtime/link/node_links.h"

namespace tandem::ports {
class Directory;
}
namespace tandem::store {
class Catalog;
}

namespace tandem::app {

struct Neighbours {
    ServerFile self;          // what the server file is to say
    bool is_removed = false;  // the layers have no such server any more
    // Nodes of this server: its home node, and those that its role instances are hosted by or
    // still drain in.
    std::vector<int> own;
    // All others that can be reached.
    std::map<uint16_t, runtime::NodePlace> others;
    friend bool operator==(const Neighbours&, const Neighbours&) = default;
};

// `before`: what was known until now, as nodes that drain are in no layer any more. `home`: the
// home node of this server.
Neighbours neighbours_of(const store::Catalog& catalog, const ports::Directory& directory,
                         const Neighbours& before, uint16_t home);

}  // namespace tandem::app
