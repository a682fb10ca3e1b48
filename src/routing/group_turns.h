// Whom the last call to each ring group began with, for those whose members take turns. Instances
// tell each other, and the latest turn counts. Turns are ordered by a clock that is never behind
// what has been heard: a server whose own clock is late has its turns count, too.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "model/ids.h"

namespace tandem::routing {

class GroupTurns {
 public:
    struct Turn {
        AccountId first;
        int64_t at = 0;  // milliseconds since 1970, or later
    };

    // A call begins with `first`.
    void take(RingGroupId group, AccountId first, UtcTime now);
    // A turn that another instance has counted. Of two in the same millisecond all keep the same.
    void hear(RingGroupId group, const Turn& turn);

    const Turn* last(RingGroupId group) const;  // nullptr: none is known
    // Groups that have had turns here since it was asked last.
    std::vector<RingGroupId> take_news();
    const std::unordered_map<RingGroupId, Turn>& all() const { return turns_; }

 private:
    void put(RingGroupId group, const Turn& turn);

    std::unordered_map<RingGroupId, Turn> turns_;
    std::vector<RingGroupId> news_;
};

}  // namespace tandem::routing
