// Which trunk a request comes over: by the Contact that we have registered, or by where it comes
// from, and then by whom it is for.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
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
    // The enabled trunks of all domains, with the addresses that their entities name. What was
    // learned of those that stay is kept.
    void read(const store::Catalog& catalog);
    // The addresses that the trunk's names lead to now; nothing of a trunk that is not read. Those
    // of before count for a while: some zones give another part of their servers each time.
    // Whether networks() has changed.
    bool learn(Instant now, TrunkId trunk, const std::vector<IpAddress>& addresses);
    void forget(TrunkId trunk);  // what was learned: it has other names now

    // nullopt: a stranger's, or one that could be of several trunks.
    std::optional<TrunkId> trunk_of(const sip::Message& request, const IpAddress& source,
                                    const store::Catalog& catalog,
                                    const ports::TokenMint& tokens) const;
    // Of all, as named and as learned.
    const std::vector<IpNetwork>& networks() const { return networks_; }
    size_t size() const { return trunks_.size(); }

 private:
    bool comes_from(TrunkId trunk, const IpAddress& source) const;
    bool is_named(TrunkId trunk, const IpAddress& source) const;
    void gather_networks();

    struct Peer {
        IpNetwork network;
        TrunkId trunk;
    };
    struct Learned {
        IpAddress address;
        Instant seen;
    };
    std::vector<Peer> peers_;
    std::unordered_map<TrunkId, std::vector<Learned>> learned_;
    std::vector<IpNetwork> networks_;
    std::unordered_map<uint64_t, TrunkId> by_key_;  // ports::key_of()
    std::unordered_map<TrunkId, bool> trunks_;      // whether the source has to fit
};

}  // namespace tandem::roles::external_sip_gate
