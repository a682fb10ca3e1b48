#include "app/node/first_start.h"

#include "roles/store/first_start.h"
#include "runtime/reactor/clock.h"
#include "runtime/sqlite/sqlite_store.h"

namespace tandem::app {
namespace {

roles::store_role::FirstStart plan_of(const Bootstrap& bootstrap) {
    const FirstStart& asked = bootstrap.first_start;
    roles::store_role::FirstStart plan;
    plan.server = bootstrap.name;
    plan.link_address = bootstrap.link_address;
    if (!bootstrap.address.empty()) plan.address = bootstrap.address;
    plan.sip_gate.udp_port = asked.sip_port;
    plan.sip_gate.tcp_port = asked.sip_port;
    plan.sip_gate.tls_port = asked.sips_port;
    plan.sip_gate.wss_port = asked.wss_port;
    plan.web_gate.http_port = asked.http_port;
    plan.web_gate.https_port = asked.https_port;
    plan.media_gate.rtp_port_min = asked.rtp_port_min;
    plan.media_gate.rtp_port_max = asked.rtp_port_max;
    if (!asked.split_nodes) return plan;
    // The store role stays on node 1, beside the store itself.
    int node = 1;
    for (roles::store_role::PlannedRole& role : plan.roles) {
        role.node = role.role == model::RoleCode::St ? 1 : ++node;
    }
    return plan;
}

}  // namespace

store::Txn first_write_of(const Bootstrap& bootstrap, Rng& rng) {
    const UtcTime now = runtime::read_clocks().utc;
    store::Member member = roles::store_role::first_start(plan_of(bootstrap), now, rng);
    return {std::move(member.compares), std::move(member.ops), {}};
}

Result<void> make_first_start(const Bootstrap& bootstrap, runtime::SqliteStore& store, Rng& rng) {
    store::Outbox out;
    store.apply(runtime::read_monotonic(), {1, first_write_of(bootstrap, rng)}, out);
    const auto& body = out.replies.at(0).body;
    if (!body.has_value()) return body.error();
    return {};  // a failed compare: the store has its layers
}

}  // namespace tandem::app
