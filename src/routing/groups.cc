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

// Members who take no calls now take no turn.
void take_turns(std::vector<Target>& targets, const Question& question, RingGroupId group) {
    if (targets.empty()) return;
    uint64_t turn = question.dice;
    if (question.turns != nullptr) {
        const auto found = question.turns->find(group);
        turn = found == question.turns->end() ? 0 : found->second;
    }
    const auto first = static_cast<std::ptrdiff_t>(turn % targets.size());
    std::rotate(targets.begin(), targets.begin() + first, targets.end());
}

// Who is not known to have talked comes first; among equals, the order of the members.
void rest_longest_first(std::vector<Target>& targets, const Question& question) {
    if (question.talks == nullptr) return;
    std::ranges::stable_sort(
        targets, {}, [&](const Target& each) { return question.talks->last(each.account); });
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
    Route rest = go_on(catalog, question,
                       {{}, group.number, group.name, group.overflow, ForwardReason::NoAnswer}, {});
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
    if (group.strategy == RingStrategy::RoundRobin) {
        take_turns(targets, question, group.id);
        route.turned = group.id;
    }
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
