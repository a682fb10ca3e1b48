// A feature code that calls all members of a ring group at once, to be heard by them.
#pragma once

#include <string_view>

#include "model/generated/feature_code.h"
#include "routing/route.h"

namespace tandem::routing {

// `number` is the group's. One stage, with those of its members who may be disturbed.
Route page_group(const store::Catalog& catalog, const Question& question,
                 const model::FeatureCode& code, std::string_view number, Route route);

}  // namespace tandem::routing
