// How accounts stand, for CS: asked, and told as it changes.
#include "roles/registrar/registrar.h"

namespace tandem::roles::registrar {

void Registrar::on_follow(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto follow = get<ports::AccountFollow>(letter.payload);
    if (!is_for_us(now, letter, follow.domain, out)) return;
    // One that finds no room hears of changes when it asks again.
    (void)followed_.note(now.mono, follow.account, letter.from);
    out.reply(letter, standing_of(now, follow.account));
}

ports::AccountStanding Registrar::standing_of(Now now, AccountId account) const {
    ports::AccountStanding standing;
    standing.account = account;
    for (const BindingRecord& record : book_.of(account)) {
        if (record.expires <= now.utc) continue;
        standing.devices.push_back({record.key, !record.flow_gone, record.unpack()});
    }
    standing.messages = static_cast<uint32_t>(messages_.count_of(account));
    return standing;
}

void Registrar::tell_standing(Now now, AccountId account, std::vector<uint64_t> revoked,
                              ports::Outbox& out) {
    const auto follower = followed_.by(now.mono, account);
    if (!follower || !is_active()) return;
    ports::AccountStanding standing = standing_of(now, account);
    standing.revoked = std::move(revoked);
    out.send(around_.self, *follower, std::move(standing));
}

}  // namespace tandem::roles::registrar
