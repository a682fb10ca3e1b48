// The logic layer as one document that people edit: {"roles": [...]}, all role instances that there
// are to be, each with the fields of the entity. An instance is known by its number, servers and
// interfaces by name or id. What is not listed goes; fields that are left out have their defaults,
// and a node that is left out stays, or is the home node of a new server.
#pragma once

#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "base/rng.h"
#include "cluster/plan.h"
#include "store/catalog.h"

namespace tandem::roles::store_role {

// Servers, interfaces and role instances, these by number.
cluster::Layout layout_of(const store::Catalog& catalog);

// The list "roles" of the document.
std::string roles_json(const cluster::Layout& layout);

// The layout that the document wants in place of `now`: its instances are in the order of the
// document, those that are new have an id minted for them. Judged is each instance by itself; what
// they are together is cluster::check()'s business. Errors name the field in the document:
// "roles[3].sip_gate.udp_port".
struct Minting {
    UtcTime now;
    Rng& rng;
};
Result<cluster::Layout> read_plan(std::string_view document, const cluster::Layout& now,
                                  Minting minting);
// "roles[3].sip_gate.udp_port"; empty: the layout does not have the instance.
std::string path_of(const cluster::Layout& layout, const cluster::Place& place);

}  // namespace tandem::roles::store_role
