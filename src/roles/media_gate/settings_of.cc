#include "roles/media_gate/settings_of.h"

#include <algorithm>
#include <iterator>

#include "store/catalog.h"

namespace tandem::roles::media_gate {
namespace {

const IpAddress kLoopback4 = *IpAddress::parse("127.0.0.1");
const IpAddress kLoopback6 = *IpAddress::parse("::1");
const IpNetwork kLoopbackNetwork4 = *IpNetwork::parse("127.0.0.0/8");
const IpNetwork kLoopbackNetwork6 = *IpNetwork::parse("::1/128");

std::optional<AddressPlan> plan_for(const model::Interface& interface,
                                    const std::vector<IpAddress>& own) {
    const auto bind = IpAddress::parse(interface.address);
    if (!bind) return std::nullopt;
    AddressPlan plan;
    plan.bind = *bind;
    const bool v4 = bind->family == AddressFamily::V4;
    std::ranges::copy_if(own, std::back_inserter(plan.own),
                         [&](const IpAddress& each) { return each.family == bind->family; });
    // Who is inside sees the address itself; bound to all, the one nearest to him.
    if (bind->is_unspecified() && plan.own.empty()) plan.own = {v4 ? kLoopback4 : kLoopback6};
    plan.advertised = IpAddress::parse(interface.advertised_address).value_or(*bind);
    plan.advertised_for.emplace_back(v4 ? kLoopbackNetwork4 : kLoopbackNetwork6, *bind);
    for (const std::string& text : interface.local_networks) {
        if (const auto network = IpNetwork::parse(text))
            plan.advertised_for.emplace_back(*network, *bind);
    }
    for (const model::AdvertisedAddress& special : interface.advertised_for) {
        const auto network = IpNetwork::parse(special.network);
        const auto address = IpAddress::parse(special.address);
        if (network && address) plan.advertised_for.emplace_back(*network, *address);
    }
    return plan;
}

void take(const model::Interface& interface, const std::vector<IpAddress>& own,
          GateSettings& settings) {
    auto plan = plan_for(interface, own);
    if (!plan) return;
    auto& place = plan->bind.family == AddressFamily::V4 ? settings.v4 : settings.v6;
    if (!place) place = std::move(plan);
}

void take_addresses(const store::Catalog& catalog, const model::RoleInstance& role,
                    const std::vector<IpAddress>& own, GateSettings& settings) {
    for (const InterfaceId id : role.interfaces) {
        if (const auto* interface = catalog.find_interface(id)) take(*interface, own, settings);
    }
    if (!role.interfaces.empty()) return;
    catalog.visit_interfaces([&](const model::Interface& interface) {
        if (interface.server == role.server && interface.serves_media)
            take(interface, own, settings);
        return true;
    });
}

}  // namespace

GateSettings settings_of(const store::Catalog& catalog, ports::Instance self,
                         const std::vector<IpAddress>& own) {
    GateSettings settings;
    if (const auto* role = catalog.find_role_instance(static_cast<int>(self.number))) {
        const model::MediaGateSettings gate = role->media_gate.value_or(model::MediaGateSettings{});
        settings.port_min = static_cast<uint16_t>(gate.rtp_port_min);
        settings.port_max = static_cast<uint16_t>(gate.rtp_port_max);
        settings.contexts_max = static_cast<size_t>(gate.contexts_max);
        settings.silence = gate.silence;
        take_addresses(catalog, *role, own, settings);
    }
    if (!settings.v4 && !settings.v6) settings.v4 = AddressPlan{kLoopback4, kLoopback4, {}, {}};
    return settings;
}

}  // namespace tandem::roles::media_gate
