// How a caller is shown in another domain.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "model/generated/representation.h"
#include "routing/route.h"

namespace tandem::routing {

// A call that is about to go from one domain to another.
struct Crossing {
    DomainId origin;  // the caller's domain
    DomainId from;    // that lets it out: the origin, or one that passes it on
    DomainId to;
    Shown caller;  // as he is in the origin
};

// What must hold in a representation by itself. Errors name the field.
Result<void> check_representation(const model::Representation& representation);

// By the first representation that fits, in the order: those of the called domain (cross), of the
// one that passes the call on, of the caller's (inner), and of the top of the tree (global).
// nullopt: there is none. `reason`: which one it was.
std::optional<Shown> represented(const store::Catalog& catalog, const Crossing& crossing,
                                 std::string& reason);

// Where there is none: the caller's number if it is one of the domain's external ranges, else the
// domain's main number. nullopt: it has none.
std::optional<Shown> shown_by_default(const store::Catalog& catalog, const Crossing& crossing,
                                      std::string& reason);

}  // namespace tandem::routing
