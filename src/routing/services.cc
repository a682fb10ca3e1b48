#include "routing/services.h"

#include <algorithm>

#include "model/generated/feature_code.h"
#include "routing/delivery.h"
#include "routing/groups.h"
#include "routing/paging.h"
#include "routing/queues.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::FeatureAction;
using model::FeatureCode;

struct ActionFacts {
    std::string_view field;    // of account_service, or of a schedule
    std::string_view value{};  // JSON; empty: the number that follows the prefix
    bool of_schedule = false;
};
ActionFacts facts_of(FeatureAction action) {
    switch (action) {
        case FeatureAction::DoNotDisturbOn:
            return {"do_not_disturb", "true"};
        case FeatureAction::DoNotDisturbOff:
            return {"do_not_disturb", "false"};
        case FeatureAction::ForwardAlwaysOn:
            return {"forward_always"};
        case FeatureAction::ForwardAlwaysOff:
            return {"forward_always", "\"\""};
        case FeatureAction::ForwardBusyOn:
            return {"forward_busy"};
        case FeatureAction::ForwardBusyOff:
            return {"forward_busy", "\"\""};
        case FeatureAction::ForwardNoAnswerOn:
            return {"forward_no_answer"};
        case FeatureAction::ForwardNoAnswerOff:
            return {"forward_no_answer", "\"\""};
        case FeatureAction::ForwardUnregisteredOn:
            return {"forward_unregistered"};
        case FeatureAction::ForwardUnregisteredOff:
            return {"forward_unregistered", "\"\""};
        case FeatureAction::Intercom:
        case FeatureAction::Page:
        case FeatureAction::Listen:
        case FeatureAction::Whisper:
        case FeatureAction::Barge:
            return {};  // they set nothing
        case FeatureAction::CallsWaitingOn:
            return {"calls_waiting", "true"};
        case FeatureAction::CallsWaitingOff:
            return {"calls_waiting", "false"};
        case FeatureAction::SecretaryAwayOn:
            return {"secretary_away", "true"};
        case FeatureAction::SecretaryAwayOff:
            return {"secretary_away", "false"};
        case FeatureAction::ScheduleOpen:
            return {"switched", "\"open\"", true};
        case FeatureAction::ScheduleClosed:
            return {"switched", "\"closed\"", true};
        case FeatureAction::ScheduleByHours:
            return {"switched", "\"by-hours\"", true};
        case FeatureAction::AgentLogin:
        case FeatureAction::AgentLogout:
        case FeatureAction::AgentPause:
        case FeatureAction::AgentResume:
            return {};  // agent_change() has them
        case FeatureAction::TransferBlind:
        case FeatureAction::TransferAttended:
            return {};  // not dialled
    }
    return {};
}

// There are few (roles/store/limits.h), and only what is nobody's number comes here.
const FeatureCode* longest_of(const store::Catalog& catalog, DomainId domain,
                              std::string_view number) {
    const FeatureCode* longest = nullptr;
    catalog.visit<FeatureCode>(domain, [&](const FeatureCode& code) {
        if (is_pressed(code.action)) return true;
        const bool is_longer = longest == nullptr || code.prefix.size() > longest->prefix.size();
        if (number.starts_with(code.prefix) && is_longer) longest = &code;
        return true;
    });
    return longest;
}

// What follows the prefix. ETSI ES 201 235 and people end a code with #.
std::string_view parameter_of(const FeatureCode& code, std::string_view number) {
    number.remove_prefix(code.prefix.size());
    if (number.ends_with('#')) number.remove_suffix(1);
    return number;
}

// The account's phone is to take the call by itself. It goes nowhere else: whoever is not to be
// disturbed, or does not answer, has not been called. RFC 5373 3 leaves it to the phone.
Route call_by_intercom(const store::Catalog& catalog, const Question& question,
                       const FeatureCode& code, std::string_view number, Route route) {
    const auto* account = catalog.find_account_by_number(question.domain, number);
    route.steps.push_back({"feature", "The feature code " + code.name + " calls by intercom."});
    const bool is_reached = account != nullptr && account->enabled;
    if (!is_reached || account->id == question.caller) {
        route.refusal = is_reached ? 482 : 404;
        route.steps.push_back({"refuse", is_reached ? "It is the caller's own number."
                                                    : "No account has the number."});
        return route;
    }
    if (!takes_calls(catalog, question, account->id)) {
        route.refusal = 486;
        route.steps.push_back({"refuse", "It is not to be disturbed."});
        return route;
    }
    Target target = target_of(question.domain, *account);
    target.answers_itself = true;
    route.steps.push_back(
        {"account", "The phone of " + target.number + " is to answer by itself."});
    route.stages.push_back({{std::move(target)}});
    return route;
}

std::optional<JoinWish::Kind> join_of(FeatureAction action) {
    if (action == FeatureAction::Listen) return JoinWish::Kind::Listen;
    if (action == FeatureAction::Whisper) return JoinWish::Kind::Whisper;
    if (action == FeatureAction::Barge) return JoinWish::Kind::Barge;
    return std::nullopt;
}

// Whoever joins the calls of others has to be named.
bool may_use(const FeatureCode& code, AccountId account) {
    if (code.allowed.empty()) return !join_of(code.action);
    return std::ranges::find(code.allowed, account) != code.allowed.end();
}

Route join_call(const store::Catalog& catalog, const Question& question, const FeatureCode& code,
                std::string_view number, Route route) {
    const auto* account = catalog.find_account_by_number(question.domain, number);
    if (account == nullptr || account->id == question.caller) {
        route.refusal = account == nullptr ? 404 : 482;
        route.steps.push_back({"refuse", account == nullptr ? "No account has the number."
                                                            : "It is the caller's own number."});
        return route;
    }
    route.steps.push_back({"feature", "The feature code " + code.name + " joins the call of " +
                                          std::string(number) + "."});
    route.join = JoinWish{*join_of(code.action), account->id};
    return route;
}

std::optional<Route> use_feature(const store::Catalog& catalog, const Question& question,
                                 std::string_view number, Route route) {
    const FeatureCode* code = longest_of(catalog, question.domain, number);
    if (code == nullptr) return std::nullopt;
    const std::string_view parameter = parameter_of(*code, number);
    if (is_of_agents(code->action))
        return use_agent_code(catalog, question, *code, parameter, route);
    const ActionFacts facts = facts_of(code->action);
    const bool wants_number = facts.value.empty();
    if (!wants_number && !parameter.empty()) return std::nullopt;
    if (!may_use(*code, question.caller)) {
        route.refusal = 403;
        route.steps.push_back(
            {"refuse", "The feature code " + code->name + " is for others than the caller."});
        return route;
    }
    if (wants_number && parameter.empty()) {
        route.refusal = 484;  // the number is still to come
        route.steps.push_back({"refuse", "The feature code " + code->name + " wants a number."});
        return route;
    }
    if (code->action == FeatureAction::Intercom)
        return call_by_intercom(catalog, question, *code, parameter, std::move(route));
    if (code->action == FeatureAction::Page)
        return page_group(catalog, question, *code, parameter, std::move(route));
    if (join_of(code->action))
        return join_call(catalog, question, *code, parameter, std::move(route));
    std::string change = "{\"" + std::string(facts.field) + "\":";
    // Digits, * and # alone: normalised() has seen to it.
    change += wants_number ? "\"" + std::string(parameter) + "\"" : std::string(facts.value);
    change += '}';
    route.steps.push_back({"feature", "The feature code " + code->name + " sets " + change + "."});
    route.feature = FeatureUse{code->name, std::move(change)};
    if (facts.of_schedule) {
        route.feature->kind = "schedule";
        route.feature->schedule = code->schedule;
    }
    return route;
}

bool is_digits(std::string_view number) {
    return number.find_first_not_of("0123456789*#+") == std::string_view::npos;
}

}  // namespace

bool is_pressed(FeatureAction action) {
    return action == FeatureAction::TransferBlind || action == FeatureAction::TransferAttended;
}

bool is_of_schedule(FeatureAction action) {
    return facts_of(action).of_schedule;
}

std::optional<Route> reach_service(const store::Catalog& catalog, const Question& question,
                                   std::string_view number, const Route& route) {
    if (question.kind == Question::Kind::Message || !is_digits(number)) return std::nullopt;
    const auto* group = catalog.find_by_number<model::RingGroup>(question.domain, number);
    if (group != nullptr) return ring_group(catalog, question, *group, route);
    const auto* queue = catalog.find_by_number<model::Queue>(question.domain, number);
    if (queue != nullptr) return wait_in_queue(catalog, question, *queue, route);
    // A code is for who dials it, not for where a call has been sent on to, nor for outsiders.
    if (question.forwards > 0 || !question.trunk.is_nil()) return std::nullopt;
    return use_feature(catalog, question, number, route);
}

}  // namespace tandem::routing
