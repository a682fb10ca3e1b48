#include "routing/talk_times.h"

#include <algorithm>

#include "routing/limits.h"

namespace tandem::routing {

void TalkTimes::note(uint64_t call, const std::vector<AccountId>& talking, UtcTime now) {
    const auto known = calls_.find(call);
    const std::vector<AccountId> before =
        known == calls_.end() ? std::vector<AccountId>() : known->second;
    if (before == talking) return;
    for (const AccountId account : talking) ++accounts_[account].under_way;
    for (const AccountId account : before) {
        Talk& talk = accounts_[account];
        --talk.under_way;
        talk.last = now.unix_ms;
    }
    if (talking.empty())
        calls_.erase(known);
    else
        calls_.insert_or_assign(call, talking);
    if (accounts_.size() > talk_times_max) forget_oldest();
}

void TalkTimes::note_end(AccountId account, UtcTime now) {
    accounts_[account].last = now.unix_ms;
    if (accounts_.size() > talk_times_max) forget_oldest();
}

int64_t TalkTimes::last(AccountId account) const {
    const auto found = accounts_.find(account);
    if (found == accounts_.end()) return 0;
    return found->second.under_way > 0 ? talks_now : found->second.last;
}

// Half of them, so that it is rare. Who talks now stays.
void TalkTimes::forget_oldest() {
    std::vector<int64_t> times;
    times.reserve(accounts_.size());
    for (const auto& [account, talk] : accounts_) times.push_back(talk.last);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    const int64_t until = *middle;
    std::erase_if(accounts_, [&](const auto& each) {
        return each.second.under_way == 0 && each.second.last <= until;
    });
}

}  // namespace tandem::routing
