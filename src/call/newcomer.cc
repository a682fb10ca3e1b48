#include "call/newcomer.h"

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"
#include "sdp/intersection.h"

namespace tandem::call {

namespace {

// Somebody else is on the way to the place, which is free only where somebody has been parked.
bool is_taken(const Transfer& transfer, uint8_t replaces) {
    if (transfer.is_parked()) return replaces != transfer.parked_leg();
    return transfer.is_under_way();
}

}  // namespace

int Newcomer::refusal_of(const CallValues& call, uint8_t replaces, bool early_only) const {
    if (call.phase_ >= Phase::Ending) return 603;
    if (call.feature_ || call.paging_.is_page()) return 481;  // there is nobody at its other end
    if (call.branches_.size() >= call.branches_max()) return 503;
    if (call.phase_ == Phase::Established && call.talks(replaces)) {
        if (early_only) return 486;
        const bool is_busy = is_here() || is_taken(call.transfer_, replaces) || call.move_ ||
                             call.exchange_ || call.callee_offer_ || call.realign_;
        return is_busy || !call.party(call.peer_of(replaces))->leg.remote_sdp() ? 491 : 0;
    }
    // RFC 3891 3: only the side that has called may be replaced while it rings.
    if (replaces == 0) return call.phase_ <= Phase::Ringing ? 481 : 486;
    const Branch& rings = *call.branches_[replaces - 1];
    if (call.phase_ != Phase::Ringing || !rings.is_pending()) {
        return call.phase_ == Phase::Committing ? 486 : 603;
    }
    if (is_here()) return 486;  // somebody else was faster
    return !call.offer_ || call.is_remnant_ || call.move_ ? 480 : 0;
}

void Newcomer::take_in(Call& call, CallContext& ctx, NewcomerInvite invite) {
    index_ = call.add_caller(ctx, std::move(invite.who), invite.flow, invite.message);
    replaces_ = invite.replaces;
    picks_up_ = call.phase_ == Phase::Ringing;
    sip::Leg& leg = call.party(index_)->leg;
    leg.on_invite(ctx.leg, invite.server, std::move(invite.message));
    // It may have refused it by itself: an extension, or a body that it can't read.
    if (leg.state() != sip::LegState::Ringing) on_party_ended(call, index_);
    call.pump(ctx);
}

void Newcomer::on_incoming(Call& call, CallContext& ctx, sip::LegEvent& event) {
    if (!is_here()) return;
    Branch& fresh = *call.branch(index_);
    const std::optional<sdp::Session>& other =
        picks_up_ ? call.offer_ : call.party(call.peer_of(replaces_))->leg.remote_sdp();
    const bool readable =
        event.sdp && fresh.party.media.learn(*event.sdp, SdpRole::Offer, call.settings_.srtp);
    if (!readable || !other) return reject(call, ctx, 488);
    answer_ = sdp::in_common(*event.sdp, *other);
    fresh.answer = sdp::in_common(*other, *event.sdp);
    if (!sdp::has_media(*answer_) || !sdp::has_media(*fresh.answer)) return reject(call, ctx, 488);
    // Whoever holds whom at the moment.
    answer_->direction.reset();
    for (sdp::Media& media : answer_->media) media.direction = sdp::Direction::SendRecv;
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    request.set = {fresh.party.media.settings()};
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::OpenNewcomer, kMediaDeadline});
}

void Newcomer::reject(Call& call, CallContext& ctx, int status) {
    call.branch(index_)->party.leg.reject(ctx.leg, status, {});
}

void Newcomer::on_ports(Call& call, CallContext& ctx, bool has_ports) {
    if (!is_here()) return;
    if (!has_ports) return reject(call, ctx, 503);
    // What was asked for may have been answered or ended meanwhile.
    const bool rings = call.phase_ == Phase::Ringing;
    const bool talks = call.phase_ == Phase::Established && call.talks(replaces_) &&
                       !is_taken(call.transfer_, replaces_);
    if (picks_up_ ? !rings : !talks) return reject(call, ctx, 486);
    if (call.exchange_ || call.move_) return reject(call, ctx, 491);
    const uint8_t index = std::exchange(index_, uint8_t{0});
    Branch& fresh = *call.branch(index);
    fresh.state = BranchState::Won;
    fresh.party.status = 200;
    fresh.party.answered = ctx.now.utc;
    sip::Payload payload;
    payload.sdp = fresh.party.media.describe(*answer_, SdpRole::Answer, ctx.leg.rng);
    answer_.reset();
    fresh.party.leg.answer(ctx.leg, std::move(payload));
    if (picks_up_) return pick_up(call, ctx, index);
    call.transfer_.take_place(call, ctx, replaces_, index);
}

// As if it had been one of the phones that rang.
void Newcomer::pick_up(Call& call, CallContext& ctx, uint8_t index) {
    call.winner_ = index;
    call.ring_deadline_.reset();
    call.stage_deadline_.reset();
    call.cancel_branches(ctx, index, "SIP;cause=200;text=\"Call completed elsewhere\"");
    const Destination& who = call.branch(index)->destination;
    call.route_notes_.push_back({"pickup", who.number + " has picked the call up"});
    sip::Payload payload;
    if (call.early_is_final_) {
        call.realign_ = true;
    } else {
        payload.sdp =
            call.caller_->media.describe(*call.branch(index)->answer, SdpRole::Answer, ctx.leg.rng);
    }
    call.update_media(ctx, {0, index}, true);
    call.commit(ctx, std::move(payload));
}

void Newcomer::on_party_ended(Call& call, uint8_t index) {
    if (index != index_ || index == 0) return;
    call.branch(index)->state = BranchState::Lost;
    index_ = 0;
    answer_.reset();
}

}  // namespace tandem::call
