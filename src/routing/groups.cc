#include "routing/groups.h"

#include <algorithm>
#include <iterator>

#include "routing/delivery.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::RingStrategy;
using store::Catalog;

bool rings(const Catalog& catalog, const Question& question, const store::AccountRecord* member) {
    if (member == nullptr || !member->enabled || member->id == question.caller) return false;
    if (std::ranges::find(question.tried, member->id) != question.tried.end()) return false;
    return takes_calls(catalog, question, member->id);
}

std::vector<Target> targets_of(const Catalog& catalog, const Question& question,
                               const model::RingGroup& group) {
    std::vector<Target> targets;
    for (const AccountId id : group.members) {
        const auto* member = catalog.find_account(question.domain, id);
        if (!rings(catalog, question, member)) continue;
        targets.push_back(limited_target(catalog, question.domain, *member));
        targets.back().of_group = true;
    }
    return targets;
}

// The next number of a sequence that is begun with a call's dice (D. Knuth's MMIX).
uint64_t thrown(uint64_t& dice) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return dice >> 33;
}

// Fisher and Yates.
void shuffle(std::vector<Target>& targets, uint64_t dice) {
    for (size_t left = targets.size(); left > 1; --left)
        std::swap(targets[left - 1], targets[thrown(dice) % left]);
}

// The place of the next one behind `last`, in the order of the members. Those who take no calls now
// take no turn.
size_t next_behind(AccountId last, const std::vector<Target>& targets,
                   const std::vector<AccountId>& members) {
    auto member = std::ranges::find(members, last);
    while (member != members.end() && ++member != members.end()) {
        const auto next = std::ranges::find(targets, *member, &Target::account);
        if (next != targets.end()) return static_cast<size_t>(next - targets.begin());
    }
    return 0;
}

void take_turns(std::vector<Target>& targets, const Question& question,
                const model::RingGroup& group, Route& route) {
    if (targets.empty()) return;
    size_t first = question.dice % targets.size();
    if (question.order != nullptr) {
        const auto* turn = question.order->turns.last(group.id);
        first = turn == nullptr ? 0 : next_behind(turn->first, targets, group.members);
    }
    std::ranges::rotate(targets, targets.begin() + static_cast<std::ptrdiff_t>(first));
    route.turned = Turned{group.id, targets.front().account};
}

// Who is not known to have talked comes first; among equals, the order of the members.
void rest_longest_first(std::vector<Target>& targets, const Question& question) {
    if (question.order == nullptr) return;
    std::ranges::stable_sort(
        targets, {}, [&](const Target& each) { return question.order->talks.last(each.account); });
}

void add_stages(std::vector<Target> targets, const model::RingGroup& group, Route& route) {
    if (targets.empty()) return;
    if (group.strategy == RingStrategy::All) {
        route.stages.push_back({std::move(targets), group.ring, {}});
        return;
    }
    for (Target& each : targets) route.stages.push_back({{std::move(each)}, group.ring, {}});
}

// What is behind the group's own stages. A refusal there counts when nothing is before it.
Route overflow(const Catalog& catalog, const Question& question, const model::RingGroup& group,
               Route route) {
    Route rest = go_on(
        catalog, question,
        {{}, group.number, group.name, group.overflow, ForwardReason::NoAnswer, question.domain},
        {});
    std::ranges::move(rest.steps, std::back_inserter(route.steps));
    if (route.stages.empty()) {
        route.refusal = rest.refusal;
        route.forwards = std::move(rest.forwards);
    }
    if (!route.turned) route.turned = rest.turned;
    std::ranges::move(rest.stages, std::back_inserter(route.stages));
    return route;
}

}  // namespace

Route ring_group(const Catalog& catalog, const Question& question, const model::RingGroup& group,
                 Route route) {
    std::vector<Target> targets = targets_of(catalog, question, group);
    route.group = group.id;
    if (group.strategy == RingStrategy::RoundRobin) take_turns(targets, question, group, route);
    if (group.strategy == RingStrategy::Random) shuffle(targets, question.dice);
    if (group.strategy == RingStrategy::LeastRecent) rest_longest_first(targets, question);
    std::string reason =
        "The ring group " + group.name + " rings " + std::string(to_string(group.strategy)) + ":";
    for (const Target& each : targets) reason += " " + each.number;
    route.steps.push_back(
        {"group", targets.empty() ? "Nobody of the ring group " + group.name + " takes calls now."
                                  : reason + "."});
    add_stages(std::move(targets), group, route);
    if (!group.overflow.empty()) return overflow(catalog, question, group, std::move(route));
    if (route.stages.empty()) route.refusal = 480;
    return route;
}

}  // namespace tandem::routing
