// What must hold in a trunk.
#include <algorithm>

#include "base/net_address.h"
#include "model/trunk_proxy.h"
#include "roles/store/entity_rules.h"

namespace tandem::roles::store_role {

Result<void> check_own_rules(const Catalog&, const model::Trunk& trunk, Fresh) {
    if (trunk.proxies.empty()) return make_error(ErrorCode::Missing, "proxies", "is required");
    for (size_t i = 0; i < trunk.proxies.size(); ++i) {
        if (model::TrunkProxy::parse(trunk.proxies[i])) continue;
        return make_error(ErrorCode::Malformed, "proxies[" + std::to_string(i) + "]",
                          "must be host, host:port or host:port;tcp (or ;udp)");
    }
    for (size_t i = 0; i < trunk.addresses.size(); ++i) {
        if (IpNetwork::parse(trunk.addresses[i])) continue;
        return make_error(ErrorCode::Malformed, "addresses[" + std::to_string(i) + "]",
                          "must be an address or a network like 192.0.2.0/24");
    }
    if (trunk.mode != model::TrunkMode::Register) return {};
    if (trunk.user.empty())
        return make_error(ErrorCode::Missing, "user", "is required for a trunk that registers");
    if (trunk.password_sealed.empty())
        return make_error(ErrorCode::Missing, "password", "is required for a trunk that registers");
    return {};
}

Result<void> check_own_rules(const Catalog&, const model::TrunkGroup& group, Fresh) {
    for (size_t i = 0; i < group.members.size(); ++i) {
        const auto first = std::ranges::find(group.members, group.members[i]);
        if (first == group.members.begin() + static_cast<ptrdiff_t>(i)) continue;
        return make_error(ErrorCode::OutOfRange, "members[" + std::to_string(i) + "]",
                          "is in the group already");
    }
    return {};
}

Result<void> check_not_default(const Catalog& catalog, const model::Trunk& trunk) {
    const auto* domain = catalog.find_domain(trunk.domain);
    if (domain == nullptr || domain->settings.default_trunk != trunk.id) return {};
    return make_error(ErrorCode::Conflict, "id",
                      "the domain still uses it (settings.default_trunk)");
}

Result<void> check_not_default(const Catalog& catalog, const model::TrunkGroup& group) {
    const auto* domain = catalog.find_domain(group.domain);
    if (domain == nullptr || domain->settings.default_trunk_group != group.id) return {};
    return make_error(ErrorCode::Conflict, "id",
                      "the domain still uses it (settings.default_trunk_group)");
}

}  // namespace tandem::roles::store_role
