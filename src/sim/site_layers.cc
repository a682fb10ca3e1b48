// What an operator would have set up: the layers that a simulated site begins with.
#include <set>

#include "base/check.h"
#include "model/entities.h"
#include "sim/site.h"
#include "store/keys.h"

namespace tandem::sim {
namespace {

constexpr int kPortsPerGate = 2000;

template <typename Act>
void for_each_role(store::Txn& txn, Act act) {
    for (store::Op& op : txn.then_ops) {
        auto* put = std::get_if<store::Put>(&op);
        if (put == nullptr || !put->key.starts_with("/l/role/")) continue;
        auto role = model::decode_stored<model::RoleInstance>(put->value);
        CHECK(role.has_value());
        act(role->value);
        put->value = model::encode_stored(role->value, {});
    }
}

}  // namespace

roles::store_role::FirstStart Site::first_start(const SitePlan& site) const {
    const SiteShape shape = site.shape;
    roles::store_role::FirstStart plan;
    plan.address = kSiteAddress;
    plan.media_gate.rtp_port_max = plan.media_gate.rtp_port_min + kPortsPerGate - 1;
    plan.sip_gate.tls_port = 0;
    plan.sip_gate.wss_port = 0;
    if (shape == SiteShape::OneNode) return plan;
    if (shape == SiteShape::Doubled || shape == SiteShape::Grouped) {
        plan.roles.push_back({model::RoleCode::B2b});
        plan.roles.push_back({model::RoleCode::Mg});
    }
    if (shape == SiteShape::Grouped) {
        plan.roles.push_back({.role = model::RoleCode::Sr, .group = 2});
        plan.roles.push_back({.role = model::RoleCode::Cs, .group = 2});
    }
    if (site.passives) {
        plan.roles.push_back({model::RoleCode::Sr});
        plan.roles.push_back({model::RoleCode::Mgc});
        plan.roles.push_back({model::RoleCode::Cs});
    }
    int node = 1;
    for (auto& role : plan.roles) role.node = role.role == model::RoleCode::St ? 1 : ++node;
    return plan;
}

// A second media gate of the same server needs ports of its own.
void Site::spread_media_ports(store::Txn& txn) const {
    int gates = 0;
    for_each_role(txn, [&](model::RoleInstance& role) {
        if (role.role != model::RoleCode::Mg) return;
        role.media_gate->rtp_port_min += gates * kPortsPerGate;
        role.media_gate->rtp_port_max += gates * kPortsPerGate;
        ++gates;
    });
}

void Site::let_all_survive(store::Txn& txn) const {
    for_each_role(txn, [](model::RoleInstance& role) {
        if (role.role != model::RoleCode::B2b) return;
        if (!role.b2bua) role.b2bua.emplace();
        role.b2bua->survival = model::Survival::All;
    });
}

// A server for each node, with an interface of its own.
void Site::spread_servers(store::Txn& txn) const {
    std::set<int> nodes;
    for_each_role(txn, [&](model::RoleInstance& role) {
        nodes.insert(static_cast<int>(role.node));
        role.server = ServerId{{1, static_cast<uint64_t>(role.node)}};
    });
    for (const int node : nodes) {
        model::Interface interface;
        interface.id = InterfaceId{{1, static_cast<uint64_t>(node)}};
        interface.server = ServerId{{1, static_cast<uint64_t>(node)}};
        interface.name = "default";
        interface.address = kSiteAddress;
        txn.then_ops.emplace_back(
            store::Put{store::keys::interface(interface.id), model::encode_stored(interface, {})});
    }
}

void Site::write_layers(const SitePlan& plan) {
    auto member =
        roles::store_role::first_start(first_start(plan), {1'800'000'000'000}, world_.rng());
    store::Txn txn{std::move(member.compares), std::move(member.ops), {}};
    spread_media_ports(txn);
    if (plan.survival_all) let_all_survive(txn);
    if (plan.shape != SiteShape::OneNode) spread_servers(txn);
    store_.write_first(std::move(txn));
}

}  // namespace tandem::sim
