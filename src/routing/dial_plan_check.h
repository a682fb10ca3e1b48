// What is odd about the rules of a dial plan beside each other: rules that never take a call,
// rules between which only their names decide, and rules that lead to a number that nobody has.
#pragma once

#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "model/generated/dial_rule.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::routing {

// What must hold in a rule by itself. Errors name the field.
Result<void> check_rule(const model::DialRule& rule);

// Of all rules of the domain, in their order; at most findings_max.
std::vector<model::DialFinding> check_dial_plan(const store::Catalog& catalog, DomainId domain);
// Of one rule, as if the catalog had it so already.
std::vector<model::DialFinding> check_in_plan(const store::Catalog& catalog,
                                              const model::DialRule& rule);

}  // namespace tandem::routing
