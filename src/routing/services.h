// What is dialled in a domain and is no account: ring groups and feature codes.
#pragma once

#include <optional>
#include <string_view>

#include "routing/route.h"

namespace tandem::routing {

// nullopt: the number is neither. It is as normalised() leaves it.
std::optional<Route> reach_service(const store::Catalog& catalog, const Question& question,
                                   std::string_view number, const Route& route);

}  // namespace tandem::routing
