// The stages of a route: the targets of one ring at once, and the next one begins when nobody of
// the present one can answer any more, or its time is over. What the accounts of a stage have set
// for calls that they do not take (forward.cc) comes before the next one.
#include <algorithm>
#include <iterator>

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"

namespace tandem::call {

// Of a transfer: destinations and stages of the call itself are past.
void Call::on_route(CallContext& ctx, Route route) {
    if (!transfer_.route_wanted(*this)) return;
    // Whoever is asked before a transfer is somebody.
    const bool is_nobody = route.park_for > Duration{0} || !route.queues.empty() || route.pages;
    if (is_nobody && transfer_.asks(transfer_.referrer())) {
        route = {};
        route.refusal = 403;
    }
    if (route.park_for > Duration{0}) {
        transfer_.park(*this, ctx, route.park_for);
        return pump(ctx);
    }
    // Who is transferred has somebody to talk to: he is not heard by many.
    if (route.pages || (!route.queues.empty() && queue_.is_full())) {
        route = {};
        route.refusal = 403;
    }
    std::ranges::move(route.notes, std::back_inserter(route_notes_));
    destinations_ = std::move(route.destinations);
    stages_ = std::move(route.stages);
    queue_.plan(std::move(route.queues));
    stage_ = 0;
    locate_give_up_.reset();
    note_path(ctx);
    transfer_.on_routed(*this, ctx, route.refusal);
    pump(ctx);
}

// Where the number of calls matters, the registrar is asked when it is known. The call state of the
// account's domain knows those of its calls that were made there.
void Call::ask_for_devices(CallContext& ctx) {
    if (!is_licensed()) return;
    for (size_t i = 0; i < destinations_.size(); ++i) {
        if (destinations_[i].stage != stage_ || destinations_[i].is_refused) continue;
        const auto destination = static_cast<uint8_t>(i);
        const DomainId domain = domain_of(facts_, destinations_[i]);
        const auto index = ctx.around.directory.active(ports::RoleKind::CallState, domain);
        const bool is_limited = destinations_[i].calls_max != 0 || destinations_[i].one_call;
        if (!is_limited || !index) {
            ask_where(ctx, Purpose::Bindings, destination);
            continue;
        }
        ports::CallsQuery query;
        query.domain = domain;
        query.account = destinations_[i].account;
        query.limit = kCountedCallsMax;
        ask(ctx, *index, std::move(query), {Purpose::Count, kCountDeadline, destination});
    }
}

// By the calls that it is in, and where it takes no second one, by those that ring.
bool CallValues::is_busy_by(const Destination& to,
                            const std::vector<ports::CallSummary>& calls) const {
    int in_calls = 0;
    int ringing = 0;
    for (const ports::CallSummary& each : calls) {
        if (each.call == facts_.call) continue;
        const bool is_in = each.caller_account == to.account || each.callee_account == to.account ||
                           each.consulted == to.account;
        ++(is_in ? in_calls : ringing);
    }
    if (to.calls_max != 0 && in_calls >= to.calls_max) return true;
    return to.one_call && in_calls + ringing > 0;
}

// Whoever does not know counts none: a call too many is less of a harm than one that is refused.
void Call::on_counted(CallContext& ctx, uint8_t destination,
                      const std::vector<ports::CallSummary>& calls) {
    if (!seeks() || destination >= destinations_.size()) return;
    Destination& to = destinations_[destination];
    if (to.stage != stage_) return;
    to.busy = is_busy_by(to, calls);
    if (!to.busy) return ask_where(ctx, Purpose::Bindings, destination);
    if (rings()) return fail_if_exhausted(ctx);
    located(ctx);
}

void Call::begin_stage_time(CallContext& ctx) {
    const bool has_own = stage_ < stages_.size() && stages_[stage_] > Duration{0};
    stage_deadline_ = ctx.now.mono + (has_own ? stages_[stage_] : settings_.ring_timeout);
}

// False: it was the last one.
bool Call::next_stage(CallContext& ctx) {
    go_on_from_stage(ctx);
    if (stage_ + 1u >= stages_.size()) return false;
    cancel_branches(ctx, 0, "");
    ++stage_;
    report_due_ = true;
    locate_give_up_.reset();
    note_path(ctx);
    if (enters_queue(ctx)) return true;
    ask_for_devices(ctx);
    if (rings()) begin_stage_time(ctx);
    return true;
}

// Each agent who is asked is a branch more.
size_t CallValues::branches_max() const {
    return queue_.was_used() ? kQueueBranchesMax : kBranchesMax;
}

size_t CallValues::devices_max() const {
    return paging_.is_page() ? kPagedMax : kForkMax;
}

void Call::on_stage_timeout(CallContext& ctx) {
    if (queue_.waits(*this)) return queue_.turn_over(*this, ctx);
    if ((is_remnant_ && ringing()) || !next_stage(ctx)) on_ring_timeout(ctx);
}

}  // namespace tandem::call
