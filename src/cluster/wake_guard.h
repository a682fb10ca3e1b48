// Whether media may leave a shard. Asking before each packet, as SelfCheck does before each
// message, would end the sound of all calls whenever confirmations fail. So only a shard that has
// stood still, and may have been replaced meanwhile, is silent until a heartbeat that was sent
// after it woke has been confirmed.
#pragma once

#include <optional>

#include "base/instant.h"
#include "cluster/limits.h"

namespace tandem::cluster {

class WakeGuard {
 public:
    // The shard turns: told at least every 100 ms, and before each packet. `confirmed`: the send
    // time of the youngest confirmed heartbeat of its node (Liveness::confirmed_at), `now` without
    // others.
    bool may_send(Instant now, std::optional<Instant> confirmed) {
        if (seen_ && now - *seen_ > confirmation_valid) woke_ = now;
        seen_ = now;
        if (!woke_) return true;
        const bool is_known = confirmed && *confirmed >= *woke_;
        if (is_known || now - *woke_ > wake_silence_most) woke_.reset();
        return !woke_;
    }

 private:
    std::optional<Instant> seen_;
    std::optional<Instant> woke_;
};

}  // namespace tandem::cluster
