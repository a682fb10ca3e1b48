// Who follows the calls of a domain: streams of events that web gates keep open. Each is told all
// that there is, then each change; letters are numbered, so that whoever has missed one sees it.
// Whoever says what it has seen last is told what came after it, as far as that is kept; else all
// again, and that there is a gap.
//
// Pure; a part of CallStateRole. Nothing of it outlives a switch: gates ask the new active copy.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "ports/letter.h"
#include "roles/call_state/event_log.h"
#include "roles/call_state/index.h"

namespace tandem::roles::call_state {

// What a change of a call is called; nullopt: nothing that anybody would notice. `before` nullptr:
// it has just begun; `after` nullptr: it is gone.
std::optional<ports::CallEvent::Kind> kind_of(const ports::CallSummary* before,
                                              const ports::CallSummary* after);

class Followers {
 public:
    Followers(const ports::Surroundings& around, const Index& index);

    // This copy is the active one from now on: it has heard of nothing before.
    void begin();
    // Nobody wants to hear of changes.
    bool empty() const { return followers_.empty() && log_.empty(); }
    size_t size() const { return followers_.size(); }
    // `is_whole`: the index has heard of all owners, so that it may be told.
    void on_follow(Now now, ports::Instance gate, const ports::CallEventsFollow& follow,
                   bool is_whole, ports::Outbox& out);
    void on_change(Now now, const ports::CallSummary* before, const ports::CallSummary* after,
                   ports::Outbox& out);
    // Those who wait for the index to be whole.
    void tell_waiting(Now now, ports::Outbox& out);
    void on_timeout(Now now);

 private:
    struct Follower {
        DomainId domain;
        uint64_t number = 0;  // of the last letter
        bool waits = true;    // for all that there is, or what it has missed
        uint64_t tenure = 0;  // what it has seen last, as it says
        uint64_t seen = 0;
        Instant sent_at;
        Instant until;
    };
    using Key = std::pair<uint16_t, uint64_t>;  // gate and stream
    void tell(Now now, const Key& key, Follower& follower, ports::Outbox& out);
    bool resume(Now now, const Key& key, Follower& follower, ports::Outbox& out);
    void tell_all(Now now, const Key& key, Follower& follower, ports::Outbox& out);
    void send(Now now, const Key& key, Follower& follower, ports::CallEvents events,
              ports::Outbox& out);

    const ports::Surroundings& around_;
    const Index& index_;
    std::map<Key, Follower> followers_;
    EventLog log_;
};

}  // namespace tandem::roles::call_state
