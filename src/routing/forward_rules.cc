#include "routing/forward_rules.h"

#include "base/bytes.h"
#include "model/generated/domain.h"
#include "model/generated/schedule.h"
#include "routing/delivery.h"
#include "routing/numbering.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::AccountService;
using model::ForwardAction;
using model::ForwardRule;
using model::ForwardWhen;
using store::Catalog;

ForwardWhen when_of(ForwardReason reason) {
    switch (reason) {
        case ForwardReason::Always:
            return ForwardWhen::Always;
        case ForwardReason::Busy:
            return ForwardWhen::Busy;
        case ForwardReason::NoAnswer:
            return ForwardWhen::NoAnswer;
        case ForwardReason::Unregistered:
            return ForwardWhen::Unregistered;
    }
    return ForwardWhen::Always;
}

std::string_view field_for(const AccountService& set, ForwardReason reason) {
    switch (reason) {
        case ForwardReason::Always:
            return set.forward_always;
        case ForwardReason::Busy:
            return set.forward_busy;
        case ForwardReason::NoAnswer:
            return set.forward_no_answer;
        case ForwardReason::Unregistered:
            return set.forward_unregistered;
    }
    return {};
}

// Providers write "anonymous" where no Privacy says it (RFC 3323 4.1.1.3).
bool hides(const Question& question) {
    if (question.anonymous || !question.origin) return question.anonymous;
    const Origin& origin = *question.origin;
    return origin.number.empty() ||
           (!origin.is_inner && equals_ignoring_case(origin.number, "anonymous"));
}

std::string schedule_called(const Catalog& catalog, DomainId domain, ScheduleId id) {
    const auto* schedule = catalog.find<model::Schedule>(domain, id);
    return "the schedule '" + (schedule == nullptr ? id.text() : schedule->name) + "'";
}

// Why a rule is not for the call; empty: it is.
std::string objection(const Catalog& catalog, const Question& question, const ForwardRule& rule) {
    if (!is_meant(catalog, question, rule.caller)) return "the caller is not '" + rule.caller + "'";
    if (!rule.schedule) return "";
    const auto times = open_times(catalog, question.domain, *rule.schedule);
    if (times && times->is_open(question.when)) return "";
    return schedule_called(catalog, question.domain, *rule.schedule) +
           (times ? " has no hours" : " can't be read");
}

bool takes(const Catalog& catalog, const Question& question, const ForwardRule& rule) {
    if (!is_meant(catalog, question, rule.caller)) return false;
    if (!rule.schedule) return true;
    const auto times = open_times(catalog, question.domain, *rule.schedule);
    return times && times->is_open(question.when);
}

std::string grounds_of(const Catalog& catalog, DomainId domain, const ForwardRule& rule) {
    std::string text =
        rule.caller.empty() ? "whoever calls" : "the caller is '" + rule.caller + "'";
    if (rule.schedule)
        text += ", " + schedule_called(catalog, domain, *rule.schedule) + " has hours";
    return text;
}

}  // namespace

Result<void> check_caller(std::string_view caller) {
    if (caller == "anonymous" || caller == "inner" || caller == "outer") return {};
    TRY(model::NumberMask::parse(caller));
    return {};
}

bool is_meant(const Catalog& catalog, const Question& question, std::string_view caller) {
    if (caller.empty()) return true;
    if (caller == "anonymous") return hides(question);
    if (!question.origin) return false;
    if (caller == "inner") return question.origin->is_inner;
    if (caller == "outer") return !question.origin->is_inner;
    if (hides(question)) return false;
    const auto mask = model::NumberMask::parse(caller);
    if (!mask) return false;
    if (mask->matches(question.origin->number)) return true;
    const auto* domain = catalog.find_domain(question.domain);
    if (!is_international(*mask) || domain == nullptr) return false;
    const auto abroad = international(domain->settings.numbering, question.origin->number);
    return abroad && mask->matches(*abroad);
}

Ruling ruling_of(const Catalog& catalog, const Question& question, const AccountService& set,
                 ForwardReason reason) {
    const ForwardWhen when = when_of(reason);
    for (size_t i = 0; i < set.rules.size(); ++i) {
        const ForwardRule& rule = set.rules[i];
        if (rule.reason == when && takes(catalog, question, rule))
            return {rule.action, rule.to, static_cast<int>(i)};
    }
    const std::string_view to = field_for(set, reason);
    return {to.empty() ? ForwardAction::Ring : ForwardAction::Forward, std::string(to), {}};
}

void explain_rules(const Catalog& catalog, const Question& question, const AccountService& set,
                   ForwardReason reason, Route& route) {
    const ForwardWhen when = when_of(reason);
    for (size_t i = 0; i < set.rules.size(); ++i) {
        const ForwardRule& rule = set.rules[i];
        if (rule.reason != when) continue;
        std::string title =
            "rule " + std::to_string(i + 1) + " (" + std::string(to_string(reason)) + ")";
        const std::string why_not = objection(catalog, question, rule);
        if (why_not.empty()) {
            route.steps.push_back(
                {"rule of account", "Its " + title + " says '" +
                                        std::string(to_string(rule.action)) +
                                        "': " + grounds_of(catalog, question.domain, rule) + "."});
            return;
        }
        route.steps.push_back({"passed-over", "Not its " + title.append(": ") + why_not + "."});
    }
}

std::string by_rule(const Ruling& ruling) {
    return ruling.rule ? ", by its rule " + std::to_string(*ruling.rule + 1) : "";
}

}  // namespace tandem::routing
