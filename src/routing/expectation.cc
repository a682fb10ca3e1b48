#include "routing/expectation.h"

#include <algorithm>

#include "model/generated/queue.h"
#include "model/generated/ring_group.h"
#include "model/generated/trunk.h"
#include "store/catalog.h"
#include "store/catalog_names.h"

namespace tandem::routing {
namespace {

using model::RouteExpectation;
using model::RouteOutcome;

std::vector<std::string> names_of(const store::Catalog& catalog, const Target& target) {
    const auto* account = catalog.find_account(target.domain, target.account);
    if (account == nullptr) return {};
    std::vector<std::string> names{std::string(account->login())};
    if (!account->number().empty() && account->number() != account->login())
        names.emplace_back(account->number());
    return names;
}

void note_target(const store::Catalog& catalog, const Route& route, DomainId domain,
                 RouteFound& found) {
    if (const auto& waits = route.stages.front().queue) {  // a group with patience
        found.outcome = waits->domain == domain ? RouteOutcome::Group : RouteOutcome::Domain;
        const auto* queue = catalog.find<model::Queue>(waits->domain, waits->queue);
        const auto* there = catalog.find_domain(waits->domain);
        if (queue == nullptr || there == nullptr) return;
        found.targets = {waits->domain == domain ? queue->name : there->name};
        if (waits->domain == domain && !queue->number.empty())
            found.targets.push_back(queue->number);
        found.called_number = queue->number;
        return;
    }
    const Target& first = route.stages.front().targets.front();
    found.called_number = first.number;
    if (first.trunk) {
        found.outcome = RouteOutcome::Trunk;
        const auto* trunk = catalog.find_trunk(*first.trunk);
        if (trunk != nullptr) found.targets = {trunk->name};
    } else if (first.domain != domain) {
        found.outcome = RouteOutcome::Domain;
        const auto* there = catalog.find_domain(first.domain);
        if (there != nullptr) found.targets = {there->name};
    } else if (first.of_group && route.group) {
        found.outcome = RouteOutcome::Group;
        const auto* group = catalog.find<model::RingGroup>(domain, *route.group);
        if (group == nullptr) return;
        found.targets = {group->name};
        if (!group->number.empty()) found.targets.push_back(group->number);
        found.called_number = group->number;
    } else {
        found.outcome = RouteOutcome::Account;
        found.targets = names_of(catalog, first);
    }
}

std::string joined(RouteOutcome outcome, std::string_view target, int status) {
    std::string text(model::to_string(outcome));
    if (!target.empty()) text.append(" ").append(target);
    if (outcome == RouteOutcome::Refused && status != 0) text += " with " + std::to_string(status);
    return text;
}

std::string with_numbers(std::string text, std::string_view called, std::string_view shown) {
    if (!called.empty()) text.append(", called number ").append(called);
    if (!shown.empty()) text.append(", shown as ").append(shown);
    return text;
}

}  // namespace

std::string RouteFound::text() const {
    const std::string target = targets.empty() ? std::string() : targets.front();
    return with_numbers(joined(outcome, target, sip_status), called_number, shown_number);
}

std::string text_of(const RouteExpectation& expected) {
    return with_numbers(joined(expected.outcome, expected.target, expected.sip_status.value_or(0)),
                        expected.called_number, expected.shown_number);
}

RouteFound find_route(const store::Catalog& catalog, const RouteExpectation& expected, UtcTime now,
                      DialPlans& plans) {
    RouteFound found;
    Question question{expected.domain, {}, expected.dialled, expected.at.value_or(now)};
    question.plans = &plans;
    if (expected.from_outside) {
        question.direction = model::DialDirection::Outer;
        question.caller_number = expected.caller;
        found.shown_number = expected.caller;
    } else {
        const auto* caller =
            store::account_by_login_or_number(catalog, expected.domain, expected.caller);
        if (caller == nullptr) {  // nobody of that name can call
            found.sip_status = 403;
            return found;
        }
        question.caller = caller->id;
        found.shown_number = caller->number().empty() ? caller->login() : caller->number();
    }
    const Route route = tandem::routing::route(catalog, question);
    if (route.feature || route.join) {
        found.outcome = RouteOutcome::Feature;
        if (route.feature) found.targets = {route.feature->name};
        return found;
    }
    if (route.stages.empty()) {
        found.sip_status = route.refusal;
        found.shown_number.clear();
        return found;
    }
    note_target(catalog, route, expected.domain, found);
    if (const Shown* shown = first_shown(route)) found.shown_number = shown->number;
    return found;
}

bool holds(const RouteExpectation& expected, const RouteFound& found) {
    if (expected.outcome != found.outcome) return false;
    const bool is_target = expected.target.empty() ||
                           std::ranges::find(found.targets, expected.target) != found.targets.end();
    const bool is_status = !expected.sip_status || *expected.sip_status == found.sip_status;
    const bool is_called =
        expected.called_number.empty() || expected.called_number == found.called_number;
    const bool is_shown =
        expected.shown_number.empty() || expected.shown_number == found.shown_number;
    return is_target && is_status && is_called && is_shown;
}

std::vector<RouteChecked> check_routes(const store::Catalog& catalog, DomainId domain,
                                       UtcTime now) {
    std::vector<RouteChecked> all;
    DialPlans plans;
    catalog.visit<RouteExpectation>(domain, [&](const RouteExpectation& each) {
        RouteFound found = find_route(catalog, each, now, plans);
        const bool is_so = holds(each, found);
        all.push_back({each.name, text_of(each), std::move(found), is_so});
        return true;
    });
    std::ranges::sort(all, {}, &RouteChecked::name);
    return all;
}

Result<void> check_expectation(const RouteExpectation& expected) {
    const bool is_refusal = expected.outcome == RouteOutcome::Refused;
    if (expected.sip_status && !is_refusal)
        return make_error(ErrorCode::OutOfRange, "sip_status", "is for 'refused' only");
    if (!is_refusal) return {};
    for (const auto& [field, value] :
         {std::pair<std::string_view, const std::string&>{"target", expected.target},
          {"called_number", expected.called_number},
          {"shown_number", expected.shown_number}})
        if (!value.empty())
            return make_error(ErrorCode::OutOfRange, field, "has no meaning for 'refused'");
    return {};
}

}  // namespace tandem::routing
