// Whose names are looked up next. The resolver of a node answers so many questions at a time, and a
// domain with thousands of names, or with name servers that say nothing, must not keep others from
// it: domains take turns.
//
// Pure; owned by ExternalSipGate.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/instant.h"
#include "model/ids.h"

namespace tandem::roles::external_sip_gate {

struct LookUpBounds {
    size_t of_all = 0;
    size_t of_a_domain = 0;
    Duration deadline{0};  // one that is not answered for so long counts no more
};

class LookUpTurns {
 public:
    explicit LookUpTurns(LookUpBounds bounds) : bounds_(bounds) {}

    // The line waits until it is its turn; at the end, unless it waits already.
    void want(DomainId domain, uint32_t line);
    // The line whose turn it is. Follow with began() for what it asks.
    std::optional<uint32_t> next(Instant now);
    void began(Instant now, DomainId domain, uint64_t request);
    void ended(uint64_t request);
    // While lines wait: when room is made for them without an answer.
    std::optional<Instant> next_deadline() const;

 private:
    struct UnderWay {
        DomainId domain;
        Instant until;
    };
    size_t under_way_of(DomainId domain) const;
    void forget_late(Instant now);

    LookUpBounds bounds_;
    std::map<DomainId, std::deque<uint32_t>> waiting_;
    std::set<uint32_t> lines_;                // those in waiting_
    DomainId last_;                           // whose turn it was
    std::map<uint64_t, UnderWay> under_way_;  // by request
};

}  // namespace tandem::roles::external_sip_gate
