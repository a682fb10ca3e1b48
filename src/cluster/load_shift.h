// How load shifts work among Active-Active copies: by levels, so that a little more or less changes
// nothing, and seldom, so that what has begun finds its copy. Whoever chooses knows the last two
// choices (ports::Directory), and there is at most one shift while a call rings (RFC 3261 timer C).
// One a host. Those that choose need not agree: each is consistent with itself.
#pragma once

#include <map>
#include <optional>

#include "base/instant.h"
#include "cluster/identity.h"

namespace tandem::cluster {

class LoadShift {
 public:
    // The share of what it can take that an instance has, 0 to 1.
    void note(InstanceNumber instance, double share);
    void forget(InstanceNumber instance) { loads_.erase(instance); }
    // True: some percent() is another now.
    bool follow(Instant now);
    // Of its weight that counts.
    int percent(InstanceNumber instance) const;

 private:
    struct Load {
        double share = 0;
        int level = 0;  // that counts
    };
    std::map<InstanceNumber, Load> loads_;
    std::optional<Instant> shifted_;
};

}  // namespace tandem::cluster
