// How a server joins a site: an operator asks ST for a token, the new server shows it on a link,
// and ST judges and writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace tandem::ports {

// The frames of links (wire/frame.h). A server that speaks an older protocol than `oldest` cannot
// live beside us.
inline constexpr uint32_t link_protocol = 1;
inline constexpr uint32_t link_protocol_oldest = 1;

// WS to ST. `server`: whose name the token is for; empty: any that is free.
struct JoinTokenQuery {
    std::string server;
    uint32_t valid_s = 3'600;
};
struct JoinTokenReply {
    std::optional<Error> error;
    std::string json;  // {"token": ..., "expires": ..., "server": ...}
};

// From the server that joins, by the node that it has reached, to ST.
struct ServerJoin {
    std::string secret;  // of the token
    std::string name;
    std::string link_address;  // "192.0.2.7:7200"
    std::string version;       // of its program, for people
    uint32_t protocol = 0;
    UtcTime clock;  // of the joining server
    // For a certificate of its key (PKCS #10, PEM). One that was answered before gets the same
    // answer again, as the first may have been lost.
    std::string request;
    // 0: only judge, and tell which home node it would be given. Else that node, to be taken now.
    uint16_t node = 0;
    bool witness = false;  // it is to have no roles
};
struct ServerJoined {
    struct Neighbour {
        std::string server;
        uint16_t node = 0;    // its home node
        std::string address;  // of that node's listener
    };
    std::optional<Error> error;
    uint16_t node = 0;
    std::vector<Neighbour> neighbours;
};

}  // namespace tandem::ports
