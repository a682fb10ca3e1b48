// When accounts have talked last, as far as one B2B instance has joined their calls: for groups in
// which who has not talked for longest rings first. Owned by the role, on its shard.
#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "model/ids.h"

namespace tandem::routing {

class TalkTimes {
 public:
    static constexpr int64_t talks_now = std::numeric_limits<int64_t>::max();

    // Who talks in the call now; who did before, and is not named, has talked until now. Nobody:
    // the call is over.
    void note(uint64_t call, const std::vector<AccountId>& talking, UtcTime now);
    // He has talked until now, in whatever call.
    void note_end(AccountId account, UtcTime now);

    // Milliseconds since 1970; 0: never, as far as is known.
    int64_t last(AccountId account) const;
    size_t size() const { return accounts_.size(); }

 private:
    struct Talk {
        int64_t last = 0;
        uint32_t under_way = 0;
    };
    void forget_oldest();

    std::unordered_map<AccountId, Talk> accounts_;
    std::unordered_map<uint64_t, std::vector<AccountId>> calls_;  // under way
};

}  // namespace tandem::routing
