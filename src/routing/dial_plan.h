// The dial plan of a domain, compiled: which of its rules takes a call. The answer is that of
// asking every rule in order (by number, then by name), found through a tree of the dialled masks,
// and where many rules have the same one, through a tree of their callers' masks.
//
// DialPlans keeps compiled plans for one role instance, on its shard, as long as the catalog has
// the same rules.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "model/generated/dial_rule.h"
#include "routing/mask_trie.h"
#include "routing/number_ranges.h"
#include "routing/schedule.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::routing {

struct PlanQuestion {
    model::DialDirection direction = model::DialDirection::Inner;
    std::string_view caller;         // number, or login of one without
    std::string_view dialled;        // without what is for the eye
    std::string_view international;  // the same in its international form; empty: it has none
    UtcTime when;
    DomainId from;  // of a cross call
};

// Whether the mask is held against the international form: it begins with "+".
bool is_international(const model::NumberMask& mask);

// A rule whose masks have been read. It points to the entity, which outlives it.
struct ReadRule {
    const model::DialRule* rule = nullptr;
    model::NumberMask caller;
    model::NumberMask dialled;
    uint8_t directions = 0;  // bits

    bool takes(model::DialDirection direction) const {
        return (directions >> static_cast<unsigned>(direction) & 1) != 0;
    }
    bool takes_from(DomainId domain) const {
        return !rule->from_domain || *rule->from_domain == domain;
    }
    // The form of what was dialled that the mask is for.
    std::string_view form_of(const PlanQuestion& question) const {
        return is_international(dialled) ? question.international : question.dialled;
    }
};
// nullopt: a mask can't be read, which an older program may have let in; the rule takes nothing.
std::optional<ReadRule> read_rule(const model::DialRule& rule);
// Those of the domain, disabled ones as well, in the order in which they are asked.
std::vector<const model::DialRule*> rules_in_order(const store::Catalog& catalog, DomainId domain);
bool comes_before(const model::DialRule& one, const model::DialRule& other);

// The hours of a schedule of the domain; nullopt: there is no such schedule, or it can't be read.
std::optional<OpenTimes> open_times(const store::Catalog& catalog, DomainId domain, ScheduleId id);
std::string_view time_zone_of(const store::Catalog& catalog, DomainId domain);

class DialPlan {
 public:
    // Keeps nothing of the catalog but ids, masks and hours.
    DialPlan(const store::Catalog& catalog, DomainId domain);

    // The rule that takes the call.
    std::optional<DialRuleId> find(const PlanQuestion& question) const;
    size_t size() const { return rules_.size(); }

 private:
    struct Rule {
        DialRuleId id;
        model::NumberMask caller;
        DomainId from;  // nil: any
        uint8_t directions = 0;
        bool is_timed = false;
    };
    struct Times {  // of a rule; nullopt: it names no such schedule
        std::optional<OpenTimes> during;
        std::optional<OpenTimes> not_during;
    };
    // The rules with one dialled mask.
    struct Group {
        std::vector<Rank> ranks;                          // rising
        MaskTrie callers;                                 // where there are many
        std::vector<std::vector<Rank>> ranks_of_callers;  // by the slots of `callers`
    };

    static void add(MaskTrie& trie, std::vector<Group>& groups, const model::NumberMask& mask,
                    Rank rank);
    bool note_times(const store::Catalog& catalog, const model::DialRule& rule);
    void index_callers(std::vector<Group>& groups);
    bool is_time_for(Rank rank, UtcTime when) const;
    Rank best_of(const Group& group, const PlanQuestion& question, Rank best) const;
    Rank best_scanned(const std::vector<Rank>& ranks, const PlanQuestion& question,
                      Rank best) const;

    std::vector<Rule> rules_;  // by rank
    std::unordered_map<Rank, Times> times_;
    MaskTrie dialled_;
    std::vector<Group> groups_;  // by its slots
    MaskTrie international_;     // of masks that are held against this form
    std::vector<Group> international_groups_;
};

class DialPlans {
 public:
    // The domain's plan, compiled anew when the catalog has other rules; nullptr: it has no rules.
    // Valid until the next call.
    const DialPlan* of(const store::Catalog& catalog, DomainId domain);
    // Of all domains' external ranges, made anew when some have changed.
    const RangeIndex& ranges(const store::Catalog& catalog);
    size_t compiled() const { return compiled_; }  // so many times so far

 private:
    struct Kept {
        uint64_t changed = 0;  // see Catalog::changed
        uint64_t schedules_changed = 0;
        std::string time_zone;
        uint64_t used = 0;
        std::unique_ptr<DialPlan> plan;
    };
    void make_room(size_t wanted);

    std::unordered_map<DomainId, Kept> plans_;
    size_t rules_ = 0;  // of all of them
    uint64_t uses_ = 0;
    size_t compiled_ = 0;
    std::optional<RangeIndex> ranges_;
    uint64_t ranges_changed_ = 0;
    uint64_t outline_ = 0;
};

}  // namespace tandem::routing
