// Whether this shard may still speak. A shard that was paused or cut off can't know what others
// have decided meanwhile. So it speaks to the outside only for 200 ms after a confirmation: a
// heartbeat that others have echoed (Liveness::confirmed_at), or a renewal of its fences in the
// store. A renewal is a transaction that changes nothing but the revision of fence/<instance>,
// which whoever wants to take over compares: either it comes first and the other waits, or it
// fails.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "cluster/identity.h"
#include "cluster/records.h"
#include "cluster/store_exchange.h"
#include "store/kv.h"

namespace tandem::cluster {

enum class Permission {
    MaySend,
    MustAsk,  // keep what is to be sent, or drop it: the question is under way
    Fenced,   // this incarnation is over
};

// One a shard, on that shard. Times are those of a clock that runs on while the machine sleeps
// (CLOCK_BOOTTIME).
class SelfCheck {
 public:
    explicit SelfCheck(uint16_t channel);

    // An instance of this shard, with its record in the store.
    void add(InstanceNumber instance, const FenceRecord& record);
    void remove(InstanceNumber instance);

    // False: the store's word does not count, nor is it asked (Liveness::is_cut_off). A renewal
    // would also hold up those who take over.
    void trust_store(bool trust) { trusts_store_ = trust; }
    // Others have heard a heartbeat that was sent at `sent_at`.
    void on_confirmed(Instant sent_at);
    // The table says that the incarnation is over.
    void on_fenced(InstanceNumber instance);

    // Before anything leaves: with the time as it is now, not as of the turn's beginning. Asks the
    // store when it must.
    Permission check(Instant now, InstanceNumber instance, std::vector<store::Request>& out);

    bool on_reply(Instant now, const store::Reply& reply, std::vector<store::Request>& out);
    bool is_fenced(InstanceNumber instance) const {
        const auto found = claims_.find(instance);
        return found != claims_.end() && found->second.is_fenced;
    }
    void on_timeout(Instant now, std::vector<store::Request>& out);
    std::optional<Instant> next_deadline() const;

    uint64_t questions() const { return questions_; }
    std::optional<Instant> confirmed() const { return confirmed_; }

 private:
    struct Claim {
        std::string value;  // of its key
        bool is_fenced = false;
    };
    bool is_confirmed(Instant now) const;
    bool anybody_left() const;
    void ask(Instant now, std::vector<store::Request>& out);
    void on_refused(Instant now, const store::TxnReply& reply, std::vector<store::Request>& out);

    StoreExchange exchange_;
    std::map<InstanceNumber, Claim> claims_;
    std::vector<InstanceNumber> asked_for_;
    Instant asked_at_;
    std::optional<Instant> confirmed_;
    std::optional<Instant> retry_at_;
    bool trusts_store_ = true;
    uint64_t questions_ = 0;
};

}  // namespace tandem::cluster
