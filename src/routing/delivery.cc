#include "routing/delivery.h"

#include <algorithm>

#include "model/generated/account_service.h"
#include "routing/forward_rules.h"
#include "routing/limits.h"
#include "routing/secretaries.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::AccountService;
using model::ForwardAction;
using store::AccountRecord;
using store::Catalog;

void note(Route& route, std::string step, std::string reason) {
    route.steps.push_back({std::move(step), std::move(reason)});
}

Route refused(Route route, int status, std::string reason) {
    route.refusal = status;
    note(route, "refuse", std::move(reason));
    return route;
}

std::string called(const AccountRecord& account) {
    return "The account " + std::string(account.login());
}

Forward forward_by(DomainId domain, const AccountRecord& account, ForwardReason reason,
                   std::string to) {
    Target here = target_of(domain, account);
    return {account.id, std::move(here.number), std::move(here.name), std::move(to), reason,
            domain};
}

Route follow(const Catalog& catalog, const Question& question, Forward forward, Route route,
             std::string_view by = "") {
    note(route, "forward",
         "The account " + forward.number + " sends its calls to " + forward.to + " (" +
             std::string(to_string(forward.reason)) + std::string(by) + ").");
    std::vector<AccountId> tried(question.tried.begin(), question.tried.end());
    tried.push_back(forward.by);
    Question next = question;
    next.caller = forward.by;
    next.tried = tried;
    return go_on(catalog, next, std::move(forward), std::move(route));
}

// What the account will do when it does not take the call.
struct Later {
    Ruling busy;
    Ruling no_answer;
    Ruling unregistered;
};

bool leads_on(const Ruling& ruling) {
    return ruling.action == ForwardAction::Forward;
}

// The same, for whoever looks at the route.
void note_conditions(const Later& later, std::chrono::seconds after, Route& route) {
    if (leads_on(later.busy))
        note(route, "on busy", "Goes on to " + later.busy.to + by_rule(later.busy) + ".");
    const std::string in_time = " after " + std::to_string(after.count()) + " s";
    if (leads_on(later.no_answer)) {
        note(route, "on no answer",
             "Goes on to " + later.no_answer.to + in_time + by_rule(later.no_answer) + ".");
    } else if (later.no_answer.action == ForwardAction::Reject) {
        note(route, "on no answer", "Is refused" + in_time + by_rule(later.no_answer) + ".");
    }
    if (leads_on(later.unregistered))
        note(route, "on no phone",
             "Goes on to " + later.unregistered.to + by_rule(later.unregistered) + ".");
}

Route rings(const Catalog& catalog, const Question& question, const AccountRecord& account,
            const AccountService* set, Route route) {
    Stage& stage = route.stages.emplace_back();
    stage.targets.push_back(limited_target(catalog, question.domain, account));
    if (set == nullptr) return route;
    if (question.detail == Detail::Explained) {
        for (const auto reason :
             {ForwardReason::Busy, ForwardReason::NoAnswer, ForwardReason::Unregistered})
            explain_rules(catalog, question, *set, reason, route);
    }
    const Later later{ruling_of(catalog, question, *set, ForwardReason::Busy),
                      ruling_of(catalog, question, *set, ForwardReason::NoAnswer),
                      ruling_of(catalog, question, *set, ForwardReason::Unregistered)};
    stage.targets.front().goes_on =
        leads_on(later.busy) || leads_on(later.no_answer) || leads_on(later.unregistered);
    if (later.no_answer.action != ForwardAction::Ring)
        stage.ring_for = set->forward_no_answer_after;
    note_conditions(later, set->forward_no_answer_after, route);
    return route;
}

}  // namespace

Target target_of(DomainId domain, const AccountRecord& account) {
    const std::string_view number = account.number().empty() ? account.login() : account.number();
    return {domain, account.id, std::string(number), std::string(account.display_name())};
}

// The rest of the way is a route of its own, behind what led here.
Route go_on(const Catalog& catalog, Question question, Forward forward, Route route) {
    if (++question.forwards > kForwardsMax)
        return refused(std::move(route), 482, "The call has been forwarded too often.");
    question.dialled = forward.to;
    question.trunk = {};  // who sends it on is of the domain, wherever it has come from
    Route rest = routing::route(catalog, question);
    rest.steps.insert(rest.steps.begin(), std::make_move_iterator(route.steps.begin()),
                      std::make_move_iterator(route.steps.end()));
    for (Stage& each : rest.stages) {
        each.path.insert(each.path.begin(), forward);
        if (!each.shown) each.shown = rest.shown;
    }
    rest.shown.reset();  // that is for where the call goes on, not for where it came from
    rest.forwards.insert(rest.forwards.begin(), std::move(forward));
    return rest;
}

Target limited_target(const Catalog& catalog, DomainId domain, const AccountRecord& account) {
    Target target = target_of(domain, account);
    const auto* set = catalog.find<AccountService>(domain, account.id);
    if (set == nullptr) return target;
    target.calls_max = set->calls_max.value_or(0);
    target.one_call = !set->calls_waiting;
    return target;
}

Route deliver(const Catalog& catalog, const Question& question, const AccountRecord& account,
              Route route) {
    const AccountService* set = catalog.find<AccountService>(question.domain, account.id);
    const bool had_it = std::ranges::find(question.tried, account.id) != question.tried.end();
    const bool rings_others = set != nullptr && !had_it &&
                              !(set->reject_anonymous && question.anonymous) &&
                              is_for_secretaries(catalog, question, account, *set, route);
    if (rings_others) return ring_secretaries(catalog, question, account, *set, std::move(route));
    return deliver_directly(catalog, question, account, std::move(route));
}

Route deliver_directly(const Catalog& catalog, const Question& question,
                       const AccountRecord& account, Route route) {
    if (std::ranges::find(question.tried, account.id) != question.tried.end())
        return refused(std::move(route), 482, called(account) + " has had this call already.");
    const AccountService* set = catalog.find<AccountService>(question.domain, account.id);
    if (set == nullptr || question.kind == Question::Kind::Message)
        return rings(catalog, question, account, nullptr, std::move(route));
    // RFC 5079.
    if (set->reject_anonymous && question.anonymous)
        return refused(std::move(route), 433, called(account) + " takes no anonymous calls.");
    const auto ask = [&](ForwardReason reason) {
        if (question.detail == Detail::Explained)
            explain_rules(catalog, question, *set, reason, route);
        return ruling_of(catalog, question, *set, reason);
    };
    const auto go = [&](ForwardReason reason, const Ruling& ruling) {
        return follow(catalog, question, forward_by(question.domain, account, reason, ruling.to),
                      std::move(route), by_rule(ruling));
    };
    const Ruling always = ask(ForwardReason::Always);
    if (leads_on(always)) return go(ForwardReason::Always, always);
    if (always.action == ForwardAction::Reject)
        return refused(std::move(route), 603,
                       called(account) + " refuses this caller" + by_rule(always) + ".");
    if (!set->do_not_disturb) return rings(catalog, question, account, set, std::move(route));
    note(route, "do not disturb", called(account) + " is not to be disturbed.");
    const Ruling busy = ask(ForwardReason::Busy);
    if (leads_on(busy)) return go(ForwardReason::Busy, busy);
    return refused(std::move(route), 486, called(account) + " counts as busy.");
}

std::optional<Route> forwarded(const Catalog& catalog, const Question& question, AccountId by,
                               ForwardReason reason) {
    const AccountRecord* account = catalog.find_account(question.domain, by);
    const AccountService* set = catalog.find<AccountService>(question.domain, by);
    if (account == nullptr || set == nullptr) return std::nullopt;
    const Ruling ruling = ruling_of(catalog, question, *set, reason);
    if (!leads_on(ruling)) return std::nullopt;
    return follow(catalog, question, forward_by(question.domain, *account, reason, ruling.to), {},
                  by_rule(ruling));
}

bool takes_calls(const Catalog& catalog, const Question& question, AccountId account) {
    const AccountService* set = catalog.find<AccountService>(question.domain, account);
    if (set == nullptr) return true;
    return !set->do_not_disturb && !(set->reject_anonymous && question.anonymous);
}

std::string_view to_string(ForwardReason reason) {
    switch (reason) {
        case ForwardReason::Always:
            return "always";
        case ForwardReason::Busy:
            return "busy";
        case ForwardReason::NoAnswer:
            return "no answer";
        case ForwardReason::Unregistered:
            return "no phone";
    }
    return "";
}

}  // namespace tandem::routing
