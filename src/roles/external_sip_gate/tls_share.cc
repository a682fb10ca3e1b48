#include "roles/external_sip_gate/tls_share.h"

namespace tandem::roles::external_sip_gate {

std::set<TlsKey> shared_fairly(const std::map<DomainId, std::vector<TlsKey>>& wanted,
                               TlsShareBounds bounds) {
    std::set<TlsKey> taken;
    bool is_more = true;
    for (size_t turn = 0; is_more && turn < bounds.of_a_domain; ++turn) {
        is_more = false;
        for (const auto& [domain, keys] : wanted) {
            if (turn >= keys.size()) continue;
            is_more = true;
            if (taken.size() < bounds.of_all) taken.insert(keys[turn]);
        }
    }
    return taken;
}

}  // namespace tandem::roles::external_sip_gate
