// INVITE server transaction. RFC 3261 17.2.1, figure 7, as changed by RFC 6026 7.1 (Accepted).
#pragma once

#include <optional>
#include <string_view>

#include "base/instant.h"
#include "sip/message.h"
#include "sip/transaction/timers.h"
#include "sip/transaction/transaction_outbox.h"

namespace tandem::sip {

enum class InviteServerState : uint8_t { Proceeding, Accepted, Completed, Confirmed, Terminated };
std::string_view to_string(InviteServerState state);

struct InviteServerSnapshot {
    InviteServerState state = InviteServerState::Proceeding;
    Reliability reliability = Reliability::Unreliable;
    Timers timers;
    Message trying;                        // the 100 that goes out when the user is slow
    std::optional<Message> last_response;  // provisional, or failure until Confirmed
    Duration interval_g{0};
    std::optional<Instant> timer_100;
    std::optional<Instant> timer_g;
    std::optional<Instant> timer_h;
    std::optional<Instant> timer_i;
    std::optional<Instant> timer_l;
};

// Owned by the transaction layer, on its shard. It is made with the INVITE's arrival.
class InviteServerTransaction {
 public:
    InviteServerTransaction(Instant now, const Message& invite, Reliability reliability,
                            const Timers& timers);

    // The same INVITE again: answered from memory, never for the user.
    void on_retransmission(Instant now, TransactionOutbox& out);
    // An ACK that matches. ForUser in Accepted only, where it acknowledges the 2xx of an RFC 2543
    // peer or of one that reuses the branch (RFC 6026 7.1).
    Verdict on_ack(Instant now, TransactionOutbox& out);
    // From the user. A 2xx may be given again and again while Accepted. A response that the state
    // has no room for (a second final, a provisional after a final) is dropped: the user may not
    // know yet that a CANCEL or an answer came first.
    void respond(Instant now, Message response, TransactionOutbox& out);
    void on_transport_error(Instant now, TransactionOutbox& out);
    void on_timeout(Instant now, TransactionOutbox& out);
    std::optional<Instant> next_deadline() const;  // min of 100, G, H, I, L

    InviteServerState state() const { return s_.state; }

    InviteServerSnapshot snapshot() const { return s_; }
    static InviteServerTransaction restore(InviteServerSnapshot snapshot);

 private:
    explicit InviteServerTransaction(InviteServerSnapshot snapshot) : s_(std::move(snapshot)) {}
    void complete(Instant now, Message response, TransactionOutbox& out);
    void terminate(TransactionOutbox& out);

    InviteServerSnapshot s_;
};

}  // namespace tandem::sip
