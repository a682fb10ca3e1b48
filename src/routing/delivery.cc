#include "routing/delivery.h"

#include <algorithm>

#include "model/generated/account_service.h"
#include "routing/limits.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::AccountService;
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

std::string_view target_for(const AccountService& set, ForwardReason reason) {
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

Forward forward_by(DomainId domain, const AccountRecord& account, ForwardReason reason,
                   std::string to) {
    Target here = target_of(domain, account);
    return {account.id, std::move(here.number), std::move(here.name), std::move(to), reason,
            domain};
}

Route follow(const Catalog& catalog, const Question& question, Forward forward, Route route) {
    note(route, "forward",
         "The account " + forward.number + " sends its calls to " + forward.to + " (" +
             std::string(to_string(forward.reason)) + ").");
    std::vector<AccountId> tried(question.tried.begin(), question.tried.end());
    tried.push_back(forward.by);
    Question next = question;
    next.caller = forward.by;
    next.trunk = {};  // it is the account that calls on
    next.tried = tried;
    return go_on(catalog, next, std::move(forward), std::move(route));
}

// What the account will do when it does not take the call, for whoever looks at the route.
void note_conditions(const AccountService& set, Route& route) {
    if (!set.forward_busy.empty()) note(route, "on busy", "Goes on to " + set.forward_busy + ".");
    if (!set.forward_no_answer.empty()) {
        note(route, "on no answer",
             "Goes on to " + set.forward_no_answer + " after " +
                 std::to_string(set.forward_no_answer_after.count()) + " s.");
    }
    if (!set.forward_unregistered.empty())
        note(route, "on no phone", "Goes on to " + set.forward_unregistered + ".");
}

bool goes_on(const AccountService& set) {
    return !set.forward_busy.empty() || !set.forward_no_answer.empty() ||
           !set.forward_unregistered.empty();
}

Route rings(const Question& question, const AccountRecord& account, const AccountService* set,
            Route route) {
    Stage stage{{target_of(question.domain, account)}};
    if (set != nullptr) stage.targets.front().calls_max = set->calls_max.value_or(0);
    if (set != nullptr && goes_on(*set)) {
        stage.targets.front().goes_on = true;
        if (!set->forward_no_answer.empty()) stage.ring_for = set->forward_no_answer_after;
        note_conditions(*set, route);
    }
    route.stages.push_back(std::move(stage));
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

Route deliver(const Catalog& catalog, const Question& question, const AccountRecord& account,
              Route route) {
    if (std::ranges::find(question.tried, account.id) != question.tried.end())
        return refused(std::move(route), 482, called(account) + " has had this call already.");
    const AccountService* set = catalog.find<AccountService>(question.domain, account.id);
    if (set == nullptr || question.kind == Question::Kind::Message)
        return rings(question, account, nullptr, std::move(route));
    // RFC 5079.
    if (set->reject_anonymous && question.anonymous)
        return refused(std::move(route), 433, called(account) + " takes no anonymous calls.");
    const auto to = [&](ForwardReason reason) {
        return forward_by(question.domain, account, reason, std::string(target_for(*set, reason)));
    };
    if (!set->forward_always.empty())
        return follow(catalog, question, to(ForwardReason::Always), std::move(route));
    if (!set->do_not_disturb) return rings(question, account, set, std::move(route));
    note(route, "do not disturb", called(account) + " is not to be disturbed.");
    if (!set->forward_busy.empty())
        return follow(catalog, question, to(ForwardReason::Busy), std::move(route));
    return refused(std::move(route), 486, called(account) + " counts as busy.");
}

std::optional<Route> forwarded(const Catalog& catalog, Question question, AccountId by,
                               ForwardReason reason) {
    const AccountRecord* account = catalog.find_account(question.domain, by);
    const AccountService* set = catalog.find<AccountService>(question.domain, by);
    if (account == nullptr || set == nullptr) return std::nullopt;
    Forward forward =
        forward_by(question.domain, *account, reason, std::string(target_for(*set, reason)));
    if (forward.to.empty()) return std::nullopt;
    return follow(catalog, question, std::move(forward), {});
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
