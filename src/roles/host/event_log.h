// What has happened to a shard of a node and to its instances that an operator wants to know: who
// took over what, who died, what started. The newest events_kept_max of them, for /api/v1/events;
// the journal has them all.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/instant.h"

namespace tandem::roles::host {

enum class EventKind : uint8_t {
    Started,      // an instance
    Draining,     // an instance takes no new work
    Stopped,      // an instance that has drained
    Replaced,     // an instance was fenced: others act for it
    Leader,       // an instance has got its group's post
    Suspected,    // a node, as this one sees it
    Dead,         // likewise
    Alive,        // likewise, after it was suspected
    Reachable,    // a node's link is up
    Unreachable,  // it is down
    Serving,      // this node has started
    Store,        // where the data of the site are
    Drill,        // somebody harms this node on purpose
    Load,         // new work is spread among copies in another way
    Trunk,        // a trunk has registered, or a proxy of it answers no more
};
std::string_view to_string(EventKind kind);

struct Event {
    EventKind kind = EventKind::Started;
    uint16_t instance = 0;  // 0: of no instance
    std::string text;       // a sentence
};

class EventLog {
 public:
    EventLog(uint16_t node, uint16_t shard) : node_(node), shard_(shard) {}

    void add(UtcTime now, Event event);
    // {"items": [...]} of those with an id above `since`, the newest last. An id is the time in
    // microseconds since 1970, whose last two digits tell the shard, so that two that say something
    // at once are told apart. It rises, across restarts too.
    std::string json_since(uint64_t since) const;

 private:
    struct Kept {
        uint64_t id = 0;
        UtcTime at;
        Event event;
    };
    uint16_t node_;
    uint16_t shard_;
    std::deque<Kept> kept_;
};

}  // namespace tandem::roles::host
