#include "sip/dialog/two_hundred.h"

#include <algorithm>

#include "sip/transaction/earliest.h"

namespace tandem::sip {

TwoHundredRetransmission::TwoHundredRetransmission(Instant now, Message response,
                                                   const Timers& timers) {
    const auto cseq = response.cseq();
    s_.cseq = cseq ? cseq->number : 0;
    s_.response = std::move(response);
    s_.timers = timers;
    s_.interval = timers.t1;
    s_.retransmit = now + s_.interval;
    s_.give_up = now + timers.times_64();
}

TwoHundredRetransmission TwoHundredRetransmission::restore(TwoHundredSnapshot snapshot) {
    return TwoHundredRetransmission(std::move(snapshot));
}

TwoHundredRetransmission::Due TwoHundredRetransmission::on_timeout(Instant now) {
    if (is_due(s_.give_up, now)) {
        s_.retransmit.reset();
        s_.give_up.reset();
        return Due::GiveUp;
    }
    if (!is_due(s_.retransmit, now)) return Due::Nothing;
    s_.interval = std::min(2 * s_.interval, s_.timers.t2);
    s_.retransmit = now + s_.interval;
    return Due::Retransmit;
}

bool TwoHundredRetransmission::on_ack(const Message& ack) {
    const auto cseq = ack.cseq();
    if (!cseq || cseq->number != s_.cseq) return false;
    s_.retransmit.reset();
    s_.give_up.reset();
    return true;
}

std::optional<Instant> TwoHundredRetransmission::next_deadline() const {
    return earliest({s_.retransmit, s_.give_up});
}

void AckKeeper::keep(KeptAck ack) {
    acks_.push_back(std::move(ack));
}

const KeptAck* AckKeeper::find(const Message& response) const {
    const auto to = response.to();
    const auto cseq = response.cseq();
    if (!to || !cseq) return nullptr;
    for (const KeptAck& kept : acks_) {
        if (kept.cseq == cseq->number && kept.remote_tag == to->tag()) return &kept;
    }
    return nullptr;
}

void AckKeeper::on_timeout(Instant now) {
    std::erase_if(acks_, [now](const KeptAck& kept) { return kept.forget <= now; });
}

std::optional<Instant> AckKeeper::next_deadline() const {
    std::optional<Instant> first;
    for (const KeptAck& kept : acks_) first = earliest({first, kept.forget});
    return first;
}

AckKeeper AckKeeper::restore(std::vector<KeptAck> acks) {
    AckKeeper keeper;
    keeper.acks_ = std::move(acks);
    return keeper;
}

}  // namespace tandem::sip
