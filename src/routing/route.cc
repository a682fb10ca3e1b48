#include "routing/route.h"

#include <algorithm>

#include "model/generated/domain.h"
#include "routing/delivery.h"
#include "routing/explain.h"
#include "routing/limits.h"
#include "routing/number_change.h"
#include "routing/numbering.h"
#include "routing/outside.h"
#include "routing/representation.h"
#include "routing/services.h"
#include "sip/uri.h"
#include "store/catalog_tree.h"

namespace tandem::routing {
namespace {

using model::DialAction;
using model::DialDirection;
using model::DialRule;

// The way of one call through the plan of its domain, and of those that it crosses into.
class Way {
 public:
    Way(const store::Catalog& catalog, const Question& question)
        : catalog_(catalog), question_(question), origin_(question.domain) {}
    Way(const Way&) = delete;
    Way& operator=(const Way&) = delete;

    Route take();

 private:
    void enter(DomainId domain, DialDirection direction, std::string_view number);
    void nobody_takes(DomainId domain, DialDirection direction, std::string_view number);
    void by_rule(const DialRule& rule, DomainId domain, std::string_view form,
                 std::string_view dialled);
    void ring(DomainId domain, std::string_view number, std::string_view login);
    bool leave(DomainId domain, const std::string& number);
    void go_out(const DialRule& rule, DomainId domain, const std::string& number);
    void hand_to_router(DomainId from, std::string_view number);
    void cross(DomainId from, DomainId to, std::string_view number, bool is_direct);
    bool represent(const Crossing& crossing, bool is_direct);
    void show_changed(const DialRule& rule);
    const DialRule* taker_of(DomainId domain, const PlanQuestion& asked);
    model::NumberingSettings numbering_of(DomainId domain) const;
    Question question_there(DomainId domain);
    std::optional<DomainId> owner_of(std::string_view number) const;
    Shown caller_of() const;
    // What other domains have set is told to who asks for an explanation; the gate says who may.
    bool shows_all_of(DomainId domain) const {
        return domain == origin_ || question_.detail == Detail::Explained;
    }

    void note(std::string step, std::string reason) {
        route_.steps.push_back({std::move(step), std::move(reason)});
    }
    void refuse(int status, std::string reason) {
        route_.refusal = status;
        note("refuse", std::move(reason));
    }

    const store::Catalog& catalog_;
    const Question& question_;
    Route route_;
    DomainId origin_;                // the caller's
    std::vector<DomainId> crossed_;  // in this order, the origin first
    Shown true_caller_;
    Shown caller_;       // as the rules of the present domain know him
    Shown shown_;        // as whoever is called is to see him
    Original original_;  // for those who send the call on
};

Route Way::take() {
    const std::string number = normalised(question_.dialled);
    if (number.empty()) {
        refuse(484, "Nothing was dialled.");
        return std::move(route_);
    }
    if (number != question_.dialled)
        note("normalise", "Without separators this is " + number + ".");
    caller_ = true_caller_ = caller_of();
    const Shown before = question_.original == nullptr ? true_caller_ : question_.original->here;
    shown_ = before;
    crossed_.push_back(origin_);
    enter(origin_, question_.direction, number);
    const bool is_changed = crossed_.size() > 1 || !(shown_ == before);
    if (is_changed && !route_.shown) route_.shown = shown_;
    return std::move(route_);
}

Shown Way::caller_of() const {
    const store::AccountRecord* account =
        question_.caller.is_nil() ? nullptr : catalog_.find_account(origin_, question_.caller);
    if (account == nullptr)
        return {std::string(question_.caller_number), std::string(question_.caller_name)};
    Target target = target_of(origin_, *account);
    return {std::move(target.number), std::move(target.name)};
}

model::NumberingSettings Way::numbering_of(DomainId domain) const {
    const auto* entity = catalog_.find_domain(domain);
    return entity == nullptr ? model::NumberingSettings{} : entity->settings.numbering;
}

const DialRule* Way::taker_of(DomainId domain, const PlanQuestion& asked) {
    std::vector<Step> unsaid;
    const bool is_explained = question_.detail == Detail::Explained;
    if (is_explained || question_.plans == nullptr)
        return explained(catalog_, domain, asked, is_explained ? route_.steps : unsaid);
    const DialPlan* plan = question_.plans->of(catalog_, domain);
    const auto id = plan == nullptr ? std::nullopt : plan->find(asked);
    return id ? catalog_.find<DialRule>(domain, *id) : nullptr;
}

// Of a domain: its plan takes the call or leaves it.
void Way::enter(DomainId domain, DialDirection direction, std::string_view number) {
    if (catalog_.count<DialRule>(domain) == 0) return nobody_takes(domain, direction, number);
    const std::string abroad = international(numbering_of(domain), number).value_or("");
    const DomainId from = direction == DialDirection::Cross && crossed_.size() > 1
                              ? crossed_[crossed_.size() - 2]
                              : DomainId{};
    const PlanQuestion asked{direction, caller_.number, number, abroad, question_.when, from};
    const DialRule* rule = taker_of(domain, asked);
    if (rule == nullptr) return nobody_takes(domain, direction, number);
    const auto read = read_rule(*rule);
    const std::string_view form = read ? read->form_of(asked) : number;
    std::string title = title_of(*rule);
    title.front() = 'T';
    if (shows_all_of(domain))
        note("rule", title + " takes the call: " + grounds(*rule, asked, form) + ".");
    else
        note("rule", "A rule of " + name_of(catalog_, domain) + " takes the call.");
    by_rule(*rule, domain, form, domain == origin_ ? question_.dialled : number);
}

// Between domains everything is closed that no rule opens.
void Way::nobody_takes(DomainId domain, DialDirection direction, std::string_view number) {
    if (direction == DialDirection::Cross)
        return refuse(403, "No rule of " + name_of(catalog_, domain) +
                               " lets this call from another domain in.");
    if (catalog_.count<DialRule>(domain) != 0)
        note("plan", "No rule takes the call: it goes to the domain's own numbers.");
    ring(domain, number, domain == origin_ ? question_.dialled : number);
}

// `form`: of the number, as the rule's mask is for it.
void Way::by_rule(const DialRule& rule, DomainId domain, std::string_view form,
                  std::string_view dialled) {
    if (rule.action == DialAction::Reject) {
        route_.refusal_reason = rule.reject_reason;
        return refuse(rule.reject_status, "The rule refuses the call with SIP status " +
                                              std::to_string(rule.reject_status) + ".");
    }
    std::string called(form);
    if (changes(rule.called_number)) {
        called = changed(rule.called_number, form);
        if (called.empty())
            return refuse(484, "The rule leaves nothing of " + std::string(form) + ".");
        note("change", "The number called becomes " + called + ".");
        dialled = called;
    }
    switch (rule.action) {
        case DialAction::Reject:
        case DialAction::Internal:
            show_changed(rule);
            return ring(domain, called, dialled);
        case DialAction::Router:
            show_changed(rule);
            return hand_to_router(domain, called);
        case DialAction::Domain:
            show_changed(rule);
            return cross(domain, rule.to_domain.value_or(DomainId{}), called, true);
        case DialAction::Trunk:
            show_changed(rule);
            return go_out(rule, domain, called);
    }
}

// What the rule makes of the caller, for whoever comes next.
void Way::show_changed(const DialRule& rule) {
    if (!changes(rule.caller_number) && !changes(rule.caller_name)) return;
    Shown shown{changed(rule.caller_number, shown_.number), changed(rule.caller_name, shown_.name)};
    if (shown.number.empty()) shown.number = shown_.number;
    if (shown == shown_) return;
    note("change", "The caller " + shown_.number + " (" + shown_.name + ") is shown as " +
                       shown.number + " (" + shown.name + ").");
    shown_ = std::move(shown);
}

// Of an own number of the domain: whom it rings. `number` as the plans have left it, `login` as it
// was dialled where they have changed nothing.
void Way::ring(DomainId domain, std::string_view number, std::string_view login) {
    const std::vector<std::string> forms = forms_of(numbering_of(domain), number);
    std::string found_by = "number";
    const store::AccountRecord* account = nullptr;
    for (const std::string& form : forms) {
        account = catalog_.find_account_by_number(domain, form);
        if (account == nullptr) continue;
        if (form != number) found_by += ", in full " + form;
        break;
    }
    if (account == nullptr) {
        found_by = "login";
        account = catalog_.find_account_by_login(domain, login);
    }
    const Question asked = question_there(domain);
    const std::string where = domain == origin_ ? "the domain" : name_of(catalog_, domain);
    if (account == nullptr) {
        for (const std::string& form : forms) {
            auto found = reach_service(catalog_, asked, form, route_);
            if (!found) continue;
            route_ = *std::move(found);
            return;
        }
        if (leave(domain, std::string(number))) return;
        return refuse(404, "No account of " + where + " has the number or login " +
                               std::string(number) + ".");
    }
    if (!account->enabled) {
        const std::string login = shows_all_of(domain) ? std::string(account->login()) : "called";
        return refuse(480, "The account " + login + " is disabled.");
    }
    const std::string who =
        shows_all_of(domain) ? "The account " + std::string(account->login()) : "An account";
    note("account", who + " of " + where + " has this " + found_by + ".");
    route_ = deliver(catalog_, asked, *account, std::move(route_));
}

// Over the default trunk of the caller's domain, or to the number of the trunk that it came over.
bool Way::leave(DomainId domain, const std::string& number) {
    const bool is_inner = question_.direction == DialDirection::Inner;
    if (domain != origin_ || (!is_inner && question_.trunk.is_nil())) return false;
    auto found = leave_or_enter(catalog_, question_, number, route_);
    if (!found) return false;
    route_ = *std::move(found);
    return true;
}

// Over a trunk of the domain whose rule it is, which may be another one than the caller's: its rule
// has let him in.
void Way::go_out(const DialRule& rule, DomainId domain, const std::string& number) {
    if (question_.kind == Question::Kind::Message)
        return refuse(404, "Messages do not go over trunks.");
    add_trunks(catalog_, question_,
               {domain, rule.to_trunk, rule.to_trunk_group, shows_all_of(domain)}, number, route_);
    if (route_.stages.empty())
        refuse(503, "The rule names no trunk that is enabled and not the one that it came over.");
}

// As it is in the domain that the call has come to. Who sends it on from there is an account of
// that domain; feature codes are for accounts alone.
Question Way::question_there(DomainId domain) {
    Question question = question_;
    original_ = {origin_, true_caller_, shown_};
    if (question_.original != nullptr) {
        original_ = *question_.original;
        original_.here = shown_;
    }
    question.original = &original_;
    question.domain = domain;
    question.direction = DialDirection::Inner;
    if (domain != origin_) {  // he is whom its plan knows him as
        question.caller = {};
        question.caller_number = caller_.number;
        question.caller_name = caller_.name;
    }
    const bool is_own = domain == origin_ && question_.direction == DialDirection::Inner;
    if (!question.origin) question.origin = Origin{caller_.number, is_own};
    if (!is_own) question.forwards = std::max(question.forwards, size_t{1});
    return question;
}

// --- Between domains.

std::optional<DomainId> Way::owner_of(std::string_view number) const {
    return question_.plans == nullptr ? RangeIndex(catalog_).owner_of(number)
                                      : question_.plans->ranges(catalog_).owner_of(number);
}

// To the domain with the narrowest range that has the number.
void Way::hand_to_router(DomainId from, std::string_view number) {
    const std::string abroad = international(numbering_of(from), number).value_or("");
    std::optional<DomainId> owner;
    std::string_view form = number;
    if (!abroad.empty()) owner = owner_of(form = abroad);
    if (!owner) owner = owner_of(form = number);
    if (!owner && leave(from, std::string(number))) return;
    if (!owner)
        return refuse(404, "No domain has a range with the number " + std::string(number) + ".");
    note("router", "The number " + std::string(form) + " belongs to " + name_of(catalog_, *owner) +
                       ", whose range is the narrowest around it.");
    if (*owner == from) return ring(from, form, form);
    cross(from, *owner, form, false);
}

void Way::cross(DomainId from, DomainId to, std::string_view number, bool is_direct) {
    const auto* domain = catalog_.find_domain(to);
    if (domain == nullptr) return refuse(404, "The domain that the rule leads to has gone.");
    const bool is_loop = std::ranges::count(crossed_, to) > 0;
    if (is_loop || crossed_.size() >= crossed_domains_max)
        return refuse(482, is_loop ? "The call has been in " + domain->name + " already."
                                   : "The call has been in 8 domains.");
    if (store::is_blocked(catalog_, to, question_.when))
        return refuse(403, "The domain " + domain->name + " is blocked.");
    note("cross", "The call goes from " + name_of(catalog_, from) + " to " + domain->name +
                      (is_direct ? ", directly." : ", by the Domain Router."));
    Crossing crossing{origin_, from, to, true_caller_};
    if (question_.original != nullptr) {
        crossing.origin = question_.original->domain;
        crossing.caller = question_.original->caller;
    }
    if (!represent(crossing, is_direct)) return;
    crossed_.push_back(to);
    enter(to, DialDirection::Cross, number);
}

// The third consent of a direct call; a call by the router may do without.
bool Way::represent(const Crossing& crossing, bool is_direct) {
    std::string reason;
    if (crossing.to == crossing.origin) {  // somebody has sent it back to the caller's domain
        caller_ = shown_ = crossing.caller;
        return true;
    }
    auto shown = represented(catalog_, crossing, reason);
    if (!shown && !is_direct && !question_.trunk.is_nil()) {
        reason = "The caller, who is outside, is shown by his own number.";
        shown = crossing.caller;
    }
    if (!shown && !is_direct) shown = shown_by_default(catalog_, crossing, reason);
    if (!shown) {
        refuse(403, "Nothing says how the caller " + crossing.caller.number +
                        " is shown in another domain: a representation is missing" +
                        (is_direct ? "." : ", and his domain has no main number."));
        return false;
    }
    note("representation", reason);
    caller_ = shown_ = std::move(*shown);
    return true;
}

// Whether who is called reaches the caller by dialling what was shown.
void note_redial(const store::Catalog& catalog, const Question& question, Route& route) {
    if (route.stages.empty() || question.caller.is_nil()) return;
    if (route.stages.front().queue) return;  // nobody is called yet
    const Target& called = route.stages.front().targets.front();
    const Shown* shown = first_shown(route);
    if (called.domain == question.domain || called.trunk || shown == nullptr) return;
    Question back{called.domain, called.account, shown->number, question.when};
    back.plans = question.plans;
    const Route redial = tandem::routing::route(catalog, back);
    const bool is_there = !redial.stages.empty() && !redial.stages.front().queue &&
                          redial.stages.front().targets.front().account == question.caller;
    route.steps.push_back(
        {"redial", is_there ? "Who is called and dials " + shown->number + " reaches the caller."
                            : "Who is called and dials " + shown->number +
                                  " does not reach the caller: " +
                                  (redial.stages.empty() ? redial.steps.back().reason
                                                         : "it rings somebody else.")});
}

}  // namespace

std::string normalised(std::string_view dialled) {
    std::string digits;
    for (size_t i = 0; i < dialled.size(); ++i) {
        const char c = dialled[i];
        const bool digit = (c >= '0' && c <= '9') || c == '*' || c == '#';
        const bool for_the_eye = c == '-' || c == '.' || c == '(' || c == ')' || c == ' ';
        if (digit || (c == '+' && digits.empty()))
            digits += c;
        else if (!for_the_eye)
            return std::string(dialled);
    }
    return digits.empty() ? std::string(dialled) : digits;
}

bool leads_somewhere(const Route& route) {
    return !route.stages.empty() || route.feature || route.join;
}

const Shown* first_shown(const Route& route) {
    if (!route.stages.empty() && route.stages.front().shown) return &*route.stages.front().shown;
    return route.shown ? &*route.shown : nullptr;
}

Route route(const store::Catalog& catalog, const Question& question) {
    Route found = Way(catalog, question).take();
    if (question.detail == Detail::Explained) note_redial(catalog, question, found);
    return found;
}

std::optional<Target> account_of_uri(const store::Catalog& catalog, DomainId domain,
                                     std::string_view uri) {
    const auto parsed = sip::UriView::parse(uri);
    if (!parsed) return std::nullopt;
    if (parsed->is_sip()) {
        const auto* named = catalog.find_domain(parsed->host());
        if (named == nullptr || named->id != domain) return std::nullopt;
    } else if (parsed->scheme != sip::UriScheme::Tel) {
        return std::nullopt;
    }
    const std::string user = parsed->decoded_user();
    const store::AccountRecord* account = catalog.find_account_by_number(domain, normalised(user));
    if (account == nullptr) account = catalog.find_account_by_login(domain, user);
    if (account == nullptr || !account->enabled) return std::nullopt;
    return target_of(domain, *account);
}

}  // namespace tandem::routing
