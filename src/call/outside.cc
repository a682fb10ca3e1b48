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
    const auto gate = ctx.around.directory.pick(RoleKind::ExternalSipGate, ports::key_of(trunk));
    if (!gate) return ask_where_again(ctx, Purpose::Bindings, destination);
    ask(ctx, *gate, ports::TrunkQuery{facts_.domain, trunk, to.number},
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
    if (reply.ways.empty()) {
        route_notes_.push_back(
            {"trunk", "The trunk " + destination.outside->trunk_name + ": " + reply.failure});
    } else if (branches_.size() < kBranchesMax) {
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
    if (branches_.size() >= kBranchesMax) return false;
    std::vector<ports::Binding> ways = std::exchange(failed.other_ways, {});
    ports::Binding next = std::move(ways.front());
    ways.erase(ways.begin());
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
        if (!try_next_way(ctx, static_cast<uint8_t>(i + 1), 408)) fail_if_exhausted(ctx);
    }
}

// The called party has said no, or the provider for it: another trunk would only ask again.
bool Call::outside_has_answered() const {
    return std::ranges::any_of(branches_, [&](const auto& branch) {
        return branch->destination.outside && branch->destination.stage == stage_ &&
               branch->state == BranchState::Failed && !may_be_elsewhere(branch->party.status);
    });
}

std::optional<Instant> Call::next_outside_deadline() const {
    std::optional<Instant> earliest;
    for (const auto& branch : branches_) {
        const auto due = branch->first_word_by;
        if (due && (!earliest || *due < *earliest)) earliest = due;
    }
    return earliest;
}

}  // namespace tandem::call
