#include "call/queue_wait.h"

#include <algorithm>
#include <iterator>

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"
#include "call/queue_sound.h"
#include "call/route_of.h"
#include "routing/delivery.h"
#include "routing/limits.h"
#include "routing/queues.h"
#include "store/catalog.h"

namespace tandem::call {

using model::QueueOutcome;
using Advice = ports::QueueAdvice;

namespace {

// For a caller whom the queue sends nowhere else.
int status_of(QueueOutcome outcome) {
    return outcome == QueueOutcome::Full ? 486 : 480;
}

std::string_view words_of(QueueOutcome outcome) {
    switch (outcome) {
        case QueueOutcome::Full:
            return "the queue is full";
        case QueueOutcome::TooLong:
            return "no agent was free in time";
        case QueueOutcome::NoAgents:
            return "no agent is logged in";
        case QueueOutcome::Answered:
        case QueueOutcome::Abandoned:
            break;
    }
    return "";
}

routing::ForwardReason reason_of(QueueOutcome outcome) {
    if (outcome == QueueOutcome::Full) return routing::ForwardReason::Busy;
    if (outcome == QueueOutcome::NoAgents) return routing::ForwardReason::Unregistered;
    return routing::ForwardReason::NoAnswer;
}

bool has(const std::vector<AccountId>& agents, AccountId one) {
    return std::ranges::find(agents, one) != agents.end();
}

// The agent's place among the destinations of the present stage; nullopt: he can't be called.
std::optional<uint8_t> destination_of(std::vector<Destination>& all, const QueueStop& stop,
                                      const store::Catalog& catalog, AccountId agent) {
    for (size_t i = 0; i < all.size(); ++i)
        if (all[i].account == agent && all[i].stage == stop.stage) return static_cast<uint8_t>(i);
    const auto* account = catalog.find_account(stop.domain, agent);
    if (account == nullptr || !account->enabled || all.size() >= kDestinationsMax)
        return std::nullopt;
    routing::Target target = routing::target_of(stop.domain, *account);
    Destination& to = all.emplace_back();
    to.account = agent;
    to.domain = stop.domain;
    to.number = std::move(target.number);
    to.name = std::move(target.name);
    to.stage = stop.stage;
    to.of_group = true;
    to.path = stop.path;
    to.shown = stop.shown;
    return static_cast<uint8_t>(all.size() - 1);
}

}  // namespace

// --- Stages.

void QueueWait::insert(uint8_t stage, size_t count, std::vector<QueueStop> stops) {
    for (QueueStop& each : stops_)
        if (each.stage > stage) each.stage = static_cast<uint8_t>(each.stage + count);
    for (QueueStop& each : stops) {
        each.stage = static_cast<uint8_t>(each.stage + stage + 1);
        stops_.push_back(std::move(each));
    }
}

const QueueStop* QueueWait::stop_of(uint8_t stage) const {
    const auto found = std::ranges::find(stops_, stage, &QueueStop::stage);
    return found == stops_.end() ? nullptr : &*found;
}

void QueueWait::refuse(uint8_t stage) {
    for (QueueStop& each : stops_) each.is_refused |= each.stage == stage;
}

const QueueStop* QueueWait::refused() const {
    const auto found = std::ranges::find(stops_, true, &QueueStop::is_refused);
    return found == stops_.end() ? nullptr : &*found;
}

// --- In the queue.

bool QueueWait::waits(const Call& call) const {
    return here_ && call.phase_ == Phase::Ringing && call.winner_ == 0;
}

Instant QueueWait::give_up_at(Instant now) const {
    return here_->wait_until.value_or(now) + here_->stop.ring + kRingLongest;
}

void QueueWait::enter(Call& call, CallContext& ctx) {
    here_.emplace().stop = *stop_of(call.stage_);
    const QueueStop& stop = here_->stop;
    notes_.push_back({stop.domain, stop.queue, stop.number, stop.name, ctx.now.utc, {}});
    call.set_phase(Phase::Ringing);
    call.report_due_ = true;
    call.stage_deadline_.reset();
    here_->wait_until = ctx.now.mono + stop.wait_max;
    call.ring_deadline_ = give_up_at(ctx.now.mono);
    here_->tell_at = ctx.now.mono + kQueuedTold;
    if (call.settings_.survival == Survival::All) call.save_wanted_ = true;
    begin_sound(call, ctx);
}

void QueueWait::on_advice(Call& call, CallContext& ctx, const Advice::Entry& advice) {
    if (!waits(call) || here_->stop.queue != advice.queue) return;
    switch (advice.kind) {
        case Advice::Kind::Place:
            here_->ahead = advice.ahead;
            // With his ports he is told of the sound as well.
            if (!has_turn() && here_->sound != QueueVisit::Sound::Opening) tell(call, ctx);
            return;
        case Advice::Kind::Turn:
            return begin_turn(call, ctx, advice);
        case Advice::Kind::Withdraw:
            return withdraw(call, ctx, advice.agents);
        case Advice::Kind::Full:
            if (!has_turn()) leave(call, ctx, QueueOutcome::Full);
            return;
        case Advice::Kind::NoAgents:
            if (!has_turn()) leave(call, ctx, QueueOutcome::NoAgents);
            return;
    }
}

void QueueWait::begin_turn(Call& call, CallContext& ctx, const Advice::Entry& advice) {
    if (has_turn() || advice.turn <= here_->turn) return;
    here_->turn = advice.turn;
    call.report_due_ = true;
    call.cancel_branches(ctx, 0, "");  // of before a restart
    if (call.branches_.size() + kForkMax >= kQueueBranchesMax)
        return leave(call, ctx, QueueOutcome::TooLong);
    std::vector<uint8_t> asked;
    for (const AccountId agent : advice.agents) {
        const auto to = destination_of(call.destinations_, here_->stop, ctx.around.catalog, agent);
        if (!to) continue;
        asked.push_back(*to);
        here_->offered.push_back(agent);
    }
    if (asked.empty()) return;  // CS learns that the turn has been used up
    call.locate_give_up_.reset();
    call.stage_deadline_ = ctx.now.mono + here_->stop.ring;
    for (const uint8_t to : asked) call.ask_where(ctx, Purpose::Bindings, to);
}

void QueueWait::turn_over(Call& call, CallContext& ctx) {
    const auto is_of_turn = [](const Question& question) {
        return question.purpose == Purpose::Bindings || question.purpose == Purpose::Rebind;
    };
    std::erase_if(call.questions_, is_of_turn);
    std::erase_if(call.to_ask_again_, is_of_turn);
    call.stage_deadline_.reset();
    here_->offered.clear();
    call.report_due_ = true;
    call.cancel_branches(ctx, 0, "");
    if (call.settings_.survival == Survival::All) call.save_wanted_ = true;
    if (here_->is_late) return leave(call, ctx, QueueOutcome::TooLong);
    here_->tell_at = ctx.now.mono + kQueuedTold;  // unless CS says his place before
}

// They have logged out, or pause.
void QueueWait::withdraw(Call& call, CallContext& ctx, const std::vector<AccountId>& agents) {
    if (!has_turn()) return;
    std::erase_if(here_->offered, [&](AccountId each) { return has(agents, each); });
    if (here_->offered.empty()) return turn_over(call, ctx);
    call.report_due_ = true;
    const auto is_theirs = [&](const Question& question) {
        return question.purpose == Purpose::Bindings &&
               has(agents, call.destinations_[question.branch].account);
    };
    std::erase_if(call.questions_, is_theirs);
    std::erase_if(call.to_ask_again_, is_theirs);
    for (size_t i = 0; i < call.branches_.size(); ++i) {
        const Branch& each = *call.branches_[i];
        if (each.is_pending() && has(agents, each.destination.account))
            call.cancel_branch(ctx, static_cast<uint8_t>(i + 1), "");
    }
    call.fail_if_exhausted(ctx);
}

// Again every minute: proxies on the way give up on what is silent (RFC 3261 13.3.1.1).
void QueueWait::tell(Call& call, CallContext& ctx) {
    sip::Payload payload;
    payload.phrase = "Queued";
    if (here_->ahead) payload.phrase += ", " + std::to_string(*here_->ahead) + " ahead";
    // Where his phone is to listen is said again, as it may have missed it.
    if (sounds() && !call.early_is_final_)
        payload.sdp = call.caller_->media.describe(answer_of_gate(*call.offer_), SdpRole::Answer,
                                                   ctx.leg.rng);
    const bool is_answer = payload.sdp.has_value();
    call.rang_ = sounds() ? 183 : 182;
    const bool is_sent = call.caller_->leg.ring(ctx.leg, call.rang_, std::move(payload));
    if (is_sent && is_answer && call.caller_reliable_)
        call.early_is_final_ = gate_has_answered_ = true;
    here_->tell_at = ctx.now.mono + kQueuedToldAgain;
}

void QueueWait::leave(Call& call, CallContext& ctx, QueueOutcome outcome) {
    end_sound(call);
    notes_.back().until = ctx.now.utc;
    notes_.back().outcome = outcome;
    const bool goes_on = go_on(call, ctx, outcome);
    here_.reset();
    call.report_due_ = true;
    if (goes_on && call.next_stage(ctx)) return;
    call.search_failed(ctx, ReleasedBy::System, status_of(outcome), words_of(outcome));
}

// Puts the stages of the way on behind the present one. In another domain than the caller's it goes
// on as a call that somebody there has sent on.
bool QueueWait::go_on(Call& call, CallContext& ctx, QueueOutcome outcome) const {
    const QueueStop& stop = here_->stop;
    const store::Catalog& catalog = ctx.around.catalog;
    const auto* queue = catalog.find<model::Queue>(stop.domain, stop.queue);
    // Queues may overflow to one another.
    if (queue == nullptr || notes_.size() >= routing::kForwardsMax) return false;
    const bool is_own = stop.domain == call.facts_.domain;
    routing::Question question{stop.domain, {}, {}, ctx.now.utc};
    if (is_own) question.caller = call.facts_.caller_account;
    if (is_own) question.trunk = call.facts_.trunk;
    const ShownCaller here = is_own
                                 ? ShownCaller{call.facts_.caller_number, call.facts_.caller_name}
                                 : call.shown_in(stop.domain);
    const routing::Original original{call.facts_.domain,
                                     {call.facts_.caller_number, call.facts_.caller_name},
                                     {here.number, here.name}};
    if (!is_own) question.original = &original;
    question.origin = routing::Origin{here.number, is_own && call.facts_.trunk.is_nil()};
    question.caller_number = here.number;
    question.caller_name = here.name;
    question.plans = ctx.plans;
    question.anonymous = call.facts_.hide_caller;
    question.forwards = call.forwards_.size();
    question.dice = call.facts_.call.bits.low;
    auto found = routing::overflow_of(catalog, question, *queue, reason_of(outcome));
    if (!found) return false;
    Call::Route further = route_of(std::move(*found), {catalog, ctx.trunk_key, call.facts_});
    std::ranges::move(further.notes, std::back_inserter(call.route_notes_));
    further.notes.clear();
    if (further.destinations.empty() && further.queues.empty()) return false;
    call.insert_stages(std::move(further), stop.path);
    return true;
}

// --- Time.

void QueueWait::on_timeout(Call& call, CallContext& ctx) {
    if (!waits(call)) return;
    if (here_->tell_at && *here_->tell_at <= ctx.now.mono) {
        here_->tell_at = ctx.now.mono + kQueuedToldAgain;
        if (!has_turn()) tell(call, ctx);
    }
    if (here_->call_off_at && *here_->call_off_at <= ctx.now.mono) {
        here_->call_off_at.reset();
        call.report_due_ = true;
        if (!has_turn()) call.cancel_branches(ctx, 0, "");
    }
    if (!here_->wait_until || *here_->wait_until > ctx.now.mono) return;
    here_->wait_until.reset();
    // Whom a phone rings for is not sent away.
    if (has_turn())
        here_->is_late = true;
    else
        leave(call, ctx, QueueOutcome::TooLong);
}

std::optional<Instant> QueueWait::next_deadline() const {
    if (!here_) return std::nullopt;
    std::optional<Instant> next = here_->tell_at;
    for (const auto& each : {here_->wait_until, here_->call_off_at})
        if (each && (!next || *each < *next)) next = each;
    return next;
}

// --- Facts.

std::optional<ports::QueuePlace> QueueWait::place(const Call& call) const {
    if (!here_) return std::nullopt;
    ports::QueuePlace place;
    place.domain = here_->stop.domain;
    place.queue = here_->stop.queue;
    place.since = notes_.back().since;
    place.waits = waits(call);
    place.turn = here_->turn;
    if (place.waits) place.offered = here_->offered;
    return place;
}

// The last one is open when the call was answered or given up there.
std::vector<model::CdrQueue> QueueWait::records(UtcTime answered, UtcTime ended) const {
    std::vector<model::CdrQueue> records;
    for (const QueueNote& note : notes_) {
        model::CdrQueue& record = records.emplace_back();
        record.queue = note.queue;
        record.number = note.number;
        record.name = note.name;
        record.outcome = note.outcome;
        UtcTime until = note.until;
        const bool is_open = until.unix_ms == 0;
        if (is_open) until = answered.unix_ms != 0 ? answered : ended;
        if (is_open && answered.unix_ms == 0) record.outcome = QueueOutcome::Abandoned;
        record.wait =
            std::chrono::milliseconds(std::max<int64_t>(0, until.unix_ms - note.since.unix_ms));
    }
    return records;
}

bool QueueWait::was_in(DomainId domain, QueueId queue) const {
    return std::ranges::any_of(notes_, [&](const QueueNote& note) {
        return note.domain == domain && note.queue == queue;
    });
}

const std::string* QueueWait::number_in(DomainId domain) const {
    for (auto note = notes_.rbegin(); note != notes_.rend(); ++note)
        if (note->domain == domain) return &note->number;
    const QueueStop* kept_from = refused();
    return kept_from != nullptr && kept_from->domain == domain ? &kept_from->number : nullptr;
}

const ShownCaller* QueueWait::shown_in(DomainId domain) const {
    for (const QueueStop& each : stops_)
        if (each.domain == domain && each.shown && was_in(domain, each.queue)) return &*each.shown;
    return nullptr;
}

// --- Survival.

QueueSnapshot QueueWait::save(Now now) const {
    QueueSnapshot snapshot;
    snapshot.notes = notes_;
    if (!here_) return snapshot;
    snapshot.stop = here_->stop;
    snapshot.turn = here_->turn;
    snapshot.sounds = sounds();
    const Duration left = here_->wait_until.value_or(now.mono) - now.mono;
    snapshot.wait_until.unix_ms =
        now.utc.unix_ms + std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
    return snapshot;
}

void QueueWait::restore(QueueSnapshot snapshot, Now now) {
    notes_ = std::move(snapshot.notes);
    if (!snapshot.stop || notes_.empty()) return;
    here_.emplace().stop = std::move(*snapshot.stop);
    stops_ = {here_->stop};
    here_->turn = snapshot.turn;
    if (here_->stop.has_music)
        here_->sound = snapshot.sounds ? QueueVisit::Sound::On : QueueVisit::Sound::None;
    gate_has_answered_ = sounds();
    here_->tell_at = now.mono + kQueuedTold;
    here_->call_off_at = now.mono + kRestoredRinging;
    here_->wait_until =
        now.mono + std::chrono::milliseconds(snapshot.wait_until.unix_ms - now.utc.unix_ms);
}

}  // namespace tandem::call
