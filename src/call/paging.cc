#include "call/paging.h"

#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "call/media_format.h"
#include "call/offer_limits.h"

namespace tandem::call {

using ports::MediaRequest;
using sip::LegEvent;

namespace {

// The first audio line, in what the gate can make of one another. Its own lines are all that the
// phones are offered.
void narrow(sdp::Session& offer) {
    limit_offer({{"PCMA", "PCMU"}, true}, offer);
    bool has_audio = false;
    for (sdp::Media& media : offer.media) {
        const bool is_ours =
            !has_audio && media.type == "audio" && media.is_rtp() && !media.rejected();
        has_audio |= is_ours;
        if (!is_ours) media.port = 0;  // RFC 3264 6
    }
}

bool has_audio(const sdp::Session& session) {
    return std::ranges::any_of(session.media, [](const auto& each) { return !each.rejected(); });
}

}  // namespace

std::vector<uint8_t> Paging::listeners(const CallValues& call) const {
    std::vector<uint8_t> found;
    for (size_t i = 0; is_page_ && i < call.branches_.size(); ++i)
        if (call.branches_[i]->state == BranchState::Won)
            found.push_back(static_cast<uint8_t>(i + 1));
    return found;
}

bool Paging::hears(const CallValues& call, uint8_t index) const {
    return is_page_ && index != 0 && index <= call.branches_.size() &&
           call.branches_[index - 1]->state == BranchState::Won;
}

std::vector<std::pair<uint32_t, uint32_t>> Paging::heard(const CallValues& call) const {
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (const uint8_t index : listeners(call))
        pairs.emplace_back(call.party(0)->media.termination(),
                           call.party(index)->media.termination());
    return pairs;
}

// Whoever takes all that the caller may send has it as it comes.
std::vector<uint8_t> Paging::voices_for(const CallValues& call, uint8_t index) const {
    if (!hears(call, index)) return {};
    const auto taken = mixed_formats_of(*call.party(index));
    const auto sent = mixed_formats_of(*call.party(0));
    const bool takes_all = std::ranges::all_of(sent, [&](const MixedFormat& each) {
        return std::ranges::any_of(taken, [&](const MixedFormat& own) {
            return own.payload_type == each.payload_type && own.codec == each.codec;
        });
    });
    if (takes_all) return {};
    return {0};
}

bool Paging::on_event(Call& call, CallContext& ctx, uint8_t index, LegEvent& event) {
    using Kind = LegEvent::Kind;
    sip::Leg& leg = call.party(index)->leg;
    switch (event.kind) {
        case Kind::Incoming:
            return on_incoming(call, ctx, event);
        case Kind::Provisional:
            on_provisional(call, ctx, index, event.status);
            return true;
        case Kind::Answered:
            on_answered(call, ctx, index, event);
            return true;
        case Kind::Failed:
            on_failed(call, ctx, index, event);
            return true;
        case Kind::RemoteOffer:
            on_offer(call, ctx, index, event);
            return true;
        case Kind::Request: {
            const bool is_options = event.message.method() == sip::Method::Options;
            leg.respond(ctx.leg, event.server, is_options ? 200 : 501, {});
            return true;
        }
        case Kind::Cancelled:
        case Kind::Rejected:
        case Kind::Bye:
        case Kind::Ended:
            if (index == 0) return false;
            on_left(call, ctx, index, event);
            return true;
        case Kind::RemoteAnswer:
            return event.sdp && on_answer_in_ack(call, ctx, index, event);
        case Kind::OfferWanted:
        case Kind::OfferRefused:
        case Kind::RequestDone:
        case Kind::Confirmed:
        case Kind::Gone:
            return false;
    }
    return false;
}

bool Paging::on_incoming(Call& call, CallContext& ctx, LegEvent& event) {
    if (event.sdp) narrow(*event.sdp);
    if (event.sdp && has_audio(*event.sdp)) return false;
    call.end(ctx, ReleasedBy::System, 488, "a page is in G.711");
    return true;
}

// Who is called is to hear, not to be heard ringing: no early sound.
void Paging::on_provisional(Call& call, CallContext& ctx, uint8_t index, int status) {
    Branch& from = *call.branch(index);
    if (!from.is_pending()) return;
    from.state = BranchState::Ringing;
    if (call.phase_ != Phase::Ringing || call.rang_ != 0) return;
    call.rang_ = status;
    call.caller_->leg.ring(ctx.leg, 180, {});
}

void Paging::on_answered(Call& call, CallContext& ctx, uint8_t index, LegEvent& event) {
    Branch& won = *call.branch(index);
    const bool is_wanted = call.phase_ >= Phase::Ringing && call.phase_ < Phase::Ending;
    // Its time is over, the caller is gone, or it rang before a restart.
    if (!is_wanted || !won.is_pending() || call.is_remnant_) {
        if (won.is_pending()) won.state = BranchState::Lost;
        won.party.leg.hangup(ctx.leg, 487, {});
        return;
    }
    won.party.status = event.status;
    if (event.sdp)
        won.answer = std::move(event.sdp);
    else
        won.answer = won.party.leg.remote_sdp();
    const bool is_usable = won.answer && event.sdp_part != sip::SdpPart::Offer &&
                           has_audio(*won.answer) &&
                           won.party.media.learn(*won.answer, SdpRole::Answer, call.srtp_of(index));
    if (!is_usable) {
        call.cancel_branch(ctx, index, "SIP;cause=488");
        return call.fail_if_exhausted(ctx);
    }
    won.state = BranchState::Won;
    won.party.answered = ctx.now.utc;
    const bool is_first = call.phase_ == Phase::Ringing;
    sip::Payload payload;
    if (is_first) {
        call.winner_ = index;
        call.ring_deadline_.reset();
        payload.sdp = call.caller_->media.describe(*won.answer, SdpRole::Answer, ctx.leg.rng);
    }
    tell_gate(call, ctx, is_first ? std::vector<uint8_t>{0, index} : std::vector<uint8_t>{index});
    if (is_first) return call.commit(ctx, std::move(payload));
    // It was told of ports that are gone; at the end of a move that goes on all are looked at.
    const bool is_offering = call.move_ && call.move_->stage == MediaMove::Stage::Offering;
    if (is_offering && std::exchange(won.party.knows_old_ports, false)) {
        won.party.media.forget_keys();
        call.move_->sides[index].wanted = true;
        call.offer_move(ctx);
    }
    call.tell_new_ports(ctx);
    call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
}

// Another profile, or another way to the same phone; nobody else in its place (RFC 3261 8.1.3.4).
void Paging::on_failed(Call& call, CallContext& ctx, uint8_t index, LegEvent& event) {
    Branch& failed = *call.branch(index);
    if (!failed.is_pending()) return;  // cancelled by us
    failed.state = BranchState::Failed;
    failed.party.status = event.status;
    failed.party.ended = ctx.now.utc;
    const bool is_redirected = event.status >= 300 && event.status < 400;
    if (call.phase_ >= Phase::Ending) return;
    if (!is_redirected && call.stage_deadline_ && call.try_again(ctx, index, event)) return;
    call.fail_if_exhausted(ctx);
}

// What it was offered because it asked for an offer. False: it answers another one.
bool Paging::on_answer_in_ack(Call& call, CallContext& ctx, uint8_t index, LegEvent& event) {
    const bool is_in_ack = event.status == 0;
    if (!is_in_ack || call.phase_ != Phase::Established) return false;
    if (index != 0 && !hears(call, index)) return false;
    const bool is_usable =
        has_audio(*event.sdp) &&
        call.party(index)->media.learn(*event.sdp, SdpRole::Answer, call.srtp_of(index));
    if (is_usable) {
        call.update_media(ctx, {index}, false);
        call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
    } else if (index == 0) {
        call.end(ctx, ReleasedBy::System, 488, "the media answered cannot be carried");
    } else {
        call.end_leg(ctx, index, 488, reason_header(488, ""));
        forget(call, ctx, index, "the media answered cannot be carried", ReleasedBy::System);
    }
    return true;
}

// RFC 3261 14.2: who asks for an offer gets one, with all that was agreed for him.
void Paging::offer_again(Call& call, CallContext& ctx, uint8_t index, const LegEvent& event) {
    Party& own = *call.party(index);
    sip::Payload payload;
    payload.sdp = own.media.describe(*own.leg.local_sdp(), SdpRole::Offer, ctx.leg.rng);
    own.leg.accept(ctx.leg, event.server, std::move(payload));
}

// Hold, another address, a refreshed session: none of the others' business.
void Paging::on_offer(Call& call, CallContext& ctx, uint8_t index, LegEvent& event) {
    Party& own = *call.party(index);
    const bool is_in = call.phase_ == Phase::Established && (index == 0 || hears(call, index));
    if (!is_in || call.move_) {
        own.leg.refuse(ctx.leg, event.server, 491, {});
        return;
    }
    if (!event.sdp && own.leg.local_sdp()) return offer_again(call, ctx, index, event);
    if (event.sdp) narrow(*event.sdp);
    const PartyMedia before = own.media;
    const bool is_usable = event.sdp && has_audio(*event.sdp) &&
                           own.media.learn(*event.sdp, SdpRole::Offer, call.srtp_of(index)) &&
                           own.media.has_ports_for(*event.sdp);
    if (!is_usable) {
        own.media = before;
        own.leg.refuse(ctx.leg, event.server, 488, {});
        return;
    }
    sdp::Session answer = *event.sdp;
    answer.direction.reset();
    for (sdp::Media& media : answer.media)
        media.direction = sdp::reversed(sdp::direction_of(*event.sdp, media));
    sip::Payload payload;
    payload.sdp = own.media.describe(answer, SdpRole::Answer, ctx.leg.rng);
    own.leg.accept(ctx.leg, event.server, std::move(payload));
    call.update_media(ctx, {index}, false);
    call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
}

void Paging::on_left(Call& call, CallContext& ctx, uint8_t index, const LegEvent& event) {
    Branch& left = *call.branch(index);
    if (left.party.ended.unix_ms == 0) left.party.ended = ctx.now.utc;
    if (!hears(call, index) || call.phase_ >= Phase::Ending) return;
    const bool has_hung_up = event.kind == LegEvent::Kind::Bye;
    forget(call, ctx, index, has_hung_up ? "hung up" : "the phone does not know the call",
           has_hung_up ? ReleasedBy::Callee : ReleasedBy::System);
}

// It hears nothing any more.
void Paging::forget(Call& call, CallContext& ctx, uint8_t index, std::string_view reason,
                    ReleasedBy by) {
    Branch& left = *call.branch(index);
    left.party.reason = reason;
    left.state = BranchState::Lost;
    const auto rest = listeners(call);
    // Who is still to answer is not waited for: the caller would speak to nobody.
    if (rest.empty()) {
        return call.end(ctx, by, call.answer_waits() ? 480 : 200, "nobody listens any more");
    }
    if (call.winner_ == index) call.winner_ = rest.front();
    if (call.move_) call.offer_move(ctx);
    tell_gate(call, ctx, {});
    call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
}

void Paging::tell_gate(Call& call, CallContext& ctx, const std::vector<uint8_t>& changed) {
    // Without a context there is nothing to tell: it will be opened with all of this.
    if (!call.media_open_ || call.lacks_context()) return;
    MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    for (const uint8_t index : changed) request.set.push_back(call.party(index)->media.settings());
    call.release_terminations(request);
    request.heard = heard(call);
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

void Paging::on_time_over(Call& call, CallContext& ctx) {
    if (call.rings()) return call.on_ring_timeout(ctx);
    for (size_t i = 0; i < call.branches_.size(); ++i) {
        Branch& each = *call.branches_[i];
        if (!each.is_pending()) continue;
        each.party.reason = "did not answer by itself";
        call.cancel_branch(ctx, static_cast<uint8_t>(i + 1), "");
    }
}

void Paging::drop_all(Call& call, CallContext& ctx, int status, std::string_view reason) {
    for (const uint8_t index : listeners(call))
        if (index != call.winner_) call.end_leg(ctx, index, status, reason);
}

}  // namespace tandem::call
