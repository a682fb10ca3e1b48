// What is dialled in a domain and is no account: ring groups and feature codes.
#pragma once

#include <optional>
#include <string_view>

#include "model/generated/feature_code.h"
#include "routing/route.h"

namespace tandem::routing {

// Whether the action is for a schedule, not for the account of who dials.
bool is_of_schedule(model::FeatureAction action);

// Whether the code is pressed during a call (src/call/code_keys.h), and not dialled.
bool is_pressed(model::FeatureAction action);

// nullopt: the number is neither. It is as normalised() leaves it.
std::optional<Route> reach_service(const store::Catalog& catalog, const Question& question,
                                   std::string_view number, const Route& route);

}  // namespace tandem::routing
