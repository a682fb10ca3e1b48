// Fingerprints of requests that were answered with success not long ago, so that a retransmission
// gets its answer without being judged again (its nonce count, once used, would look like a
// replay). RFC 3261 17.2.2: what a non-INVITE server transaction keeps for timer J, in few bytes.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "base/id.h"
#include "base/instant.h"
#include "roles/registrar/limits.h"

namespace tandem::roles::registrar {

class AnsweredRequests {
 public:
    // The account that the request was for.
    std::optional<AccountId> find(uint64_t fingerprint) const {
        const auto found = known_.find(fingerprint);
        return found == known_.end() ? std::nullopt : std::optional(found->second);
    }

    void add(Instant now, uint64_t fingerprint, AccountId account) {
        forget_old(now);
        if (by_age_.size() >= answered_max) drop_oldest();
        if (known_.emplace(fingerprint, account).second) by_age_.push_back({now, fingerprint});
    }

 private:
    struct Answered {
        Instant at;
        uint64_t fingerprint = 0;
    };
    void forget_old(Instant now) {
        while (!by_age_.empty() && now - by_age_.front().at > answered_life) drop_oldest();
    }
    void drop_oldest() {
        known_.erase(by_age_.front().fingerprint);
        by_age_.pop_front();
    }

    std::unordered_map<uint64_t, AccountId> known_;
    std::deque<Answered> by_age_;
};

}  // namespace tandem::roles::registrar
