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

QueueOutcome outcome_of(Advice::Kind kind) {
    return kind == Advice::Kind::Full ? QueueOutcome::Full : QueueOutcome::NoAgents;
}

// --- Stages.

void QueueWait::plan(std::vector<QueueStop> stops) {
    stops_ = std::move(stops);
    notes_before_ = notes_.size();
}

bool QueueWait::is_full() const {
    return notes_.size() + routing::kForwardsMax >= kQueueNotesMax;
}

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

bool QueueWait::waits(const CallValues& call) const {
    if (!here_ || !here_->of_answered)
        return here_ && call.phase_ == Phase::Ringing && call.winner_ == 0;
    return call.phase_ == Phase::Established && !here_->is_taken && call.transfer_.rings();
}

Instant QueueWait::give_up_at(Instant now) const {
    return here_->wait_until.value_or(now) + here_->stop.ring + kRingLongest;
}

void QueueWait::enter(Call& call, CallContext& ctx) {
    here_.emplace().stop = *stop_of(call.stage_);
    const QueueStop& stop = here_->stop;
    here_->of_answered = call.transfer_.is_under_way();
    notes_.push_back({stop.domain, stop.queue, stop.number, stop.name, ctx.now.utc, {}});
    notes_.back().of_answered = here_->of_answered;
    if (here_->of_answered)
        call.transfer_.on_located();
    else
        call.set_phase(Phase::Ringing);
    call.report_due_ = true;
    call.stage_deadline_.reset();
    here_->wait_until = ctx.now.mono + stop.wait_max;
    call.ring_deadline_ = give_up_at(ctx.now.mono);
    here_->will_answer = !here_->of_answered && can_answer(call);
    const bool is_told_later = here_->of_answered || here_->will_answer;
    here_->tell_at = ctx.now.mono + (is_told_later ? kQueueTakesIn : kQueuedTold);
    want_save(call);
    if (!is_told_later) begin_sound(call, ctx);
}

// What waits unanswered is lost with its B2B, unless all is kept.
void QueueWait::want_save(Call& call) const {
    const Survival survival = call.settings_.survival;
    const bool is_kept =
        here_->of_answered ? survival != Survival::None : survival == Survival::All;
    if (is_kept) call.save_wanted_ = true;
}

// He has a place, so that whoever has transferred him may go.
void QueueWait::take_in(Call& call) {
    here_->tell_at.reset();
    call.transfer_.want_to_let_go();
}

void QueueWait::on_advice(Call& call, CallContext& ctx, const Advice::Entry& advice) {
    if (here_ && here_->stop.queue == advice.queue && is_answering(call)) return hold(advice);
    if (!waits(call) || here_->stop.queue != advice.queue) return;
    switch (advice.kind) {
        case Advice::Kind::Place:
            here_->ahead = advice.ahead;
            if (here_->of_answered) return take_in(call);
            if (here_->will_answer) return begin_answer(call, ctx);
            // With his ports he is told of the sound as well.
            if (!has_turn() && here_->sound != QueueVisit::Sound::Opening) tell(call, ctx);
            return;
        case Advice::Kind::Turn:
            if (here_->of_answered) take_in(call);
            if (here_->will_answer) {
                here_->held = advice;
                return begin_answer(call, ctx);
            }
            return begin_turn(call, ctx, advice);
        case Advice::Kind::Withdraw:
            return withdraw(call, ctx, advice.agents);
        case Advice::Kind::Full:
        case Advice::Kind::NoAgents:
            if (!has_turn()) leave(call, ctx, outcome_of(advice.kind));
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
    want_save(call);
    if (here_->is_late) return leave(call, ctx, QueueOutcome::TooLong);
    if (here_->of_answered) return;
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

// As those of the queue know him.
routing::Shown QueueWait::who_waits(const CallValues& call) const {
    if (here_->stop.shown) return {here_->stop.shown->number, here_->stop.shown->name};
    if (here_->of_answered) return call.transfer_.who_stays(call);
    const ShownCaller shown = call.shown_in(here_->stop.domain);
    return {shown.number, shown.name};
}

// Puts the stages of the way on behind the present one. In another domain than the caller's it goes
// on as a call that somebody there has sent on.
bool QueueWait::go_on(Call& call, CallContext& ctx, QueueOutcome outcome) const {
    const QueueStop& stop = here_->stop;
    const store::Catalog& catalog = ctx.around.catalog;
    const auto* queue = catalog.find<model::Queue>(stop.domain, stop.queue);
    // Queues may overflow to one another.
    if (queue == nullptr || notes_.size() - notes_before_ >= routing::kForwardsMax) return false;
    const uint8_t leg = here_->of_answered ? call.transfer_.stays(call) : 0;
    const Destination who = call.who_is(leg);
    const bool is_own = stop.domain == call.domain_of_leg(leg);
    routing::Question question{stop.domain, {}, {}, ctx.now.utc};
    if (is_own) question.caller = who.account;
    if (is_own) question.trunk = who.outside ? who.outside->trunk : TrunkId{};
    if (is_own && leg == 0) question.trunk = call.facts_.trunk;
    const routing::Shown himself{who.number, who.name};
    const routing::Shown here = is_own ? himself : who_waits(call);
    const routing::Original original{call.domain_of_leg(leg), himself, here};
    if (!is_own) question.original = &original;
    question.origin = routing::Origin{here.number, is_own && question.trunk.is_nil()};
    question.caller_number = here.number;
    question.caller_name = here.name;
    question.plans = ctx.plans;
    question.anonymous = leg == 0 && call.facts_.hide_caller;
    question.forwards = call.forwards_.size();
    question.dice = call.facts_.call.bits.low;
    question.order = ctx.order;
    auto found = routing::overflow_of(catalog, question, *queue, reason_of(outcome));
    if (!found) return false;
    Call::Route further = route_of(std::move(*found), {catalog, ctx.trunk_key, call.facts_});
    std::ranges::move(further.notes, std::back_inserter(call.route_notes_));
    further.notes.clear();
    if (further.destinations.empty() && further.queues.empty()) return false;
    call.insert_stages(ctx, std::move(further), stop.path);
    return true;
}

// --- Time.

void QueueWait::on_timeout(Call& call, CallContext& ctx) {
    if (!waits(call)) return;
    const bool is_due = here_->tell_at && *here_->tell_at <= ctx.now.mono;
    if (is_due && here_->of_answered) take_in(call);
    if (is_due && here_->will_answer) return begin_answer(call, ctx);
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

// --- Of a transfer.

void QueueWait::on_taken(UtcTime now, bool is_near) {
    if (!here_ || !here_->of_answered || here_->is_taken) return;
    here_->is_taken = true;
    here_->agent_is_near = is_near;
    notes_.back().until = now;
}

// Whatever has ended the transfer.
void QueueWait::on_given_up(UtcTime now) {
    if (!here_ || !here_->of_answered || here_->is_taken) return;
    notes_.back().until = now;
    notes_.back().outcome = QueueOutcome::TooLong;
    here_.reset();
}

// --- Facts.

Destination QueueWait::as_party() const {
    Destination party;
    if (!here_) return party;
    party.number = here_->stop.number;
    party.name = here_->stop.name;
    party.domain = here_->stop.domain;
    return party;
}

std::optional<ports::QueuePlace> QueueWait::place(const CallValues& call) const {
    if (!here_) return std::nullopt;
    ports::QueuePlace place;
    place.domain = here_->stop.domain;
    place.queue = here_->stop.queue;
    place.since = notes_.back().since;
    place.waits = waits(call) || is_answering(call);
    place.turn = here_->turn;
    if (place.waits) place.offered = here_->offered;
    const auto [near, far] = call.places();
    const uint8_t agent = here_->is_taken && here_->agent_is_near ? near : far;
    const bool is_taken = here_->of_answered ? here_->is_taken : agent != 0;
    if (is_taken) place.agent = call.who_is(agent).account;
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
        const bool is_answered = answered.unix_ms != 0 && !note.of_answered;
        if (is_open) until = is_answered ? answered : ended;
        if (is_open && !is_answered) record.outcome = QueueOutcome::Abandoned;
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
    snapshot.is_taken = here_->is_taken;
    snapshot.agent_is_near = here_->agent_is_near;
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
    here_->of_answered = notes_.back().of_answered;
    here_->is_taken = snapshot.is_taken;
    here_->agent_is_near = snapshot.agent_is_near;
    if (here_->stop.has_music && !here_->of_answered)
        here_->sound = snapshot.sounds ? QueueVisit::Sound::On : QueueVisit::Sound::None;
    gate_has_answered_ = sounds();
    here_->tell_at = now.mono + (here_->of_answered ? kQueueTakesIn : kQueuedTold);
    here_->call_off_at = now.mono + kRestoredRinging;
    here_->wait_until =
        now.mono + std::chrono::milliseconds(snapshot.wait_until.unix_ms - now.utc.unix_ms);
}

}  // namespace tandem::call
