#include "sip/dialog/reliable_provisional.h"

#include "base/check.h"
#include "sip/dialog/limits.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {

ReliableProvisionalSender::ReliableProvisionalSender(uint32_t first_rseq, uint32_t invite_cseq,
                                                     const Timers& timers) {
    s_.timers = timers;
    s_.next_rseq = first_rseq;
    s_.invite_cseq = invite_cseq;
}

ReliableProvisionalSender ReliableProvisionalSender::restore(ReliableSenderSnapshot snapshot) {
    return ReliableProvisionalSender(std::move(snapshot));
}

Result<std::optional<Message>> ReliableProvisionalSender::send(Instant now, Message response) {
    if (!s_.outstanding) return std::optional<Message>(start(now, std::move(response)));
    if (s_.waiting.size() >= reliable_provisionals_waiting_max) {
        return make_error(ErrorCode::Conflict, "RSeq",
                          "too many provisionals wait for their PRACK");
    }
    s_.waiting.push_back(std::move(response));
    return std::optional<Message>();
}

Message ReliableProvisionalSender::start(Instant now, Message response) {
    const uint32_t rseq = s_.next_rseq++;
    response.append(HeaderId::Require, "100rel");
    response.append(HeaderId::RSeq, std::to_string(rseq));
    const Duration t1 = s_.timers.t1;
    s_.outstanding = {response, rseq, t1, now + t1, now + s_.timers.times_64()};
    return response;
}

ReliableProvisionalSender::PrackVerdict ReliableProvisionalSender::on_prack(const Message& prack) {
    const auto rack = prack.rack();
    const bool matches = s_.outstanding && rack && *rack && (*rack)->rseq == s_.outstanding->rseq &&
                         (*rack)->cseq.number == s_.invite_cseq &&
                         (*rack)->cseq.method == Method::Invite;
    if (!matches) return PrackVerdict::NoMatch;
    s_.outstanding.reset();
    return PrackVerdict::Matches;
}

std::optional<Message> ReliableProvisionalSender::next(Instant now) {
    if (s_.outstanding || s_.waiting.empty()) return std::nullopt;
    Message response = std::move(s_.waiting.front());
    s_.waiting.pop_front();
    return start(now, std::move(response));
}

ReliableProvisionalSender::Due ReliableProvisionalSender::on_timeout(Instant now) {
    if (!s_.outstanding) return Due::Nothing;
    auto& outstanding = *s_.outstanding;
    if (outstanding.give_up <= now) {
        stop();
        return Due::GiveUp;
    }
    if (outstanding.retransmit > now) return Due::Nothing;
    outstanding.interval *= 2;  // RFC 3262 3: without a ceiling, unlike timer G
    outstanding.retransmit = now + outstanding.interval;
    return Due::Retransmit;
}

std::optional<Instant> ReliableProvisionalSender::next_deadline() const {
    if (!s_.outstanding) return std::nullopt;
    return earliest({s_.outstanding->retransmit, s_.outstanding->give_up});
}

const Message& ReliableProvisionalSender::outstanding() const {
    CHECK(s_.outstanding);
    return s_.outstanding->response;
}

void ReliableProvisionalSender::stop() {
    s_.outstanding.reset();
    s_.waiting.clear();
}

ReliableProvisionalReceiver::Verdict ReliableProvisionalReceiver::on_provisional(
    const Message& response) {
    const auto rseq = response.rseq();
    if (!response.has_value(HeaderId::Require, "100rel") || !rseq || !*rseq) {
        return Verdict::Unreliable;
    }
    if (last_rseq_ && **rseq != *last_rseq_ + 1) return Verdict::Ignore;
    last_rseq_ = **rseq;
    return Verdict::New;
}

std::string ReliableProvisionalReceiver::rack(const Message& response) {
    std::string value(response.header(HeaderId::RSeq).value_or(""));
    value.append(" ").append(response.header(HeaderId::CSeq).value_or(""));
    return value;
}

ReliableProvisionalReceiver ReliableProvisionalReceiver::restore(
    std::optional<uint32_t> last_rseq) {
    ReliableProvisionalReceiver receiver;
    receiver.last_rseq_ = last_rseq;
    return receiver;
}

}  // namespace tandem::sip
