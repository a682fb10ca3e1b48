// Somebody answered: the others are called off, the media is joined, the call is made safe, the
// caller is told.
#include <algorithm>
#include <iterator>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"

namespace tandem::call {

using sip::SdpPart;

void Call::on_answered(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Branch* won = branch(index);
    if (won == nullptr) return;
    // Of before a restart: nobody knows what it had been offered.
    if (won->is_pending() && queue_.waits(*this) && !queue_.has_turn()) {
        won->state = BranchState::Lost;
        return won->party.leg.hangup(ctx.leg, 503, {});
    }
    if (transfer_.rings() && won->is_pending()) {
        return transfer_.on_answered(*this, ctx, index, event);
    }
    if (phase_ != Phase::Ringing || !won->is_pending()) {
        // Another was faster, or the caller is gone: ACK and BYE (RFC 3261 13.2.2.4).
        return won->party.leg.hangup(ctx.leg, 487, {});
    }
    if (is_remnant_) {
        won->state = BranchState::Lost;
        won->party.leg.hangup(ctx.leg, 503, {});
        return on_ring_timeout(ctx);
    }
    won->state = BranchState::Won;
    won->party.status = event.status;
    won->party.answered = ctx.now.utc;
    winner_ = index;
    ring_deadline_.reset();
    cancel_branches(ctx, index, "SIP;cause=200;text=\"Call completed elsewhere\"");
    if (event.sdp && event.sdp_part == SdpPart::Offer) {
        return on_callee_offer(ctx, index, std::move(*event.sdp));
    }
    if (event.sdp)
        won->answer = std::move(event.sdp);
    else if (won->party.leg.remote_sdp())
        won->answer = won->party.leg.remote_sdp();
    if (!won->answer) return end(ctx, ReleasedBy::System, 500, "an answer without media");
    settle_answer(ctx, index, *won->answer);
}

void Call::settle_answer(CallContext& ctx, uint8_t index, const sdp::Session& answer) {
    if (!branch(index)->party.media.learn(answer, SdpRole::Answer, srtp_of(index))) {
        return end(ctx, ReleasedBy::System, 488, "the media answered cannot be carried");
    }
    sip::Payload payload;
    if (early_is_final_) {
        realign_ = early_ != index;
    } else {
        payload.sdp = caller_->media.describe(answer, SdpRole::Answer, ctx.leg.rng);
    }
    update_media(ctx, {0, index}, true);
    commit(ctx, std::move(payload));
}

// The caller made no offer: the device's becomes ours to the caller, once there are ports for it.
void Call::on_callee_offer(CallContext& ctx, uint8_t index, sdp::Session offer) {
    Branch& won = *branch(index);
    if (!won.party.media.learn(offer, SdpRole::Offer, srtp_of(index))) {
        return end(ctx, ReleasedBy::System, 488, "the media offered cannot be carried");
    }
    limit_offer(won.party.media.limits(), offer);
    caller_->media.prepare(offer);
    callee_offer_ = std::move(offer);
    ports::MediaRequest request;
    request.context = facts_.call;
    request.silence_timeout_s = settings_.silence_timeout_s;
    request.set = {caller_->media.settings(), won.party.media.settings()};
    request.joined = {{caller_->media.termination(), won.party.media.termination()}};
    media_open_ = true;
    ask(ctx, media_gate_, std::move(request), {Purpose::OpenMedia, kMediaDeadline});
}

// The caller's 2xx is made now, so that the snapshot holds it; pump() withholds it.
void Call::commit(CallContext& ctx, sip::Payload answer) {
    set_phase(Phase::Committing);
    caller_->leg.answer(ctx.leg, std::move(answer));
    if (settings_.survival != Survival::None) return;
    note_answered(ctx);
    set_phase(Phase::Established);
    tell_new_ports(ctx);
}

void Call::note_answered(CallContext& ctx) {
    answered_ = ctx.now.utc;
    caller_->answered = ctx.now.utc;
    caller_->status = 200;
}

// The caller's 2xx leaves when the snapshot that holds it is in the store, or after
// kCommitDeadline. The leg may make it later than it was told to: not before the PRACK of a
// provisional response that carried our answer (RFC 3262 3).
void Call::withhold_answer(CallContext& ctx) {
    if (phase_ != Phase::Committing || !withheld_.empty()) return;
    auto& wire = ctx.leg.wire.messages;
    const auto others = std::stable_partition(wire.begin(), wire.end(), [&](const auto& outbound) {
        const sip::Message& message = outbound.message;
        const bool is_success = message.is_response() && message.status() / 100 == 2;
        if (!is_success || message.call_id() != caller_->leg.call_id()) return true;
        const auto cseq = message.cseq();
        return !cseq || cseq->method != sip::Method::Invite;
    });
    if (others == wire.end()) return;
    note_answered(ctx);
    std::move(others, wire.end(), std::back_inserter(withheld_));
    wire.erase(others, wire.end());
    save_wanted_ = true;
    commit_deadline_ = ctx.now.mono + kCommitDeadline;
}

void Call::flush_withheld(CallContext& ctx) {
    commit_deadline_.reset();
    if (withheld_.empty()) return;
    for (sip::Outbound& message : withheld_) ctx.leg.wire.messages.push_back(std::move(message));
    withheld_.clear();
    if (phase_ != Phase::Committing) return;
    set_phase(Phase::Established);
    tell_new_ports(ctx);
}

void Call::on_saved(CallContext& ctx, bool stored) {
    kept_ = kept_ || stored;
    if (!save_is_of_answer_) return;  // the answer waits for the next one
    // One that was begun before a transfer has the call as it was.
    const bool is_current = stored && !save_wanted_;
    if (is_current && !saved_) report_due_ = true;
    saved_ = saved_ || is_current;
    flush_withheld(ctx);
    if (is_current || !stored) transfer_.on_safe(*this, ctx);
    pump(ctx);
}

void Call::on_confirmed(CallContext& ctx, sip::LegEvent& event) {
    if (index_of(event.leg) != 0 || winner_ == 0) return;
    Party& callee = winner()->party;
    if (callee_offer_) {
        callee_offer_.reset();
        const bool usable =
            event.sdp && caller_->media.learn(*event.sdp, SdpRole::Answer, srtp_of(0));
        if (!usable) return end(ctx, ReleasedBy::System, 488, "no usable answer in the ACK");
        sip::Payload payload;
        payload.sdp = callee.media.describe(*event.sdp, SdpRole::Answer, ctx.leg.rng);
        callee.leg.ack(ctx.leg, std::move(payload));
        update_media(ctx, {0, winner_}, true);
        save_wanted_ = settings_.survival != Survival::None;
        return;
    }
    if (realign_) align_caller(ctx);
}

// The caller's media was settled with another device than the one that answered: it is offered
// what the winner answered.
void Call::align_caller(CallContext& ctx) {
    realign_ = false;
    if (phase_ != Phase::Established || exchange_ || !winner()->answer) return;
    exchange_ = Exchange{winner_,
                         {},
                         sip::Method::Invite,
                         std::nullopt,
                         Exchange::Stage::Peer,
                         false,
                         winner()->party.media,
                         caller_->media};
    sip::Payload payload;
    payload.sdp = caller_->media.describe(*winner()->answer, SdpRole::Offer, ctx.leg.rng);
    if (!caller_->leg.reoffer(ctx.leg, std::move(payload))) exchange_.reset();
}

}  // namespace tandem::call
