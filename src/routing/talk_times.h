// When accounts have talked last, in calls of this B2B instance and in those that others tell of:
// for groups in which who has not talked for longest rings first. Owned by the role, on its shard.
#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/instant.h"
#include "model/ids.h"
#include "routing/limits.h"

namespace tandem::routing {

class TalkTimes {
 public:
    static constexpr int64_t talks_now = std::numeric_limits<int64_t>::max();
    using Teller = uint16_t;  // the number of another instance
    // As one instance tells others.
    struct Told {
        AccountId account;
        int64_t last = 0;
        bool talks = false;  // in calls of its own
    };

    // Who talks in the call now; who did before, and is not named, has talked until now. Nobody:
    // the call is over.
    void note(uint64_t call, const std::vector<AccountId>& talking, UtcTime now);
    // He has talked until now, in whatever call.
    void note_end(AccountId account, UtcTime now);
    void hear(Teller teller, const Told& told);
    // It is gone, and all talks in its calls have ended now, as far as is known.
    void forget(Teller teller, UtcTime now);

    // Milliseconds since 1970; 0: never, as far as is known.
    int64_t last(AccountId account) const;
    size_t size() const { return accounts_.size(); }
    // Of whom calls here have changed something since it was asked last.
    std::vector<Told> take_news();
    std::vector<Told> all() const;
    bool has_news() const { return !news_.empty(); }

 private:
    struct Talk {
        int64_t last = 0;
        uint32_t under_way = 0;
        std::vector<Teller> elsewhere{};  // who has told that he talks there
        bool talks() const { return under_way > 0 || !elsewhere.empty(); }
    };
    void forget_oldest();

    std::unordered_map<AccountId, Talk> accounts_;
    std::unordered_map<uint64_t, std::vector<AccountId>> calls_;  // under way
    std::unordered_set<AccountId> news_;
    size_t forget_above_ = talk_times_max;
};

}  // namespace tandem::routing
