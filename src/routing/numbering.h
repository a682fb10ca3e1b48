// How numbers are written where a domain is: what its people dial, and what it means elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/generated/domain.h"

namespace tandem::routing {

// The international form of a number, with its "+" (ITU-T E.164), as somebody in the domain means
// it. nullopt: it has none there: a short number, a service code, or the domain names no country.
std::optional<std::string> international(const model::NumberingSettings& numbering,
                                         std::string_view number);
// The whole number that a short one stands for. nullopt: it isn't one.
std::optional<std::string> whole_number(const model::NumberingSettings& numbering,
                                        std::string_view number);
// The number in all forms that it may have in the domain's data, as it is first.
std::vector<std::string> forms_of(const model::NumberingSettings& numbering,
                                  std::string_view number);
// What must hold in the settings. Errors name the field below `numbering`.
Result<void> check_numbering(const model::NumberingSettings& numbering);

}  // namespace tandem::routing
