#include "routing/talk_times.h"

#include <algorithm>
#include <utility>

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
    news_.insert(talking.begin(), talking.end());
    news_.insert(before.begin(), before.end());
    if (accounts_.size() > forget_above_) forget_oldest();
}

void TalkTimes::note_end(AccountId account, UtcTime now) {
    accounts_[account].last = now.unix_ms;
    news_.insert(account);
    if (accounts_.size() > forget_above_) forget_oldest();
}

void TalkTimes::hear(Teller teller, const Told& told) {
    Talk& talk = accounts_[told.account];
    talk.last = std::max(talk.last, told.last);
    std::erase(talk.elsewhere, teller);
    if (told.talks) talk.elsewhere.push_back(teller);
    if (accounts_.size() > forget_above_) forget_oldest();
}

void TalkTimes::forget(Teller teller, UtcTime now) {
    for (auto& [account, talk] : accounts_)
        if (std::erase(talk.elsewhere, teller) > 0) talk.last = std::max(talk.last, now.unix_ms);
}

int64_t TalkTimes::last(AccountId account) const {
    const auto found = accounts_.find(account);
    if (found == accounts_.end()) return 0;
    return found->second.talks() ? talks_now : found->second.last;
}

std::vector<TalkTimes::Told> TalkTimes::take_news() {
    std::vector<Told> news;
    news.reserve(news_.size());
    for (const AccountId account : std::exchange(news_, {})) {
        const auto found = accounts_.find(account);
        if (found == accounts_.end()) continue;
        news.push_back({account, found->second.last, found->second.under_way > 0});
    }
    return news;
}

std::vector<TalkTimes::Told> TalkTimes::all() const {
    std::vector<Told> all;
    all.reserve(accounts_.size());
    for (const auto& [account, talk] : accounts_)
        all.push_back({account, talk.last, talk.under_way > 0});
    return all;
}

// Half of them, so that it is rare. Who talks now stays: where that is most of them, more are kept.
void TalkTimes::forget_oldest() {
    std::vector<int64_t> times;
    times.reserve(accounts_.size());
    for (const auto& [account, talk] : accounts_) times.push_back(talk.last);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    const int64_t until = *middle;
    std::erase_if(accounts_, [&](const auto& each) {
        return !each.second.talks() && each.second.last <= until;
    });
    forget_above_ = std::max(talk_times_max, 2 * accounts_.size());
}

}  // namespace tandem::routing
