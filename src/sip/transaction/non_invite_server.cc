#include "sip/transaction/non_invite_server.h"

#include <algorithm>

#include "sip/status.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {
namespace {

// When timer E of a client over UDP becomes T2: 0.5 + 1 + 2 = 3.5 s with the usual values (RFC
// 4320 4.1).
Duration until_timer_e_is_t2(const Timers& timers) {
    Duration elapsed{0};
    for (Duration interval = timers.t1; interval < timers.t2; interval *= 2) elapsed += interval;
    return elapsed;
}

}  // namespace

std::string_view to_string(NonInviteServerState state) {
    switch (state) {
        case NonInviteServerState::Trying:
            return "trying";
        case NonInviteServerState::Proceeding:
            return "proceeding";
        case NonInviteServerState::Completed:
            return "completed";
        case NonInviteServerState::Terminated:
            return "terminated";
    }
    return "";
}

NonInviteServerTransaction::NonInviteServerTransaction(Instant now, const Message& request,
                                                       Reliability reliability,
                                                       const Timers& timers) {
    s_.reliability = reliability;
    s_.timers = timers;
    s_.arrived = now;
    s_.trying = make_response(request, 100);
    s_.timer_100 = now + until_timer_e_is_t2(timers);
    s_.give_up = now + timers.times_64();
}

NonInviteServerTransaction NonInviteServerTransaction::restore(NonInviteServerSnapshot snapshot) {
    return NonInviteServerTransaction(std::move(snapshot));
}

void NonInviteServerTransaction::on_retransmission(Instant, TransactionOutbox& out) {
    if (s_.last_response) out.send(*s_.last_response);
}

void NonInviteServerTransaction::respond(Instant now, Message response, TransactionOutbox& out) {
    const bool open =
        s_.state == NonInviteServerState::Trying || s_.state == NonInviteServerState::Proceeding;
    if (!open || response.status() == 408) return;
    if (!is_final(response.status())) {
        const bool early = s_.reliability == Reliability::Unreliable &&
                           now < s_.arrived + until_timer_e_is_t2(s_.timers);
        if (response.status() != 100 || early) return;
        s_.state = NonInviteServerState::Proceeding;
        s_.timer_100.reset();
        s_.last_response = response;
        out.send(std::move(response));
        return;
    }
    s_.state = NonInviteServerState::Completed;
    s_.timer_100.reset();
    s_.give_up.reset();
    if (s_.reliability == Reliability::Reliable) {
        out.send(std::move(response));
        terminate(out);
        return;
    }
    s_.timer_j = now + s_.timers.timer_j(s_.reliability);
    s_.last_response = response;
    out.send(std::move(response));
}

void NonInviteServerTransaction::on_transport_error(Instant, TransactionOutbox& out) {
    if (s_.state == NonInviteServerState::Terminated) return;
    out.tell(TransactionEvent::TransportError);
    terminate(out);
}

void NonInviteServerTransaction::on_timeout(Instant now, TransactionOutbox& out) {
    if (is_due(s_.timer_j, now) || is_due(s_.give_up, now)) {
        terminate(out);
        return;
    }
    if (is_due(s_.timer_100, now)) {
        s_.timer_100.reset();
        s_.state = NonInviteServerState::Proceeding;
        s_.last_response = s_.trying;
        out.send(s_.trying);
    }
}

std::optional<Instant> NonInviteServerTransaction::next_deadline() const {
    return earliest({s_.timer_100, s_.timer_j, s_.give_up});
}

void NonInviteServerTransaction::terminate(TransactionOutbox& out) {
    s_.state = NonInviteServerState::Terminated;
    s_.timer_100 = s_.timer_j = s_.give_up = std::nullopt;
    out.tell(TransactionEvent::Terminated);
}

}  // namespace tandem::sip
