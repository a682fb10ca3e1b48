// From the catalog to the settings of one gate.
#pragma once

#include "border/settings.h"
#include "ports/address.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::border {

GateSettings settings_of(const store::Catalog& catalog, ports::Instance self);

}  // namespace tandem::border
