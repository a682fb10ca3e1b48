// INVITE client transaction. RFC 3261 17.1.1, figure 5, as changed by RFC 6026 7.2 (Accepted).
#pragma once

#include <optional>
#include <string_view>

#include "base/instant.h"
#include "sip/message.h"
#include "sip/transaction/timers.h"
#include "sip/transaction/transaction_outbox.h"

namespace tandem::sip {

enum class InviteClientState : uint8_t { Calling, Proceeding, Accepted, Completed, Terminated };
std::string_view to_string(InviteClientState state);

// Plain and complete: what restore() needs.
struct InviteClientSnapshot {
    InviteClientState state = InviteClientState::Calling;
    Reliability reliability = Reliability::Unreliable;
    Timers timers;
    Message invite;
    Message ack;  // Completed only
    bool cancel_wanted = false;
    bool cancel_sent = false;
    Duration interval_a{0};
    std::optional<Instant> timer_a;
    std::optional<Instant> timer_b;
    std::optional<Instant> timer_d;
    std::optional<Instant> timer_m;
    std::optional<Instant> cancel_limit;
};

// Owned by the transaction layer, on its shard. Responses that belong to it are those that came to
// its branch with an INVITE CSeq.
class InviteClientTransaction {
 public:
    // Sends the INVITE.
    InviteClientTransaction(Instant now, Message invite, Reliability reliability,
                            const Timers& timers, TransactionOutbox& out);

    // ForUser: every provisional, the first failure, every 2xx (RFC 6026 8.4: the user ACKs each).
    Verdict on_response(Instant now, const Message& response, TransactionOutbox& out);
    void on_transport_error(Instant now, TransactionOutbox& out);
    void on_timeout(Instant now, TransactionOutbox& out);  // nothing before next_deadline()
    std::optional<Instant> next_deadline() const;          // min of timers A, B, D, M, cancel limit

    // The user has lost interest. CancelDue follows at once, or on the first provisional (RFC
    // 3261 9.1); when no final response comes within 64*T1 of the CANCEL, Timeout does.
    void cancel(Instant now, TransactionOutbox& out);

    InviteClientState state() const { return s_.state; }
    const Message& invite() const { return s_.invite; }

    InviteClientSnapshot snapshot() const { return s_; }
    static InviteClientTransaction restore(InviteClientSnapshot snapshot);

 private:
    explicit InviteClientTransaction(InviteClientSnapshot snapshot) : s_(std::move(snapshot)) {}
    Verdict in_calling(Instant now, const Message& response, TransactionOutbox& out);
    Verdict in_proceeding(Instant now, const Message& response, TransactionOutbox& out);
    Verdict in_accepted(const Message& response);
    Verdict in_completed(const Message& response, TransactionOutbox& out);
    Verdict on_final(Instant now, const Message& response, TransactionOutbox& out);
    void send_cancel(Instant now, TransactionOutbox& out);
    void terminate(TransactionOutbox& out);

    InviteClientSnapshot s_;
};

}  // namespace tandem::sip
