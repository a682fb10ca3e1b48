#include "border/advertise.h"

#include <algorithm>

#include "border/limits.h"

namespace tandem::border {
void Listener::learn_local(const IpAddress& address) {
    if (address.is_unspecified() || !settings.bind.ip.is_unspecified()) return;
    if (local.size() >= local_addresses_max) return;
    if (std::find(local.begin(), local.end(), address) == local.end()) local.push_back(address);
}

IpAddress Listener::nearest_local(const IpAddress& remote) const {
    if (!settings.bind.ip.is_unspecified()) return settings.bind.ip;
    const IpAddress* nearest = nearest_of(local, remote);
    return nearest == nullptr ? IpAddress{} : *nearest;
}

bool Listener::is_local(const IpAddress& remote) const {
    return std::any_of(settings.local_networks.begin(), settings.local_networks.end(),
                       [&](const IpNetwork& network) { return network.contains(remote); });
}

Advertised Listener::advertise(const IpAddress& remote) const {
    const std::pair<IpNetwork, std::string>* special = nullptr;
    for (const auto& each : settings.advertised_for) {
        if (!each.first.contains(remote)) continue;
        if (!special || each.first.prefix_length > special->first.prefix_length) special = &each;
    }
    if (special) return {special->second, port};
    const IpAddress nearest = nearest_local(remote);
    const bool inside = remote.is_loopback() || is_local(remote);
    if (!settings.advertised_host.empty() && (!inside || nearest.is_unspecified())) {
        return {settings.advertised_host, port};
    }
    return {nearest.text_bracketed(), port};
}

}  // namespace tandem::border
