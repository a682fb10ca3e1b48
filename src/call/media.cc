// The call's talk with its media gate.
#include <algorithm>
#include <iterator>

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"

namespace tandem::call {

// What descriptions have settled. Nobody waits for the reply: ports stay as they are. A refusal
// means that the context is gone.
void Call::update_media(CallContext& ctx, const std::vector<uint8_t>& parties, bool joins) {
    // Without a context there is nothing to update: it will be opened with all of this.
    if (!media_open_ || lacks_context()) return;
    ports::MediaRequest request;
    request.context = facts_.call;
    request.must_exist = true;
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
        if (!over || branch->ports_released || !branch->ports_asked) continue;
        if (!offer_ && branch->party.media.local().empty()) continue;  // it never had any
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
            if (move_ && move_->stage == MediaMove::Stage::Opening)
                return reply.error ? try_move_again(ctx) : on_move_opened(ctx);
            // The context of a call that is transferred, or of a page: all of it moves.
            if (reply.error && winner_ != 0 && reply.error->code == ErrorCode::NotFound)
                return on_media_lost(ctx);
            if (reply.error && queue_.on_no_ports(*this, ctx)) return;
            if (reply.error) return search_failed(ctx, ReleasedBy::System, 503, "no media ports");
            if (callee_offer_) {
                sip::Payload payload;
                payload.sdp = caller_->media.describe(*callee_offer_, SdpRole::Offer, ctx.leg.rng);
                return commit(ctx, std::move(payload));
            }
            if (early_ == 0) queue_.on_ports(*this, ctx);
            return launch_opened(ctx);
        case Purpose::OpenNewcomer:
            return newcomer_.on_ports(*this, ctx, !reply.error);
        case Purpose::OpenIntruder:
            return intruder_.on_ports(*this, ctx, !reply.error);
        case Purpose::OfferMedia:
            if (reply.error) return refuse_exchange(ctx, 488);
            return carry_offer(ctx);
        case Purpose::UpdateMedia:
        case Purpose::CheckMedia:
            if (reply.error) return on_media_lost(ctx);
            keep_statistics(reply);
            if (question.purpose == Purpose::CheckMedia) orphan_ = 0;
            if (question.purpose == Purpose::CheckMedia) tell_new_ports(ctx);
            return;
        case Purpose::CloseMedia:
            std::ranges::move(reply.statistics, std::back_inserter(statistics_));
            media_closed_ = true;
            record_due_ = true;
            return;
        case Purpose::Bindings:
        case Purpose::Rebind:
        case Purpose::Place:
        case Purpose::Count:
        case Purpose::Feature:
        case Purpose::Replaced:
            return;
    }
}

// Those of parties that have left come when their ports are given back. What a phone that only rang
// has never used is no news.
void Call::keep_statistics(ports::MediaReply& reply) {
    for (const ports::StreamStatistics& each : reply.statistics) {
        if (each.packets_received + each.packets_sent > 0) statistics_.push_back(each);
    }
}

void Call::on_media_event(CallContext& ctx, const ports::MediaEvent& event) {
    switch (event.kind) {
        case ports::MediaEvent::Kind::Silence:
            if (phase_ == Phase::Established && !held_ && !transfer_.is_under_way()) {
                end(ctx, ReleasedBy::System, 408, "no media came for too long");
            }
            break;
        case ports::MediaEvent::Kind::SoundAgain:
        case ports::MediaEvent::Kind::Idle:
            break;
        case ports::MediaEvent::Kind::Played:
            code_keys_.on_played(*this, event.termination);
            break;
        case ports::MediaEvent::Kind::Key:
            code_keys_.on_event(*this, ctx, event);
            break;
        case ports::MediaEvent::Kind::Lost:
            on_media_lost(ctx);
            break;
    }
    pump(ctx);
}

void Call::leave_media_gate(CallContext& ctx) {
    if (!is_at_rest() || !media_open_) return;
    const ports::Instance former = media_gate_;
    on_media_lost(ctx);
    if (move_) move_->former = former;
    pump(ctx);
}

void Call::on_media_gate_gone(CallContext& ctx) {
    if (media_open_ && (!move_ || move_->stage != MediaMove::Stage::Placing)) on_media_lost(ctx);
    pump(ctx);
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
