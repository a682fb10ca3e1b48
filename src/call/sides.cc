// Calls between domains, and from and to outside, as the domains see them: each has a side of its
// own, and its licence has to have room before its phones and trunks are asked.
#include "call/sides.h"

#include <algorithm>

#include "call/call.h"
#include "model/generated/domain.h"
#include "store/catalog.h"

namespace tandem::call {

void add_side(std::vector<Side>& sides, Side side) {
    const auto found = std::ranges::find(sides, side.domain, &Side::domain);
    if (found == sides.end()) {
        sides.push_back(side);
        return;
    }
    found->comes_in |= side.comes_in;
    found->goes_out |= side.goes_out;
    found->is_new &= side.is_new;
}

CallId side_id(CallId call, DomainId of, DomainId callers) {
    if (of == callers) return call;
    return CallId{{call.bits.high, call.bits.low ^ of.bits.low ^ of.bits.high}};
}

// The way to it, from whoever calls or transfers, over those who have sent the call on.
std::vector<Side> CallValues::sides_of(const Destination& to) const {
    std::vector<Side> sides;
    DomainId here = transfer_.is_under_way() ? domain_of_leg(transfer_.referrer()) : facts_.domain;
    const auto step_to = [&](DomainId next) {
        if (next.is_nil() || next == here) return;
        add_side(sides, {here, false, true, true});
        add_side(sides, {next, true, false, true});
        here = next;
    };
    for (const routing::Forward& each : to.path) step_to(each.domain);
    step_to(domain_of(facts_, to));
    if (to.outside) add_side(sides, {here, false, true, true});
    return sides;
}

std::vector<Side> CallValues::sides_of(const QueueStop& stop) const {
    Destination there;
    there.domain = stop.domain;
    there.path = stop.path;
    return sides_of(there);
}

namespace {

// What of `wanted` is not in `has`.
std::vector<Side> missing(const std::vector<Side>& wanted, const std::vector<Side>& has) {
    std::vector<Side> rest;
    for (Side each : wanted) {
        const auto found = std::ranges::find(has, each.domain, &Side::domain);
        if (found != has.end()) {
            each.is_new = false;
            each.comes_in &= !found->comes_in;
            each.goes_out &= !found->goes_out;
        }
        if (each.is_new || each.comes_in || each.goes_out) rest.push_back(each);
    }
    return rest;
}

}  // namespace

// False: its owner is asked first, and on_licensed() goes on.
bool Call::is_licensed() {
    std::vector<Side> wanted;
    for (const Destination& each : destinations_) {
        const bool is_asked = each.stage == stage_ && !each.is_refused;
        const bool is_inside = each.path.empty() && !each.outside && !transfer_.is_under_way() &&
                               domain_of(facts_, each) == facts_.domain;
        if (!is_asked || is_inside) continue;
        for (const Side& side : missing(sides_of(each), sides_)) add_side(wanted, side);
    }
    const QueueStop* stop = queue_.stop_of(stage_);
    if (stop != nullptr && !stop->is_refused)
        for (const Side& side : missing(sides_of(*stop), sides_)) add_side(wanted, side);
    if (wanted.empty()) return true;
    // Those of a stage whose time is over may be under way still.
    for (const Side& side : sides_asked_) add_side(wanted, side);
    sides_wanted_ = true;
    sides_asked_ = std::move(wanted);
    return false;
}

std::vector<Side> Call::take_sides_wanted() {
    if (!std::exchange(sides_wanted_, false)) return {};
    return sides_asked_;
}

void Call::count_in(const std::vector<Side>& sides) {
    for (const Side& each : sides) add_side(sides_, each);
    report_due_ = true;
    if (saved_) save_wanted_ = true;
}

void Call::on_licensed(CallContext& ctx, int refusal, std::string_view reason) {
    const std::vector<Side> asked = std::exchange(sides_asked_, {});
    sides_wanted_ = false;
    if (asked.empty()) return;
    if (refusal == 0)
        count_in(asked);
    else
        keep_from_stage(refusal, reason);
    if (seeks()) {
        ask_for_devices(ctx);
        if (!rings())
            located(ctx);
        else if (queue_.waits(*this) || !enters_queue(ctx))
            fail_if_exhausted(ctx);
    }
    pump(ctx);
}

// Of the present stage all whose domains have no room for it.
void Call::keep_from_stage(int refusal, std::string_view reason) {
    route_notes_.push_back({"licence", std::string(reason)});
    bool is_any = false;
    for (Destination& each : destinations_) {
        if (each.stage != stage_ || missing(sides_of(each), sides_).empty()) continue;
        each.is_refused = is_any = true;
        each.goes_on = false;
    }
    const QueueStop* stop = queue_.stop_of(stage_);
    if (stop != nullptr && !missing(sides_of(*stop), sides_).empty()) {
        queue_.refuse(stage_);
        is_any = true;
    }
    if (!is_any) return;
    licence_refusal_ = refusal;
    licence_reason_ = reason;
}

// True: the stage is a queue, which the call is in now, or when the licences of the domains on the
// way have room for it. False: it is none, or they have not.
bool Call::enters_queue(CallContext& ctx) {
    const QueueStop* stop = queue_.stop_of(stage_);
    if (stop == nullptr || stop->is_refused) return false;
    stage_deadline_.reset();
    if (is_licensed()) queue_.enter(*this, ctx);
    return true;
}

// --- What a domain sees.

DomainId CallValues::domain_of_forward(const routing::Forward& forward) const {
    return forward.domain.is_nil() ? home_of(forward.by) : forward.domain;
}

ports::CallSummary CallValues::summary(ports::Instance owner, DomainId domain) const {
    ports::CallSummary summary = whole_summary(owner);
    if (sides_.size() > 1) keep_side(summary, domain);
    return summary;
}

// Accounts, phones and trunks of its own; the others are numbers.
void CallValues::keep_side(ports::CallSummary& summary, DomainId domain) const {
    const bool is_callers = domain == facts_.domain;
    const auto is_ours = [&](uint8_t leg) { return domain_of_leg(leg) == domain; };
    const bool is_turned = transfer_.is_callee_waiting(*this);
    const auto [near, far] = places();
    if (!is_ours(is_turned ? far : near)) summary.caller_account = {};
    if (far == 0 || !is_ours(is_turned ? near : far)) summary.callee_account = {};
    const auto consulted = transfer_.consulted();
    if (consulted && !is_ours(*consulted)) summary.consulted = {};
    summary.call_id_headers.clear();
    summary.trunk = is_callers ? facts_.trunk_name : "";
    if (caller_ && is_callers) summary.call_id_headers.push_back(caller_->leg.call_id());
    std::vector<AccountId> ringing;
    const Branch* own = nullptr;
    for (const auto& branch : branches_) {
        const Destination& to = branch->destination;
        if (domain_of(facts_, to) != domain) continue;
        if (own == nullptr) own = branch.get();
        if (to.outside && summary.trunk.empty()) summary.trunk = to.outside->trunk_name;
        if (!branch->party.leg.call_id().empty())
            summary.call_id_headers.push_back(branch->party.leg.call_id());
        const bool rings = std::ranges::find(summary.ringing, to.account) != summary.ringing.end();
        const bool is_known = std::ranges::find(ringing, to.account) != ringing.end();
        if (rings && !is_known) ringing.push_back(to.account);
    }
    summary.ringing = std::move(ringing);
    const bool is_queue_elsewhere =
        summary.queue && summary.queue->domain != domain &&
        std::ranges::find(sides_, summary.queue->domain, &Side::domain) != sides_.end();
    if (is_queue_elsewhere || (summary.queue && !is_callers && summary.queue->domain != domain))
        summary.queue.reset();
    const bool is_parked_here = transfer_.is_parked() && is_ours(transfer_.parked_leg());
    if (summary.phase == ports::CallPhase::Parked && !is_parked_here)
        summary.phase = ports::CallPhase::Answered;
    if (!is_callers) {
        summary.whole = facts_.call;
        summary.call = side_id(facts_.call, domain, facts_.domain);
        summary.domain = domain;
        if (!is_ours(near)) summary.caller = shown_in(domain).number;
    }
    if (is_parked_here) return;
    if (is_callers) {
        if (far != 0 && !is_ours(far)) summary.callee = facts_.dialled;
        return;
    }
    summary.callee.clear();
    if (own != nullptr) summary.callee = own->destination.number;
    if (const std::string* queue = queue_.number_in(domain)) summary.callee = *queue;
    if (far != 0 && is_ours(far)) summary.callee = who_is(far).number;
    if (!summary.callee.empty()) return;
    for (const routing::Forward& each : forwards_)
        if (domain_of_forward(each) == domain) summary.callee = each.number;
}

// Who calls, as those of the domain see him; nobody when he hides.
ShownCaller CallValues::shown_in(DomainId domain) const {
    if (facts_.hide_caller) return {};
    for (const auto& branch : branches_) {
        const Destination& to = branch->destination;
        if (to.shown && domain_of(facts_, to) == domain) return *to.shown;
    }
    if (const ShownCaller* shown = queue_.shown_in(domain)) return *shown;
    if (facts_.shown) return *facts_.shown;
    return {facts_.caller_number, facts_.caller_name, {}};
}

std::string CallValues::domain_name(const CallContext& ctx, DomainId domain) const {
    if (domain == facts_.domain) return facts_.domain_name;
    const auto* found = ctx.around.catalog.find_domain(domain);
    return found == nullptr ? facts_.domain_name : found->name;
}

// Over whom it came inside of its domain; what happened in others is not told there.
std::vector<routing::Forward> CallValues::own_path(std::vector<routing::Forward> path,
                                                   const Destination& to) const {
    const DomainId domain = domain_of(facts_, to);
    std::erase_if(path, [&](const routing::Forward& each) {
        return !each.domain.is_nil() && each.domain != domain;
    });
    return path;
}

}  // namespace tandem::call
