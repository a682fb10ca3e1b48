// A route as routing finds it, as a call takes it.
#pragma once

#include "call/call.h"
#include "call/outside_of.h"

namespace tandem::call {

Call::Route route_of(routing::Route from, const Outward& outward);

}  // namespace tandem::call
