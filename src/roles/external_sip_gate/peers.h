// Which trunk a request comes over: by the Contact that we have registered, or by where it comes
// from, and then by whom it is for.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/net_address.h"
#include "model/generated/trunk.h"
#include "ports/token.h"
#include "sip/message.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::roles::external_sip_gate {

class Peers {
 public:
    // The enabled trunks of all domains, with the addresses that their entities name.
    void read(const store::Catalog& catalog);
    // An address that a proxy's name has led to; nothing of a trunk that is not read.
    void learn(TrunkId trunk, const IpAddress& address);

    // nullopt: a stranger's, or one that could be of several trunks.
    std::optional<TrunkId> trunk_of(const sip::Message& request, const IpAddress& source,
                                    const store::Catalog& catalog,
                                    const ports::TokenMint& tokens) const;
    const std::vector<IpNetwork>& networks() const { return networks_; }
    size_t size() const { return trunks_.size(); }

 private:
    bool comes_from(TrunkId trunk, const IpAddress& source) const;

    struct Peer {
        IpNetwork network;
        TrunkId trunk;
    };
    std::vector<Peer> peers_;
    std::vector<IpNetwork> networks_;               // of peers_
    std::unordered_map<uint64_t, TrunkId> by_key_;  // ports::key_of()
    std::unordered_map<TrunkId, bool> trunks_;      // whether the source has to fit
};

}  // namespace tandem::roles::external_sip_gate
