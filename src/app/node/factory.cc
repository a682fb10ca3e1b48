#include "app/node/factory.h"

#include "roles/b2bua/b2bua_role.h"
#include "roles/call_state/role.h"
#include "roles/external_sip_gate/external_sip_gate.h"
#include "roles/media_gate/role.h"
#include "roles/media_gate_controller/role.h"
#include "roles/registrar/registrar.h"
#include "roles/sip_gate/sip_gate.h"
#include "roles/store/store_role.h"
#include "roles/web_gate/web_gate.h"

namespace tandem::app {

namespace {

// Of its own, so that what is signed here means nothing elsewhere.
Bytes session_key(const SealKey& site_key) {
    const auto key = hmac_sha256(site_key, as_bytes("tandem web sessions"));
    return Bytes(key.begin(), key.end());
}

}  // namespace

NodeRoleFactory::NodeRoleFactory(const SiteKeys& keys, std::string admin_token,
                                 OwnAddresses own_addresses, std::string authority)
    : keys_(keys),
      admin_token_(std::move(admin_token)),
      own_addresses_(std::move(own_addresses)),
      authority_(std::move(authority)) {}

std::unique_ptr<ports::Role> NodeRoleFactory::make(ports::RoleKind kind,
                                                   const ports::Surroundings& around) {
    switch (kind) {
        case ports::RoleKind::SipGate:
            return std::make_unique<roles::sip_gate::SipGate>(around, keys_.call_ids);
        case ports::RoleKind::Registrar: {
            roles::registrar::RegistrarOptions options;
            options.credentials_key = keys_.seal;
            options.nonce_key = Bytes(keys_.nonces.begin(), keys_.nonces.end());
            return std::make_unique<roles::registrar::Registrar>(around, std::move(options));
        }
        case ports::RoleKind::B2bua: {
            roles::b2bua::B2buaOptions options;
            options.keys.credentials = keys_.seal;
            options.keys.nonces = Bytes(keys_.nonces.begin(), keys_.nonces.end());
            return std::make_unique<roles::b2bua::B2buaRole>(around, std::move(options));
        }
        case ports::RoleKind::MediaGate: {
            auto gate = std::make_unique<roles::media_gate::MediaGateRole>(around, own_addresses_);
            media_gate_ = around.self;
            media_plane_ = gate.get();
            return gate;
        }
        case ports::RoleKind::MediaGateController:
            return roles::media_gate_controller::make_role(around);
        case ports::RoleKind::CallState:
            return roles::call_state::make_role(around);
        case ports::RoleKind::Store:
            return std::make_unique<roles::store_role::StoreRole>(around, keys_.seal, authority_);
        case ports::RoleKind::ExternalSipGate:
            return std::make_unique<roles::external_sip_gate::ExternalSipGate>(
                around, keys_.call_ids, keys_.seal);
        case ports::RoleKind::WebGate:
            return std::make_unique<roles::web_gate::WebGate>(
                around, roles::web_gate::Gatekeeper(admin_token_, session_key(keys_.seal)));
    }
    return nullptr;
}

}  // namespace tandem::app
