// Who is to be told when something changes at an account: its devices, or the messages that wait.
// CS asks again and again for those accounts that somebody has subscribed to.
#pragma once

#include <optional>
#include <unordered_map>

#include "base/id.h"
#include "base/instant.h"
#include "ports/address.h"

namespace tandem::roles::registrar {

class Followed {
 public:
    // False: too many are.
    bool note(Instant now, AccountId account, ports::Instance by);
    std::optional<ports::Instance> by(Instant now, AccountId account) const;
    size_t size() const { return accounts_.size(); }

 private:
    struct Follower {
        ports::Instance who;
        Instant until;
    };
    std::unordered_map<AccountId, Follower> accounts_;
    Instant sweep_at_;
};

}  // namespace tandem::roles::registrar
