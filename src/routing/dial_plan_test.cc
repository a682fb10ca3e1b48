#include "routing/dial_plan.h"

#include <gtest/gtest.h>

#include <array>

#include "base/rng.h"
#include "routing/dial_plan_check.h"
#include "routing/limits.h"
#include "routing/number_change.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::routing {
namespace {

using model::DialDirection;
using model::DialRule;

const DomainId kDomain{{1, 1}};

// Rules of a domain, in a catalog.
struct Plan {
    store::CatalogFeed feed;
    store::Catalog catalog;
    uint64_t count = 0;

    DialRule& add(DialRule rule) {
        rule.id = DialRuleId{{7, ++count}};
        rule.domain = kDomain;
        store::KeyValue item;
        item.key =
            store::keys::in_domain(kDomain, store::DomainKind<DialRule>::segment, rule.id.bits);
        item.value = model::encode_stored(rule, {});
        item.mod_revision = {1, 1};
        feed.load(item);
        catalog = feed.snapshot();
        last = rule;
        return last;
    }
    DialRule last;
};

DialRule rule(std::string name, int order, std::string dialled, std::string caller = {}) {
    DialRule out;
    out.name = std::move(name);
    out.order = order;
    out.dialled = std::move(dialled);
    out.caller = std::move(caller);
    return out;
}

std::string any_of(Rng& rng, std::initializer_list<const char*> choices) {
    return *(choices.begin() + rng.below(choices.size()));
}

std::string random_mask(Rng& rng) {
    std::string mask = rng.below(5) == 0 ? "+" : "";
    for (uint64_t i = rng.below(5); i > 0; --i)
        mask += any_of(rng, {"0", "1", "2", "X", "Z", "N", "[01]", "[^0]", "[1-3]"});
    if (rng.below(2) == 0) mask += '*';
    return mask;
}

std::string random_number(Rng& rng) {
    std::string number;
    for (uint64_t i = rng.below(6); i > 0; --i) number += any_of(rng, {"0", "1", "2", "3", "#"});
    return number;
}

// The plain meaning: one after the other.
std::optional<DialRuleId> asked_in_turn(const store::Catalog& catalog, const PlanQuestion& asked) {
    for (const DialRule* each : rules_in_order(catalog, kDomain)) {
        const auto read = each->enabled ? read_rule(*each) : std::nullopt;
        if (read && read->takes(asked.direction) && read->dialled.matches(read->form_of(asked)) &&
            read->caller.matches(asked.caller))
            return each->id;
    }
    return std::nullopt;
}

TEST(DialPlan, AnswersAsIfAllRulesWereAskedInTurn) {
    SeededRng rng(4711);
    size_t taken = 0;
    for (int round = 0; round < 60; ++round) {
        Plan plan;
        for (uint64_t i = rng.below(60); i > 0; --i) {
            DialRule each = rule("r" + std::to_string(i), static_cast<int>(rng.below(20)),
                                 rng.below(3) == 0 ? "1*" : random_mask(rng), random_mask(rng));
            each.enabled = rng.below(10) != 0;
            if (rng.below(4) == 0) each.directions = {DialDirection::Outer, DialDirection::Cross};
            plan.add(each);
        }
        const DialPlan compiled(plan.catalog, kDomain);
        for (int i = 0; i < 100; ++i) {
            const std::string caller = random_number(rng);
            const std::string dialled = random_number(rng);
            const std::string international = rng.below(2) == 0 ? "" : "+" + random_number(rng);
            const PlanQuestion asked{
                rng.below(2) == 0 ? DialDirection::Inner : DialDirection::Outer,
                caller,
                dialled,
                international,
                {}};
            const auto expected = asked_in_turn(plan.catalog, asked);
            EXPECT_EQ(compiled.find(asked), expected) << caller << " " << dialled;
            taken += expected ? 1 : 0;
        }
    }
    EXPECT_GT(taken, 1000u);
}

TEST(DialPlan, OrderThenNameThenNothing) {
    Plan plan;
    plan.add(rule("b", 5, "*"));
    const DialRuleId a = plan.add(rule("a", 5, "*")).id;
    plan.add(rule("0", 6, "1001"));
    const DialPlan compiled(plan.catalog, kDomain);
    EXPECT_EQ(compiled.find({DialDirection::Inner, "1", "1001", "", {}}), a);
    EXPECT_EQ(compiled.find({DialDirection::Cross, "1", "1001", "", {}}), std::nullopt);
}

TEST(DialPlan, RoomGoesToThePlansThatAreUsed) {
    Plan plan;
    plan.add(rule("a", 5, "*"));
    DialPlans plans;
    const DialPlan* first = plans.of(plan.catalog, kDomain);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(plans.of(plan.catalog, kDomain), first);
    EXPECT_EQ(plans.compiled(), 1u);
    plan.add(rule("b", 6, "*"));
    EXPECT_EQ(plans.of(plan.catalog, kDomain)->size(), 2u);
    EXPECT_EQ(plans.compiled(), 2u);
}

TEST(NumberChange, FrontThenTailThenPrefix) {
    struct Case {
        model::NumberChange change;
        const char* number;
        const char* changed;
    };
    const Case cases[] = {{{0, 0, ""}, "1001", "1001"},   {{1, 0, ""}, "1001", "001"},
                          {{9, 0, ""}, "1001", ""},       {{0, 2, ""}, "1001", "01"},
                          {{0, 9, ""}, "1001", "1001"},   {{1, 2, "00"}, "+491234", "0034"},
                          {{4, 4, "*72"}, "1001", "*72"}, {{0, 0, "+"}, "49", "+49"}};
    for (const Case& c : cases) EXPECT_EQ(changed(c.change, c.number), c.changed) << c.number;
    EXPECT_EQ(changed(model::NameChange{"", "Desk "}, "Ann"), "Desk Ann");
    EXPECT_EQ(changed(model::NameChange{"Sales", ""}, "Ann"), "Sales");
}

TEST(DialPlanCheck, ARuleAloneMustMakeSense) {
    struct Case {
        void (*spoil)(DialRule&);
        const char* field;
    };
    const Case cases[] = {{[](DialRule& r) { r.dialled = "0[1"; }, "dialled"},
                          {[](DialRule& r) { r.caller = "1a"; }, "caller"},
                          {[](DialRule& r) { r.name = "check"; }, "name"},
                          {[](DialRule& r) { r.called_number.strip = 4; }, "called_number.strip"},
                          {[](DialRule& r) {
                               r.action = model::DialAction::Reject;
                               r.caller_name.replace = "x";
                           },
                           "action"}};
    DialRule good = rule("good", 1, "0XXX");
    good.called_number.strip = 3;
    EXPECT_TRUE(check_rule(good).has_value());
    for (const Case& c : cases) {
        DialRule bad = good;
        c.spoil(bad);
        const auto checked = check_rule(bad);
        ASSERT_FALSE(checked.has_value()) << c.field;
        EXPECT_EQ(checked.error().field, c.field);
    }
    good.called_number.strip = 4;
    good.called_number.prefix = "1";
    EXPECT_TRUE(check_rule(good).has_value()) << "the prefix is left";
}

std::vector<std::string> codes_of(const std::vector<model::DialFinding>& findings) {
    std::vector<std::string> codes;
    for (const auto& each : findings) codes.push_back(each.code + " " + each.rules.at(0));
    return codes;
}

TEST(DialPlanCheck, FindsWhatIsOdd) {
    using Codes = std::vector<std::string>;
    Plan plan;
    plan.add(rule("wide", 10, "0*"));
    EXPECT_EQ(codes_of(check_in_plan(plan.catalog, plan.add(rule("late", 20, "00*")))),
              Codes{"shadowed late"});
    DialRule reject = rule("barred", 10, "0190*");
    reject.action = model::DialAction::Reject;
    EXPECT_EQ(codes_of(check_in_plan(plan.catalog, plan.add(reject))), Codes{"conflict barred"});
    EXPECT_EQ(codes_of(check_in_plan(plan.catalog, plan.add(rule("lost", 1, "77")))),
              Codes{"no-target lost"});
    // Before the others, and takes all of theirs.
    EXPECT_EQ(codes_of(check_in_plan(plan.catalog, plan.add(rule("all", 5, "")))),
              (Codes{"shadowed barred", "shadowed wide", "shadowed late"}));
    DialRule outer = rule("outer", 6, "0*");
    outer.directions = {DialDirection::Outer};
    EXPECT_EQ(codes_of(check_in_plan(plan.catalog, plan.add(outer))), Codes{});
    DialRule off = rule("off", 7, "0*");
    off.enabled = false;
    EXPECT_EQ(codes_of(check_in_plan(plan.catalog, plan.add(off))), Codes{});
    EXPECT_EQ(codes_of(check_dial_plan(plan.catalog, kDomain)),
              (Codes{"no-target lost", "shadowed barred", "shadowed wide", "shadowed late"}));
}

TEST(DialPlanCheck, IsBounded) {
    Plan plan;
    for (int i = 0; i < 150; ++i) {
        DialRule each = rule("r" + std::to_string(i), 1, "1*");
        each.action = model::DialAction::Reject;
        each.reject_status = 400 + i;
        plan.add(each);
    }
    const auto findings = check_dial_plan(plan.catalog, kDomain);
    ASSERT_EQ(findings.size(), findings_max);
    EXPECT_EQ(findings.back().code, "not-checked");
}

}  // namespace
}  // namespace tandem::routing
