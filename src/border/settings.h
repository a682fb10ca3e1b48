// What an operator may say about one SIP gate. Read from the catalog by settings_of().
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/net_address.h"
#include "ports/sip_port.h"

namespace tandem::border {

struct ListenerSettings {
    uint16_t number = 0;
    ports::Transport transport = ports::Transport::Udp;
    SocketAddress bind;
    std::string tls;              // the certificate's name; empty: the node's default
    std::string advertised_host;  // for phones outside the local networks; empty: the local address
    // Other advertised addresses for certain networks; the longest prefix wins.
    std::vector<std::pair<IpNetwork, std::string>> advertised_for;
    std::vector<IpNetwork> local_networks;  // phones here see our local address

    friend bool operator==(const ListenerSettings&, const ListenerSettings&) = default;
};

// What one source address may do. Loopback and local networks are exempt, and private addresses
// from the rate.
struct SourceLimits {
    uint32_t messages_per_s = 500;  // 0: no limit
    uint32_t burst = 1000;
    uint32_t offences_max = 30;  // malformed messages and refused log-ins within the window; 0: off
    Duration offence_window = 60s;
    Duration ban = 300s;

    friend bool operator==(const SourceLimits&, const SourceLimits&) = default;
};

struct GateSettings {
    std::vector<ListenerSettings> listeners;
    std::vector<IpNetwork> trusted_networks;  // exempt from SourceLimits, as local networks are
    SourceLimits source;
    size_t message_bytes_max = 65'535;
    uint32_t connections_max = 50'000;
    Duration connection_idle = 3600s;
    bool trace = false;             // every message goes to the journal as SipTrace
    std::string server = "Tandem";  // of answers that the gate gives itself

    friend bool operator==(const GateSettings&, const GateSettings&) = default;
};

}  // namespace tandem::border
