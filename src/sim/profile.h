// What a seed has drawn for its run: the shape of the site, how bad network and store are, and what
// happens when.
#pragma once

#include <string>
#include <vector>

#include "sim/site.h"

namespace tandem::sim {

struct Profile {
    SitePlan plan;
    NetworkTemper network;
    StoreTemper store;  // between the store's bad times
    StoreTemper bad_store;
    int bad_stores = 0;  // how often
    int crashes = 0;
    int pauses = 0;
    int link_cuts = 0;
    int phone_cuts = 0;
    int group_moves = 0;  // of the domain, between groups of SR and CS
    bool long_calls = false;
    bool quiet_time = false;  // nobody calls for longer than a nonce lives
    bool transfers = false;   // users transfer calls
    bool queue = false;       // there is one, which they call
    bool queue_answers = false;
    Duration time = 60s;
    std::string text() const;
};

// What came later draws from `later`, so that the rest of a seed's profile stays what it was.
Profile draw_profile(World& world, Rng& later);

}  // namespace tandem::sim
