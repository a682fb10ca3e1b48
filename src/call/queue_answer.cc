// A queue that answers: as soon as he has a place, a caller is told 200 with the gate's answer, as
// providers may pass no early media, or not for long. From then on he is as one who was transferred
// there (transfer_queue.cc), by nobody: in the callee's place is the queue, which has no phone. Who
// has no place is not answered. His turn may come before his call is safe, and waits for that; so
// does the word that he is not to wait.
#include <algorithm>

#include "call/call.h"
#include "call/limits.h"
#include "call/queue_sound.h"
#include "call/queue_wait.h"
#include "sdp/intersection.h"

namespace tandem::call {

// Where the gate can make nothing of his offer, or the answer of a device that rang before has gone
// out reliably, he waits unanswered.
bool QueueWait::can_answer(const CallValues& call) const {
    return here_->stop.answers && call.offer_ && call.early_ == 0 &&
           (!call.early_is_final_ || gate_has_answered_) && call.branches_.size() < kBranchesMax &&
           sdp::has_media(answer_of_gate(*call.offer_));
}

bool QueueWait::is_answering(const CallValues& call) const {
    return here_ && here_->of_answered && call.phase_ < Phase::Established;
}

void QueueWait::begin_answer(Call& call, CallContext& ctx) {
    here_->will_answer = false;
    here_->of_answered = true;
    here_->tell_at.reset();
    open_caller(call, ctx);
}

void QueueWait::answer(Call& call, CallContext& ctx) {
    if (call.phase_ != Phase::Ringing || call.caller_->media.local().empty()) return;
    notes_.back().of_answered = true;
    const auto index = static_cast<uint8_t>(call.branches_.size() + 1);
    call.branches_.push_back(empty_place(call.base(), index));
    call.branches_.back()->destination = as_party();
    call.winner_ = index;
    sip::Payload payload;
    if (!call.early_is_final_)
        payload.sdp = call.caller_->media.describe(answer_of_gate(*call.offer_), SdpRole::Answer,
                                                   ctx.leg.rng);
    call.update_media(ctx, {0}, false);  // keys that the answer has made
    call.transfer_.begin_by_queue(call, index);
    call.commit(ctx, std::move(payload));
}

// What is said last counts, but who has a turn is not sent away.
void QueueWait::hold(const ports::QueueAdvice::Entry& advice) {
    using Kind = ports::QueueAdvice::Kind;
    const bool has_held_turn = here_->held && here_->held->kind == Kind::Turn;
    switch (advice.kind) {
        case Kind::Place:
            here_->ahead = advice.ahead;
            return;
        case Kind::Turn:
            here_->held = advice;
            return;
        case Kind::Full:
        case Kind::NoAgents:
            if (!has_held_turn) here_->held = advice;
            return;
        case Kind::Withdraw:
            break;
    }
    if (!has_held_turn) return;
    const auto is_gone = [&](AccountId each) {
        return std::ranges::find(advice.agents, each) != advice.agents.end();
    };
    std::erase_if(here_->held->agents, is_gone);
}

void QueueWait::settle(Call& call, CallContext& ctx) {
    if (!here_ || !here_->held || !waits(call)) return;
    const ports::QueueAdvice::Entry held = *std::exchange(here_->held, std::nullopt);
    if (held.kind == ports::QueueAdvice::Kind::Turn)
        begin_turn(call, ctx, held);
    else
        leave(call, ctx, outcome_of(held.kind));
}

}  // namespace tandem::call
