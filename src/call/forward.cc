// Calls that go on from an account which did not take them: why it did not, where it has set them
// to go (routing/delivery.h), and that the caller is told (181, RFC 3261 21.1.3).
#include <algorithm>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include "call/call.h"
#include "call/limits.h"
#include "call/route_of.h"
#include "routing/delivery.h"

namespace tandem::call {
namespace {

using routing::Forward;
using routing::ForwardReason;

// What the answers of an account's devices come to. A device that says nothing at all (408) can't
// be reached; nor one whose connection is gone (430).
std::optional<ForwardReason> reason_of(const std::vector<int>& statuses, bool rang_out) {
    const auto has = [&](auto... wanted) {
        return std::ranges::any_of(statuses, [&](int each) { return ((each == wanted) || ...); });
    };
    if (has(603)) return std::nullopt;  // declined: not to be asked of anybody else
    if (has(486, 600)) return ForwardReason::Busy;
    if (rang_out || has(480)) return ForwardReason::NoAnswer;
    const bool unreachable =
        std::ranges::all_of(statuses, [](int each) { return each == 408 || each == 430; });
    return unreachable ? std::optional(ForwardReason::Unregistered) : std::nullopt;
}

// What still rings counts as not answered.
std::optional<ForwardReason> why_not_taken(std::span<const std::unique_ptr<Branch>> branches,
                                           const Destination& by) {
    if (by.busy) return ForwardReason::Busy;
    std::vector<int> statuses;
    bool rang_out = false;
    for (const auto& branch : branches) {
        const Destination& of = branch->destination;
        if (of.account != by.account || of.stage != by.stage) continue;
        if (branch->state == BranchState::Failed)
            statuses.push_back(branch->party.status);
        else
            rang_out = true;
    }
    return reason_of(statuses, rang_out);
}

}  // namespace

// The present stage is reached over these; the caller hears of it.
void Call::note_path(CallContext& ctx) {
    const size_t before = forwards_.size();
    const auto note = [&](const std::vector<Forward>& path) {
        for (const Forward& each : path) {
            const bool known = std::ranges::any_of(forwards_, [&](const Forward& other) {
                return other.by == each.by && other.number == each.number && other.to == each.to;
            });
            if (!known) forwards_.push_back(each);
        }
    };
    for (const Destination& to : destinations_)
        if (to.stage == stage_) note(to.path);
    if (const QueueStop* stop = queue_.stop_of(stage_)) note(stop->path);
    if (forwards_.size() == before) return;
    if (!ringing()) return;  // a transfer's: who stays has been answered long ago
    rang_ = 181;
    caller_->leg.ring(ctx.leg, 181, {});
}

// The devices of the stage have had their chance.
void Call::go_on_from_stage(CallContext& ctx) {
    if (!seeks()) return;
    const auto asked = std::span(std::as_const(branches_)).subspan(first_asked() - 1);
    for (size_t i = destinations_.size(); i-- > 0;) {
        if (destinations_[i].stage != stage_ || !destinations_[i].goes_on) continue;
        destinations_[i].goes_on = false;  // once
        const Destination by = destinations_[i];
        if (const auto reason = why_not_taken(asked, by)) go_on_from(ctx, by, *reason);
    }
}

// What the rules of who is called look at. Of a transfer it is who transfers, as when its route was
// looked for.
routing::Origin CallValues::origin_for(const Destination& called) const {
    if (transfer_.is_under_way() && !transfer_.is_by_queue()) {
        const Destination by = who_is(transfer_.referrer());
        return {by.number, domain_of(facts_, by) == domain_of(facts_, called)};
    }
    const bool is_inner = facts_.trunk.is_nil() && domain_of(facts_, called) == facts_.domain;
    return {facts_.shown ? facts_.shown->number : facts_.caller_number, is_inner};
}

void Call::go_on_from(const CallContext& ctx, const Destination& by, ForwardReason reason) {
    std::vector<AccountId> tried;
    for (const Destination& each : destinations_)
        if (each.stage <= stage_) tried.push_back(each.account);
    for (const Forward& each : forwards_) tried.push_back(each.by);
    routing::Question question{domain_of(facts_, by), by.account, {}, ctx.now.utc};
    question.anonymous = facts_.hide_caller;
    question.origin = origin_for(by);
    question.tried = tried;
    question.forwards = forwards_.size();
    question.dice = facts_.call.bits.low;
    question.plans = ctx.plans;
    question.order = ctx.order;
    const ShownCaller here = shown_in(question.domain);
    const routing::Original original{
        facts_.domain, {facts_.caller_number, facts_.caller_name}, {here.number, here.name}};
    question.original = &original;
    auto found = routing::forwarded(ctx.around.catalog, question, by.account, reason);
    if (!found) return;
    Route further = route_of(std::move(*found), {ctx.around.catalog, ctx.trunk_key, facts_});
    std::ranges::move(further.notes, std::back_inserter(route_notes_));
    further.notes.clear();
    // It leads nowhere: as if nothing were set.
    if (further.destinations.empty() && further.queues.empty()) return;
    if (!further.queues.empty() && queue_.is_full()) return;
    insert_stages(ctx, std::move(further), by.path);
}

// Behind the present stage.
void Call::insert_stages(const CallContext& ctx, Route further, const std::vector<Forward>& path) {
    const size_t count = further.stages.size();
    const bool fits = stages_.size() + count <= kStagesMax &&
                      destinations_.size() + further.destinations.size() <= kDestinationsMax;
    if (!fits) return;
    if (further.turned && ctx.order != nullptr)
        ctx.order->turns.take(further.turned->group, further.turned->first, ctx.now.utc);
    for (Destination& each : destinations_)
        if (each.stage > stage_) each.stage = static_cast<uint8_t>(each.stage + count);
    for (Destination& each : further.destinations) {
        each.stage = static_cast<uint8_t>(each.stage + stage_ + 1);
        each.path.insert(each.path.begin(), path.begin(), path.end());
        destinations_.push_back(std::move(each));
    }
    for (QueueStop& each : further.queues)
        each.path.insert(each.path.begin(), path.begin(), path.end());
    queue_.insert(stage_, count, std::move(further.queues));
    stages_.insert(stages_.begin() + stage_ + 1, further.stages.begin(), further.stages.end());
}

}  // namespace tandem::call
