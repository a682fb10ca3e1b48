// One request to the store in flight, with its deadline: what every machine here asks through. A
// request whose answer does not come has an unknown outcome; its asker looks at the store and
// tells.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/instant.h"
#include "store/kv.h"

namespace tandem::cluster {

class StoreExchange {
 public:
    // As of a Writer: ids carry the channel in their upper 16 bits, so that several machines share
    // one stream of replies.
    StoreExchange(uint16_t channel, Duration deadline)
        : prefix_(static_cast<uint64_t>(channel) << 48), deadline_(deadline) {}

    store::Request ask(Instant now, store::RequestBody body) {
        return ask(now, std::move(body), deadline_);
    }
    store::Request ask(Instant now, store::RequestBody body, Duration deadline) {
        CHECK(awaited_ == 0);
        awaited_ = prefix_ | ++sent_;
        until_ = now + deadline;
        return {awaited_, std::move(body)};
    }
    enum class Match { NotOurs, Late, Awaited };
    Match match(const store::Reply& reply) {
        constexpr uint64_t number_mask = (uint64_t{1} << 48) - 1;
        const uint64_t number = reply.id & number_mask;
        if ((reply.id & ~number_mask) != prefix_ || number == 0 || number > sent_)
            return Match::NotOurs;
        if (reply.id != awaited_) return Match::Late;
        awaited_ = 0;
        return Match::Awaited;
    }
    // True once when the deadline has passed.
    bool take_timeout(Instant now) {
        if (awaited_ == 0 || now < until_) return false;
        awaited_ = 0;
        return true;
    }
    // The answer is not wanted any more.
    void forget() { awaited_ = 0; }
    bool is_waiting() const { return awaited_ != 0; }
    std::optional<Instant> next_deadline() const {
        return awaited_ == 0 ? std::nullopt : std::optional(until_);
    }

 private:
    uint64_t prefix_;
    Duration deadline_;
    uint64_t sent_ = 0;
    store::RequestId awaited_ = 0;
    Instant until_;
};

// The item that a Get in a transaction has read; nullptr: the key does not exist.
inline const store::KeyValue* item_of(const store::OpReply& reply) {
    const auto* range = std::get_if<store::RangeReply>(&reply);
    return range == nullptr || range->items.empty() ? nullptr : &range->items.front();
}
inline store::Op get_op(std::string key, store::Want want = store::Want::KeysAndValues) {
    return store::Get{{store::KeyRange::one(std::move(key)), 1, want, {}}};
}
inline void earlier(std::optional<Instant>& earliest, std::optional<Instant> other) {
    if (other && (!earliest || *other < *earliest)) earliest = other;
}

}  // namespace tandem::cluster
