// From the caller's INVITE to the devices that are to ring.
#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "ports/binding_search.h"

namespace tandem::call {

using ports::RoleKind;

namespace {

bool is_pending(const std::unique_ptr<Branch>& branch) {
    return branch->is_pending();
}

}  // namespace

void Call::on_incoming(CallContext& ctx, sip::LegEvent& event) {
    offer_ = std::move(event.sdp);
    caller_reliable_ = event.message.has_value(sip::HeaderId::Supported, "100rel") ||
                       event.message.has_value(sip::HeaderId::Require, "100rel");
    if (end_status_ != 0) {  // the route leads nowhere
        const std::string reason = end_reason_;
        return end(ctx, ReleasedBy::System, end_status_, reason);
    }
    if (offer_ && !caller_->media.learn(*offer_, SdpRole::Offer, srtp_of(0))) {
        return end(ctx, ReleasedBy::System, 488, "the media offered cannot be carried");
    }
    // Who answers a trunk keeps to what it takes, too.
    if (offer_ && !is_within(caller_->media.limits(), *offer_))
        return end(ctx, ReleasedBy::System, 488, "the trunk takes none of the codecs offered");
    if (offer_) limit_offer(caller_->media.limits(), *offer_);
    set_phase(Phase::Locating);
    if (feature_) return use_feature(ctx);
    note_path(ctx);
    locate(ctx);
}

// Both questions at once: a call waits for the slower one only.
void Call::locate(CallContext& ctx) {
    ask_for_devices(ctx);
    ask_where(ctx, Purpose::Place, 0);
}

// The registrar for the devices of a destination, or the controller for a media gate. Both
// questions change nothing, so a successor may be asked when there is no answer.
void Call::ask_where(CallContext& ctx, Purpose purpose, uint8_t destination) {
    if (!locate_give_up_) locate_give_up_ = ctx.now.mono + kLocateGiveUp;
    if (purpose == Purpose::Bindings && destinations_[destination].outside)
        return ask_for_ways(ctx, destination);
    const bool is_place = purpose == Purpose::Place;
    const ports::Directory& directory = ctx.around.directory;
    const auto to = is_place ? directory.active_of_site(RoleKind::MediaGateController)
                             : directory.active(RoleKind::Registrar,
                                                domain_of(facts_, destinations_[destination]));
    if (!to) return ask_where_again(ctx, purpose, destination);
    const Wanted wanted{purpose, kLocateTry, destination};
    if (is_place) return ask(ctx, *to, ports::MediaPlace{facts_.call, facts_.domain}, wanted);
    const ports::BindingsQuery query{domain_of(facts_, destinations_[destination]),
                                     destinations_[destination].account};
    ask(ctx, *to, query, wanted);
}

void Call::ask_where_again(CallContext& ctx, Purpose purpose, uint8_t destination) {
    if (ctx.now.mono >= *locate_give_up_) {
        if (queue_.has_turn() && queue_.waits(*this)) return queue_.turn_over(*this, ctx);
        return search_failed(ctx, ReleasedBy::System, 503,
                             "no registrar, media gate or trunk gate");
    }
    to_ask_again_.push_back({0, purpose, destination, ctx.now.mono + kLocateAgain});
}

void Call::run_locate_timers(CallContext& ctx) {
    const auto later = std::ranges::stable_partition(
        to_ask_again_, [&](const Question& each) { return each.deadline > ctx.now.mono; });
    const std::vector<Question> due(later.begin(), later.end());
    to_ask_again_.erase(later.begin(), later.end());
    for (const Question& each : due) {
        if (seeks()) ask_where(ctx, each.purpose, each.branch);
    }
}

void Call::on_bindings(CallContext& ctx, const Question& question, ports::BindingsReply& reply) {
    if (question.purpose == Purpose::Rebind) return on_rebound(ctx, question.branch, reply);
    if (!seeks() || question.branch >= destinations_.size()) return;
    const Destination destination = destinations_[question.branch];
    if (destination.stage != stage_) return;  // its time is over
    auto devices = static_cast<size_t>(std::ranges::count_if(branches_, is_pending));
    for (ports::Binding& binding : reply.bindings) {
        if (branches_.size() >= branches_max() || devices++ >= devices_max()) break;
        add_branch(ctx, destination, std::move(binding), std::nullopt);
    }
    if (rings()) {  // a redirection led here
        open_branches(ctx);
        return fail_if_exhausted(ctx);
    }
    located(ctx);
}

void Call::on_placed(CallContext& ctx, const ports::MediaPlaced& placed) {
    if (move_) return on_move_placed(ctx, placed);
    if (placed.error || !placed.media_gate) return wait_for_room(ctx);
    media_gate_ = placed.media_gate;
    located(ctx);
}

// The only gate may be about to come back. Where all are full this makes the refusal later, and
// costs a few questions.
void Call::wait_for_room(CallContext& ctx) {
    const Instant began = *locate_give_up_ - kLocateGiveUp;
    if (ctx.now.mono >= began + kNoRoomMost) {
        return end(ctx, ReleasedBy::System, 503, "no media gate has room");
    }
    to_ask_again_.push_back({0, Purpose::Place, 0, ctx.now.mono + kNoRoomAgain});
}

void Call::located(CallContext& ctx) {
    const auto is_where = [](const Question& q) {
        return q.purpose == Purpose::Bindings || q.purpose == Purpose::Place ||
               q.purpose == Purpose::Count;
    };
    const bool waiting = std::ranges::any_of(questions_, is_where) || !to_ask_again_.empty() ||
                         !sides_asked_.empty() || asks_for_line();
    if (waiting || (phase_ != Phase::Locating && !transfer_.locates())) return;
    if (enters_queue(ctx)) return;
    if (std::ranges::none_of(branches_, is_pending)) {
        if (next_stage(ctx)) return;
        if (is_any_busy(destinations_))
            return search_failed(ctx, ReleasedBy::System, 486, "in as many calls as it takes");
        if (licence_refusal_ != 0)
            return search_failed(ctx, ReleasedBy::System, licence_refusal_, licence_reason_);
        const bool is_outside = std::ranges::any_of(
            destinations_, [](const Destination& each) { return each.outside.has_value(); });
        if (status_of_lines() != 0)
            return search_failed(ctx, ReleasedBy::System, status_of_lines(),
                                 reason_of_lines(status_of_lines()));
        if (is_outside)
            return search_failed(ctx, ReleasedBy::System, 503, "the trunk has no proxy");
        return search_failed(ctx, ReleasedBy::System, 480, "no device is registered");
    }
    if (transfer_.locates())
        transfer_.on_located();
    else
        set_phase(Phase::Ringing);
    ring_deadline_ = ctx.now.mono + kRingLongest;
    begin_stage_time(ctx);
    open_branches(ctx);
}

// A flow failed: the phone may have registered anew, over another one. RFC 5626 5.3.
void Call::on_rebound(CallContext& ctx, uint8_t index, ports::BindingsReply& reply) {
    Branch* failed = branch(index);
    const bool was_called = failed != nullptr && failed->state == BranchState::Failed;
    if (answered_.unix_ms != 0 && !was_called) return on_flow_looked_for(ctx, index, reply);
    if (!was_called || !seeks()) return;
    const ports::Binding old = failed->binding;
    const auto same_device = [&](const ports::Binding& binding) {
        const bool same = old.instance_id.empty() ? binding.contact == old.contact
                                                  : binding.instance_id == old.instance_id;
        return same && !(binding.flow == old.flow);
    };
    const auto found = std::find_if(reply.bindings.begin(), reply.bindings.end(), same_device);
    if (found != reply.bindings.end() && branches_.size() < branches_max()) {
        const uint8_t fresh = add_branch(ctx, failed->destination, std::move(*found), std::nullopt);
        branch(fresh)->rebound = true;
        open_branches(ctx);
    }
    fail_if_exhausted(ctx);
}

// The connection of a phone that talks broke, with its gate say: whatever we have to tell it goes
// over the one it has registered by since.
void Call::look_for_flow(CallContext& ctx, uint8_t index) {
    Party* of = party(index);
    if (of == nullptr || !(talks(index) || paging_.hears(*this, index))) return;
    const Destination who = who_is(index);
    if (of->flow_searches >= kFlowSearchesMax) return;
    if (who.account.is_nil()) return wait_with_bye(ctx, *of);  // a trunk's proxy is where it is
    ++of->flow_searches;
    const DomainId domain = domain_of(facts_, who);
    const auto registrar = ctx.around.directory.active(RoleKind::Registrar, domain);
    if (!registrar) return wait_with_bye(ctx, *of);
    ask(ctx, *registrar, ports::BindingsQuery{domain, who.account},
        {Purpose::Rebind, kBindingsDeadline, index});
}

// Whoever does not hear that the call is over believes in it. Its gate, or the phone, may be back
// soon.
void Call::wait_with_bye(CallContext& ctx, Party& of) {
    if (of.leg.has_ended()) of.bye_again = ctx.now.mono + kByeAgain;
}

void Call::run_bye_timers(CallContext& ctx) {
    for (size_t i = 0; i <= branches_.size(); ++i) {
        const auto index = static_cast<uint8_t>(i);
        Party* of = party(index);
        if (of == nullptr || !of->bye_again || *of->bye_again > ctx.now.mono) continue;
        of->bye_again.reset();
        if (!who_is(index).account.is_nil()) {
            look_for_flow(ctx, index);
        } else {
            ++of->flow_searches;
            of->leg.say_bye_again(ctx.leg);
        }
    }
}

void Call::on_flow_looked_for(CallContext& ctx, uint8_t index, const ports::BindingsReply& reply) {
    Party* of = party(index);
    if (of == nullptr) return;
    const std::string instance_id = index == 0 ? "" : branch(index)->binding.instance_id;
    const ports::Binding* found =
        ports::binding_of_phone(reply.bindings, of->leg.remote_target(), instance_id, of->flow);
    if (found == nullptr || found->flow == of->flow) return wait_with_bye(ctx, *of);
    follow_flow(ctx, index, found->flow);
    of->leg.say_bye_again(ctx.leg);
    if (!move_) return;
    move_->sides[index].again = ctx.now.mono;
    offer_move(ctx);
}

}  // namespace tandem::call
