#include "sip/transaction/non_invite_client.h"

#include <algorithm>

#include "sip/status.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {

std::string_view to_string(NonInviteClientState state) {
    switch (state) {
        case NonInviteClientState::Trying:
            return "trying";
        case NonInviteClientState::Proceeding:
            return "proceeding";
        case NonInviteClientState::Completed:
            return "completed";
        case NonInviteClientState::Terminated:
            return "terminated";
    }
    return "";
}

NonInviteClientTransaction::NonInviteClientTransaction(Instant now, Message request,
                                                       Reliability reliability,
                                                       const Timers& timers,
                                                       TransactionOutbox& out) {
    s_.reliability = reliability;
    s_.timers = timers;
    s_.timer_f = now + timers.times_64();
    if (reliability == Reliability::Unreliable) {  // RFC 3261 17.1.2.2
        s_.request = request;
        s_.interval_e = timers.t1;
        s_.timer_e = now + s_.interval_e;
    }
    out.send(std::move(request));
}

NonInviteClientTransaction NonInviteClientTransaction::restore(NonInviteClientSnapshot snapshot) {
    return NonInviteClientTransaction(std::move(snapshot));
}

Verdict NonInviteClientTransaction::on_response(Instant now, const Message& response,
                                                TransactionOutbox& out) {
    if (s_.state == NonInviteClientState::Completed ||
        s_.state == NonInviteClientState::Terminated) {
        return Verdict::Absorbed;
    }
    if (!is_final(response.status())) {
        s_.state = NonInviteClientState::Proceeding;
        return Verdict::ForUser;
    }
    s_.state = NonInviteClientState::Completed;
    s_.timer_e.reset();
    s_.timer_f.reset();
    if (s_.reliability == Reliability::Reliable) {
        terminate(out);
    } else {
        s_.timer_k = now + s_.timers.linger(s_.reliability);
    }
    return Verdict::ForUser;
}

void NonInviteClientTransaction::on_transport_error(Instant, TransactionOutbox& out) {
    if (s_.state == NonInviteClientState::Terminated) return;
    if (s_.state != NonInviteClientState::Completed) out.tell(TransactionEvent::TransportError);
    terminate(out);
}

void NonInviteClientTransaction::on_timeout(Instant now, TransactionOutbox& out) {
    if (is_due(s_.timer_f, now)) {
        out.tell(TransactionEvent::Timeout);
        terminate(out);
        return;
    }
    if (is_due(s_.timer_k, now)) {
        terminate(out);
        return;
    }
    if (is_due(s_.timer_e, now)) {
        const bool slow = s_.state == NonInviteClientState::Proceeding;
        s_.interval_e = slow ? s_.timers.t2 : std::min(2 * s_.interval_e, s_.timers.t2);
        s_.timer_e = now + s_.interval_e;
        out.send(s_.request);
    }
}

std::optional<Instant> NonInviteClientTransaction::next_deadline() const {
    return earliest({s_.timer_e, s_.timer_f, s_.timer_k});
}

void NonInviteClientTransaction::terminate(TransactionOutbox& out) {
    s_.state = NonInviteClientState::Terminated;
    s_.timer_e = s_.timer_f = s_.timer_k = std::nullopt;
    out.tell(TransactionEvent::Terminated);
}

}  // namespace tandem::sip
