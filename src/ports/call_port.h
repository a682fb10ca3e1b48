// Calls as others see them: reports of B2B to the call state role (CS), its index, and commands to
// a call.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "base/result.h"
#include "ports/address.h"
#include "ports/queue_port.h"
#include "ports/sip_port.h"

namespace tandem::ports {

enum class CallPhase : uint8_t { Routing, Ringing, Answered, Held, Ending, Parked };
std::string_view to_string(CallPhase phase);

struct CallSummary {
    CallId call;
    DomainId domain;
    Instance owner;
    CallPhase phase = CallPhase::Routing;
    std::string caller;  // number or login as shown
    std::string callee;  // number as dialled
    AccountId caller_account;
    AccountId callee_account;  // nil until somebody answers
    UtcTime started;
    UtcTime answered;                          // 0: not yet
    std::vector<std::string> call_id_headers;  // of all legs
    bool is_protected = false;                 // its snapshot is in the store
    std::vector<AccountId> ringing;            // accounts whose phones ring now
    int end_status = 0;                        // SIP status that ended it; 0: it goes on
    std::string end_reason;
    std::string trunk;  // name; of a call from or to outside
    // What a domain sees of a call that another one has made: an id of its own, and here the
    // call's. nil: it is the whole call, or the side of the domain that made it.
    CallId whole;
    std::optional<QueuePlace> queue;
    AccountId consulted;  // who is talked with while the other party waits; nil: nobody
};
// Of a queue, who talks with whom had waited; nil: nobody does. An older program does not name him.
inline AccountId agent_of(const CallSummary& call) {
    if (!call.queue || call.queue->waits) return {};
    return call.queue->agent.is_nil() ? call.callee_account : call.queue->agent;
}

struct CallReport {  // B2B to CS, on each change of phase
    CallSummary summary;
    bool gone = false;
};
struct CallReportAll {  // B2B to CS after a start of either: replaces all that CS knew of this
                        // owner
    Instance owner;
    std::vector<CallSummary> calls;
    bool more = false;  // another letter follows
    bool first = true;
};
struct CallReportWanted {};  // CS to B2B

// What happens to the calls of a domain, for those who listen: a web gate asks CS again and again
// while somebody does. CS answers with all that there is, then tells each change.
struct CallEvent {
    enum class Kind : uint8_t { State, Begun, Ringing, Answered, Held, Resumed, Changed, Ended };
    Kind kind = Kind::State;  // State: no change, but how it stands
    UtcTime at;
    CallSummary call;
    uint64_t number = 0;  // rises within one tenure of CS; of a State: 0
};
std::string_view to_string(CallEvent::Kind kind);
struct CallEventsFollow {
    uint64_t stream = 0;  // the gate's number for one listener
    DomainId domain;
    uint64_t known = 0;  // `number` of the last letter that came; 0: begin anew
    bool over = false;   // nobody listens any more
    // What the listener has seen last: a beginning goes on after it, where it still can.
    uint64_t tenure = 0;  // 0: nothing
    uint64_t seen = 0;
};
struct CallEvents {
    uint64_t stream = 0;
    uint64_t after = 0;  // `number` of the letter before; 0: this begins what there is
    uint64_t number = 0;
    bool complete = true;  // all that there is has been told
    std::vector<CallEvent> events;
    uint64_t tenure = 0;   // of the CS that tells
    uint64_t at = 0;       // the number of the last change in it
    bool resumed = false;  // it goes on after what the listener has seen, in place of all
    bool gap = false;      // between that and all that there is, something was missed
};

struct CallsQuery {
    DomainId domain;  // nil: all domains
    CallId call;      // nil: a page of them
    std::string after;
    uint32_t limit = 100;
    AccountId account{};  // made or answered by it, or ringing there; nil: anybody's
};
struct CallsPage {
    std::vector<CallSummary> calls;
    std::string next;
    uint64_t total = 0;
};

// To the owner of a call.
struct CallDetailQuery {
    CallId call;    // the whole
    DomainId side;  // what of it this domain may see; nil: all
};
struct CallDetail {
    std::optional<Error> error;
    std::string
        json;  // the call as /calls/{id} shows it: legs, dialogs, media, route with its reasons
};
struct CallHangup {
    CallId call;
    std::string reason;  // text for the Reason header (RFC 3326)
};
struct CallHangupDone {
    std::optional<Error> error;
};

// What rings or is parked, for whoever wants to have it. The answer is a CallsPage with the call
// that began first, or none.
struct RingingQuery {  // B2B to CS
    DomainId domain;
    AccountId account;      // whose phones ring; nil: anybody's of the domain
    AccountId except;       // no calls of this one
    std::string parked_at;  // not what rings, but what waits there
};

// A transfer that names another dialog of the referrer's (RFC 3891, RFC 5589 7): who has it?
struct ReplacedQuery {  // B2B to B2B, or to itself
    DomainId domain;    // of the referrer's call
    std::string call_id;
    std::string to_tag;
    std::string from_tag;
};
struct ReplacedFound {
    std::optional<Error> error;  // NotFound: no such dialog, or of another domain
    CallId call;
    bool rings = false;   // nobody has answered there yet: then only `dialled` is filled in
    std::string dialled;  // as the one who is to be replaced had dialled it
    // Whom the dialog's call has at its other end, and the dialog with him.
    AccountId account;
    std::string number;
    std::string name;
    std::string contact;
    std::string instance_id;
    Flow flow;
    std::string party_call_id;
    std::string our_tag;
    std::string party_tag;
};
// To the owner of a call whose party goes on in another one.
struct CallReplaced {
    CallId call;
    CallId by;
};

// Licences of calls under way, and of calls a second: CS has what a domain may use, and leases it
// to B2Bs in blocks, so that a call costs a letter only where there is little to share.
// (store/licences.h; `quantity` is a store::Quantity.)
struct LeaseOf {
    DomainId holder;
    uint8_t quantity = 0;
    TrunkId trunk{};  // of the holder, whose channels are counted; nil: its licence is
    friend auto operator<=>(const LeaseOf&, const LeaseOf&) = default;
};
struct LeaseAsk {  // B2B to CS
    LeaseOf of;
};
struct LeaseGiven {
    uint32_t given = 0;     // 0: there is none left
    uint32_t block = 1;     // what is worth keeping unused
    uint32_t valid_ms = 0;  // of calls a second; 0: until it is returned
};
struct LeaseReturned {  // B2B to CS: so many less
    LeaseOf of;
    uint32_t count = 0;
    bool recalled = false;  // the answer to LeaseRecalled
};
struct LeaseRecalled {  // CS to B2B: another one needs what is not used
    LeaseOf of;
};
struct LeaseReport {  // B2B to CS, before each CallReportAll: all that it holds
    struct Entry {
        LeaseOf of;
        uint32_t held = 0;
    };
    Instance owner;
    std::vector<Entry> entries;
};

// SIP messages of one call, oldest first, bounded; for the ladder.
struct CallTraceQuery {
    CallId call;    // the whole
    DomainId side;  // as above
};
struct CallTraceEntry {
    UtcTime at;
    bool from_phone = true;
    uint32_t leg = 0;
    std::string remote;  // address of the phone
    std::string text;    // the whole message; the start line only when full traces are off
};
struct CallTrace {
    std::optional<Error> error;
    std::vector<CallTraceEntry> entries;
};

}  // namespace tandem::ports
