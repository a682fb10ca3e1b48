// What comes in: the marks that a server transport leaves in the top Via, and the choice of the
// role instance that a message is for. Pure functions of the message and the directory; a gate
// keeps no call state.
#pragma once

#include <cstdint>

#include "base/crypto.h"
#include "ports/letter.h"
#include "sip/message.h"

namespace tandem::border {

// RFC 3261 18.2.1 and RFC 3581 4: writes where the request really came from. Marks that the sender
// made itself are removed: they would steer our response elsewhere.
void stamp_top_via(sip::Message& request, const sip::Via& via, const SocketAddress& source);

enum class Refusal : uint8_t {
    None,
    NoReceiver,    // no copy of the role, or not the one that is meant, can be reached: 503
    Congested,     // too much waits for it already: 503 with Retry-After
    NoDialog,      // a To tag that none of us made: 481
    OurOwnAnswer,  // the ACK to an answer that the gate gave itself: it ends here
    Stranger,      // who may not speak to this gate: 403
    Ping,          // OPTIONS to the server itself: the gate answers
};

struct Receiver {
    Refusal refusal = Refusal::None;
    ports::Instance to;
    uint64_t owner_key = 0;
    ports::Instance previous_owner;
};

// A request with a valid, stamped top Via.
Receiver choose_receiver(const sip::Message& request, const ports::Surroundings& around,
                         SipHashKey call_id_key);

}  // namespace tandem::border
