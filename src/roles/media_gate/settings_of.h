// The gate's settings out of the catalog.
#pragma once

#include "ports/address.h"
#include "roles/media_gate/gate.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::roles::media_gate {

// Of the media interfaces of the instance's server the first of each family. Without any, the gate
// serves its own machine only.
// `own`: the addresses of the machine, for interfaces that are bound to all of them.
GateSettings settings_of(const store::Catalog& catalog, ports::Instance self,
                         const std::vector<IpAddress>& own);

}  // namespace tandem::roles::media_gate
