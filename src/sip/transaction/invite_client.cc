#include "sip/transaction/invite_client.h"

#include "sip/status.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {

std::string_view to_string(InviteClientState state) {
    switch (state) {
        case InviteClientState::Calling:
            return "calling";
        case InviteClientState::Proceeding:
            return "proceeding";
        case InviteClientState::Accepted:
            return "accepted";
        case InviteClientState::Completed:
            return "completed";
        case InviteClientState::Terminated:
            return "terminated";
    }
    return "";
}

InviteClientTransaction::InviteClientTransaction(Instant now, Message invite,
                                                 Reliability reliability, const Timers& timers,
                                                 TransactionOutbox& out) {
    s_.reliability = reliability;
    s_.timers = timers;
    s_.invite = std::move(invite);
    s_.timer_b = now + timers.times_64();
    if (reliability == Reliability::Unreliable) {  // RFC 3261 17.1.1.2
        s_.interval_a = timers.t1;
        s_.timer_a = now + s_.interval_a;
    }
    out.send(s_.invite);
}

InviteClientTransaction InviteClientTransaction::restore(InviteClientSnapshot snapshot) {
    return InviteClientTransaction(std::move(snapshot));
}

Verdict InviteClientTransaction::on_response(Instant now, const Message& response,
                                             TransactionOutbox& out) {
    switch (s_.state) {
        case InviteClientState::Calling:
            return in_calling(now, response, out);
        case InviteClientState::Proceeding:
            return in_proceeding(now, response, out);
        case InviteClientState::Accepted:
            return in_accepted(response);
        case InviteClientState::Completed:
            return in_completed(response, out);
        case InviteClientState::Terminated:
            return Verdict::Absorbed;
    }
    return Verdict::Absorbed;
}

Verdict InviteClientTransaction::in_calling(Instant now, const Message& response,
                                            TransactionOutbox& out) {
    s_.timer_a.reset();
    s_.timer_b.reset();
    if (is_final(response.status())) return on_final(now, response, out);
    s_.state = InviteClientState::Proceeding;
    // RFC 3261 9.1: a CANCEL waits for the first provisional, as the INVITE may not be there yet.
    if (s_.cancel_wanted) send_cancel(now, out);
    return Verdict::ForUser;
}

Verdict InviteClientTransaction::in_proceeding(Instant now, const Message& response,
                                               TransactionOutbox& out) {
    if (is_final(response.status())) return on_final(now, response, out);
    return Verdict::ForUser;
}

// RFC 6026 7.2: every 2xx goes up, and nothing else.
Verdict InviteClientTransaction::in_accepted(const Message& response) {
    return is_success(response.status()) ? Verdict::ForUser : Verdict::Absorbed;
}

Verdict InviteClientTransaction::in_completed(const Message& response, TransactionOutbox& out) {
    // A fork that answers after another one failed: the user has to ACK it and hang up (RFC
    // 3261 13.2.2.4). Figure 5 has no arrow for it.
    if (is_success(response.status())) return Verdict::ForUser;
    if (is_final(response.status())) out.send(s_.ack);
    return Verdict::Absorbed;
}

Verdict InviteClientTransaction::on_final(Instant now, const Message& response,
                                          TransactionOutbox& out) {
    s_.cancel_limit.reset();
    if (is_success(response.status())) {
        s_.state = InviteClientState::Accepted;
        s_.timer_m = now + s_.timers.times_64();
        return Verdict::ForUser;
    }
    s_.state = InviteClientState::Completed;
    s_.ack = make_ack_for_failure(s_.invite, response);
    out.send(s_.ack);
    if (s_.reliability == Reliability::Reliable) {
        terminate(out);
    } else {
        s_.timer_d = now + s_.timers.timer_d(s_.reliability);
    }
    return Verdict::ForUser;
}

void InviteClientTransaction::cancel(Instant now, TransactionOutbox& out) {
    if (s_.cancel_wanted) return;
    if (s_.state == InviteClientState::Calling) {
        s_.cancel_wanted = true;
    } else if (s_.state == InviteClientState::Proceeding) {
        s_.cancel_wanted = true;
        send_cancel(now, out);
    }
}

void InviteClientTransaction::send_cancel(Instant now, TransactionOutbox& out) {
    s_.cancel_sent = true;
    s_.cancel_limit = now + s_.timers.times_64();
    out.tell(TransactionEvent::CancelDue);
}

void InviteClientTransaction::on_transport_error(Instant, TransactionOutbox& out) {
    if (s_.state == InviteClientState::Terminated) return;
    // Accepted outlives its flow: repeated 2xx may come by another one (RFC 6026 7.2).
    if (s_.state == InviteClientState::Accepted) return;
    out.tell(TransactionEvent::TransportError);
    terminate(out);
}

void InviteClientTransaction::on_timeout(Instant now, TransactionOutbox& out) {
    if (is_due(s_.timer_b, now) || is_due(s_.cancel_limit, now)) {
        out.tell(TransactionEvent::Timeout);
        terminate(out);
        return;
    }
    if (is_due(s_.timer_d, now) || is_due(s_.timer_m, now)) {
        terminate(out);
        return;
    }
    if (is_due(s_.timer_a, now)) {
        s_.interval_a *= 2;
        s_.timer_a = now + s_.interval_a;
        out.send(s_.invite);
    }
}

std::optional<Instant> InviteClientTransaction::next_deadline() const {
    return earliest({s_.timer_a, s_.timer_b, s_.timer_d, s_.timer_m, s_.cancel_limit});
}

void InviteClientTransaction::terminate(TransactionOutbox& out) {
    s_.state = InviteClientState::Terminated;
    s_.timer_a = s_.timer_b = s_.timer_d = s_.timer_m = s_.cancel_limit = std::nullopt;
    out.tell(TransactionEvent::Terminated);
}

}  // namespace tandem::sip
