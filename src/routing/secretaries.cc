#include "routing/secretaries.h"

#include <algorithm>
#include <iterator>

#include "routing/delivery.h"
#include "routing/forward_rules.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::AccountService;
using model::SecretaryMode;
using store::AccountRecord;
using store::Catalog;

bool takes_part(const Catalog& catalog, const Question& question, AccountId id) {
    const AccountRecord* account = catalog.find_account(question.domain, id);
    if (account == nullptr || !account->enabled) return false;
    if (std::ranges::find(question.tried, id) != question.tried.end()) return false;
    const auto* set = catalog.find<AccountService>(question.domain, id);
    if (set != nullptr && set->secretary_away) return false;
    return takes_calls(catalog, question, id);
}

bool is_direct(const Catalog& catalog, const Question& question, const AccountService& set) {
    if (std::ranges::find(set.secretaries, question.caller) != set.secretaries.end()) return true;
    return std::ranges::any_of(set.direct_callers, [&](const std::string& each) {
        return is_meant(catalog, question, each);
    });
}

}  // namespace

bool is_for_secretaries(const Catalog& catalog, const Question& question,
                        const AccountRecord& chief, const AccountService& set, Route& route) {
    if (set.secretaries.empty() || question.kind == Question::Kind::Message) return false;
    const std::string who = "The account " + std::string(chief.login());
    if (is_direct(catalog, question, set)) {
        route.steps.push_back({"secretaries", who + " is reached directly by this caller."});
        return false;
    }
    const bool any = std::ranges::any_of(
        set.secretaries, [&](AccountId each) { return takes_part(catalog, question, each); });
    if (!any)
        route.steps.push_back(
            {"secretaries", "No secretary takes calls now: " + who + " is reached directly."});
    return any;
}

Route ring_secretaries(const Catalog& catalog, const Question& question, const AccountRecord& chief,
                       const AccountService& set, Route route) {
    Stage stage;
    stage.ring_for = set.secretaries_ring;
    std::string reason = "Secretaries take the calls of " + std::string(chief.login()) + ":";
    for (const AccountId id : set.secretaries) {
        if (!takes_part(catalog, question, id)) continue;
        stage.targets.push_back(
            limited_target(catalog, question.domain, *catalog.find_account(question.domain, id)));
        stage.targets.back().of_group = true;
        reason += " " + stage.targets.back().number;
    }
    route.steps.push_back(
        {"secretaries", reason + " (" + std::string(to_string(set.secretaries_mode)) + ")."});
    const Target called = target_of(question.domain, chief);
    const Forward over{chief.id, called.number, called.name, stage.targets.front().number,
                       ForwardReason::Always};
    stage.path.push_back(over);
    if (set.secretaries_mode == SecretaryMode::Only) {
        route.stages.push_back(std::move(stage));
        return route;
    }
    // As if there were no secretaries.
    Route own = deliver_directly(catalog, question, chief, {});
    std::ranges::move(own.steps, std::back_inserter(route.steps));
    const bool rings_itself = !own.stages.empty() && own.stages.front().path.empty();
    if (set.secretaries_mode == SecretaryMode::Together && rings_itself) {
        std::ranges::move(own.stages.front().targets, std::back_inserter(stage.targets));
        own.stages.erase(own.stages.begin());
    }
    route.stages.push_back(std::move(stage));
    std::ranges::move(own.stages, std::back_inserter(route.stages));
    if (!route.turned) route.turned = own.turned;
    return route;
}

}  // namespace tandem::routing
