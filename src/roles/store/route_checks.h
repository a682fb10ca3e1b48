// The expected routes of a domain (routing/expectation.h), before one of its changes is accepted:
// what they come to now, and what they would come to with it.
#pragma once

#include <string>

#include "base/instant.h"
#include "base/result.h"
#include "ports/web_port.h"
#include "store/catalog.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

struct RouteScope {
    const store::Catalog& catalog;
    UtcTime now;
    const ports::EntityRequest& request;
    const store::Member& write;
};

// Conflict, with their names, when the change would break some that hold, the domain has
// routes_checked, and nobody says `force`. What fails already holds nothing up.
Result<void> check_expected_routes(const RouteScope& scope);
// For a dry run: [{"name", "expected", "before", "after", "holds"}] of those that would go
// elsewhere.
std::string changed_routes_json(const RouteScope& scope);

}  // namespace tandem::roles::store_role
