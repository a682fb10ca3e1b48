// <data>/server.toml: who this server is in its system, and where the others are. Written when it
// joins, and by its home node when the layers say otherwise; read before the layers can be. A
// server without the file is the first one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"

namespace tandem::app {

struct ServerFile {
    struct Neighbour {
        std::string server;
        uint16_t node = 0;      // its home node
        SocketAddress address;  // of that node's listener
        friend bool operator==(const Neighbour&, const Neighbour&) = default;
    };
    std::string name;          // empty: not known yet
    uint16_t node = 1;         // its home node
    std::string link_address;  // empty: it has no links to other servers
    std::vector<Neighbour> neighbours;
    friend bool operator==(const ServerFile&, const ServerFile&) = default;
};

inline constexpr uint16_t link_port_default = 7'200;

// Of a server that has no file: one that is the first. The error names the file.
Result<ServerFile> read_server_file(const std::string& data);
Result<void> write_server_file(const std::string& data, const ServerFile& file);
bool has_server_file(const std::string& data);

}  // namespace tandem::app
