#include "routing/dial_plan_check.h"

#include <algorithm>

#include "model/entities.h"
#include "routing/dial_plan.h"
#include "routing/limits.h"
#include "routing/number_change.h"
#include "routing/numbering.h"
#include "routing/outside.h"
#include "routing/services.h"
#include "store/catalog.h"
#include "store/catalog_names.h"

namespace tandem::routing {
namespace {

using model::DialAction;
using model::DialFinding;
using model::DialFindingSeverity;
using model::DialRule;
using model::NumberMask;

std::string quoted(std::string_view name) {
    return "'" + std::string(name) + "'";
}

Result<void> check_mask(std::string_view field, std::string_view text) {
    auto mask = NumberMask::parse(text);
    if (mask) return {};
    mask.error().field = field;
    return mask.error();
}

bool is_same_effect(const DialRule& one, const DialRule& other) {
    if (one.action != other.action || one.to_domain != other.to_domain) return false;
    if (one.to_trunk != other.to_trunk || one.to_trunk_group != other.to_trunk_group) return false;
    if (one.action == DialAction::Reject)
        return one.reject_status == other.reject_status && one.reject_reason == other.reject_reason;
    return one.called_number == other.called_number && one.caller_number == other.caller_number &&
           one.caller_name == other.caller_name;
}

// Masks of different forms can't be compared, but one that fits everything fits all of them.
bool is_comparable(const ReadRule& one, const ReadRule& other) {
    const auto fits_all = [](const NumberMask& mask) { return mask.covers(NumberMask()); };
    return is_international(one.dialled) == is_international(other.dialled) ||
           fits_all(one.dialled) || fits_all(other.dialled);
}

bool is_same_time(const DialRule& one, const DialRule& other) {
    return one.during == other.during && one.not_during == other.not_during;
}

bool takes_some_of(const ReadRule& one, const ReadRule& other) {
    if (!is_comparable(one, other) || !is_same_time(*one.rule, *other.rule)) return false;
    const bool is_apart = one.rule->from_domain && other.rule->from_domain &&
                          one.rule->from_domain != other.rule->from_domain;
    return !is_apart && (one.directions & other.directions) != 0 &&
           one.caller.overlaps(other.caller) && one.dialled.overlaps(other.dialled);
}

bool takes_all_of(const ReadRule& one, const ReadRule& other) {
    const bool is_always = !one.rule->during && !one.rule->not_during;
    if (!is_comparable(one, other) || !(is_always || is_same_time(*one.rule, *other.rule)))
        return false;
    if (one.rule->from_domain && one.rule->from_domain != other.rule->from_domain) return false;
    return (other.directions & ~one.directions) == 0 && one.caller.covers(other.caller) &&
           one.dialled.covers(other.dialled);
}

DialFinding shadowed(const DialRule& rule, const DialRule& by) {
    return {DialFindingSeverity::Warning,
            "shadowed",
            "The rule " + quoted(rule.name) + " never takes a call: " + quoted(by.name) +
                " comes before it and takes all of them.",
            {rule.name, by.name}};
}

DialFinding conflict(const DialRule& rule, const DialRule& with) {
    const auto& first = comes_before(rule, with) ? rule : with;
    return {DialFindingSeverity::Warning,
            "conflict",
            "The rules " + quoted(rule.name) + " and " + quoted(with.name) +
                " have the same order and some of the same calls: " + quoted(first.name) +
                " takes them, by its name.",
            {rule.name, with.name}};
}

// Of two rules, the first one in order first. Nothing: they don't get in each other's way.
void compare(const ReadRule& before, const ReadRule& after, const DialRule& about,
             std::vector<DialFinding>& findings) {
    const DialRule& other = &about == before.rule ? *after.rule : *before.rule;
    if (takes_all_of(before, after)) {
        findings.push_back(shadowed(*after.rule, *before.rule));
    } else if (before.rule->order == after.rule->order && takes_some_of(before, after) &&
               !is_same_effect(*before.rule, *after.rule)) {
        findings.push_back(conflict(about, other));
    }
}

bool has_this(const store::Catalog& catalog, DomainId domain, std::string_view number) {
    if (store::account_by_number_or_login(catalog, domain, number) != nullptr) return true;
    bool is_feature = false;
    catalog.visit<model::FeatureCode>(domain, [&](const model::FeatureCode& code) {
        is_feature = !is_pressed(code.action) && number.starts_with(code.prefix);
        return !is_feature;
    });
    return is_feature || store::DomainKinds::any([&]<typename T>() {
               if constexpr (store::IsNumbered<T>)
                   return catalog.find_by_number<T>(domain, number) != nullptr;
               return false;
           });
}

bool has_number(const store::Catalog& catalog, DomainId domain, std::string_view number) {
    const auto* entity = catalog.find_domain(domain);
    if (entity == nullptr) return false;
    for (const std::string& form : forms_of(entity->settings.numbering, number))
        if (has_this(catalog, domain, form)) return true;
    return false;
}

bool lets_others_in(const store::Catalog& catalog, DomainId domain) {
    bool lets_in = false;
    catalog.visit<DialRule>(domain, [&](const DialRule& rule) {
        lets_in = rule.enabled && rule.action != DialAction::Reject &&
                  std::ranges::count(rule.directions, model::DialDirection::Cross) > 0;
        return !lets_in;
    });
    return lets_in;
}

bool leads_out(const store::Catalog& catalog, const DialRule& rule) {
    Route route;
    add_trunks(catalog, {rule.domain}, {rule.domain, rule.to_trunk, rule.to_trunk_group}, "",
               route);
    return !route.stages.empty();
}

void look_at_target(const store::Catalog& catalog, const ReadRule& read,
                    std::vector<DialFinding>& findings) {
    const DialRule& rule = *read.rule;
    const auto add = [&](std::string text) {
        findings.push_back({DialFindingSeverity::Warning,
                            "no-target",
                            "The rule " + quoted(rule.name) + " leads " + std::move(text) + ".",
                            {rule.name}});
    };
    if (rule.action == DialAction::Domain) {
        const auto* to = rule.to_domain ? catalog.find_domain(*rule.to_domain) : nullptr;
        if (to == nullptr) return add("to a domain that has gone");
        if (!lets_others_in(catalog, to->id)) add("to " + to->name + ", which lets no calls in");
        return;
    }
    if (rule.action == DialAction::Trunk) {
        if (!leads_out(catalog, rule)) add("to no trunk that is enabled");
        return;
    }
    const std::string only = read.dialled.only_number();
    if (rule.action != DialAction::Internal || only.empty()) return;
    const std::string number = changed(rule.called_number, only);
    if (!has_number(catalog, rule.domain, number))
        add("to " + number + ", a number that nobody of the domain has");
}

DialFinding not_checked(std::string text) {
    return {DialFindingSeverity::Note, "not-checked", std::move(text), {}};
}

// Rules with the same masks are one after the other in `alike`.
struct Indexed {
    std::vector<ReadRule> rules;  // in order, enabled ones
    MaskTrie dialled;
    std::vector<std::vector<Rank>> alike;  // by slots
};

Indexed index_of(const store::Catalog& catalog, DomainId domain) {
    Indexed out;
    for (const DialRule* each : rules_in_order(catalog, domain)) {
        auto read = each->enabled ? read_rule(*each) : std::nullopt;
        if (!read) continue;
        const auto rank = static_cast<Rank>(out.rules.size());
        const uint32_t slot = out.dialled.add(read->dialled, rank);
        if (slot == out.alike.size()) out.alike.emplace_back();
        out.alike[slot].push_back(rank);
        out.rules.push_back(std::move(*read));
    }
    return out;
}

// Compares a rule with those before it, until one takes all of its calls.
void look_back(const Indexed& plan, Rank rank, size_t& steps, std::vector<DialFinding>& findings) {
    const ReadRule& rule = plan.rules[rank];
    std::vector<DialFinding> conflicts;
    bool is_shadowed = false;
    plan.dialled.search_overlapping(rule.dialled, rank, steps, [&](uint32_t slot) {
        for (const Rank other : plan.alike[slot]) {
            if (other >= rank || is_shadowed || steps == 0) break;
            --steps;
            std::vector<DialFinding> found;
            compare(plan.rules[other], rule, *rule.rule, found);
            if (found.empty()) continue;
            is_shadowed = found.front().code == "shadowed";
            if (is_shadowed) conflicts.clear();
            if (conflicts.size() < findings_max) conflicts.push_back(std::move(found.front()));
        }
        return is_shadowed ? Rank{0} : rank;
    });
    for (DialFinding& each : conflicts) findings.push_back(std::move(each));
}

}  // namespace

namespace {

Result<void> check_outlet(const DialRule& rule) {
    const bool is_out = rule.action == DialAction::Trunk;
    const bool is_nobody = (rule.to_trunk && rule.to_trunk->is_nil()) ||
                           (rule.to_trunk_group && rule.to_trunk_group->is_nil());
    if (is_nobody)
        return make_error(ErrorCode::NotFound, rule.to_trunk ? "to_trunk" : "to_trunk_group",
                          "there is no such trunk");
    if (is_out && !rule.to_trunk && !rule.to_trunk_group)
        return make_error(ErrorCode::Missing, "to_trunk",
                          "or to_trunk_group is required for the action 'trunk'");
    if (rule.to_trunk && rule.to_trunk_group)
        return make_error(ErrorCode::OutOfRange, "to_trunk_group",
                          "can't be set together with to_trunk");
    if (!is_out && (rule.to_trunk || rule.to_trunk_group))
        return make_error(ErrorCode::OutOfRange, rule.to_trunk ? "to_trunk" : "to_trunk_group",
                          "has a meaning for the action 'trunk' only");
    return {};
}

}  // namespace

Result<void> check_rule(const DialRule& rule) {
    TRY(check_mask("caller", rule.caller));
    TRY(check_mask("dialled", rule.dialled));
    if (rule.name == "check")
        return make_error(ErrorCode::OutOfRange, "name", "'check' is a word of the API's paths");
    const auto dialled = NumberMask::parse(rule.dialled);
    const auto strip = static_cast<size_t>(rule.called_number.strip);
    const bool leaves_nothing = dialled && !dialled->is_open() &&
                                strip >= dialled->elements().size() &&
                                rule.called_number.prefix.empty();
    if (leaves_nothing)
        return make_error(ErrorCode::OutOfRange, "called_number.strip",
                          "leaves nothing of the numbers that fit the mask 'dialled'");
    if ((rule.action == DialAction::Domain) != rule.to_domain.has_value())
        return make_error(rule.to_domain ? ErrorCode::OutOfRange : ErrorCode::Missing, "to_domain",
                          rule.to_domain ? "has a meaning for the action 'domain' only"
                                         : "is required for the action 'domain'");
    TRY(check_outlet(rule));
    if (rule.to_domain == rule.domain)
        return make_error(ErrorCode::OutOfRange, "to_domain", "must be another domain");
    if (rule.from_domain &&
        rule.directions != std::vector<model::DialDirection>{model::DialDirection::Cross})
        return make_error(ErrorCode::OutOfRange, "from_domain",
                          "has a meaning for the direction 'cross' only");
    if (rule.action == DialAction::Reject &&
        (changes(rule.called_number) || changes(rule.caller_number) || changes(rule.caller_name)))
        return make_error(ErrorCode::OutOfRange, "action",
                          "is 'reject': then no number or name can change");
    return {};
}

std::vector<DialFinding> check_dial_plan(const store::Catalog& catalog, DomainId domain) {
    std::vector<DialFinding> findings;
    const Indexed plan = index_of(catalog, domain);
    size_t steps = finding_steps_max;
    for (Rank rank = 0; rank < plan.rules.size() && steps > 0; ++rank) {
        look_back(plan, rank, steps, findings);
        look_at_target(catalog, plan.rules[rank], findings);
        if (findings.size() < findings_max) continue;
        findings.resize(findings_max - 1);
        findings.push_back(not_checked("There is more than this: only the first are listed."));
        return findings;
    }
    if (steps == 0)
        findings.push_back(
            not_checked("The plan has too many rules with masks that overlap: not "
                        "all of them have been compared."));
    return findings;
}

std::vector<DialFinding> check_in_plan(const store::Catalog& catalog, const DialRule& rule) {
    std::vector<DialFinding> findings;
    const auto read = rule.enabled ? read_rule(rule) : std::nullopt;
    if (!read) return findings;
    look_at_target(catalog, *read, findings);
    if (catalog.count<DialRule>(rule.domain) > findings_on_write_max) {
        findings.push_back(
            not_checked("The plan has too many rules to compare this one with them "
                        "now: ask for the check of the whole plan."));
        return findings;
    }
    for (const DialRule* each : rules_in_order(catalog, rule.domain)) {
        const auto other = each->enabled && each->id != rule.id ? read_rule(*each) : std::nullopt;
        if (!other) continue;
        const bool is_later = comes_before(*each, rule);
        compare(is_later ? *other : *read, is_later ? *read : *other, rule, findings);
        if (findings.size() == findings_max) break;
    }
    return findings;
}

}  // namespace tandem::routing
