// The domains that a call counts in, each with the ways that it goes there: for licences
// (docs/licences.md), the index of calls and records. A call inside of a domain only counts there.
#pragma once

#include <vector>

#include "base/id.h"
#include "model/ids.h"

namespace tandem::call {

struct Side {
    DomainId domain;
    bool comes_in = false;  // from outside of the domain: over a trunk, or from another domain
    bool goes_out = false;
    bool is_new = true;  // of what is asked for: the call was not in the domain before
    friend bool operator==(const Side&, const Side&) = default;
};

// Of several that are the same domain's one is made.
void add_side(std::vector<Side>& sides, Side side);

// Each domain knows the call by an id of its own, so that one id has one domain. A retry has the
// same.
CallId side_id(CallId call, DomainId of, DomainId callers);

}  // namespace tandem::call
