// Calls over a trunk: where its proxies are says the gate that looks after it, and they are tried
// one after the other. RFC 3263 4.3.
#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"

namespace tandem::call {

using ports::RoleKind;

void Call::ask_for_ways(CallContext& ctx, uint8_t destination) {
    const Destination& to = destinations_[destination];
    const TrunkId trunk = to.outside->trunk;
    if (to.outside->is_counted && to.line != Line::Taken) {
        destinations_[destination].line = Line::Wanted;
        return;
    }
    const auto gate = ctx.around.directory.pick(RoleKind::ExternalSipGate, ports::key_of(trunk));
    if (!gate) return ask_where_again(ctx, Purpose::Bindings, destination);
    ask(ctx, *gate, ports::TrunkQuery{domain_of(facts_, to), trunk, to.number},
        {Purpose::Bindings, kLocateTry, destination});
}

void Call::on_ways(CallContext& ctx, const Question& question, ports::TrunkReply& reply) {
    if (!seeks() || question.branch >= destinations_.size()) return;
    const Destination destination = destinations_[question.branch];
    if (destination.stage != stage_ || !destination.outside) return;  // its time is over
    if (reply.ways.empty() && reply.ask_again)
        return ask_where_again(ctx, Purpose::Bindings, question.branch);
    // The last one of a group is tried whatever it seems to be.
    if (reply.seems_down && has_later_stage()) {
        reply.ways.clear();
        reply.failure = "no proxy answers";
    }
    if (!offers_something(destination)) {
        reply.ways.clear();
        reply.failure = "it takes none of the codecs offered";
        destinations_[question.branch].line = Line::Unfit;
    }
    if (reply.ways.empty()) {
        route_notes_.push_back(
            {"trunk", "The trunk " + destination.outside->trunk_name + ": " + reply.failure});
    } else if (branches_.size() < branches_max()) {
        ports::Binding first = std::move(reply.ways.front());
        reply.ways.erase(reply.ways.begin());
        const uint8_t index = add_branch(ctx, destination, std::move(first), std::nullopt);
        branch(index)->other_ways = std::move(reply.ways);
    }
    if (!rings()) return located(ctx);
    open_branches(ctx);
    fail_if_exhausted(ctx);
}

bool Call::try_next_way(CallContext& ctx, uint8_t index, int status) {
    Branch& failed = *branch(index);
    if (failed.other_ways.empty() || !may_be_elsewhere(status)) return false;
    if (branches_.size() >= branches_max()) return false;
    std::vector<ports::Binding> ways = std::exchange(failed.other_ways, {});
    ports::Binding next = std::move(ways.front());
    ways.erase(ways.begin());
    failed.passed_by = true;
    route_notes_.push_back({"trunk", "The proxy at " + failed.party.flow.remote.text() +
                                         " failed (" + std::to_string(status) + "), so " +
                                         next.flow.remote.text() + " is tried."});
    const uint8_t fresh = add_branch(ctx, failed.destination, std::move(next), failed.profile);
    branch(fresh)->other_ways = std::move(ways);
    open_branches(ctx);
    return true;
}

void Call::run_outside_timers(CallContext& ctx) {
    for (size_t i = 0; i < branches_.size(); ++i) {
        Branch& silent = *branches_[i];
        if (!silent.first_word_by || *silent.first_word_by > ctx.now.mono) continue;
        silent.first_word_by.reset();
        if (silent.state != BranchState::Inviting || !rings()) continue;
        silent.state = BranchState::Failed;
        silent.party.status = 408;
        silent.party.ended = ctx.now.utc;
        silent.party.leg.hangup(ctx.leg, 487, {});
        tell_of_silence(ctx, silent);
        if (!try_next_way(ctx, static_cast<uint8_t>(i + 1), 408)) fail_if_exhausted(ctx);
    }
}

void Call::tell_of_silence(CallContext& ctx, const Branch& silent) const {
    if (!silent.destination.outside) return;
    const TrunkId trunk = silent.destination.outside->trunk;
    const auto gate = ctx.around.directory.pick(RoleKind::ExternalSipGate, ports::key_of(trunk));
    const ports::Flow& flow = silent.party.flow;
    if (gate)
        ctx.out.send(ctx.around.self, *gate,
                     ports::TrunkWaySilent{trunk, flow.transport, flow.remote});
}

// The called party has said no, or the provider for it: another trunk would only ask again.
bool CallValues::is_answer_from_outside(const Branch& branch) {
    const auto& outside = branch.destination.outside;
    return outside && branch.state == BranchState::Failed && !branch.passed_by &&
           !outside->failover.lead_on(branch.party.status);
}

bool CallValues::outside_has_answered() const {
    return std::ranges::any_of(branches_, [&](const auto& branch) {
        return branch->destination.stage == stage_ && is_answer_from_outside(*branch);
    });
}

SrtpPolicy CallValues::srtp_of(uint8_t index) const {
    if (index == 0) return facts_.trunk_srtp.value_or(settings_.srtp);
    const auto& outside = branches_[index - 1]->destination.outside;
    return outside ? outside->srtp.value_or(settings_.srtp) : settings_.srtp;
}

bool CallValues::offers_something(const Destination& to) const {
    return !offered() || is_within(to.outside->offers, *offered());
}

// --- Trunks whose channels are counted, by the owner of the call for the whole system.

std::optional<TrunkId> Call::take_line_wish() {
    const bool is_asked = std::ranges::any_of(
        destinations_, [](const Destination& each) { return each.line == Line::Asked; });
    if (is_asked || !seeks()) return std::nullopt;
    for (Destination& to : destinations_) {
        if (to.line != Line::Wanted || to.stage != stage_) continue;
        to.line = Line::Asked;
        return to.outside->trunk;
    }
    return std::nullopt;
}

void Call::on_line(CallContext& ctx, TrunkId trunk, bool taken) {
    const auto asked = std::ranges::find_if(destinations_, [&](const Destination& each) {
        return each.line == Line::Asked && each.outside->trunk == trunk;
    });
    if (asked == destinations_.end()) return;
    Destination& to = *asked;
    to.line = taken ? Line::Taken : Line::Refused;
    if (!seeks() || to.stage != stage_) return;  // its time is over
    if (taken) {
        ask_for_ways(ctx, static_cast<uint8_t>(asked - destinations_.begin()));
    } else {
        route_notes_.push_back(
            {"trunk", "The trunk " + to.outside->trunk_name + " has as many calls as it takes."});
        rings() ? fail_if_exhausted(ctx) : located(ctx);
    }
    pump(ctx);
}

bool CallValues::asks_for_line() const {
    return std::ranges::any_of(destinations_, [&](const Destination& each) {
        return each.stage == stage_ && (each.line == Line::Wanted || each.line == Line::Asked);
    });
}

// Where no trunk could be asked: what the caller is told for it. 0: that was not the reason.
int CallValues::status_of_lines() const {
    if (outside_has_answered()) return 0;
    const auto has = [&](Line line) {
        return std::ranges::any_of(destinations_,
                                   [&](const Destination& each) { return each.line == line; });
    };
    if (has(Line::Refused)) return 503;
    return has(Line::Unfit) ? 488 : 0;
}

std::string_view CallValues::reason_of_lines(int status) const {
    if (status == 0 || status != status_of_lines()) return "";
    return status == 503 ? "all channels of the trunk are in use"
                         : "the trunk takes none of the codecs offered";
}

std::vector<TrunkId> CallValues::lines() const {
    std::vector<TrunkId> lines;
    for (const Destination& each : destinations_) {
        const bool is_wished = each.line == Line::Asked || each.line == Line::Taken;
        if (is_wished && seeks() && each.stage == stage_) lines.push_back(each.outside->trunk);
    }
    for (size_t i = 0; i < branches_.size(); ++i) {
        const auto& outside = branches_[i]->destination.outside;
        const auto leg = static_cast<uint8_t>(i + 1);
        const bool is_there = talks(leg) || transfer_.is_aside(leg) || branches_[i]->is_pending();
        if (outside && is_there) lines.push_back(outside->trunk);
    }
    return lines;
}

std::optional<Instant> CallValues::next_outside_deadline() const {
    std::optional<Instant> earliest;
    for (const auto& branch : branches_) {
        const auto due = branch->first_word_by;
        if (due && (!earliest || *due < *earliest)) earliest = due;
    }
    return earliest;
}

}  // namespace tandem::call
