// What must hold in what accounts and ring groups have set for their calls.
#include <algorithm>

#include "model/format.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"
#include "routing/forward_rules.h"
#include "routing/limits.h"
#include "routing/numbering.h"
#include "routing/queues.h"
#include "routing/route.h"
#include "routing/services.h"

namespace tandem::roles::store_role {
namespace {

using model::ForwardAction;
using model::ForwardWhen;

const store::AccountRecord* account_called(const Catalog& catalog, DomainId domain,
                                           std::string_view dialled) {
    const auto* by_number = catalog.find_account_by_number(domain, routing::normalised(dialled));
    return by_number != nullptr ? by_number : catalog.find_account_by_login(domain, dialled);
}

struct Forwarding {
    std::string field;
    std::string_view to;
};

std::string rule_field(size_t index, std::string_view field) {
    return "rules[" + std::to_string(index) + "]." + std::string(field);
}

// Where the calls of an account go for one reason, whoever calls and whenever. Undecided: that
// depends on it.
enum class Certainty : uint8_t { Sent, Stays, Undecided };
struct Certain {
    Certainty is = Certainty::Stays;
    std::string field;
    std::string_view to{};
};
Certain certain_for(const model::AccountService& set, ForwardWhen when) {
    for (size_t i = 0; i < set.rules.size(); ++i) {
        const model::ForwardRule& rule = set.rules[i];
        if (rule.reason != when) continue;
        if (rule.schedule || !rule.caller.empty()) return {Certainty::Undecided, {}};
        if (rule.action != ForwardAction::Forward) return {Certainty::Stays, {}};
        return {Certainty::Sent, rule_field(i, "to"), rule.to};
    }
    const bool is_always = when == ForwardWhen::Always;
    const std::string_view to = is_always ? set.forward_always : set.forward_busy;
    if (to.empty()) return {Certainty::Stays, {}};
    return {Certainty::Sent, is_always ? "forward_always" : "forward_busy", to};
}

// Where all of an account's calls go, whatever its phones do. What its secretaries take depends on
// who calls, and on them.
Certain of_all_calls(const model::AccountService& set) {
    if (!set.secretaries.empty()) return {Certainty::Undecided, {}};
    Certain always = certain_for(set, ForwardWhen::Always);
    if (always.is != Certainty::Stays || !set.do_not_disturb) return always;
    return certain_for(set, ForwardWhen::Busy);
}

// Who is written: the catalog does not have it yet, or with another number.
struct Own {
    Bits128 id;
    std::string_view number{};  // of a group or a queue
};

// Where what is dialled sends all calls on, or, a group, those that nobody takes; and whose number
// it is.
struct Hop {
    Bits128 id;
    std::string_view to;
};
std::optional<Hop> hop_of(const Catalog& catalog, DomainId domain, const Own& own,
                          std::string_view dialled) {
    if (const auto* account = account_called(catalog, domain, dialled)) {
        const auto* set = catalog.find<model::AccountService>(domain, account->id);
        return Hop{account->id.bits, set == nullptr ? "" : of_all_calls(*set).to};
    }
    const std::string number = routing::normalised(dialled);
    if (!own.number.empty() && number == own.number) return Hop{own.id, {}};
    const auto* group = catalog.find_by_number<model::RingGroup>(domain, number);
    if (group != nullptr && group->id.bits != own.id) return Hop{group->id.bits, group->overflow};
    const auto* queue = catalog.find_by_number<model::Queue>(domain, number);
    if (queue == nullptr || queue->id.bits == own.id) return std::nullopt;
    return Hop{queue->id.bits, queue->overflow};
}

// A circle that depends on who is busy is none: two colleagues stand in for one another. It is cut
// when a call comes by somebody again (routing/delivery.h).
Result<void> check_circle(const Catalog& catalog, DomainId domain, const Own& own,
                          const Forwarding& first) {
    std::string_view to = first.to;
    for (size_t count = 1; !to.empty(); ++count) {
        if (count > routing::kForwardsMax)
            return make_error(ErrorCode::OutOfRange, first.field,
                              "would send calls on more than " +
                                  std::to_string(routing::kForwardsMax) + " times");
        const auto hop = hop_of(catalog, domain, own, to);
        if (!hop) return {};
        if (hop->id == own.id)
            return make_error(ErrorCode::OutOfRange, first.field,
                              "would make a circle: calls would come back here");
        to = hop->to;
    }
    return {};
}

Result<void> check_target(const Forwarding& each) {
    const bool fits = each.to.empty() || model::matches(model::Format::Number, each.to) ||
                      model::matches(model::Format::Login, each.to);
    if (fits) return {};
    return make_error(ErrorCode::OutOfRange, each.field, "must be a number or a login");
}

}  // namespace

namespace {

// By account, group, rules or trunk; nothing else leads anywhere.
bool may_lead_somewhere(const Catalog& catalog, DomainId domain, std::string_view to) {
    const std::string number = routing::normalised(to);
    if (account_called(catalog, domain, to) != nullptr) return true;
    if (is_number_taken(catalog, domain, number, {})) return true;
    const auto* entity = catalog.find_domain(domain);
    if (entity == nullptr || catalog.count<model::DialRule>(domain) != 0) return true;
    const model::DomainSettings& settings = entity->settings;
    if (settings.default_trunk || settings.default_trunk_group) return true;
    // The short form of a number, or the long one of a short one.
    for (const std::string& form : routing::forms_of(settings.numbering, number))
        if (is_number_taken(catalog, domain, form, {})) return true;
    return false;
}

// That somebody has gone whom calls lead to is said when it is set: what was set before is no
// reason to refuse another change, nor a roll-back of all at once.
Result<void> check_somebody(const Catalog& catalog, DomainId domain, const Forwarding& each,
                            std::string_view before) {
    if (each.to.empty() || each.to == before || may_lead_somewhere(catalog, domain, each.to))
        return {};
    return make_error(ErrorCode::NotFound, each.field, "nobody has this number or login");
}

bool had_rule(const Catalog& catalog, const model::AccountService& set,
              const model::ForwardRule& rule) {
    const auto* before = catalog.find<model::AccountService>(set.domain, set.id);
    return before != nullptr && std::ranges::find(before->rules, rule) != before->rules.end();
}

Result<void> check_caller(const std::string& field, std::string_view caller) {
    auto checked = routing::check_caller(caller);
    if (checked) return {};
    checked.error().field = field;
    return checked.error();
}

Result<void> check_rule(const Catalog& catalog, const model::AccountService& set, size_t index) {
    const model::ForwardRule& rule = set.rules[index];
    TRY(check_caller(rule_field(index, "caller"), rule.caller));
    const std::string field = rule_field(index, "to");
    if (rule.action != ForwardAction::Forward) {
        if (rule.to.empty()) return {};
        return make_error(ErrorCode::OutOfRange, field,
                          "has a meaning for the action 'forward' only");
    }
    if (rule.to.empty())
        return make_error(ErrorCode::Missing, field, "is required for the action 'forward'");
    TRY(check_target({field, rule.to}));
    const auto* account = account_called(catalog, set.domain, rule.to);
    if (account != nullptr && account->id == set.id)
        return make_error(ErrorCode::OutOfRange, field, "is the account itself");
    const std::string before = had_rule(catalog, set, rule) ? rule.to : std::string();
    TRY(check_somebody(catalog, set.domain, {field, rule.to}, before));
    if (rule.reason != ForwardWhen::Always) return {};
    return check_circle(catalog, set.domain, {set.id.bits}, {field, rule.to});
}

Result<void> check_secretaries(const model::AccountService& set) {
    for (size_t i = 0; i < set.secretaries.size(); ++i) {
        const std::string field = "secretaries[" + std::to_string(i) + "]";
        if (set.secretaries[i] == set.id)
            return make_error(ErrorCode::OutOfRange, field, "is the account itself");
        const auto end = set.secretaries.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find(set.secretaries.begin(), end, set.secretaries[i]) != end)
            return make_error(ErrorCode::OutOfRange, field, "is a secretary already");
    }
    for (size_t i = 0; i < set.direct_callers.size(); ++i)
        TRY(check_caller("direct_callers[" + std::to_string(i) + "]", set.direct_callers[i]));
    return {};
}

}  // namespace

Result<void> check_own_rules(const Catalog& catalog, const model::AccountService& set, Fresh) {
    for (size_t i = 0; i < set.rules.size(); ++i) TRY(check_rule(catalog, set, i));
    TRY(check_secretaries(set));
    const auto* before = catalog.find<model::AccountService>(set.domain, set.id);
    const std::pair<const char*, std::string model::AccountService::*> all[] = {
        {"forward_always", &model::AccountService::forward_always},
        {"forward_busy", &model::AccountService::forward_busy},
        {"forward_no_answer", &model::AccountService::forward_no_answer},
        {"forward_unregistered", &model::AccountService::forward_unregistered}};
    for (const auto& [name, member] : all) {
        const Forwarding each{name, set.*member};
        TRY(check_target(each));
        if (each.to.empty()) continue;
        const auto* account = account_called(catalog, set.domain, each.to);
        if (account != nullptr && account->id == set.id)
            return make_error(ErrorCode::OutOfRange, each.field, "is the account itself");
        TRY(check_somebody(catalog, set.domain, each,
                           before == nullptr ? std::string_view() : before->*member));
    }
    const Certain all_calls = of_all_calls(set);
    return check_circle(catalog, set.domain, {set.id.bits}, {all_calls.field, all_calls.to});
}

namespace {

template <typename T>
Result<void> check_once(const std::vector<T>& list, std::string_view field, const char* wrong) {
    for (size_t i = 0; i < list.size(); ++i) {
        const auto end = list.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find(list.begin(), end, list[i]) == end) continue;
        return make_error(ErrorCode::OutOfRange, std::string(field) + "[" + std::to_string(i) + "]",
                          wrong);
    }
    return {};
}

// Of a ring group or a queue.
template <typename T>
Result<void> check_members_and_overflow(const Catalog& catalog, const T& group,
                                        const char* itself) {
    TRY(check_once(group.members, "members", "is a member already"));
    const Forwarding overflow{"overflow", group.overflow};
    TRY(check_target(overflow));
    if (!group.number.empty() && routing::normalised(group.overflow) == group.number)
        return make_error(ErrorCode::OutOfRange, "overflow", itself);
    const auto* before = catalog.find<T>(group.domain, group.id);
    TRY(check_somebody(catalog, group.domain, overflow,
                       before == nullptr ? std::string_view() : before->overflow));
    return check_circle(catalog, group.domain, {group.id.bits, group.number}, overflow);
}

bool is_agent_of(const Catalog& catalog, const model::QueueAgent& agent, QueueId id) {
    const auto* queue = catalog.find<model::Queue>(agent.domain, id);
    return queue != nullptr && routing::is_member(*queue, agent.id);
}

Result<void> check_queues(const Catalog& catalog, const model::QueueAgent& agent,
                          const std::vector<QueueId>& queues, std::string_view field) {
    TRY(check_once(queues, field, "is named already"));
    for (size_t i = 0; i < queues.size(); ++i) {
        if (is_agent_of(catalog, agent, queues[i])) continue;
        return make_error(ErrorCode::OutOfRange, std::string(field) + "[" + std::to_string(i) + "]",
                          "is no queue that the account is a member of");
    }
    return {};
}

}  // namespace

Result<void> check_own_rules(const Catalog& catalog, const model::RingGroup& group, Fresh) {
    return check_members_and_overflow(catalog, group, "is the group itself");
}

Result<void> check_own_rules(const Catalog& catalog, const model::Queue& queue, Fresh) {
    return check_members_and_overflow(catalog, queue, "is the queue itself");
}

Result<void> check_own_rules(const Catalog& catalog, const model::QueueAgent& agent, Fresh) {
    TRY(check_queues(catalog, agent, agent.queues, "queues"));
    return check_queues(catalog, agent, agent.paused_in, "paused_in");
}

void forget_queues(const Catalog& catalog, const model::QueueAgent& before,
                   model::QueueAgent& agent) {
    const auto forget = [&](const std::vector<QueueId>& known, std::vector<QueueId>& list) {
        std::erase_if(list, [&](QueueId each) {
            return std::ranges::find(known, each) != known.end() &&
                   !is_agent_of(catalog, agent, each);
        });
    };
    const bool was_in_some = !agent.queues.empty();
    forget(before.queues, agent.queues);
    forget(before.paused_in, agent.paused_in);
    // An empty list would mean all of them.
    if (was_in_some && agent.queues.empty()) agent.logged_in = false;
}

namespace {

// What is pressed in a call and what is dialled never meet. Of codes that are pressed none may
// begin with another one, as the first that is complete counts; and keys that menus ask for are no
// codes.
Result<void> check_prefix(const Catalog& catalog, const model::FeatureCode& code) {
    const bool is_pressed = routing::is_pressed(code.action);
    const std::string_view own = code.prefix;
    const bool fits = own.size() >= 2 && own.size() <= pressed_code_max &&
                      (own.front() == '*' || own.front() == '#') &&
                      own.find('+') == std::string_view::npos;
    if (is_pressed && !fits)
        return make_error(ErrorCode::OutOfRange, "prefix",
                          "of a code that is pressed in a call must be 2 to 8 keys, of which the "
                          "first is * or #");
    Result<void> outcome;
    catalog.visit<model::FeatureCode>(code.domain, [&](const model::FeatureCode& other) {
        if (other.id == code.id || routing::is_pressed(other.action) != is_pressed) return true;
        const std::string_view theirs = other.prefix;
        if (own == theirs)
            outcome = make_error(ErrorCode::Conflict, "prefix",
                                 "belongs to the feature code '" + other.name + "'");
        else if (is_pressed && (own.starts_with(theirs) || theirs.starts_with(own)))
            outcome = make_error(
                ErrorCode::Conflict, "prefix",
                "one of it and of the feature code '" + other.name + "' begins with the other");
        return outcome.has_value();
    });
    return outcome;
}

}  // namespace

Result<void> check_own_rules(const Catalog& catalog, const model::FeatureCode& code, Fresh fresh) {
    if (fresh == Fresh::Yes && catalog.count<model::FeatureCode>(code.domain) >= feature_codes_max)
        return make_error(ErrorCode::Conflict, "", "the domain has 100 feature codes already");
    TRY(check_prefix(catalog, code));
    if (routing::is_of_schedule(code.action) != code.schedule.has_value())
        return make_error(code.schedule ? ErrorCode::OutOfRange : ErrorCode::Missing, "schedule",
                          code.schedule ? "has a meaning for actions of schedules only"
                                        : "is required for actions of schedules");
    if (!routing::is_pressed(code.action) &&
        is_number_taken(catalog, code.domain, code.prefix, code.id.bits))
        return make_error(ErrorCode::Conflict, "prefix", "is a number of the domain");
    return {};
}

}  // namespace tandem::roles::store_role
