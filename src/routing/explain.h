// The words of dial plans: why a rule takes a call, or doesn't.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "routing/route.h"

namespace tandem::routing {

std::string title_of(const model::DialRule& rule);  // "the rule 'exit' (order 10)"
std::string name_of(const store::Catalog& catalog, DomainId domain);
// Why a rule takes a call whose number is `form`, in the form that the rule is for.
std::string grounds(const model::DialRule& rule, const PlanQuestion& asked, std::string_view form);
// As DialPlan::find(), by asking each rule in turn and noting what it says.
const model::DialRule* explained(const store::Catalog& catalog, DomainId domain,
                                 const PlanQuestion& asked, std::vector<Step>& steps);

}  // namespace tandem::routing
