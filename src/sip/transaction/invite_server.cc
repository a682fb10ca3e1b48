#include "sip/transaction/invite_server.h"

#include <algorithm>

#include "sip/status.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {

std::string_view to_string(InviteServerState state) {
    switch (state) {
        case InviteServerState::Proceeding:
            return "proceeding";
        case InviteServerState::Accepted:
            return "accepted";
        case InviteServerState::Completed:
            return "completed";
        case InviteServerState::Confirmed:
            return "confirmed";
        case InviteServerState::Terminated:
            return "terminated";
    }
    return "";
}

InviteServerTransaction::InviteServerTransaction(Instant now, const Message& invite,
                                                 Reliability reliability, const Timers& timers) {
    s_.reliability = reliability;
    s_.timers = timers;
    s_.trying = make_response(invite, 100);
    s_.timer_100 = now + timers.trying;
}

InviteServerTransaction InviteServerTransaction::restore(InviteServerSnapshot snapshot) {
    return InviteServerTransaction(std::move(snapshot));
}

void InviteServerTransaction::on_retransmission(Instant, TransactionOutbox& out) {
    const bool answers =
        s_.state == InviteServerState::Proceeding || s_.state == InviteServerState::Completed;
    // Accepted: the user repeats the 2xx by itself, the transaction does not (RFC 6026 7.1).
    if (answers && s_.last_response) out.send(*s_.last_response);
}

Verdict InviteServerTransaction::on_ack(Instant now, TransactionOutbox& out) {
    if (s_.state == InviteServerState::Accepted) return Verdict::ForUser;
    if (s_.state != InviteServerState::Completed) return Verdict::Absorbed;
    s_.state = InviteServerState::Confirmed;
    s_.timer_g.reset();
    s_.timer_h.reset();
    s_.last_response.reset();
    if (s_.reliability == Reliability::Reliable) {
        terminate(out);
    } else {
        s_.timer_i = now + s_.timers.linger(s_.reliability);
    }
    return Verdict::Absorbed;
}

void InviteServerTransaction::respond(Instant now, Message response, TransactionOutbox& out) {
    const int status = response.status();
    if (s_.state == InviteServerState::Accepted && is_success(status)) {
        out.send(std::move(response));
        return;
    }
    if (s_.state != InviteServerState::Proceeding) return;
    s_.timer_100.reset();
    if (is_provisional(status)) {
        s_.last_response = response;
        out.send(std::move(response));
    } else if (is_success(status)) {
        s_.state = InviteServerState::Accepted;
        s_.timer_l = now + s_.timers.times_64();
        s_.last_response.reset();
        out.send(std::move(response));
    } else {
        complete(now, std::move(response), out);
    }
}

void InviteServerTransaction::complete(Instant now, Message response, TransactionOutbox& out) {
    s_.state = InviteServerState::Completed;
    s_.timer_h = now + s_.timers.times_64();
    if (s_.reliability == Reliability::Unreliable) {
        s_.interval_g = s_.timers.t1;
        s_.timer_g = now + s_.interval_g;
    }
    s_.last_response = response;
    out.send(std::move(response));
}

// RFC 6026 7.1: the user is told, the state stays, as the next response may get through.
void InviteServerTransaction::on_transport_error(Instant, TransactionOutbox& out) {
    if (s_.state == InviteServerState::Confirmed || s_.state == InviteServerState::Terminated) {
        return;
    }
    out.tell(TransactionEvent::TransportError);
}

void InviteServerTransaction::on_timeout(Instant now, TransactionOutbox& out) {
    if (is_due(s_.timer_h, now)) {
        out.tell(TransactionEvent::AckTimeout);
        terminate(out);
        return;
    }
    if (is_due(s_.timer_i, now) || is_due(s_.timer_l, now)) {
        terminate(out);
        return;
    }
    if (is_due(s_.timer_100, now)) {
        s_.timer_100.reset();
        s_.last_response = s_.trying;
        out.send(s_.trying);
    }
    if (is_due(s_.timer_g, now)) {
        s_.interval_g = std::min(2 * s_.interval_g, s_.timers.t2);
        s_.timer_g = now + s_.interval_g;
        out.send(*s_.last_response);
    }
}

std::optional<Instant> InviteServerTransaction::next_deadline() const {
    return earliest({s_.timer_100, s_.timer_g, s_.timer_h, s_.timer_i, s_.timer_l});
}

void InviteServerTransaction::terminate(TransactionOutbox& out) {
    s_.state = InviteServerState::Terminated;
    s_.timer_100 = s_.timer_g = s_.timer_h = s_.timer_i = s_.timer_l = std::nullopt;
    out.tell(TransactionEvent::Terminated);
}

}  // namespace tandem::sip
