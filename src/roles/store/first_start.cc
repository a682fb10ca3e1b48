#include "roles/store/first_start.h"

#include "model/format.h"
#include "roles/store/entity_ops.h"

namespace tandem::roles::store_role {
namespace {

constexpr std::string_view writer = "first-start";

template <typename T>
void add(const T& value, UtcTime now, store::Member& write) {
    put_new(value, {now, writer}, write);
}

model::RoleInstance role_instance(const FirstStart& plan, const PlannedRole& planned) {
    model::RoleInstance role;
    role.role = planned.role;
    role.node = planned.node;
    role.group = planned.group;
    if (planned.role == model::RoleCode::Sg) role.sip_gate = plan.sip_gate;
    if (planned.role == model::RoleCode::Ws) role.web_gate = plan.web_gate;
    if (planned.role == model::RoleCode::Mg) role.media_gate = plan.media_gate;
    if (planned.role == model::RoleCode::B2b) role.b2bua = plan.b2bua;
    if (planned.role == model::RoleCode::Sr) role.registrar.emplace();
    if (planned.role == model::RoleCode::St) role.store.emplace();
    return role;
}

}  // namespace

std::vector<PlannedRole> elementary_roles() {
    using model::RoleCode;
    return {{RoleCode::St},  {RoleCode::Cs}, {RoleCode::Mgc}, {RoleCode::Mg}, {RoleCode::Sr},
            {RoleCode::B2b}, {RoleCode::Sg}, {RoleCode::Ws},  {RoleCode::Esg}};
}

store::Member first_start(const FirstStart& plan, UtcTime now, Rng& rng) {
    store::Member write;
    add(plan.system, now, write);  // absent: the store was empty

    model::Site site;
    site.id = SiteId::mint(now, rng);
    site.name = plan.site;
    add(site, now, write);

    model::Server server;
    server.id = ServerId::mint(now, rng);
    server.site = site.id;
    server.name = plan.server;
    server.link_address = plan.link_address;
    add(server, now, write);

    model::Interface interface;
    interface.id = InterfaceId::mint(now, rng);
    interface.server = server.id;
    interface.name = "default";
    interface.address = plan.address;
    interface.advertised_address = plan.advertised_address;
    interface.family =
        model::is_ipv6(plan.address) ? model::AddressFamily::Ipv6 : model::AddressFamily::Ipv4;
    add(interface, now, write);

    int number = 0;
    for (const PlannedRole& planned : plan.roles) {
        model::RoleInstance role = role_instance(plan, planned);
        role.id = RoleInstanceId::mint(now, rng);
        role.server = server.id;
        role.number = ++number;
        add(role, now, write);
    }
    return write;
}

}  // namespace tandem::roles::store_role
