// Which of the peers over TLS that trunks expect are told to the transport, where there is no room
// for all: no domain can take it from the others.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "base/net_address.h"
#include "model/ids.h"

namespace tandem::roles::external_sip_gate {

struct TlsKey {
    SocketAddress address;
    uint64_t number = 0;  // as in Flow::tls_peer
    friend auto operator<=>(const TlsKey&, const TlsKey&) = default;
};

struct TlsShareBounds {
    size_t of_all = 0;
    size_t of_a_domain = 0;
};

// One after the other of each domain in turn, until the room is used up. What several domains want
// takes the place of one.
std::set<TlsKey> shared_fairly(const std::map<DomainId, std::vector<TlsKey>>& wanted,
                               TlsShareBounds bounds);

}  // namespace tandem::roles::external_sip_gate
