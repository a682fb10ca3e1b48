// From the catalog to the settings of one gate.
#pragma once

#include "ports/address.h"
#include "roles/sip_gate/settings.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::roles::sip_gate {

GateSettings settings_of(const store::Catalog& catalog, ports::Instance self);

}  // namespace tandem::roles::sip_gate
