#include "routing/paging.h"

#include <algorithm>

#include "model/generated/ring_group.h"
#include "routing/delivery.h"
#include "routing/limits.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

// Who is in a call, or rings, is not disturbed, whatever he has set for second calls.
std::vector<Target> paged_of(const store::Catalog& catalog, const Question& question,
                             const model::RingGroup& group) {
    std::vector<Target> targets;
    for (const AccountId id : group.members) {
        const auto* member = catalog.find_account(question.domain, id);
        if (member == nullptr || !member->enabled || id == question.caller) continue;
        if (!takes_calls(catalog, question, id)) continue;
        if (targets.size() >= paged_max) break;
        Target& target = targets.emplace_back(target_of(question.domain, *member));
        target.of_group = true;
        target.answers_itself = true;
        target.one_call = true;
    }
    return targets;
}

}  // namespace

Route page_group(const store::Catalog& catalog, const Question& question,
                 const model::FeatureCode& code, std::string_view number, Route route) {
    const auto* group = catalog.find_by_number<model::RingGroup>(question.domain, number);
    route.steps.push_back({"feature", "The feature code " + code.name + " pages a ring group."});
    if (group == nullptr) {
        route.refusal = 404;
        route.steps.push_back({"refuse", "No ring group has the number."});
        return route;
    }
    std::vector<Target> targets = paged_of(catalog, question, *group);
    std::string reason = "Nobody of the ring group " + group->name + " may be disturbed now.";
    if (!targets.empty()) reason = "The ring group " + group->name + " is paged:";
    for (const Target& each : targets) reason += " " + each.number;
    route.steps.push_back({"page", targets.empty() ? reason : reason + "."});
    if (targets.empty()) {
        route.refusal = 480;
        return route;
    }
    route.page = true;
    route.stages.push_back({std::move(targets), page_answer});
    return route;
}

}  // namespace tandem::routing
