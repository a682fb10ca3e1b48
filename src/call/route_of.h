// A route as routing finds it, as a call takes it.
#pragma once

#include "call/call.h"

namespace tandem::call {

Call::Route route_of(routing::Route from);

}  // namespace tandem::call
