#include "routing/dial_plan.h"

#include <algorithm>

#include "model/generated/domain.h"
#include "routing/limits.h"
#include "store/catalog.h"

namespace tandem::routing {

using model::DialRule;
using model::NumberMask;
using model::Schedule;

std::optional<ReadRule> read_rule(const DialRule& rule) {
    auto caller = NumberMask::parse(rule.caller);
    auto dialled = NumberMask::parse(rule.dialled);
    if (!caller || !dialled) return std::nullopt;
    ReadRule out{&rule, std::move(*caller), std::move(*dialled), 0};
    for (const model::DialDirection each : rule.directions)
        out.directions |= static_cast<uint8_t>(1U << static_cast<unsigned>(each));
    return out;
}

bool comes_before(const DialRule& one, const DialRule& other) {
    return one.order != other.order ? one.order < other.order : one.name < other.name;
}

std::vector<const DialRule*> rules_in_order(const store::Catalog& catalog, DomainId domain) {
    std::vector<const DialRule*> rules;
    rules.reserve(catalog.count<DialRule>(domain));
    catalog.visit<DialRule>(domain, [&](const DialRule& rule) {
        rules.push_back(&rule);
        return true;
    });
    std::sort(rules.begin(), rules.end(), [](const DialRule* one, const DialRule* other) {
        return comes_before(*one, *other);
    });
    return rules;
}

bool is_international(const NumberMask& mask) {
    return !mask.elements().empty() && mask.elements().front() == model::symbol_of('+');
}

std::string_view time_zone_of(const store::Catalog& catalog, DomainId domain) {
    const auto* entity = catalog.find_domain(domain);
    return entity == nullptr ? "UTC" : std::string_view(entity->settings.time_zone);
}

std::optional<OpenTimes> open_times(const store::Catalog& catalog, DomainId domain, ScheduleId id) {
    const auto* schedule = catalog.find<model::Schedule>(domain, id);
    if (schedule == nullptr) return std::nullopt;
    auto times = OpenTimes::make(*schedule, time_zone_of(catalog, domain));
    return times ? std::optional(std::move(*times)) : std::nullopt;
}

DialPlan::DialPlan(const store::Catalog& catalog, DomainId domain) {
    for (const DialRule* each : rules_in_order(catalog, domain)) {
        auto read = each->enabled ? read_rule(*each) : std::nullopt;
        if (!read || !note_times(catalog, *each)) continue;
        const auto rank = static_cast<Rank>(rules_.size());
        if (is_international(read->dialled))
            add(international_, international_groups_, read->dialled, rank);
        else
            add(dialled_, groups_, read->dialled, rank);
        const bool is_timed = each->during || each->not_during;
        rules_.push_back({each->id, std::move(read->caller), each->from_domain.value_or(DomainId{}),
                          read->directions, is_timed});
    }
    index_callers(groups_);
    index_callers(international_groups_);
}

// False: it names a schedule whose hours can't be known, so it takes nothing.
bool DialPlan::note_times(const store::Catalog& catalog, const DialRule& rule) {
    if (!rule.during && !rule.not_during) return true;
    Times times;
    if (rule.during) times.during = open_times(catalog, rule.domain, *rule.during);
    if (rule.not_during) times.not_during = open_times(catalog, rule.domain, *rule.not_during);
    if (rule.during.has_value() != times.during.has_value()) return false;
    if (rule.not_during.has_value() != times.not_during.has_value()) return false;
    times_.emplace(static_cast<Rank>(rules_.size()), std::move(times));
    return true;
}

void DialPlan::add(MaskTrie& trie, std::vector<Group>& groups, const NumberMask& mask, Rank rank) {
    const uint32_t slot = trie.add(mask, rank);
    if (slot == groups.size()) groups.emplace_back();
    groups[slot].ranks.push_back(rank);
}

void DialPlan::index_callers(std::vector<Group>& groups) {
    for (Group& group : groups) {
        if (group.ranks.size() <= candidates_scanned_max) continue;
        for (const Rank rank : group.ranks) {
            const uint32_t slot = group.callers.add(rules_[rank].caller, rank);
            if (slot == group.ranks_of_callers.size()) group.ranks_of_callers.emplace_back();
            group.ranks_of_callers[slot].push_back(rank);
        }
    }
}

bool DialPlan::is_time_for(Rank rank, UtcTime when) const {
    if (!rules_[rank].is_timed) return true;
    const Times& times = times_.at(rank);
    if (times.during && !times.during->is_open(when)) return false;
    return !times.not_during || !times.not_during->is_open(when);
}

Rank DialPlan::best_scanned(const std::vector<Rank>& ranks, const PlanQuestion& question,
                            Rank best) const {
    for (const Rank rank : ranks) {
        if (rank >= best) break;
        const Rule& rule = rules_[rank];
        const bool is_for = (rule.directions >> static_cast<unsigned>(question.direction) & 1) != 0;
        if (!is_for || !(rule.from.is_nil() || rule.from == question.from)) continue;
        if (rule.caller.matches(question.caller) && is_time_for(rank, question.when)) return rank;
    }
    return best;
}

Rank DialPlan::best_of(const Group& group, const PlanQuestion& question, Rank best) const {
    if (group.ranks.size() <= candidates_scanned_max)
        return best_scanned(group.ranks, question, best);
    group.callers.search(question.caller, best, [&](uint32_t slot) {
        best = best_scanned(group.ranks_of_callers[slot], question, best);
        return best;
    });
    return best;
}

std::optional<DialRuleId> DialPlan::find(const PlanQuestion& question) const {
    Rank best = no_rank;
    dialled_.search(question.dialled, best, [&](uint32_t slot) {
        best = best_of(groups_[slot], question, best);
        return best;
    });
    if (!question.international.empty())
        international_.search(question.international, best, [&](uint32_t slot) {
            best = best_of(international_groups_[slot], question, best);
            return best;
        });
    if (best == no_rank) return std::nullopt;
    return rules_[best].id;
}

const DialPlan* DialPlans::of(const store::Catalog& catalog, DomainId domain) {
    const size_t count = catalog.count<DialRule>(domain);
    const auto found = plans_.find(domain);
    if (found != plans_.end()) {
        Kept& kept = found->second;
        const bool is_same = count != 0 && kept.changed == catalog.changed<DialRule>(domain) &&
                             kept.schedules_changed == catalog.changed<Schedule>(domain) &&
                             kept.time_zone == time_zone_of(catalog, domain);
        kept.used = ++uses_;
        if (is_same) return kept.plan.get();
        rules_ -= kept.plan->size();
        plans_.erase(found);
    }
    if (count == 0) return nullptr;
    make_room(count);
    Kept kept{catalog.changed<DialRule>(domain), catalog.changed<Schedule>(domain),
              std::string(time_zone_of(catalog, domain)), ++uses_,
              std::make_unique<DialPlan>(catalog, domain)};
    rules_ += kept.plan->size();
    ++compiled_;
    return plans_.emplace(domain, std::move(kept)).first->second.plan.get();
}

const RangeIndex& DialPlans::ranges(const store::Catalog& catalog) {
    const uint64_t changed = catalog.changed_anywhere<model::NumberRange>();
    if (ranges_ && ranges_changed_ == changed && outline_ == catalog.outline()) return *ranges_;
    ranges_changed_ = changed;
    outline_ = catalog.outline();
    return ranges_.emplace(catalog);
}

void DialPlans::make_room(size_t wanted) {
    while (!plans_.empty() && rules_ + wanted > compiled_rules_max) {
        const auto oldest =
            std::ranges::min_element(plans_, {}, [](const auto& each) { return each.second.used; });
        rules_ -= oldest->second.plan->size();
        plans_.erase(oldest);
    }
}

}  // namespace tandem::routing
