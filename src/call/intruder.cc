#include "call/intruder.h"

#include <algorithm>

#include "base/bytes.h"
#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "call/media_format.h"
#include "sdp/intersection.h"

namespace tandem::call {

using Kind = routing::JoinWish::Kind;

namespace {

std::string_view word_of(Kind kind) {
    switch (kind) {
        case Kind::Listen:
            return "listen";
        case Kind::Whisper:
            return "whisper";
        case Kind::Barge:
            return "barge";
    }
    return "";
}

}  // namespace

int Intruder::refusal_of(const CallValues& call, DomainId domain, AccountId account) const {
    const uint8_t of = call.talking_leg(domain, account);
    if (call.phase_ != Phase::Established || of == no_leg) return 480;
    if (is_here()) return 486;
    const bool is_busy = call.move_ || call.transfer_.is_under_way() || call.newcomer_.is_here() ||
                         call.callee_offer_ || !call.media_open_;
    if (is_busy || call.branches_.size() >= call.branches_max()) return 491;
    const bool can_be_mixed = !mixed_formats_of(*call.party(call.near_)).empty() &&
                              !mixed_formats_of(*call.party(call.winner_)).empty();
    return can_be_mixed ? 0 : 488;
}

void Intruder::take_in(Call& call, CallContext& ctx, IntruderInvite invite) {
    of_ = call.talking_leg(invite.who.domain, invite.of);
    kind_ = invite.kind;
    index_ = call.add_caller(ctx, std::move(invite.who), invite.flow, invite.message);
    call.branch(index_)->state = BranchState::Won;  // no phone of ours to be cancelled
    sip::Leg& leg = call.party(index_)->leg;
    leg.on_invite(ctx.leg, invite.server, std::move(invite.message));
    // It may have refused it by itself: an extension, or a body that it can't read.
    if (leg.state() != sip::LegState::Ringing) left(call, ctx);
    call.pump(ctx);
}

void Intruder::on_event(Call& call, CallContext& ctx, sip::LegEvent& event) {
    using Event = sip::LegEvent::Kind;
    sip::Leg& leg = call.party(index_)->leg;
    switch (event.kind) {
        case Event::Incoming:
            return on_incoming(call, ctx, event);
        case Event::RemoteOffer:
            return on_offer(call, ctx, event);
        case Event::OfferWanted:
            leg.refuse(ctx.leg, event.server, 488, {});
            return;
        case Event::Request: {
            const bool is_options = event.message.method() == sip::Method::Options;
            leg.respond(ctx.leg, event.server, is_options ? 200 : 501, {});
            return;
        }
        case Event::Cancelled:
        case Event::Rejected:
        case Event::Bye:
        case Event::Ended:
            return left(call, ctx);
        case Event::RemoteAnswer:
        case Event::OfferRefused:
        case Event::RequestDone:
        case Event::Confirmed:
        case Event::Provisional:
        case Event::Answered:
        case Event::Failed:
        case Event::Gone:
            return;
    }
}

void Intruder::on_incoming(Call& call, CallContext& ctx, sip::LegEvent& event) {
    Party& fresh = *call.party(index_);
    const bool readable =
        event.sdp && fresh.media.learn(*event.sdp, SdpRole::Offer, call.settings_.srtp);
    if (readable) answer_ = mixable(*event.sdp);
    if (!readable || !sdp::has_media(*answer_)) {
        fresh.leg.reject(ctx.leg, 488, {});
        return;
    }
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    request.set = {fresh.media.settings()};
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::OpenIntruder, kMediaDeadline});
}

void Intruder::on_ports(Call& call, CallContext& ctx, bool has_ports) {
    if (!is_here() || !answer_) return;
    Branch& fresh = *call.branch(index_);
    if (!has_ports || call.move_ || !call.talks(of_)) {
        fresh.party.leg.reject(ctx.leg, has_ports ? 480 : 503, {});
        return;
    }
    fresh.party.status = 200;
    fresh.party.answered = ctx.now.utc;
    is_answered_ = true;
    sip::Payload payload;
    payload.sdp = fresh.party.media.describe(*answer_, SdpRole::Answer, ctx.leg.rng);
    answer_.reset();
    fresh.party.leg.answer(ctx.leg, std::move(payload));
    call.update_media(ctx, {index_}, false);  // keys that the answer has made
    // Another domain, which has the call as well, is not told.
    const Destination& who = fresh.destination;
    if (call.facts_.domain == who.domain) {
        const std::string of = call.who_is(of_).number;
        call.route_notes_.push_back(
            {std::string(word_of(kind_)), who.number + " has joined the call of " + of});
    }
    call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
}

// Hold, another address, a refreshed session.
void Intruder::on_offer(Call& call, CallContext& ctx, sip::LegEvent& event) {
    Party& own = *call.party(index_);
    const bool usable = event.sdp && is_answered_ &&
                        own.media.learn(*event.sdp, SdpRole::Offer, call.settings_.srtp) &&
                        own.media.has_ports_for(*event.sdp);
    if (!usable) {
        own.leg.refuse(ctx.leg, event.server, 488, {});
        return;
    }
    sdp::Session answer = mixable(*event.sdp);
    for (size_t i = 0; i < answer.media.size(); ++i) {
        answer.media[i].direction =
            sdp::reversed(sdp::direction_of(*event.sdp, event.sdp->media[i]));
    }
    sip::Payload payload;
    payload.sdp = own.media.describe(answer, SdpRole::Answer, ctx.leg.rng);
    own.leg.accept(ctx.leg, event.server, std::move(payload));
    call.update_media(ctx, {index_}, false);
}

void Intruder::drop(Call& call, CallContext& ctx, int status) {
    if (!is_here()) return;
    // Who was not answered is not told that all is well.
    const int told = is_answered_ ? status : std::max(status, 480);
    call.end_leg(ctx, index_, told, reason_header(told, ""));
    left(call, ctx);
}

// Its ports are given back; the two hear one another as before (playing.cc).
void Intruder::left(Call& call, CallContext& ctx) {
    if (!is_here()) return;
    Branch& own = *call.branch(index_);
    own.state = BranchState::Lost;
    if (own.party.ended.unix_ms == 0) own.party.ended = ctx.now.utc;
    index_ = 0;
    of_ = 0;
    is_answered_ = false;
    answer_.reset();
    if (call.phase_ >= Phase::Ending) return;
    call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
    if (call.move_ || !call.media_open_) return;
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    call.release_terminations(request);
    if (request.remove.empty()) return;
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

void Intruder::settle(Call& call, CallContext& ctx) {
    if (is_here() && !call.talks(of_)) drop(call, ctx, 480);
}

std::vector<uint8_t> Intruder::voices_for(const CallValues& call, uint8_t index) const {
    if (!hears()) return {};
    if (index == index_) return {call.near_, call.winner_};
    const bool is_spoken_to = kind_ == Kind::Barge || (kind_ == Kind::Whisper && index == of_);
    // Who waits aside hears nobody, and nobody hears him (Transfer::consult()).
    if (!is_spoken_to || call.transfer_.lets_wait(index)) return {};
    if (call.transfer_.lets_wait(call.peer_of(index))) return {index_};
    return {call.peer_of(index), index_};
}

}  // namespace tandem::call
