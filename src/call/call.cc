#include "call/call.h"

#include <algorithm>

#include "call/ask.h"
#include "call/failure.h"
#include "call/limits.h"
#include "call/outside_of.h"

namespace tandem::call {

using sip::LegEvent;

std::string_view to_string(Phase phase) {
    switch (phase) {
        case Phase::Arriving:
            return "arriving";
        case Phase::Locating:
            return "locating";
        case Phase::Ringing:
            return "ringing";
        case Phase::Committing:
            return "committing";
        case Phase::Established:
            return "established";
        case Phase::Ending:
            return "ending";
        case Phase::Over:
            return "over";
    }
    return "";
}

std::string_view to_string(BranchState state) {
    switch (state) {
        case BranchState::Opening:
            return "opening";
        case BranchState::Inviting:
            return "inviting";
        case BranchState::Ringing:
            return "ringing";
        case BranchState::Won:
            return "won";
        case BranchState::Lost:
            return "lost";
        case BranchState::Failed:
            return "failed";
    }
    return "";
}

Call::Call(CallFacts facts, CallSettings settings)
    : CallValues(std::move(facts), std::move(settings)) {}

void Call::set_phase(Phase phase) {
    if (phase_ == phase) return;
    phase_ = phase;
    report_due_ = true;
}

bool Call::take_report_due() {
    return std::exchange(report_due_, false);
}

sip::LegSettings Call::leg_settings(CallContext& ctx, uint8_t index,
                                    const ports::Flow& flow) const {
    const LegKey key = leg_key(base(), index);
    const auto token = [&](ports::TokenKind kind) {
        return ctx.around.tokens.text({kind, ctx.around.self, key});
    };
    sip::LegSettings settings;
    settings.envelope.hop =
        sip::Hop::of(flow, ports::is_reliable(flow.transport) ? sip::Reliability::Reliable
                                                              : sip::Reliability::Unreliable);
    settings.envelope.contact.token = token(ports::TokenKind::Contact);
    settings.local_tag = token(ports::TokenKind::Tag);
    settings.origin.session_id = std::to_string(key >> 1);  // 63 bits: some phones parse signed
    settings.origin.version = 0;
    settings.session_timer = settings_.session_timer;
    settings.timers = settings_.timers;
    settings.user_agent = settings_.user_agent;
    settings.provisionals = sip::Provisionals::ReliableIfCan;
    settings.extensions = leg_extensions();
    if (index == 0) settings.credentials = facts_.trunk_credentials;
    return settings;
}

// Who calls into this call: the next leg of it.
uint8_t Call::add_caller(CallContext& ctx, Destination who, const ports::Flow& flow,
                         const sip::Message& invite) {
    const auto index = static_cast<uint8_t>(branches_.size() + 1);
    auto fresh = std::make_unique<Branch>(Branch{
        {sip::Leg(leg_key(base(), index), leg_settings(ctx, index, flow)),
         PartyMedia(index + 1u, flow.remote.ip.family, flow.remote.ip, MediaProfile::Rtp), flow,
         std::string(invite.header(sip::HeaderId::UserAgent).value_or("")), ctx.now.utc}});
    fresh->destination = std::move(who);
    fresh->binding.flow = flow;
    fresh->ports_asked = true;
    branches_.push_back(std::move(fresh));
    return index;
}

// --- What arrives.

void Call::start(CallContext& ctx, sip::ServerKey server, const ports::Flow& flow,
                 sip::Message invite, Route route) {
    longest_ = ctx.now.mono + settings_.duration_max;
    route_notes_ = std::move(route.notes);
    destinations_ = std::move(route.destinations);
    stages_ = std::move(route.stages);
    const bool leads_nowhere = destinations_.empty() && route.queues.empty();
    queue_.plan(std::move(route.queues));
    paging_.plan(route.pages);
    if (leads_nowhere) forwards_ = std::move(route.forwards);
    feature_ = std::move(route.feature);
    if (leads_nowhere && !feature_) {
        end_status_ = route.refusal;
        end_reason_ = route.refusal_reason.empty() ? "no route" : route.refusal_reason;
    }
    caller_.emplace(Party{sip::Leg(leg_key(base(), 0), leg_settings(ctx, 0, flow)), {}, flow, {}});
    caller_->user_agent = invite.header(sip::HeaderId::UserAgent).value_or("");
    caller_->started = ctx.now.utc;
    caller_->media = PartyMedia(1, flow.remote.ip.family, flow.remote.ip, MediaProfile::Rtp);
    caller_->media.set_limits(limits_of(ctx.around.catalog, facts_.trunk));
    caller_->leg.on_invite(ctx.leg, server, std::move(invite));
    pump(ctx);
    // The leg has refused it by itself: an extension, a body or a timer that it can't have.
    if (phase_ == Phase::Arriving) end(ctx, ReleasedBy::System, 488, "refused");
}

void Call::take_in(CallContext& ctx, NewcomerInvite invite) {
    newcomer_.take_in(*this, ctx, std::move(invite));
}

void Call::on_queue_advice(CallContext& ctx, const ports::QueueAdvice::Entry& advice) {
    queue_.on_advice(*this, ctx, advice);
    pump(ctx);
}

void Call::on_request(CallContext& ctx, uint8_t leg, const sip::RequestArrival& arrival,
                      const ports::Flow& flow, sip::Message request) {
    Party* of = party(leg);
    if (of == nullptr) return;
    // The phone speaks from another flow now: what we send follows it (RFC 5626 4.3 has the same
    // for registrations). A NAT that forgot its binding looks like this too.
    if (!(flow == of->flow)) follow_flow(ctx, leg, flow);
    of->flow_searches = 0;
    of->leg.on_request(ctx.leg, arrival, std::move(request));
    pump(ctx);
}

void Call::follow_flow(CallContext& ctx, uint8_t leg, const ports::Flow& flow) {
    Party& of = *party(leg);
    of.flow = flow;
    sip::Envelope envelope = of.leg.envelope();
    envelope.hop = leg_settings(ctx, leg, flow).envelope.hop;
    of.leg.redirect(ctx.now.mono, std::move(envelope));
    if (saved_) save_wanted_ = true;
}

void Call::on_response(CallContext& ctx, uint8_t leg, const sip::ResponseArrival& arrival,
                       sip::Message response) {
    Branch* to = branch(leg);
    if (to != nullptr) to->first_word_by.reset();
    const bool is_refusal = response.status() >= 300;
    if (Party* of = party(leg)) of->leg.on_response(ctx.leg, arrival, std::move(response));
    // It has been asked once more, with its credentials say: by another transaction.
    if (to != nullptr && is_refusal && to->is_pending() &&
        to->party.leg.state() == sip::LegState::Inviting)
        keep_ringing();
    pump(ctx);
}

void Call::on_layer_event(CallContext& ctx, uint8_t leg, const sip::LayerEvent& event) {
    if (Party* of = party(leg)) of->leg.on_layer_event(ctx.leg, event);
    const bool flow_failed =
        event.kind == sip::LayerEvent::Kind::TransportError && event.status == 430;
    if (flow_failed && answered_.unix_ms != 0) look_for_flow(ctx, leg);
    pump(ctx);
}

std::optional<Question> Call::take_question(uint64_t request) {
    const auto found = std::find_if(questions_.begin(), questions_.end(),
                                    [&](const Question& q) { return q.request == request; });
    if (found == questions_.end()) return std::nullopt;
    const Question question = *found;
    questions_.erase(found);
    return question;
}

void Call::on_reply(CallContext& ctx, ports::Letter reply) {
    const auto question = take_question(reply.request);
    if (!question) return;  // too late: its deadline has passed
    if (auto* bindings = get_if<ports::BindingsReply>(&reply.payload)) {
        on_bindings(ctx, *question, *bindings);
    } else if (auto* ways = get_if<ports::TrunkReply>(&reply.payload)) {
        on_ways(ctx, *question, *ways);
    } else if (const auto* placed = get_if<ports::MediaPlaced>(&reply.payload)) {
        on_placed(ctx, *placed);
    } else if (const auto* page = get_if<ports::CallsPage>(&reply.payload)) {
        on_counted(ctx, question->branch, page->calls);
    } else if (const auto* done = get_if<ports::EntityReply>(&reply.payload)) {
        on_feature_done(ctx, *done);
    } else if (auto* media = get_if<ports::MediaReply>(&reply.payload)) {
        on_media_reply(ctx, *question, *media);
    } else if (const auto* found = get_if<ports::ReplacedFound>(&reply.payload)) {
        transfer_.on_replaced_found(*this, ctx, *found);
    } else {
        on_question_failed(ctx, *question);
    }
    pump(ctx);
}

// The answerer is gone, or took too long: what hangs on it fails cleanly.
void Call::on_question_failed(CallContext& ctx, const Question& question) {
    switch (question.purpose) {
        case Purpose::Place:
        case Purpose::OpenMedia:
            if (lacks_context()) return try_move_again(ctx);
            if (question.purpose == Purpose::OpenMedia) return on_media_lost(ctx);
            [[fallthrough]];
        case Purpose::Bindings:
            return ask_where_again(ctx, question.purpose, question.branch);
        case Purpose::Rebind: {
            ports::BindingsReply none;
            return on_rebound(ctx, question.branch, none);
        }
        case Purpose::OfferMedia:
            return refuse_exchange(ctx, 500);
        case Purpose::Count:
            return on_counted(ctx, question.branch, {});
        case Purpose::Feature:
            return end(ctx, ReleasedBy::System, 504, "the store does not answer");
        case Purpose::UpdateMedia:
            return on_media_lost(ctx);
        case Purpose::CheckMedia:
            return on_media_unchecked(ctx);
        case Purpose::OpenNewcomer:
            return newcomer_.on_ports(*this, ctx, false);
        case Purpose::OpenIntruder:
            return intruder_.on_ports(*this, ctx, false);
        case Purpose::Replaced:
            return transfer_.on_owner_silent(*this, ctx);
        case Purpose::CloseMedia:
            media_closed_ = true;
            record_due_ = true;
            return;
    }
}

// Events are read in order; the commands that they lead to may add more.
void Call::pump(CallContext& ctx) {
    auto& events = ctx.leg.events;
    for (size_t i = 0;; ++i) {
        if (i == events.size()) transfer_.settle(*this, ctx);
        if (i == events.size()) intruder_.settle(*this, ctx);
        if (i == events.size()) queue_.settle(*this, ctx);
        if (i == events.size()) settle_move(ctx);
        if (i == events.size()) break;
        LegEvent event = std::move(events[i]);
        on_leg_event(ctx, std::move(event));
    }
    events.clear();
    code_keys_.settle(*this, ctx);
    settle_playing(ctx);
    withhold_answer(ctx);
    finish_if_done();
}

void Call::on_leg_event(CallContext& ctx, LegEvent event) {
    const uint8_t index = index_of(event.leg);
    if (party(index) == nullptr) return;
    if (feature_ && on_feature_event(ctx, event)) return;
    if (paging_.is_page() && paging_.on_event(*this, ctx, index, event)) return;
    if (index != 0 && index == intruder_.index()) return intruder_.on_event(*this, ctx, event);
    using Kind = LegEvent::Kind;
    switch (event.kind) {
        case Kind::RemoteOffer:
            return on_remote_offer(ctx, index, event);
        case Kind::RemoteAnswer:
            return on_remote_answer(ctx, index, event);
        case Kind::OfferWanted:
            return on_offer_wanted(ctx, index, event);
        case Kind::OfferRefused:
            return on_offer_refused(ctx, index, event);
        case Kind::Request:
            return on_dialog_request(ctx, index, event);
        case Kind::RequestDone:
            return on_request_done(ctx, event);
        case Kind::Gone:
            return;
        case Kind::Cancelled:
        case Kind::Rejected:
        case Kind::Bye:
        case Kind::Ended:
            return on_party_ended(ctx, index, event);
        case Kind::Incoming:
            return index == 0 ? on_incoming(ctx, event) : newcomer_.on_incoming(*this, ctx, event);
        case Kind::Confirmed:
            return on_confirmed(ctx, event);
        case Kind::Provisional:
            return on_provisional(ctx, index, event);
        case Kind::Answered:
            return on_answered(ctx, index, event);
        case Kind::Failed:
            return on_branch_failed(ctx, index, event);
    }
}

// --- Time.

namespace {

void sooner(std::optional<Instant>& earliest, std::optional<Instant> other) {
    if (other && (!earliest || *other < *earliest)) earliest = other;
}

}  // namespace

std::optional<Instant> Call::next_bye() const {
    std::optional<Instant> next = caller_ ? caller_->bye_again : std::nullopt;
    for (const auto& each : branches_) sooner(next, each->party.bye_again);
    return next;
}

std::optional<Instant> Call::next_deadline() const {
    std::optional<Instant> earliest;
    if (caller_) sooner(earliest, caller_->leg.next_deadline());
    for (const auto& branch : branches_) sooner(earliest, branch->party.leg.next_deadline());
    for (const Question& question : questions_) sooner(earliest, question.deadline);
    for (const Question& question : to_ask_again_) sooner(earliest, question.deadline);
    sooner(earliest, ring_deadline_);
    sooner(earliest, stage_deadline_);
    sooner(earliest, commit_deadline_);
    sooner(earliest, audit_at_);
    sooner(earliest, next_move_deadline());
    sooner(earliest, next_bye());
    sooner(earliest, transfer_.next_deadline());
    sooner(earliest, code_keys_.next_deadline());
    sooner(earliest, next_outside_deadline());
    if (queue_.waits(*this)) sooner(earliest, queue_.next_deadline());
    if (phase_ < Phase::Ending) sooner(earliest, longest_);
    return earliest;
}

void Call::on_timeout(CallContext& ctx) {
    const auto due = [&](const sip::Leg& leg) {
        const auto deadline = leg.next_deadline();
        return deadline && *deadline <= ctx.now.mono;
    };
    if (caller_ && due(caller_->leg)) caller_->leg.on_timeout(ctx.leg);
    for (size_t i = 0; i < branches_.size(); ++i) {
        sip::Leg& leg = branches_[i]->party.leg;
        if (due(leg)) leg.on_timeout(ctx.leg);
    }
    pump(ctx);
    run_timers(ctx);
    pump(ctx);
}

void Call::run_timers(CallContext& ctx) {
    const auto due = [&](std::optional<Instant>& deadline) {
        if (!deadline || *deadline > ctx.now.mono) return false;
        deadline.reset();
        return true;
    };
    for (bool any = true; any;) {
        const auto late =
            std::find_if(questions_.begin(), questions_.end(),
                         [&](const Question& q) { return q.deadline <= ctx.now.mono; });
        any = late != questions_.end();
        if (any) on_question_failed(ctx, *take_question(late->request));
    }
    run_locate_timers(ctx);
    run_move_timers(ctx);
    run_bye_timers(ctx);
    transfer_.on_timeout(*this, ctx);
    code_keys_.on_timeout(*this, ctx);
    run_outside_timers(ctx);
    queue_.on_timeout(*this, ctx);
    if (due(commit_deadline_)) flush_withheld(ctx);
    if (due(ring_deadline_) && seeks()) on_ring_timeout(ctx);
    if (due(stage_deadline_)) {
        if (paging_.is_page()) paging_.on_time_over(*this, ctx);
        if (rings()) on_stage_timeout(ctx);
    }
    if (due(audit_at_)) {
        // What was counted on since the snapshot, and is used from now on, nobody is to use again.
        save_wanted_ = save_wanted_ || settings_.survival != Survival::None;
        for (const uint8_t index : talkers())
            if (Party* each = party(index)) each->leg.audit(ctx.leg);
    }
    if (phase_ < Phase::Ending && due(longest_)) {
        if (feature_) return end(ctx, ReleasedBy::System, 200, "");
        end(ctx, ReleasedBy::System, 480, "longest call reached");
    }
}

}  // namespace tandem::call
