// Numbers as the other side of a trunk writes them: what its entries make of one on its way out or
// in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/generated/domain.h"
#include "model/generated/trunk.h"

namespace tandem::routing {

// By the first entry that fits; as it is where none does, where nothing would be left of it, and
// where it is no number ("anonymous"). `numbering`: of the trunk's domain.
std::string adapted(const std::vector<model::TrunkNumberChange>& changes,
                    const model::NumberingSettings& numbering, std::string_view number);

// Errors name the entry below `field`.
Result<void> check_changes(std::string_view field,
                           const std::vector<model::TrunkNumberChange>& changes);

}  // namespace tandem::routing
