#include "roles/web_gate/names.h"

#include "store/catalog.h"

namespace tandem::roles::web_gate {
namespace {

void add_listeners(const model::Interface& interface, const model::WebGateSettings& ports,
                   WebSettings& settings) {
    const auto address = IpAddress::parse(interface.address);
    if (!address) return;
    for (const bool secure : {false, true}) {
        const int port = secure ? ports.https_port : ports.http_port;
        if (port == 0) continue;
        const auto number = static_cast<uint16_t>(settings.listeners.size() + 1);
        settings.listeners.push_back({number,
                                      {*address, static_cast<uint16_t>(port)},
                                      secure,
                                      static_cast<uint32_t>(ports.connections_max)});
    }
}

}  // namespace

std::optional<DomainId> find_domain(const store::Catalog& catalog, std::string_view name_or_id) {
    // As ST reads it: nobody can take a name that is another domain's id.
    const auto id = DomainId::parse(name_or_id);
    if (id && catalog.find_domain(*id)) return id;
    if (const auto* domain = catalog.find_domain(name_or_id)) return domain->id;
    return std::nullopt;
}

std::optional<AccountId> find_account(const store::Catalog& catalog, DomainId domain,
                                      std::string_view login_or_id) {
    if (const auto* account = catalog.find_account_by_login(domain, login_or_id)) {
        return account->id;
    }
    const auto id = AccountId::parse(login_or_id);
    if (!id || !catalog.find_account(domain, *id)) return std::nullopt;
    return id;
}

WebSettings settings_of(const store::Catalog& catalog, ports::Instance self) {
    WebSettings settings;
    const auto* role = catalog.find_role_instance(static_cast<int>(self.number));
    if (!role) return settings;
    const model::WebGateSettings web = role->web_gate.value_or(model::WebGateSettings{});
    settings.body_bytes_max = static_cast<size_t>(web.body_bytes_max);
    for (const InterfaceId id : role->interfaces) {
        if (const auto* each = catalog.find_interface(id)) add_listeners(*each, web, settings);
    }
    if (!role->interfaces.empty()) return settings;
    catalog.visit_interfaces([&](const model::Interface& each) {
        if (each.server == role->server && each.serves_web) add_listeners(each, web, settings);
        return true;
    });
    return settings;
}

}  // namespace tandem::roles::web_gate
