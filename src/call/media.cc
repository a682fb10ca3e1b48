// The call's talk with its media gate.
#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"

namespace tandem::call {

// What descriptions have settled. Nobody waits for the reply: ports stay as they are. A refusal
// means that the context is gone.
void Call::update_media(CallContext& ctx, std::vector<uint8_t> parties, bool joins) {
    if (!media_open_) return;
    ports::MediaRequest request;
    request.context = facts_.call;
    for (const uint8_t index : parties) request.set.push_back(party(index)->media.settings());
    if (joins && request.set.size() == 2) {
        request.joined = {{request.set[0].termination, request.set[1].termination}};
    }
    release_terminations(request);
    ask(ctx, media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

// Branches that will not talk any more give their ports back with the next request.
void Call::release_terminations(ports::MediaRequest& request) {
    for (const auto& branch : branches_) {
        const bool over =
            branch->state == BranchState::Lost || branch->state == BranchState::Failed;
        if (!over || branch->ports_released || !branch->ports_asked || !offer_) continue;
        branch->ports_released = true;
        request.remove.push_back(branch->party.media.termination());
    }
}

void Call::take_local(const ports::MediaReply& reply) {
    for (const ports::LocalTermination& local : reply.local) {
        if (local.termination == 0 || local.termination > branches_.size() + 1) continue;
        Party* of = party(static_cast<uint8_t>(local.termination - 1));
        if (of != nullptr) of->media.set_local(local.streams);
    }
}

void Call::on_media_reply(CallContext& ctx, const Question& question, ports::MediaReply& reply) {
    if (!reply.error) take_local(reply);
    switch (question.purpose) {
        case Purpose::OpenMedia:
            if (phase_ == Phase::Ending) return;
            if (reply.error) return end(ctx, ReleasedBy::System, 503, "no media ports");
            if (phase_ == Phase::Established) return reoffer_both(ctx);
            if (callee_offer_) {
                sip::Payload payload;
                payload.sdp = caller_->media.describe(*callee_offer_, SdpRole::Offer, ctx.leg.rng);
                return commit(ctx, std::move(payload));
            }
            for (size_t i = 0; i < branches_.size(); ++i) {
                const bool ready = branches_[i]->state == BranchState::Opening &&
                                   !branches_[i]->party.media.local().empty();
                if (ready) launch(ctx, static_cast<uint8_t>(i + 1));
            }
            return;
        case Purpose::OfferMedia:
            if (reply.error) return refuse_exchange(ctx, 488);
            return carry_offer(ctx);
        case Purpose::UpdateMedia:
            if (reply.error) on_media_lost(ctx);
            return;
        case Purpose::CloseMedia:
            statistics_ = std::move(reply.statistics);
            media_closed_ = true;
            record_due_ = true;
            return;
        case Purpose::Bindings:
        case Purpose::Rebind:
        case Purpose::Place:
            return;
    }
}

void Call::on_media_event(CallContext& ctx, const ports::MediaEvent& event) {
    switch (event.kind) {
        case ports::MediaEvent::Kind::Silence:
            if (phase_ == Phase::Established && !held_) {
                end(ctx, ReleasedBy::System, 408, "no media came for too long");
            }
            break;
        case ports::MediaEvent::Kind::SoundAgain:
            break;
        case ports::MediaEvent::Kind::Lost:
            on_media_lost(ctx);
            break;
    }
    pump(ctx);
}

void Call::on_media_gate_gone(CallContext& ctx) {
    if (media_open_ && !moving_media_) on_media_lost(ctx);
    pump(ctx);
}

// The gate is gone, or lost the context: an answered call gets another one, with new ports and keys
// (reusing keys with new counters would repeat the key stream, RFC 3711 9.1); both parties are
// offered them.
void Call::on_media_lost(CallContext& ctx) {
    if (phase_ == Phase::Ending || phase_ == Phase::Over) return;
    const auto controller = ctx.around.directory.active(ports::RoleKind::MediaGateController);
    const bool can_move =
        phase_ == Phase::Established && controller && !moving_media_ && !exchange_ && winner_ != 0;
    if (!can_move) return end(ctx, ReleasedBy::System, 503, "media was lost");
    moving_media_ = true;
    to_reoffer_.clear();
    ask(ctx, *controller, ports::MediaPlace{facts_.call, facts_.domain},
        {Purpose::Place, kPlaceDeadline});
}

// Opens the context on the new gate, then offers its ports to one party after the other.
void Call::reoffer_both(CallContext& ctx) {
    if (!moving_media_ || phase_ != Phase::Established) return;
    if (to_reoffer_.empty() && !media_moved_) {
        media_moved_ = true;
        to_reoffer_ = {winner_, 0};
        caller_->media.forget_keys();
        winner()->party.media.forget_keys();
        ports::MediaRequest request;
        request.context = facts_.call;
        request.silence_timeout_s = settings_.silence_timeout_s;
        request.set = {caller_->media.settings(), winner()->party.media.settings()};
        request.joined = {{request.set[0].termination, request.set[1].termination}};
        return ask(ctx, media_gate_, std::move(request), {Purpose::OpenMedia, kMediaDeadline});
    }
    if (to_reoffer_.empty()) {
        moving_media_ = media_moved_ = false;
        return;
    }
    const uint8_t index = to_reoffer_.back();
    to_reoffer_.pop_back();
    Party& to = *party(index);
    const auto& other = party(peer_of(index))->leg.remote_sdp();
    if (!other) return end(ctx, ReleasedBy::System, 503, "media was lost");
    exchange_ = Exchange{peer_of(index),        {},    sip::Method::Invite,          std::nullopt,
                         Exchange::Stage::Peer, false, party(peer_of(index))->media, to.media};
    sip::Payload payload;
    payload.sdp = to.media.describe(*other, SdpRole::Offer, ctx.leg.rng);
    if (!to.leg.reoffer(ctx.leg, std::move(payload))) exchange_.reset();
}

void Call::close_media(CallContext& ctx) {
    if (!media_open_) {
        media_closed_ = true;
        record_due_ = true;
        return;
    }
    ports::MediaRequest request;
    request.context = facts_.call;
    request.close = true;
    ask(ctx, media_gate_, std::move(request), {Purpose::CloseMedia, kStatisticsDeadline});
}

}  // namespace tandem::call
