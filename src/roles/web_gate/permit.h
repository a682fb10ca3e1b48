// Whether somebody may do what a request asks for. What lies outside of where his grants reach does
// not exist for him: such a request gets the answer, and takes the way, of one for a domain that
// there is not.
#pragma once

#include <optional>

#include "base/result.h"
#include "model/rights.h"
#include "ports/web_port.h"
#include "roles/web_gate/principal.h"
#include "roles/web_gate/router.h"
#include "store/catalog.h"

namespace tandem::roles::web_gate {

// The right that a method of a resource needs; nullopt: it is the operator's alone.
struct NeededRight {
    model::Resource resource = model::Resource::Domains;
    model::Verb verb = model::Verb::Read;
};
std::optional<NeededRight> needed_for(const Route& route, uint8_t method);

// For any route but those that anyone may use. Completes `match.domain` where somebody asks without
// naming one: for him that is his own. Errors: NotFound, Forbidden.
Result<void> permit(const store::Catalog& catalog, const Principal& principal, uint8_t method,
                    const ports::HttpRequest& request, RouteMatch& match);

// What is found only later: a call that was named by its id, the domain in a body.
bool may(const store::Catalog& catalog, const Principal& principal, DomainId domain,
         NeededRight right);

}  // namespace tandem::roles::web_gate
