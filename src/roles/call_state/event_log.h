// The last events of the calls of each domain that somebody follows, so that a stream that broke
// can go on where it was. Events are numbered through all domains, for one tenure of CS: another
// copy has another tenure, and knows nothing of what was before.
//
// Nothing is kept of domains that nobody follows, or followed lately.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "base/id.h"
#include "base/instant.h"
#include "ports/call_port.h"

namespace tandem::roles::call_state {

class EventLog {
 public:
    void begin(uint64_t tenure);
    uint64_t tenure() const { return tenure_; }
    uint64_t last() const { return last_; }  // number of the last event
    bool empty() const { return domains_.empty(); }

    // Somebody follows the domain: its events are kept from now on.
    void want(Instant now, DomainId domain);
    // Numbers the event, and keeps it if its domain is wanted.
    uint64_t add(ports::CallEvent event);
    // Those after `number`, oldest first, from `first` on; nullopt: they are not known (any more).
    struct Since {
        const std::deque<ports::CallEvent>* events = nullptr;
        size_t first = 0;
    };
    std::optional<Since> since(DomainId domain, uint64_t tenure, uint64_t number) const;
    void forget_unwanted(Instant now);

 private:
    struct Domain {
        std::deque<ports::CallEvent> events;
        uint64_t floor = 0;  // all events after this one are here
        Instant until;
    };
    size_t room_of_each() const;

    uint64_t tenure_ = 0;
    uint64_t last_ = 0;
    std::unordered_map<DomainId, Domain> domains_;
};

}  // namespace tandem::roles::call_state
