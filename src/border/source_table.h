// The memory of a gate about who sends what: a token bucket and a count of offences for each source
// address, of bounded size. IPv6 sources are counted by their /64, which is one subscriber.
#pragma once

#include <cstdint>
#include <vector>

#include "base/crypto.h"
#include "base/instant.h"
#include "base/net_address.h"
#include "border/settings.h"

namespace tandem::border {

class SourceTable {
 public:
    enum class Verdict : uint8_t { Admitted, Limited, Banned };

    // Keyed, since outsiders choose what is put in.
    explicit SourceTable(SipHashKey key) : key_(key) {}

    Verdict admit(Instant now, const IpAddress& source, const SourceLimits& limits);
    // True when this offence was the one that bans the source.
    bool offence(Instant now, const IpAddress& source, uint32_t weight, const SourceLimits& limits);
    // A log-in succeeded: the source is a user, who may mistype now and then.
    void success(Instant now, const IpAddress& source);
    void pardon(const IpAddress& source);  // by an operator

    uint64_t bans() const { return bans_; }

 private:
    struct Entry {
        uint64_t key = 0;  // 0: free
        Instant seen;
        Instant window_start;
        Instant banned_until;
        double tokens = 0;
        uint32_t offences = 0;
    };
    Entry& entry_of(Instant now, const IpAddress& source, const SourceLimits* limits);
    Entry* find(const IpAddress& source);
    uint64_t key_of(const IpAddress& source) const;

    SipHashKey key_;
    std::vector<Entry> entries_;  // source_sets * source_ways, made on first use
    uint64_t bans_ = 0;
};

}  // namespace tandem::border
