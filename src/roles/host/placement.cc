#include "roles/host/placement.h"

#include "store/catalog.h"

namespace tandem::roles::host {
namespace {

std::optional<ports::RoleKind> kind_of(model::RoleCode code) {
    switch (code) {
        case model::RoleCode::Sg:
            return ports::RoleKind::SipGate;
        case model::RoleCode::Ws:
            return ports::RoleKind::WebGate;
        case model::RoleCode::Mg:
            return ports::RoleKind::MediaGate;
        case model::RoleCode::B2b:
            return ports::RoleKind::B2bua;
        case model::RoleCode::Sr:
            return ports::RoleKind::Registrar;
        case model::RoleCode::Mgc:
            return ports::RoleKind::MediaGateController;
        case model::RoleCode::Cs:
            return ports::RoleKind::CallState;
        case model::RoleCode::St:
            return ports::RoleKind::Store;
        case model::RoleCode::Esg:
            return ports::RoleKind::ExternalSipGate;
        case model::RoleCode::Ivr:
        case model::RoleCode::Conf:
        case model::RoleCode::Svc:
            return std::nullopt;  // not in this version
    }
    return std::nullopt;
}

}  // namespace

std::vector<Placement> placements_of(const store::Catalog& catalog) {
    std::vector<Placement> placements;
    catalog.visit_role_instances([&](const auto& entity) {
        const model::RoleInstance& instance = entity;
        const model::Server* server = catalog.find_server(instance.server);
        const bool enabled = instance.enabled && (server == nullptr || server->enabled);
        if (const auto kind = kind_of(instance.role)) {
            placements.push_back({{static_cast<uint16_t>(instance.number)},
                                  *kind,
                                  static_cast<uint16_t>(instance.node),
                                  enabled,
                                  instance.id,
                                  instance.server,
                                  static_cast<int>(instance.group),
                                  static_cast<uint16_t>(instance.weight),
                                  static_cast<int>(instance.order)});
        }
        return true;
    });
    return placements;
}

std::vector<Home> homes_of(const store::Catalog& catalog) {
    std::vector<Home> homes;
    catalog.visit_servers([&](const auto& entity) {
        const model::Server& server = entity;
        if (server.enabled) homes.push_back({server.id, static_cast<uint16_t>(server.node)});
        return true;
    });
    return homes;
}

}  // namespace tandem::roles::host
