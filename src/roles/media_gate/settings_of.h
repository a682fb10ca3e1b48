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
GateSettings settings_of(const store::Catalog& catalog, ports::Instance self);

}  // namespace tandem::roles::media_gate
