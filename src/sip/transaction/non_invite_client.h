// Non-INVITE client transaction. RFC 3261 17.1.2, figure 6; RFC 4320 4.
#pragma once

#include <optional>
#include <string_view>

#include "base/instant.h"
#include "sip/message.h"
#include "sip/transaction/timers.h"
#include "sip/transaction/transaction_outbox.h"

namespace tandem::sip {

enum class NonInviteClientState : uint8_t { Trying, Proceeding, Completed, Terminated };
std::string_view to_string(NonInviteClientState state);

struct NonInviteClientSnapshot {
    NonInviteClientState state = NonInviteClientState::Trying;
    Reliability reliability = Reliability::Unreliable;
    Timers timers;
    Message request;  // empty over reliable transports: it is never sent again
    Duration interval_e{0};
    std::optional<Instant> timer_e;
    std::optional<Instant> timer_f;
    std::optional<Instant> timer_k;
};

// Owned by the transaction layer, on its shard.
class NonInviteClientTransaction {
 public:
    // Sends the request.
    NonInviteClientTransaction(Instant now, Message request, Reliability reliability,
                               const Timers& timers, TransactionOutbox& out);

    // ForUser: every provisional and the first final response.
    Verdict on_response(Instant now, const Message& response, TransactionOutbox& out);
    void on_transport_error(Instant now, TransactionOutbox& out);
    void on_timeout(Instant now, TransactionOutbox& out);
    std::optional<Instant> next_deadline() const;  // min of timers E, F, K

    NonInviteClientState state() const { return s_.state; }

    NonInviteClientSnapshot snapshot() const { return s_; }
    static NonInviteClientTransaction restore(NonInviteClientSnapshot snapshot);

 private:
    explicit NonInviteClientTransaction(NonInviteClientSnapshot snapshot)
        : s_(std::move(snapshot)) {}
    void terminate(TransactionOutbox& out);

    NonInviteClientSnapshot s_;
};

}  // namespace tandem::sip
