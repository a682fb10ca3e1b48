// Non-INVITE server transaction. RFC 3261 17.2.2, figure 8; RFC 4320 4.
#pragma once

#include <optional>
#include <string_view>

#include "base/instant.h"
#include "sip/message.h"
#include "sip/transaction/timers.h"
#include "sip/transaction/transaction_outbox.h"

namespace tandem::sip {

enum class NonInviteServerState : uint8_t { Trying, Proceeding, Completed, Terminated };
std::string_view to_string(NonInviteServerState state);

struct NonInviteServerSnapshot {
    NonInviteServerState state = NonInviteServerState::Trying;
    Reliability reliability = Reliability::Unreliable;
    Timers timers;
    Instant arrived;
    std::optional<Message> last_response;
    // A slow user: 100 goes out when timer E of the client would have become T2 (RFC 4320 4.1).
    std::optional<Instant> timer_100;
    std::optional<Instant> timer_j;
    // The user has not answered 64*T1 after the arrival: nobody listens any more (RFC 4320 4.2).
    std::optional<Instant> give_up;
    Message trying;
};

// Owned by the transaction layer, on its shard.
class NonInviteServerTransaction {
 public:
    NonInviteServerTransaction(Instant now, const Message& request, Reliability reliability,
                               const Timers& timers);

    void on_retransmission(Instant now, TransactionOutbox& out);
    // Provisionals other than 100, a 100 too early over UDP, a 408, a second final response and one
    // that comes 64*T1 after the request are dropped (RFC 4320 4.1, 4.2).
    void respond(Instant now, Message response, TransactionOutbox& out);
    void on_transport_error(Instant now, TransactionOutbox& out);
    void on_timeout(Instant now, TransactionOutbox& out);
    std::optional<Instant> next_deadline() const;

    NonInviteServerState state() const { return s_.state; }

    NonInviteServerSnapshot snapshot() const { return s_; }
    static NonInviteServerTransaction restore(NonInviteServerSnapshot snapshot);

 private:
    explicit NonInviteServerTransaction(NonInviteServerSnapshot snapshot)
        : s_(std::move(snapshot)) {}
    void terminate(TransactionOutbox& out);

    NonInviteServerSnapshot s_;
};

}  // namespace tandem::sip
