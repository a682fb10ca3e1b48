// What a call works with during one step, and the words that its parts share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "call/offer_limits.h"
#include "call/srtp_policy.h"
#include "model/ids.h"
#include "ports/letter.h"
#include "routing/route.h"
#include "routing/trunk_choice.h"
#include "sip/dialog/leg.h"

namespace tandem::call {

// The number of a leg: 56 bits of its call's id and 8 of its own. Tags, Contacts and Call-IDs that
// we mint carry it, so that any message finds its leg by reading.
using LegKey = sip::UserKey;
inline constexpr unsigned kLegBits = ports::leg_bits;
constexpr uint64_t base_of(LegKey key) {
    return key >> kLegBits;
}
constexpr uint8_t index_of(LegKey key) {
    return static_cast<uint8_t>(key);
}
constexpr LegKey leg_key(uint64_t base, uint8_t index) {
    return base << kLegBits | index;
}
// The number of a call: the last 56 bits of its id.
inline uint64_t base_of(CallId call) {
    return call.bits.low & (~uint64_t{0} >> kLegBits);
}

// Option tags that calls deal with, beside those of their legs. RFC 4488, RFC 3891.
inline std::vector<std::string> leg_extensions() {
    return {"norefersub", "replaces"};
}

struct CallContext {
    Now now;
    sip::LegContext leg;  // shares the events with pump()
    ports::Outbox& out;
    const ports::Surroundings& around;
    const SealKey& trunk_key;              // that passwords of trunks are sealed with
    routing::DialPlans* plans = nullptr;   // compiled; the owner's
    routing::GroupOrder* order = nullptr;  // likewise
};

enum class Survival : uint8_t { None, Established, All };

// Of the domain and of the instance, as they were when the call began.
struct CallSettings {
    Duration ring_timeout = 60s;
    Duration duration_max = 12h;
    SrtpPolicy srtp = SrtpPolicy::Optional;
    Survival survival = Survival::Established;
    sip::SessionTimerSettings session_timer;
    sip::Timers timers;
    uint32_t silence_timeout_s = 0;  // 0: the media gate's default
    std::string user_agent;
    bool full_trace = false;  // whole messages in the ladder, not their start lines only
};

// Who calls, as whoever is called is to see it, where the route says so.
struct ShownCaller {
    std::string number;
    std::string name;
    std::string domain;  // of its address; empty: the caller's own
};

// Who calls, as authenticated, and what was dialled.
struct CallFacts {
    CallId call;
    DomainId domain;
    std::string domain_name;
    AccountId caller_account;
    std::string caller_number;  // number, or login when it has none
    std::string caller_name;    // shown to the called party
    bool hide_caller = false;   // RFC 3323: Privacy: id
    std::optional<ShownCaller> shown;
    std::string dialled;
    UtcTime started;
    // The trunk that the call came over. Snapshots do not keep the credentials: whoever restores
    // the call gives them anew.
    TrunkId trunk;
    std::string trunk_name;
    std::optional<sip::LegCredentials> trunk_credentials;
    // Who has sent the call on before it came to us: Diversion (RFC 5806), the latest first. Of no
    // use any more when somebody has answered.
    std::vector<std::string> diversions;
    std::optional<SrtpPolicy> trunk_srtp;  // likewise; nullopt: as the domain has it
};

// The trunk that a destination is reached over, and how we show ourselves there.
struct Outside {
    TrunkId trunk;
    std::string trunk_name;
    std::string from;                                // name-addr
    std::string identity;                            // of P-Asserted-Identity; empty: none
    std::optional<sip::LegCredentials> credentials;  // as above
    std::string domain;                              // of addresses there
    routing::FailoverStatuses failover;              // to the next trunk of its group
    TrunkGroupId group;                              // that it was taken from; nil: none
    OfferLimits offers;                              // what it may be offered
    std::optional<SrtpPolicy> srtp;                  // nullopt: as the domain has it
    bool is_counted = false;                         // its channels are: see Call::take_line_wish()
};

// Whether a destination outside has a channel of its trunk.
enum class Line : uint8_t {
    Unasked,
    Wanted,
    Asked,
    Taken,
    Refused,
    Unfit,  // it takes none of the codecs offered
};

// One account that the route leads to, or a number outside.
struct Destination {
    AccountId account;
    std::string number;
    std::string name;
    uint8_t stage = 0;                     // in which it rings
    bool goes_on = false;                  // see routing::Target
    int calls_max = 0;                     // likewise
    bool of_group = false;                 // likewise
    bool answers_itself = false;           // likewise
    bool one_call = false;                 // likewise
    bool busy = false;                     // by the number of its calls
    std::vector<routing::Forward> path{};  // how the call comes to it from what was dialled
    DomainId domain;                       // whose account it is
    std::optional<Outside> outside{};
    std::optional<ShownCaller> shown{};  // whom it sees as its caller, if another than the others
    bool is_refused = false;             // by a licence (sides.h)
    Line line = Line::Unasked;
};

// The call's domain, unless it went into another one.
inline DomainId domain_of(const CallFacts& facts, const Destination& destination) {
    return destination.domain.is_nil() ? facts.domain : destination.domain;
}

inline bool is_any_busy(const std::vector<Destination>& destinations) {
    return std::ranges::any_of(destinations, &Destination::busy);
}

// A CDR, as JSON. A call that has joined domains has one for each.
struct CallRecord {
    CdrId id;
    std::string json;
};

// How a step of the route came about, for operators.
struct RouteStepNote {
    std::string step;
    std::string reason;
};

// A stage in which a call waits in a queue, until an agent takes it (queue_wait.h).
struct QueueStop {
    uint8_t stage = 0;
    DomainId domain;
    QueueId queue;
    std::string number;
    std::string name;
    Duration ring{0};  // of an agent
    Duration wait_max{0};
    bool has_music = false;                // for those who wait
    bool answers = false;                  // those who have a place
    std::vector<routing::Forward> path{};  // as of a destination
    std::optional<ShownCaller> shown{};    // likewise
    bool is_refused = false;               // likewise
};

// Where a call is to go. Without destinations it is a feature code, or ends with `refusal`.
struct CallRoute {
    std::vector<Destination> destinations;  // by their stages
    std::vector<Duration> stages;           // how long each rings; 0: as long as the domain has it
    std::vector<QueueStop> queues;          // stages without destinations
    int refusal = 404;
    std::string refusal_reason;  // empty: nothing but that there is no route
    std::vector<RouteStepNote> notes;
    std::vector<routing::Forward> forwards;       // to a refusal
    std::optional<ports::EntityRequest> feature;  // what the caller has dialled to be set
    bool pages = false;                           // see call/paging.h
    std::optional<routing::Turned> turned;  // the group that begins with the next of its members
    Duration park_for{0};                   // of a transfer: whoever stays is to wait, for so long
};

}  // namespace tandem::call
