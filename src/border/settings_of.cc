#include "border/settings_of.h"

#include <algorithm>

#include "base/crypto.h"
#include "border/limits.h"
#include "store/catalog.h"

namespace tandem::border {
namespace {

using ports::Transport;

constexpr uint16_t kTransports = 5;
constexpr uint16_t kNumberGroups = 13'000;  // times kTransports fits 16 bits

// A listener's number is made of its interface and transport, not of its place in a list, so that
// flows in bindings stay right when interfaces come and go. Clashes go to the next free group.
uint16_t group_of(const InterfaceId& id, std::vector<uint16_t>& taken) {
    const uint64_t drawn = siphash({0x6c697374, 0x656e6572}, as_bytes(id.text()));
    auto group = static_cast<uint16_t>(drawn % kNumberGroups);
    while (std::find(taken.begin(), taken.end(), group) != taken.end()) {
        group = static_cast<uint16_t>((group + 1) % kNumberGroups);
    }
    taken.push_back(group);
    return group;
}

std::vector<IpNetwork> networks_of(const std::vector<std::string>& texts) {
    std::vector<IpNetwork> networks;
    for (const std::string& text : texts) {
        if (const auto network = IpNetwork::parse(text)) networks.push_back(*network);
    }
    return networks;
}

std::string bracketed(const std::string& address) {
    const auto ip = IpAddress::parse(address);
    return ip ? ip->text_bracketed() : address;
}

void add_listeners(const model::Interface& interface, const model::SipGateSettings& ports,
                   uint16_t group, GateSettings& settings) {
    const auto address = IpAddress::parse(interface.address);
    if (!address) return;
    const std::pair<Transport, int> wanted[] = {{Transport::Udp, ports.udp_port},
                                                {Transport::Tcp, ports.tcp_port},
                                                {Transport::Tls, ports.tls_port},
                                                {Transport::Ws, ports.ws_port},
                                                {Transport::Wss, ports.wss_port}};
    for (const auto& [transport, port] : wanted) {
        if (port == 0 || settings.listeners.size() >= listeners_max) continue;
        ListenerSettings listener;
        listener.number =
            static_cast<uint16_t>(1 + group * kTransports + static_cast<uint16_t>(transport));
        listener.transport = transport;
        listener.bind = {*address, static_cast<uint16_t>(port)};
        listener.advertised_host = bracketed(interface.advertised_address);
        listener.local_networks = networks_of(interface.local_networks);
        for (const model::AdvertisedAddress& special : interface.advertised_for) {
            const auto network = IpNetwork::parse(special.network);
            if (!network) continue;
            listener.advertised_for.emplace_back(*network, bracketed(special.address));
        }
        settings.listeners.push_back(std::move(listener));
    }
}

std::vector<const model::Interface*> interfaces_of(const store::Catalog& catalog,
                                                   const model::RoleInstance& role) {
    std::vector<const model::Interface*> found;
    for (const InterfaceId id : role.interfaces) {
        if (const auto* interface = catalog.find_interface(id)) found.push_back(interface);
    }
    if (!role.interfaces.empty()) return found;
    catalog.visit_interfaces([&](const model::Interface& interface) {
        if (interface.server == role.server && interface.serves_signalling) {
            found.push_back(&interface);
        }
        return true;
    });
    return found;
}

// A gate for trunks has the bounds of one for phones, but ports and a rate of its own.
model::SipGateSettings gate_settings(const model::RoleInstance& role) {
    model::SipGateSettings settings = role.sip_gate.value_or(model::SipGateSettings{});
    if (role.role != model::RoleCode::Esg) return settings;
    const auto own = role.external_sip_gate.value_or(model::ExternalSipGateSettings{});
    settings.udp_port = own.udp_port;
    settings.tcp_port = own.tcp_port;
    settings.tls_port = own.tls_port;
    settings.ws_port = settings.wss_port = 0;
    settings.source_rate_max = own.source_rate_max;
    return settings;
}

}  // namespace

GateSettings settings_of(const store::Catalog& catalog, ports::Instance self) {
    GateSettings settings;
    const auto* role = catalog.find_role_instance(static_cast<int>(self.number));
    if (!role) return settings;
    const model::SipGateSettings gate = gate_settings(*role);
    std::vector<uint16_t> taken;
    for (const model::Interface* interface : interfaces_of(catalog, *role)) {
        add_listeners(*interface, gate, group_of(interface->id, taken), settings);
    }
    const auto& system = catalog.system();
    settings.trusted_networks = networks_of(system.trusted_networks);
    settings.trace = !system.hep_target.empty();
    settings.server = system.user_agent;
    settings.message_bytes_max = static_cast<size_t>(gate.message_bytes_max);
    settings.connections_max = static_cast<uint32_t>(gate.connections_max);
    settings.connection_idle = gate.connection_idle;
    settings.source.messages_per_s = static_cast<uint32_t>(gate.source_rate_max);
    settings.source.burst = 2 * settings.source.messages_per_s;
    settings.source.offences_max = static_cast<uint32_t>(gate.ban_failures);
    settings.source.ban = gate.ban;
    return settings;
}

}  // namespace tandem::border
