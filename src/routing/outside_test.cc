#include "routing/outside.h"

#include <functional>

#include "model/generated/ring_group.h"
#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "routing/domain_fixture_test.h"

namespace tandem::routing {
namespace {

struct OutsideTest : CatalogTest {
    OutsideTest() {
        model::Account alice;
        alice.id = AccountId{{3, 1}};
        alice.domain = kDomain;
        alice.login = alice.number = "1001";
        load(store::keys::account(kDomain, alice.id), alice);
        for (uint64_t n = 1; n <= 3; ++n) add_trunk(n, n != 2);
        change([](model::DomainSettings&) {});
    }
    static TrunkId trunk(uint64_t n) { return TrunkId{{2, n}}; }
    void add_trunk(uint64_t n, bool enabled, std::string incoming = {}) {
        model::Trunk made;
        made.id = trunk(n);
        made.domain = kDomain;
        made.name = "t" + std::to_string(n);
        made.proxies = {"192.0.2.7"};
        made.enabled = enabled;
        made.incoming_number = std::move(incoming);
        load(store::keys::in_domain(kDomain, "trunk", made.id.bits), made);
    }
    void change(const std::function<void(model::DomainSettings&)>& how) {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        how(domain.settings);
        load(store::keys::domain(kDomain), domain);
    }
    TrunkGroupId add_group(model::TrunkOrder order) {
        model::TrunkGroup group;
        group.id = TrunkGroupId{{4, 1}};
        group.domain = kDomain;
        group.name = "lines";
        group.members = {trunk(1), trunk(2), trunk(3)};
        group.order = order;
        load(store::keys::in_domain(kDomain, "trunk-group", group.id.bits), group);
        change([&](auto& settings) { settings.default_trunk_group = group.id; });
        return group.id;
    }
    Route of(std::string_view dialled, TrunkId from = {}, uint64_t dice = 0) {
        Question question{kDomain, {}, dialled, {}};
        question.dice = dice;
        question.trunk = from;
        return route(catalog, question);
    }
    static std::vector<TrunkId> trunks(const Route& route) {
        std::vector<TrunkId> all;
        for (const Stage& stage : route.stages) all.push_back(stage.targets.at(0).trunk.value());
        return all;
    }
};

TEST_F(OutsideTest, NumbersThatNobodyHasGoOverTheDefaultTrunk) {
    EXPECT_EQ(of("+493055").refusal, 404);
    change([](auto& settings) { settings.default_trunk = trunk(1); });
    const Route found = of("+49 30 55");
    EXPECT_EQ(trunks(found), std::vector{trunk(1)});
    EXPECT_EQ(found.stages[0].targets[0].number, "+493055");
    EXPECT_TRUE(found.stages[0].targets[0].account.is_nil());
    for (const Step& step : found.steps) EXPECT_TRUE(step.reason.ends_with('.'));
    EXPECT_FALSE(of("1001").stages.at(0).targets.at(0).trunk);
    EXPECT_EQ(of("carol").refusal, 404) << "no number";
    EXPECT_EQ(of("*72").refusal, 404) << "a code is for us";
}

TEST_F(OutsideTest, ADisabledTrunkLeadsNowhere) {
    change([](auto& settings) { settings.default_trunk = trunk(2); });
    EXPECT_EQ(of("055").refusal, 404);
}

TEST_F(OutsideTest, AGroupsTrunksFollowOneAnother) {
    add_group(model::TrunkOrder::Listed);
    const std::vector expected{trunk(1), trunk(3)};
    EXPECT_EQ(trunks(of("055", {}, 0)), expected);
    EXPECT_EQ(trunks(of("055", {}, 1)), expected);
}

TEST_F(OutsideTest, AGroupMaySpreadItsCalls) {
    add_group(model::TrunkOrder::Spread);
    const std::vector first{trunk(1), trunk(3)};
    const std::vector last{trunk(3), trunk(1)};
    EXPECT_EQ(trunks(of("055", {}, 0)), first);
    EXPECT_EQ(trunks(of("055", {}, 2)), last);
}

// It is the group that calls on, not who came over the trunk.
TEST_F(OutsideTest, TheOverflowOfAGroupMayLeadOutsideWhoeverCalls) {
    model::RingGroup group;
    group.id = RingGroupId{{6, 1}};
    group.domain = kDomain;
    group.name = "sales";
    group.number = "300";
    group.overflow = "+493055";
    load(store::keys::in_domain(kDomain, "ring-group", group.id.bits), group);
    change([](auto& settings) { settings.default_trunk = trunk(1); });
    const Route found = of("300", trunk(3));
    EXPECT_EQ(trunks(found), std::vector{trunk(1)});
    ASSERT_EQ(found.forwards.size(), 1u);
    EXPECT_EQ(found.forwards[0].number, "300");
}

TEST_F(OutsideTest, WhatComesOverATrunkStaysInTheDomain) {
    change([](auto& settings) { settings.default_trunk = trunk(1); });
    EXPECT_EQ(of("055", trunk(3)).refusal, 404);
    EXPECT_EQ(of("1001", trunk(3)).stages.size(), 1u);
    add_trunk(3, true, "1001");
    const Route found = of("055", trunk(3));
    ASSERT_EQ(found.stages.size(), 1u);
    EXPECT_EQ(found.stages[0].targets[0].number, "1001");
    add_trunk(3, true, "1009");  // nobody has that either
    EXPECT_EQ(of("055", trunk(3)).refusal, 404);
}

}  // namespace
}  // namespace tandem::routing
