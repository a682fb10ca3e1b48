#include "roles/b2bua/b2bua_role.h"

#include <algorithm>
#include <unordered_set>

#include "roles/b2bua/limits.h"

namespace tandem::roles::b2bua {

using call::Call;
using ports::Letter;

namespace {

sip::LayerSettings layer_settings(const ports::Surroundings& around, const B2buaOptions& options) {
    sip::LayerSettings settings;
    settings.timers = options.timers;
    settings.hash_key = {around.rng.next(), around.rng.next()};
    settings.first_key = around.rng.next() | 1;
    return settings;
}

RoleInstanceId id_of(const ports::Surroundings& around) {
    const auto* entity = around.catalog.find_role_instance(around.self.number);
    return entity != nullptr ? entity->id : RoleInstanceId{{0, around.self.number}};
}

}  // namespace

B2buaRole::B2buaRole(const ports::Surroundings& around, B2buaOptions options)
    : around_(around),
      options_(std::move(options)),
      callers_(options_.keys, around.rng),
      layer_settings_(layer_settings(around, options_)),
      layer_(layer_settings_),
      group_peers_(around_, group_order_),
      leases_(around_),
      id_(id_of(around)),
      writer_(id_.text(), 1) {
    writer_.set_guards(around_.guards);
}

call::CallContext B2buaRole::context(Step& step) {
    return {step.now,
            {step.now.mono, layer_, wire_, around_.rng, events_},
            step.out,
            around_,
            options_.keys.credentials,
            &plans_,
            &group_order_};
}

void B2buaRole::start(Now now, ports::Outbox& out) {
    Step step{now, out};
    phase_ = Phase::Restoring;
    began_ = now.mono;
    directory_changed_ = now.mono;
    restore_give_up_ = now.mono + kRestoreGiveUp;
    read_snapshots(step);
}

Call* B2buaRole::find(uint64_t base) {
    const auto found = calls_.find(base);
    return found == calls_.end() ? nullptr : found->second.get();
}

const Call* B2buaRole::find_call(CallId id) const {
    const auto found = calls_.find(call::base_of(id));
    return found == calls_.end() || found->second->id() != id ? nullptr : found->second.get();
}

Call& B2buaRole::add(std::unique_ptr<Call> call) {
    std::unique_ptr<Call>& place = calls_[call->base()];
    if (place != nullptr && is_live(*place)) --live_calls_;
    if (is_live(*call)) {
        ++live_calls_;
        leases_.take_over(call->base(), {call->sides(), call->facts().trunk, call->lines()});
    }
    place = std::move(call);
    return *place;
}

Call* B2buaRole::call_of_leg(call::LegKey key) {
    Call* found = find(call::base_of(key));
    return found != nullptr && found->has_leg(call::index_of(key)) ? found : nullptr;
}

void B2buaRole::hang_up(Step& step, Call& call, std::string_view reason) {
    with_call(step, call, [&](auto& ctx) { call.hangup(ctx, 480, reason); });
}

void B2buaRole::on_letter(Now now, Letter letter, ports::Outbox& out) {
    Step step{now, out};
    if (phase_ == Phase::Restoring) {
        const auto* reply = get_if<store::Reply>(&letter.payload);
        if (reply != nullptr || (restore_request_ != 0 && letter.request == restore_request_)) {
            dispatch(step, std::move(letter));
        } else if (held_.size() < kHeldLettersMax) {
            held_.push_back(std::move(letter));
        }
        return;
    }
    dispatch(step, std::move(letter));
    watch_drain(now);
}

void B2buaRole::dispatch(Step& step, Letter letter) {
    if (holds_alternative<ports::SipInbound>(letter.payload)) {
        on_sip(step, letter);
    } else if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
        on_store_reply(step, *reply);
    } else if (leases_.on_letter(step.now, letter, step.out)) {
        settle_licensed(step);
    } else if (!answer_query(step, letter)) {
        on_notice(step, letter);
    }
}

void B2buaRole::on_notice(Step& step, Letter& letter) {
    if (auto answered = subscribes_.on_letter(letter)) {
        layer_.respond(step.now.mono, answered->server, std::move(answered->response),
                       answered->contact, wire_);
        deliver_layer_events(step);
        return emit(step, nullptr);
    }
    if (const auto* failed = get_if<ports::SipUndeliverable>(&letter.payload)) {
        const auto token = around_.tokens.read(ports::TokenKind::Branch, failed->branch);
        if (!token || token->owner != around_.self) return;
        layer_.on_undeliverable(step.now.mono, {token->unique}, failed->status, wire_);
        deliver_layer_events(step);
        return emit(step, nullptr);
    }
    if (const auto* event = get_if<ports::MediaEvent>(&letter.payload)) {
        Call* call = find(call::base_of(event->context));
        if (call == nullptr || call->id() != event->context) {
            // The letter that was to close it never came there, as it was sent over a link that
            // broke.
            ports::MediaRequest close;
            close.context = event->context;
            close.close = true;
            return step.out.send(around_.self, letter.from, std::move(close));
        }
        return with_call(step, *call, [&](auto& ctx) { call->on_media_event(ctx, *event); });
    }
    if (holds_alternative<ports::QueueAdvice>(letter.payload)) return on_queue_advice(step, letter);
    if (const auto* news = get_if<ports::GroupNews>(&letter.payload))
        return group_peers_.on_news(step.now, letter.from, *news);
    if (letter.request == 0) return;
    if (call::index_of(letter.request) == kPickIndex &&
        on_rings_elsewhere(step, letter.request, get_if<ports::CallsPage>(&letter.payload)))
        return;
    const uint64_t base = call::base_of(letter.request);
    if (call::index_of(letter.request) == kPageIndex && pages_.has(base)) {
        call::CallContext ctx = context(step);
        const bool is_bindings = holds_alternative<ports::BindingsReply>(letter.payload);
        if (!is_bindings) pages_.on_kept(ctx, base, get_if<ports::MessageKept>(&letter.payload));
        pages_.on_bindings(ctx, base, get_if<ports::BindingsReply>(&letter.payload));
        return emit(step, nullptr);
    }
    Call* call = find(base);
    if (call == nullptr) return;
    with_call(step, *call, [&](auto& ctx) { call->on_reply(ctx, std::move(letter)); });
}

// A call that is not here has ended, or was never restored: CS is not to wait for it.
void B2buaRole::on_queue_advice(Step& step, const Letter& letter) {
    for (const auto& entry : get<ports::QueueAdvice>(letter.payload).entries) {
        Call* call = find(call::base_of(entry.call));
        if (call != nullptr && call->id() == entry.call) {
            with_call(step, *call, [&](auto& ctx) { call->on_queue_advice(ctx, entry); });
            continue;
        }
        ports::CallReport report;
        report.summary.call = report.summary.whole = entry.call;  // with all that domains see of it
        report.summary.owner = around_.self;
        report.gone = true;
        step.out.send(around_.self, letter.from, std::move(report));
    }
}

// --- What leaves.

// Another gate may reach the phone while its own is away, or knows at once that it cannot.
ports::Instance B2buaRole::gate_for(const ports::Flow& flow) const {
    const auto* own = around_.directory.find(flow.gate);
    if (own != nullptr && own->reachable) return flow.gate;
    const auto kind = own == nullptr ? ports::RoleKind::SipGate : own->kind;
    const auto other = around_.directory.heir(kind, flow.remote.port, flow.gate);
    return other.value_or(flow.gate);
}

// Messages become letters to their gates. Those of one call's step go to its ladder, too.
void B2buaRole::emit(Step& step, Call* traced) {
    for (sip::Outbound& outbound : wire_.messages) {
        ports::SipOutbound sip;
        sip.flow = outbound.envelope.hop.flow<ports::Flow>();
        if (traced != nullptr) {
            note_progress(step, *traced, outbound.message);
            const bool whole = traced->settings().full_trace;
            ports::CallTraceEntry entry;
            entry.at = step.now.utc;
            entry.from_phone = false;
            entry.leg = traced->leg_of_call_id(outbound.message.call_id());
            entry.remote = sip.flow.remote.text();
            entry.text = call::Trace::text_of(
                outbound.message, whole ? call::TraceDetail::Whole : call::TraceDetail::StartLine);
            traced->trace().add(std::move(entry));
        }
        if (outbound.branch) {
            sip.branch = around_.tokens.text(
                {ports::TokenKind::Branch, branch_owner(outbound.branch), outbound.branch.value});
        }
        sip.contact_token = std::move(outbound.envelope.contact.token);
        sip.contact_params = std::move(outbound.envelope.contact.params);
        sip.alternative_uri = std::move(outbound.envelope.alternative_uri);
        sip.message = std::move(outbound.message);
        const ports::Instance gate = gate_for(sip.flow);
        step.out.send(around_.self, gate, std::move(sip));
    }
    wire_.messages.clear();
}

// RFC 6076 4.3, session request delay: from the INVITE to the first answer that is more than 100.
void B2buaRole::note_progress(const Step& step, Call& call, const sip::Message& message) {
    if (!message.is_response() || message.status() <= 100) return;
    const auto cseq = message.cseq();
    const bool is_progress = cseq && cseq->method == sip::Method::Invite && message.status() < 300;
    if (!is_progress || call.leg_of_call_id(message.call_id()) != 0) return;
    if (!call.take_first_progress()) return;
    const int64_t waited = step.now.utc.unix_ms - call.facts().started.unix_ms;
    counters_.setup.observe(std::chrono::milliseconds(waited));
}

// What a call wants after its step.
void B2buaRole::settle(Step& step, Call& stepped) {
    const uint64_t base = stepped.base();
    if (!wire_.events.empty()) deliver_layer_events(step);  // may end the call
    Call* left = find(base);
    if (left == nullptr) return;
    Call& call = *left;
    if (const auto wanted = call.transfer().route_wanted(call))
        return route_transfer(step, call, *wanted);
    if (const auto sides = call.take_sides_wanted(); !sides.empty() && license(step, call, sides))
        return;
    if (serves_line(step, call)) return;
    if (call.wants_save() && call.phase() < call::Phase::Ending) save(step, call);
    // Of its end the index hears with the record, so that nothing comes after that.
    if (call.take_report_due() && call.phase() < call::Phase::Ending) report(step, call, false);
    if (call.record_due()) finish(step, call);
    if (call.is_over()) {
        scheduled_.erase(base);
        calls_.erase(base);
        std::erase_if(inherited_.branches,
                      [&](const auto& each) { return each.second.call == base; });
    } else {
        schedule(call);
    }
}

// Timeouts, failed flows and ends of transactions, for whom they concern.
void B2buaRole::deliver_layer_events(Step& step) {
    const std::vector<sip::LayerEvent> events = std::exchange(wire_.events, {});
    for (const sip::LayerEvent& event : events) {
        if (event.user == 0) continue;
        const uint8_t index = call::index_of(event.user);
        const uint64_t base = call::base_of(event.user);
        if (index == kPageIndex) {
            const bool failed = event.kind == sip::LayerEvent::Kind::Timeout ||
                                event.kind == sip::LayerEvent::Kind::TransportError;
            if (!failed || !pages_.has(base)) continue;
            call::CallContext ctx = context(step);
            const int status = event.kind == sip::LayerEvent::Kind::Timeout ? 408 : 503;
            pages_.on_response(ctx, base, event.client, status);
            continue;
        }
        Call* call = call_of_leg(event.user);
        if (call == nullptr) continue;
        with_call(step, *call, [&](auto& ctx) { call->on_layer_event(ctx, index, event); });
    }
}

// --- Time.

void B2buaRole::schedule(const Call& call) {
    const auto deadline = call.next_deadline();
    if (!deadline) return;
    const auto [entry, is_new] = scheduled_.try_emplace(call.base(), *deadline);
    if (!is_new && entry->second <= *deadline) return;
    entry->second = *deadline;
    timers_.add(*deadline, call.base());
}

void B2buaRole::on_timeout(Now now, ports::Outbox& out) {
    Step step{now, out};
    if (restore_retry_ && *restore_retry_ <= now.mono) read_snapshots(step);
    if (phase_ == Phase::Restoring && restore_give_up_ && *restore_give_up_ <= now.mono) {
        restored(step);
    }
    if (!orphans_.empty() && orphans_.front().until <= now.mono) look_for_parents(step);
    layer_.on_timeout(now.mono, wire_);
    deliver_layer_events(step);
    emit(step, nullptr);
    while (const auto base = timers_.pop_due(now.mono)) {
        const auto entry = scheduled_.find(*base);
        if (entry == scheduled_.end() || entry->second > now.mono) continue;
        scheduled_.erase(entry);
        Call* call = find(*base);
        if (call == nullptr) continue;
        with_call(step, *call, [&](auto& ctx) { call->on_timeout(ctx); });
    }
    call::CallContext ctx = context(step);
    pages_.on_timeout(ctx);
    refuse_late_subscribes(step);
    give_up_picks(step);
    leases_.on_timeout(now, out);
    group_peers_.on_timeout(now, out);
    settle_licensed(step);
    const auto write_deadline = writer_.next_deadline();
    if (write_deadline && *write_deadline <= now.mono) {
        writer_.on_timeout(now.mono, writes_);
        drain_writer(step);
    }
    if (look_at_gates_ && *look_at_gates_ <= now.mono) leave_gates(step);
    watch_drain(now);
}

// A SIP gate has died, and its connections with it: what we asked over one, or what was on its way
// there, nobody answers any more. Over UDP it is sent again, by another gate.
void B2buaRole::look_at_connections(Step& step) {
    if (!lost_gates_.look(around_.directory)) return;
    const auto is_lost = [&](const sip::Hop& hop) {
        return lost_gates_.contains(hop.flow<ports::Flow>().gate);
    };
    layer_.on_connections_lost(step.now.mono, is_lost, wire_);
    deliver_layer_events(step);
    emit(step, nullptr);
}

// Media gates come, go, and come back empty: their calls get another context.
void B2buaRole::look_at_directory(Step& step) {
    if (phase_ == Phase::Restoring) return;  // restored() looks, when all calls are known
    group_peers_.on_directory(step.now, step.out);
    std::unordered_set<uint16_t> lost;
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        if (entry.kind != ports::RoleKind::MediaGate) continue;
        if (!entry.reachable || greet_gate(step, entry)) lost.insert(entry.instance.number);
    }
    std::vector<uint64_t> orphans;
    for (const auto& [base, call] : calls_) {
        if (!call->has_media() || !call->media_gate()) continue;
        const bool is_lost = lost.contains(call->media_gate().number) ||
                             around_.directory.find(call->media_gate()) == nullptr;
        if (is_lost) orphans.push_back(base);
    }
    for (const uint64_t base : orphans) {
        Call* call = find(base);
        if (call == nullptr) continue;
        with_call(step, *call, [&](auto& ctx) { call->on_media_gate_gone(ctx); });
    }
}

// A media gate that takes no new calls while others do is about to go: ours move, some at a time,
// as each is two re-INVITEs. Those in the middle of something are looked at again.
void B2buaRole::leave_gates(Step& step) {
    look_at_gates_.reset();
    std::unordered_set<uint16_t> leaving;
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        const bool leaves =
            entry.kind == ports::RoleKind::MediaGate && entry.reachable && entry.weight == 0;
        if (leaves) leaving.insert(entry.instance.number);
    }
    if (leaving.empty() || !around_.directory.heir(ports::RoleKind::MediaGate, 0)) return;
    look_at_gates_ = step.now.mono + kGateLook;
    std::vector<uint64_t> moving;
    for (const auto& [base, call] : calls_) {
        const bool moves =
            call->has_media() && leaving.contains(call->media_gate().number) && call->is_at_rest();
        if (moves && moving.size() < kMovesAtOnce) moving.push_back(base);
    }
    for (const uint64_t base : moving) {
        Call* call = find(base);
        if (call == nullptr) continue;
        with_call(step, *call, [&](auto& ctx) { call->leave_media_gate(ctx); });
    }
}

// Tells a gate which of its contexts we still know: it closes the others. At each change of the
// directory, as what we had closed may have been lost with the way to it. True: it was restarted,
// and has none of them.
bool B2buaRole::greet_gate(Step& step, const ports::DirectoryEntry& gate) {
    const auto known = gates_.find(gate.instance.number);
    const bool restarted = known != gates_.end() && known->second != gate.epoch;
    gates_[gate.instance.number] = gate.epoch;
    ports::MediaReconcile reconcile{around_.self, {}};
    for (const auto& [base, call] : calls_) {
        const bool has_it = call->has_media() && call->media_gate() == gate.instance;
        if (has_it) reconcile.alive.push_back(call->id());
    }
    step.out.send(around_.self, gate.instance, std::move(reconcile));
    return restarted;
}

std::optional<Instant> B2buaRole::next_deadline() const {
    std::optional<Instant> earliest;
    const auto sooner = [&](std::optional<Instant> other) {
        if (other && (!earliest || *other < *earliest)) earliest = other;
    };
    sooner(layer_.next_deadline());
    sooner(timers_.next_deadline());
    sooner(pages_.next_deadline());
    sooner(subscribes_.next_deadline());
    sooner(leases_.next_deadline());
    sooner(group_peers_.next_deadline());
    if (!picks_.empty()) sooner(picks_.front().give_up);
    sooner(writer_.next_deadline());
    sooner(restore_retry_);
    if (!orphans_.empty()) sooner(orphans_.front().until);
    if (!drained_) sooner(drained_at_);
    if (draining_ && live_calls_ > 0) sooner(look_at_calls_);
    sooner(look_at_gates_);
    if (phase_ == Phase::Restoring) sooner(restore_give_up_);
    return earliest;
}

void B2buaRole::on_catalog(Now, ports::Outbox&) {}

void B2buaRole::on_directory(Now now, ports::Outbox& out) {
    Step step{now, out};
    directory_changed_ = now.mono;
    look_at_connections(step);
    look_at_directory(step);
    leave_gates(step);
    look_for_parents(step);
    if (groups_told_ != around_.directory.groups_version()) report_to_groups(step);
}

void B2buaRole::drain(Now now, ports::Outbox&) {
    draining_ = true;
    look_at_calls_ = now.mono + kDrainedAfter;  // who was just told of an end may repeat his answer
    watch_drain(now);
}

bool B2buaRole::calls_are_at_rest() const {
    if (phase_ != Phase::Serving || pages_.size() > 0 || !writer_.is_idle() || !saving_.empty())
        return false;
    return std::ranges::all_of(calls_, [](const auto& entry) {
        return !is_live(*entry.second) || entry.second->is_at_rest();
    });
}

void B2buaRole::watch_drain(Now now) {
    may_leave_ = false;
    if (draining_ && look_at_calls_ <= now.mono) {
        look_at_calls_ = now.mono + kDrainLook;
        may_leave_ = calls_are_at_rest();
    }
    if (!draining_ || live_calls_ > 0) {
        drained_at_.reset();
        return;
    }
    if (!drained_at_) drained_at_ = now.mono + kDrainedAfter;
    drained_ = *drained_at_ <= now.mono;
}

bool B2buaRole::is_idle() const {
    return (calls_.empty() || drained_) && pages_.size() == 0 && writer_.is_idle();
}

std::vector<std::pair<std::string, double>> B2buaRole::figures() const {
    const auto& layer = layer_.counters();
    const auto refused = [&](store::Quantity quantity) {
        return static_cast<double>(leases_.refused(quantity));
    };
    std::vector<std::pair<std::string, double>> all = {
        {"calls", static_cast<double>(live_calls_)},
        {"calls_ended_and_kept", static_cast<double>(calls_.size() - live_calls_)},
        {"calls_total", static_cast<double>(counters_.calls)},
        {"calls_refused_overload_total", static_cast<double>(counters_.refused_overload)},
        {"calls_refused_total", static_cast<double>(counters_.refused_other)},
        {"calls_refused_licence_concurrent_total", refused(store::Quantity::Calls)},
        {"calls_refused_licence_in_total", refused(store::Quantity::CallsIn)},
        {"calls_refused_licence_out_total", refused(store::Quantity::CallsOut)},
        {"calls_refused_licence_rate_total", refused(store::Quantity::CallRate)},
        {"calls_refused_trunk_total", static_cast<double>(leases_.refused_by_trunks())},
        {"calls_licence_unchecked_total", static_cast<double>(leases_.unchecked())},
        {"calls_restored_total", static_cast<double>(counters_.restored)},
        {"calls_adopted_total", static_cast<double>(counters_.adopted)},
        {"calls_unprotected_total", static_cast<double>(counters_.unprotected)},
        {"challenges_total", static_cast<double>(counters_.challenges)},
        {"unknown_dialogs_total", static_cast<double>(counters_.unknown_dialogs)},
        {"cdr_total", static_cast<double>(counters_.records)},
        {"sip_transactions", static_cast<double>(layer_.size())},
        {"sip_retransmissions_in_total", static_cast<double>(layer.retransmissions_in)},
        {"sip_retransmissions_out_total", static_cast<double>(layer.retransmissions_out)},
        {"sip_timeouts_total", static_cast<double>(layer.timeouts)}};
    for (const auto& [result, count] : counters_.ended) {
        all.emplace_back("calls_ended_total{result=\"" + result + "\"}",
                         static_cast<double>(count));
    }
    counters_.setup.append_to(all, "call_setup_seconds");
    return all;
}

}  // namespace tandem::roles::b2bua
