// A transfer into a queue. Whoever is transferred has been answered before; the queue takes him in
// when CS says that he has a place, and with that the transfer is done as far as the referrer is
// concerned: he is told 200, and let go (RFC 5589 6.1). A queue that does not take him in, and
// sends him nowhere else, is a transfer that has failed. From then on the one who waits has nobody
// but the gate at his other end, until an agent comes in the place of who has left.
#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "call/media_format.h"
#include "call/offer_limits.h"
#include "call/transfer.h"
#include "sdp/intersection.h"
#include "sdp/offer_answer.h"

namespace tandem::call {

uint8_t Transfer::stays(const CallValues& call) const {
    return call.peer_of(referrer_);
}

bool Transfer::has_seen_off(uint8_t index) const {
    return has_let_go(index) &&
           std::ranges::find(reports_, index, &ReferReport::leg) == reports_.end();
}

bool Transfer::is_callee_waiting(const CallValues& call) const {
    const bool waits = let_go_ || (is_under_way() && call.queue_.waits(call));
    return waits && referrer_ == call.near_;
}

// A queue that answers has the caller transferred to itself, so to speak.
void Transfer::begin_by_queue(Call& call, uint8_t place) {
    stage_ = Stage::Ringing;
    referrer_ = place;
    referrer_gone_ = let_go_ = by_queue_ = true;
    dialled_ = call.facts_.dialled;
    told_ = 0;
    first_branch_ = place + 1u;
    offer_ = call.offer_;
    offer_->direction.reset();
    for (sdp::Media& media : offer_->media) media.direction = sdp::Direction::SendRecv;
}

void Transfer::let_go(Call& call, CallContext& ctx) {
    if (let_go_) return;
    if (!is_parked()) {
        note(call, ctx, model::TransferKind::Blind, call.queue_.as_party());
        is_noted_ = true;
    }
    let_go_ = true;
    asks_first_ = false;  // the queue is no person, whoever was meant
    bool is_leaving = referrer_gone_;
    for (ReferReport& each : reports_) {
        if (each.leg != referrer_) continue;
        each.then_hangs_up = true;
        is_leaving = true;
    }
    // Nobody was to be told anything, and that was forgotten with a restart.
    if (!is_leaving) leave_by_report(referrer_, "transferred");
    if (!std::exchange(referrer_gone_, true)) report(call, ctx, 200, true);
    call.intruder_.drop(call, ctx, 480);
    drop_media(call, ctx);
    call.saved_ = false;  // as it is now
    call.report_due_ = true;
    call.save_wanted_ = call.settings_.survival != Survival::None;
}

void Transfer::drop_media(Call& call, CallContext& ctx) {
    Party* gone = let_go_ && !by_queue_ ? call.party(referrer_) : nullptr;
    if (gone == nullptr || !call.media_open_ || call.lacks_context()) return;
    gone->hears.reset();
    if (Branch* left = call.branch(referrer_)) left->ports_released = true;
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    request.joined.emplace();
    if (is_to_be_told(referrer_))
        left_.push_back(referrer_);
    else
        request.remove = {gone->media.termination()};
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

// Hold, another address, a refreshed session. The agent who takes him is offered to him in a
// re-INVITE of ours, so that what is answered here binds nobody.
bool Transfer::on_offer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    if (!let_go_ || !call.talks(index)) return false;
    Party& own = *call.party(index);
    if (index == referrer_ || call.lacks_context() || stage_ == Stage::Answered) {
        own.leg.refuse(ctx.leg, event.server, 491, {});
        return true;
    }
    if (!event.sdp && own.leg.local_sdp()) {  // the answer comes in the ACK
        accept_alone(call, ctx, index, event, *own.leg.local_sdp());
        return true;
    }
    const PartyMedia before = own.media;
    const bool usable = event.sdp && is_within(own.media.limits(), *event.sdp) &&
                        own.media.learn(*event.sdp, SdpRole::Offer, call.srtp_of(index)) &&
                        own.media.has_ports_for(*event.sdp);
    if (!usable) {
        own.media = before;
        own.leg.refuse(ctx.leg, event.server, 488, {});
        return true;
    }
    limit_offer(own.media.limits(), *event.sdp);
    sdp::Session answer = mixable(*event.sdp);
    if (!sdp::has_media(answer)) answer = *event.sdp;
    accept_alone(call, ctx, index, event, std::move(answer));
    offer_of_who_stays(call);
    return true;
}

}  // namespace tandem::call
