// All of a call that outlives its owner, as plain values. encode() and decode() are in
// snapshot_codec.cc (proto/call_snapshot.proto).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "call/branch.h"
#include "call/call_context.h"
#include "call/queue_wait.h"
#include "call/sides.h"
#include "call/transfer.h"

namespace tandem::call {

struct PartySnapshot {
    uint8_t index = 0;  // of the leg
    sip::LegSnapshot leg;
    PartyMedia media;
    ports::Flow flow;
    std::string user_agent;
    UtcTime started;
    UtcTime answered;
    bool wants_offer = false;  // it does not know yet where its peer is now
    std::optional<ports::MediaPlay> hears;
    Destination destination;  // of a branch
    std::string contact;      // of its binding
    std::string instance_id;
    uint32_t reg_id = 0;
    // Of a device that rings.
    uint8_t place = 0;  // of its destination in RingingSnapshot, from 1
    bool rings = false;
    bool may_try_other_profile = false;
    std::vector<ports::Binding> other_ways;
    ports::Instance invited_by;  // whom the branch of its INVITE names; the owner's
};

// The way of a call that nobody has answered: what is left of it, and what came of the rest.
struct RingingSnapshot {
    struct Failure {
        uint8_t leg = 0;
        uint8_t place = 0;
        int status = 0;
    };
    std::vector<Destination> destinations;
    std::vector<Duration> stages;
    uint8_t stage = 0;
    std::vector<QueueStop> stops;
    std::vector<Failure> failures;
    UtcTime stage_until;
    UtcTime ring_until;
    uint8_t early = 0;
    int rang = 0;
};

struct CallSnapshot {
    Now saved;  // both clocks, to shift deadlines to another machine's
    CallFacts facts;
    CallSettings settings;
    ports::Instance media_gate;
    bool media_open = false;
    bool held = false;
    // Nobody has answered: it rings on along its way, or waits on in a queue. Without either it is
    // kept to be ended properly.
    bool ringing = false;
    std::optional<RingingSnapshot> way;
    uint8_t winner = 0;    // 0 while it rings
    uint8_t near = 0;      // who is in the caller's place
    bool pages = false;    // all parties but the caller hear him
    uint8_t intruder = 0;  // the leg of who had joined them: lost with its owner
    TransferSnapshot transfer;
    UtcTime answered;
    std::vector<routing::Forward> forwards;
    std::vector<Side> sides;
    QueueSnapshot queue;
    std::vector<PartySnapshot> parties;  // caller first; while it rings all pending branches
};

std::string encode(const CallSnapshot& snapshot);
Result<CallSnapshot> decode(std::string_view bytes);

}  // namespace tandem::call
