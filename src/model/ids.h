// Identities of entities that only the data layer knows; the others are in base/id.h.
#pragma once

#include "base/id.h"

namespace tandem {

using NumberRangeId = Id<struct NumberRangeTag>;
using CdrId = Id<struct CdrTag>;

}  // namespace tandem
