// The timers of RFC 3261 17 (table 4) and the two facts that choose among them.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/instant.h"

namespace tandem::sip {

// Of the outermost hop of a transaction: that between the phone and the gate.
enum class Reliability : uint8_t { Unreliable, Reliable };

struct Timers {
    Duration t1 = 500ms;  // estimate of the round trip
    Duration t2 = 4s;     // longest interval between retransmissions
    Duration t4 = 5s;     // longest life of a message in the network
    // How long the user may take before we answer an INVITE with 100 for it (17.2.1).
    Duration trying = 200ms;

    Duration times_64() const { return 64 * t1; }  // timers B, F, H, J, L, M
    // Timer D: at least 32 s over UDP, zero over reliable transports (17.1.1.2).
    Duration timer_d(Reliability r) const {
        return r == Reliability::Reliable ? Duration{0} : times_64();
    }
    // Timer I and K (17.2.1, 17.1.2.2).
    Duration linger(Reliability r) const { return r == Reliability::Reliable ? Duration{0} : t4; }
    // Timer J (17.2.2).
    Duration timer_j(Reliability r) const { return timer_d(r); }

    friend bool operator==(const Timers&, const Timers&) = default;
};

}  // namespace tandem::sip
