// Which role instance is to run where, as read from the logic layer of the catalog.
#pragma once

#include <vector>

#include "model/ids.h"
#include "ports/address.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::roles::host {

struct Placement {
    ports::Instance instance;
    ports::RoleKind kind = ports::RoleKind::SipGate;
    uint16_t node = 1;
    bool enabled = true;
    RoleInstanceId id;
    ServerId server;
    int group = 1;  // of an Active-Passive role
    uint16_t weight = 100;
    int order = 0;  // which copy of the group is preferred: the lowest
};

// All role instances, by number.
std::vector<Placement> placements_of(const store::Catalog& catalog);

// The node that each server always runs, with or without instances. Of those that do not drain.
struct Home {
    ServerId server;
    uint16_t node = 1;
};
std::vector<Home> homes_of(const store::Catalog& catalog);

}  // namespace tandem::roles::host
