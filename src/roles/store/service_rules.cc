// What must hold in what accounts and ring groups have set for their calls.
#include <algorithm>

#include "model/format.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"
#include "routing/limits.h"
#include "routing/queues.h"
#include "routing/route.h"

namespace tandem::roles::store_role {
namespace {

const store::AccountRecord* account_called(const Catalog& catalog, DomainId domain,
                                           std::string_view dialled) {
    const auto* by_number = catalog.find_account_by_number(domain, routing::normalised(dialled));
    return by_number != nullptr ? by_number : catalog.find_account_by_login(domain, dialled);
}

struct Forwarding {
    std::string_view field;
    std::string_view to;
};

// Where all of an account's calls go, whatever its phones do.
Forwarding of_all_calls(const model::AccountService& set) {
    if (!set.forward_always.empty()) return {"forward_always", set.forward_always};
    if (set.do_not_disturb) return {"forward_busy", set.forward_busy};
    return {};
}

// Where what is dialled sends all calls on, or, a group, those that nobody takes; and whose number
// it is.
struct Hop {
    Bits128 id;
    std::string_view to;
};
std::optional<Hop> hop_of(const Catalog& catalog, DomainId domain, std::string_view dialled) {
    if (const auto* account = account_called(catalog, domain, dialled)) {
        const auto* set = catalog.find<model::AccountService>(domain, account->id);
        return Hop{account->id.bits, set == nullptr ? "" : of_all_calls(*set).to};
    }
    const auto* group =
        catalog.find_by_number<model::RingGroup>(domain, routing::normalised(dialled));
    if (group != nullptr) return Hop{group->id.bits, group->overflow};
    const auto* queue = catalog.find_by_number<model::Queue>(domain, routing::normalised(dialled));
    if (queue == nullptr) return std::nullopt;
    return Hop{queue->id.bits, queue->overflow};
}

// A circle that depends on who is busy is none: two colleagues stand in for one another. It is cut
// when a call comes by somebody again (routing/delivery.h).
Result<void> check_circle(const Catalog& catalog, DomainId domain, Bits128 own,
                          const Forwarding& first) {
    std::string_view to = first.to;
    for (size_t count = 1; !to.empty(); ++count) {
        if (count > routing::kForwardsMax)
            return make_error(ErrorCode::OutOfRange, first.field,
                              "would send calls on more than " +
                                  std::to_string(routing::kForwardsMax) + " times");
        const auto hop = hop_of(catalog, domain, to);
        if (!hop) return {};
        if (hop->id == own)
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

Result<void> check_own_rules(const Catalog& catalog, const model::AccountService& set, Fresh) {
    const Forwarding all[] = {{"forward_always", set.forward_always},
                              {"forward_busy", set.forward_busy},
                              {"forward_no_answer", set.forward_no_answer},
                              {"forward_unregistered", set.forward_unregistered}};
    for (const Forwarding& each : all) {
        TRY(check_target(each));
        if (each.to.empty()) continue;
        const auto* account = account_called(catalog, set.domain, each.to);
        if (account != nullptr && account->id == set.id)
            return make_error(ErrorCode::OutOfRange, each.field, "is the account itself");
    }
    return check_circle(catalog, set.domain, set.id.bits, of_all_calls(set));
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
    return check_circle(catalog, group.domain, group.id.bits, overflow);
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

Result<void> check_own_rules(const Catalog& catalog, const model::FeatureCode& code, Fresh fresh) {
    if (fresh == Fresh::Yes && catalog.count<model::FeatureCode>(code.domain) >= feature_codes_max)
        return make_error(ErrorCode::Conflict, "", "the domain has 100 feature codes already");
    Result<void> outcome;
    catalog.visit<model::FeatureCode>(code.domain, [&](const model::FeatureCode& other) {
        if (other.id != code.id && other.prefix == code.prefix)
            outcome = make_error(ErrorCode::Conflict, "prefix",
                                 "belongs to the feature code '" + other.name + "'");
        return outcome.has_value();
    });
    if (!outcome) return outcome;
    if (is_number_taken(catalog, code.domain, code.prefix, code.id.bits))
        return make_error(ErrorCode::Conflict, "prefix", "is a number of the domain");
    return {};
}

}  // namespace tandem::roles::store_role
