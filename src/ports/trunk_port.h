// What others ask of the gates for trunks (ESG), and these of the runtime.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/net_address.h"
#include "model/ids.h"
#include "ports/registrar_port.h"
#include "ports/sip_port.h"

namespace tandem::ports {

// One gate at a time looks after a trunk: registers with its provider and knows which of its
// proxies are there. It is Directory::pick(RoleKind::ExternalSipGate, key_of(trunk)).
constexpr uint64_t key_of(TrunkId trunk) {
    return trunk.bits.low ^ (trunk.bits.high * 0x9e3779b97f4a7c15);
}

// How to reach a number over a trunk.
struct TrunkQuery {
    DomainId domain;
    TrunkId trunk;
    std::string number;
};
struct TrunkReply {
    // One for each proxy that may be there, the first to be tried first. `contact` is the
    // Request-URI.
    std::vector<Binding> ways;
    std::string failure;      // why there are none
    bool seems_down = false;  // none of its proxies answers what the gate asks them
    bool ask_again = false;   // soon there may be some: names are being looked up
};

// To the gate that looks after the trunk: a call was given no word by this proxy in time, so that
// it makes sure of it before the next call waits as long.
struct TrunkWaySilent {
    TrunkId trunk;
    Transport transport = Transport::Udp;
    SocketAddress address;
};

// How the trunks of a domain are that the asked gate looks after, for operators: JSON objects.
struct TrunkStatesQuery {
    DomainId domain;
};
struct TrunkStates {
    std::vector<std::string> items;
};

// RFC 3263: where a host is. To kResolver.
struct ResolveQuery {
    std::string host;
    uint16_t port = 0;  // 0: as DNS says, else 5060
    bool any_transport = true;
    Transport transport = Transport::Udp;  // the one that is wanted, unless any will do
};
struct ResolveReply {
    struct Place {
        Transport transport = Transport::Udp;
        SocketAddress address;
        // As in sip::Target, for those who draw anew for each request.
        uint16_t rank = 0;
        uint16_t server = 0;
        uint16_t weight = 0;
        friend bool operator==(const Place&, const Place&) = default;
    };
    std::vector<Place> places;  // to be tried in this order
    std::string failure;
    uint32_t ttl_s = UINT32_MAX;  // asking again makes no sense before
    bool is_partial = false;      // name servers have failed: something may be missing
    // Where DNS has led to, too, though no server can be there (port 0, 0.0.0.0 ...); or empty.
    std::string unfit{};
};

}  // namespace tandem::ports
