// Transfers whose sender asks first: he talks with whoever is to take his place, and the other
// party waits. All three have their legs and terminations in this call. While the two talk, whoever
// was asked has the place of the one who waits, so that offers, holds and keys travel between them
// as in any call; when one of the three leaves, the other two talk.
#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "call/transfer.h"
#include "sdp/intersection.h"

namespace tandem::call {

int Transfer::consult(Call& call, CallContext& ctx, uint8_t index, std::string dialled) {
    if (const int refusal = refusal_of(call, ctx, index, {})) return refusal;
    const auto& theirs = call.party(index)->leg.remote_sdp();
    if (!theirs) return 491;
    start(call, index, std::move(dialled));
    // What whoever is asked answers is to fit both.
    sdp::Session common = sdp::in_common(*theirs, *offer_);
    if (sdp::has_media(common)) offer_ = std::move(common);
    asks_first_ = true;
    waiting_ = call.peer_of(index);
    is_apart_ = true;
    ports::MediaRequest apart;
    apart.context = call.facts_.call;
    apart.must_exist = true;
    apart.joined.emplace();
    call.ask(ctx, call.media_gate_, std::move(apart), {Purpose::UpdateMedia, kMediaDeadline});
    call.save_wanted_ = call.settings_.survival != Survival::None;
    return 0;
}

// Whoever was asked has answered.
void Transfer::talk_first(Call& call, CallContext& ctx) {
    stage_ = Stage::Consulting;
    (referrer_ == call.near_ ? call.winner_ : call.near_) = answered_by_;
    forget_search(call);
    // Another domain, which has the call as well, is not told.
    if (call.domain_of_leg(referrer_) == call.facts_.domain)
        call.route_notes_.push_back({"consult", call.who_is(referrer_).number + " talks with " +
                                                    dialled_ + " while the other party waits"});
    call.saved_ = false;  // as it is now
    join_media(call, ctx, std::nullopt);
    call.offer_anew(ctx, referrer_);
    call.report_due_ = true;
    call.save_wanted_ = call.settings_.survival != Survival::None;
}

// What whoever waits says of his media is between him and the gate: hold, another address, a
// refreshed session.
void Transfer::on_waiting_offer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Party& own = *call.party(index);
    const PartyMedia before = own.media;
    const auto& ours = own.leg.local_sdp();
    if (!event.sdp && ours && !call.lacks_context()) {  // the answer comes in the ACK
        accept_alone(call, ctx, index, event, *ours);
        return;
    }
    const bool may = event.sdp && ours && !call.lacks_context();
    sdp::Session answer = may ? sdp::in_common(*event.sdp, *ours) : sdp::Session{};
    const bool usable = may && sdp::has_media(answer) &&
                        own.media.learn(*event.sdp, SdpRole::Offer, call.srtp_of(index)) &&
                        own.media.has_ports_for(*event.sdp);
    if (!usable) {
        own.media = before;
        own.leg.refuse(ctx.leg, event.server, may ? 488 : 491, {});
        return;
    }
    accept_alone(call, ctx, index, event, std::move(answer));
}

// --- How it ends.

// True: the call goes on, with the other two.
bool Transfer::on_one_of_three_ended(Call& call, CallContext& ctx, uint8_t index) {
    if (index == waiting_) {
        go_on_without_waiting(call, ctx);
        return true;
    }
    if (index != referrer_ && index != answered_by_) return false;
    if (call.exchange_) {
        // The other party's offer hangs in the air, and nobody can answer it any more.
        if (call.exchange_->stage == Exchange::Stage::FinalAck) return false;
        call.refuse_exchange(ctx, 491);
    }
    if (index == referrer_)
        hand_over(call, ctx);
    else
        go_back(call, ctx);
    return true;
}

void Transfer::hand_over(Call& call, CallContext& ctx) {
    const bool is_near = referrer_ == call.near_;
    if (notes_.size() < kBranchesMax)
        notes_.push_back({ctx.now.utc, model::TransferKind::Attended, !is_near,
                          call.who_is(referrer_), call.who_is(answered_by_), CallId{}});
    call.near_ = is_near ? answered_by_ : waiting_;
    call.winner_ = is_near ? waiting_ : answered_by_;
    lose(call, ctx, referrer_);
    call.offer_anew(ctx, waiting_);
    call.report_due_ = true;
    stop(call);
}

// The one who waits is talked with again, as if nobody had been asked.
void Transfer::go_back(Call& call, CallContext& ctx) {
    (referrer_ == call.near_ ? call.winner_ : call.near_) = waiting_;
    lose(call, ctx, answered_by_);
    call.offer_anew(ctx, referrer_);
    call.report_due_ = true;
    stop(call);
}

void Transfer::go_on_without_waiting(Call& call, CallContext& ctx) {
    if (notes_.size() < kBranchesMax)
        notes_.push_back({ctx.now.utc, model::TransferKind::Taken, referrer_ == call.near_,
                          call.who_is(waiting_), call.who_is(answered_by_), CallId{}});
    lose(call, ctx, waiting_);
    call.report_due_ = true;
    stop(call);
}

int Transfer::call_off(Call& call, CallContext& ctx, uint8_t index) {
    if (!asks(index)) return 481;
    if (!is_consulting()) {
        call.cancel_branches(ctx, 0, "");
        if (stage_ == Stage::Answered) {
            call.branch(answered_by_)->state = BranchState::Lost;
            call.end_leg(ctx, answered_by_, 487, reason_header(487, "given up"));
        }
        on_failed(call, ctx, 487);
        return 0;
    }
    if (call.exchange_) {
        if (call.exchange_->stage == Exchange::Stage::FinalAck) return 491;
        call.refuse_exchange(ctx, 491);
    }
    Party& asked = *call.party(answered_by_);
    asked.reason = "given up";
    call.end_leg(ctx, answered_by_, 200, reason_header(200, "given up"));
    go_back(call, ctx);
    return 0;
}

}  // namespace tandem::call
