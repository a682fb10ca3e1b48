// Call queues: a B2B holds the call that waits, and says so in its summaries; CS knows all that
// wait and all agents, and advises. What it advises is done or has become pointless by the time it
// comes; either way the next summary tells.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "model/ids.h"

namespace tandem::ports {

// Of a call's summary: the queue that it waits in, or was answered out of.
struct QueuePlace {
    DomainId domain;
    QueueId queue;
    UtcTime since;
    bool waits = false;              // nobody has answered
    uint32_t turn = 0;               // the number of the last one that it has taken
    std::vector<AccountId> offered;  // agents who are asked at the moment
    AccountId agent;                 // who talks with whom had waited
    friend bool operator==(const QueuePlace&, const QueuePlace&) = default;
};

struct QueueAdvice {  // CS to B2B
    enum class Kind : uint8_t {
        Place,     // so many are ahead of it
        Turn,      // these agents are free, and for it alone
        Withdraw,  // these agents are not to be asked any more
        Full,      // it has to leave
        NoAgents,  // likewise: nobody is logged in
    };
    struct Entry {
        CallId call;
        QueueId queue;
        Kind kind = Kind::Place;
        uint32_t ahead = 0;
        uint32_t turn = 0;
        std::vector<AccountId> agents;
    };
    std::vector<Entry> entries;
};

// How the queues of a domain are, for operators: JSON objects.
struct QueuesQuery {  // to CS
    DomainId domain;
};
struct QueueStates {
    std::vector<std::string> items;
};

// What a B2B remembers of agents for a CS that was elected: it cannot be seen from calls under way.
struct QueueAgentsFreed {
    struct Entry {
        AccountId agent;
        QueueId queue;
        DomainId domain;
        UtcTime at;  // the end of its last call of a queue
    };
    std::vector<Entry> entries;
};

}  // namespace tandem::ports
