#include "routing/group_turns.h"

#include <algorithm>
#include <utility>

#include "routing/limits.h"

namespace tandem::routing {

void GroupTurns::take(RingGroupId group, AccountId first, UtcTime now) {
    const Turn* before = last(group);
    const int64_t later = before == nullptr ? 0 : before->at + 1;
    put(group, {first, std::max(now.unix_ms, later)});
    if (std::ranges::find(news_, group) == news_.end()) news_.push_back(group);
}

void GroupTurns::hear(RingGroupId group, const Turn& turn) {
    const Turn* known = last(group);
    const bool is_newer = known == nullptr || known->at < turn.at ||
                          (known->at == turn.at && known->first < turn.first);
    if (is_newer) put(group, turn);
}

const GroupTurns::Turn* GroupTurns::last(RingGroupId group) const {
    const auto found = turns_.find(group);
    return found == turns_.end() ? nullptr : &found->second;
}

std::vector<RingGroupId> GroupTurns::take_news() {
    return std::exchange(news_, {});
}

// With too many of them the older half goes, so that it is rare.
void GroupTurns::put(RingGroupId group, const Turn& turn) {
    turns_.insert_or_assign(group, turn);
    if (turns_.size() <= group_turns_max) return;
    std::vector<int64_t> times;
    times.reserve(turns_.size());
    for (const auto& [id, each] : turns_) times.push_back(each.at);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    std::erase_if(turns_, [until = *middle](const auto& each) { return each.second.at < until; });
    if (turns_.size() > group_turns_max) turns_.clear();  // all in one millisecond
}

}  // namespace tandem::routing
