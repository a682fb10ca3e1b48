// What one transaction wants to have happen.
#pragma once

#include <cstdint>
#include <vector>

#include "sip/message.h"

namespace tandem::sip {

// Whether the message that was fed to a transaction is for its user, or was dealt with.
enum class Verdict : uint8_t { Absorbed, ForUser };

// What a transaction tells its user besides messages.
enum class TransactionEvent : uint8_t {
    Timeout,         // no (final) response in time: act as on 408 (RFC 3261 8.1.3.1)
    TransportError,  // act as on 503
    AckTimeout,      // a failure response was never ACKed (timer H): for the counters
    CancelDue,       // the transaction layer is to send the CANCEL that waited for a provisional
    Terminated,      // the machine is done and may be destroyed
};

struct TransactionOutbox {
    std::vector<Message> messages;  // in order
    std::vector<TransactionEvent> events;

    void send(Message message) { messages.push_back(std::move(message)); }
    void tell(TransactionEvent event) { events.push_back(event); }
    void clear() {
        messages.clear();
        events.clear();
    }
    bool empty() const { return messages.empty() && events.empty(); }
};

}  // namespace tandem::sip
