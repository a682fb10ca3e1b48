// The clocks of this machine. Only the runtime reads them; everyone else is told the time.
#pragma once

#include "base/instant.h"

namespace tandem::runtime {

// CLOCK_BOOTTIME, which goes on while the machine sleeps, so that a node that was paused knows it,
// and the wall clock.
Now read_clocks();
Instant read_monotonic();
void sleep_for(Duration time);

}  // namespace tandem::runtime
