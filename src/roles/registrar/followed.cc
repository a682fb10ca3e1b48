#include "roles/registrar/followed.h"

#include "roles/registrar/limits.h"

namespace tandem::roles::registrar {

bool Followed::note(Instant now, AccountId account, ports::Instance by) {
    if (sweep_at_ <= now) {
        sweep_at_ = now + followed_max;
        std::erase_if(accounts_, [&](const auto& each) { return each.second.until <= now; });
    }
    if (accounts_.size() >= followed_accounts_max && !accounts_.contains(account)) return false;
    accounts_[account] = {by, now + followed_max};
    return true;
}

std::optional<ports::Instance> Followed::by(Instant now, AccountId account) const {
    const auto found = accounts_.find(account);
    if (found == accounts_.end() || found->second.until <= now) return std::nullopt;
    return found->second.who;
}

}  // namespace tandem::roles::registrar
