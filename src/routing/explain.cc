#include "routing/explain.h"

#include "model/generated/domain.h"
#include "model/generated/schedule.h"
#include "routing/limits.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

std::string schedule_name(const store::Catalog& catalog, DomainId domain, ScheduleId id) {
    const auto* schedule = catalog.find<model::Schedule>(domain, id);
    return schedule == nullptr ? id.text() : schedule->name;
}

// What the schedules of a rule say against a call now; empty: nothing.
std::string untimely(const store::Catalog& catalog, const model::DialRule& rule, UtcTime when) {
    for (const auto& [id, wanted] :
         {std::pair(rule.during, true), std::pair(rule.not_during, false)}) {
        if (!id) continue;
        const auto times = open_times(catalog, rule.domain, *id);
        const std::string name = "the schedule '" + schedule_name(catalog, rule.domain, *id) + "'";
        if (!times) return name + " can't be read";
        if (times->is_open(when) != wanted) return name + (wanted ? " has no hours" : " has hours");
    }
    return "";
}

// Why a rule does not take the call; empty: it does.
std::string objection(const store::Catalog& catalog, const model::DialRule& rule,
                      const PlanQuestion& asked) {
    if (!rule.enabled) return "it is disabled";
    const auto read = read_rule(rule);
    if (!read) return "its masks can't be read";
    if (!read->takes(asked.direction))
        return "it is not for calls of the direction '" + std::string(to_string(asked.direction)) +
               "'";
    if (!read->takes_from(asked.from))
        return "it is for calls from " + name_of(catalog, *rule.from_domain) + " only";
    const std::string_view form = read->form_of(asked);
    if (form.empty() && !asked.dialled.empty())
        return std::string(asked.dialled) + " has no international form for its mask '" +
               rule.dialled + "'";
    if (!read->dialled.matches(form))
        return std::string(form) + " does not fit its mask '" + rule.dialled + "'";
    if (!read->caller.matches(asked.caller))
        return "the caller " + std::string(asked.caller) + " does not fit its mask '" +
               rule.caller + "'";
    return untimely(catalog, rule, asked.when);
}

}  // namespace

std::string title_of(const model::DialRule& rule) {
    return "the rule '" + rule.name + "' (order " + std::to_string(rule.order) + ")";
}

std::string name_of(const store::Catalog& catalog, DomainId domain) {
    const auto* entity = catalog.find_domain(domain);
    return entity == nullptr ? domain.text() : entity->name;
}

std::string grounds(const model::DialRule& rule, const PlanQuestion& asked, std::string_view form) {
    std::string text = rule.dialled.empty() ? "it takes whatever is dialled"
                                            : std::string(form) + " fits '" + rule.dialled + "'";
    if (!rule.caller.empty())
        text += ", the caller " + std::string(asked.caller) + " fits '" + rule.caller + "'";
    return text;
}

const model::DialRule* explained(const store::Catalog& catalog, DomainId domain,
                                 const PlanQuestion& asked, std::vector<Step>& steps) {
    size_t passed_over = 0;
    const model::DialRule* taker = nullptr;
    for (const model::DialRule* rule : rules_in_order(catalog, domain)) {
        const std::string why_not = objection(catalog, *rule, asked);
        if (why_not.empty()) {
            taker = rule;
            break;
        }
        if (++passed_over > explained_rules_max) continue;
        steps.push_back({"passed-over", "Not " + title_of(*rule) + ": " + why_not + "."});
    }
    if (passed_over > explained_rules_max)
        steps.push_back({"passed-over", "Not " + std::to_string(passed_over - explained_rules_max) +
                                            " more rules, which are not listed."});
    return taker;
}

}  // namespace tandem::routing
