// Where calls are expected to go, and whether they do.
#include "routing/expectation.h"

#include "model/generated/dial_rule.h"
#include "model/generated/ring_group.h"
#include "routing/domain_fixture_test.h"

namespace tandem::routing {
namespace {

using model::RouteExpectation;
using model::RouteOutcome;

struct ExpectationTest : CatalogTest {
    ExpectationTest() {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        load(store::keys::domain(kDomain), domain);
        for (const uint64_t each : {1, 2, 3}) {
            model::Account account;
            account.id = AccountId{{2, each}};
            account.domain = kDomain;
            account.login = "login" + std::to_string(each);
            account.number = "100" + std::to_string(each);
            load(store::keys::account(kDomain, account.id), account);
        }
        model::RingGroup group;
        group.id = RingGroupId{{3, 1}};
        group.domain = kDomain;
        group.name = "sales";
        group.number = "300";
        group.members = {AccountId{{2, 2}}, AccountId{{2, 3}}};
        load(store::keys::in_domain(kDomain, store::DomainKind<model::RingGroup>::segment,
                                    group.id.bits),
             group);
    }
    RouteExpectation expecting(std::string dialled, RouteOutcome outcome, std::string target) {
        RouteExpectation expected;
        expected.domain = kDomain;
        expected.name = "one";
        expected.caller = "1001";
        expected.dialled = std::move(dialled);
        expected.outcome = outcome;
        expected.target = std::move(target);
        return expected;
    }
    bool is_so(const RouteExpectation& expected) {
        DialPlans plans;
        return holds(expected, find_route(catalog, expected, {}, plans));
    }
};

TEST_F(ExpectationTest, TargetsGoByAnyOfTheirNames) {
    for (const char* name : {"login2", "1002", ""})
        EXPECT_TRUE(is_so(expecting("1002", RouteOutcome::Account, name))) << name;
    for (const char* name : {"sales", "300", ""})
        EXPECT_TRUE(is_so(expecting("300", RouteOutcome::Group, name))) << name;
    EXPECT_FALSE(is_so(expecting("1002", RouteOutcome::Account, "1003")));
    EXPECT_FALSE(is_so(expecting("1002", RouteOutcome::Group, "")));
    EXPECT_FALSE(is_so(expecting("300", RouteOutcome::Account, "")));
}

TEST_F(ExpectationTest, RefusalsGoByTheirStatus) {
    RouteExpectation expected = expecting("555", RouteOutcome::Refused, "");
    EXPECT_TRUE(is_so(expected));
    expected.sip_status = 404;
    EXPECT_TRUE(is_so(expected));
    expected.sip_status = 403;
    EXPECT_FALSE(is_so(expected));
    expected.caller = "nobody";  // who is not there cannot call
    EXPECT_TRUE(is_so(expected));
}

TEST_F(ExpectationTest, NumbersAreThoseAfterAllChanges) {
    model::DialRule rule;
    rule.id = DialRuleId{{4, 1}};
    rule.domain = kDomain;
    rule.name = "out";
    rule.dialled = "9*";
    rule.called_number.strip = 1;
    rule.caller_number.prefix = "55";
    load(store::keys::in_domain(kDomain, store::DomainKind<model::DialRule>::segment, rule.id.bits),
         rule);
    RouteExpectation expected = expecting("91002", RouteOutcome::Account, "1002");
    expected.called_number = "1002";
    expected.shown_number = "551001";
    EXPECT_TRUE(is_so(expected));
    expected.shown_number = "1001";
    EXPECT_FALSE(is_so(expected));
}

TEST_F(ExpectationTest, MustMakeSense) {
    RouteExpectation expected = expecting("1", RouteOutcome::Account, "");
    EXPECT_TRUE(check_expectation(expected).has_value());
    expected.sip_status = 404;
    EXPECT_EQ(check_expectation(expected).error().field, "sip_status");
    expected = expecting("1", RouteOutcome::Refused, "1002");
    EXPECT_EQ(check_expectation(expected).error().field, "target");
}

}  // namespace
}  // namespace tandem::routing
