// Which role instance is to run where, as read from the logic layer of the catalog.
#pragma once

#include <vector>

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
};

// All role instances, by number.
std::vector<Placement> placements_of(const store::Catalog& catalog);

}  // namespace tandem::roles::host
