#include "routing/delivery.h"

#include <gtest/gtest.h>

#include "model/generated/account_service.h"
#include "routing/domain_fixture_test.h"
#include "routing/limits.h"

namespace tandem::routing {
namespace {

struct DeliveryTest : DomainTest {
    DeliveryTest() : DomainTest(20, 19) {}
    void set(int n, model::AccountService services) {
        services.id = id_of(n);
        services.domain = kDomain;
        put(services);
    }
    Route call(std::string_view dialled) {
        return route(feed.snapshot(), {kDomain, id_of(1), dialled, {}});
    }
    static std::string way(const Route& route) {
        std::string text;
        for (const Forward& each : route.forwards) text += each.number + ">" + each.to + " ";
        if (route.stages.empty()) return text + std::to_string(route.refusal);
        return text + route.stages.front().targets.front().number;
    }
};

TEST_F(DeliveryTest, WhatIsSetForAllCalls) {
    struct Case {
        model::AccountService set;
        const char* way;
    };
    model::AccountService always, disturbed, both, nobody, disabled, login;
    always.forward_always = "1003";
    disturbed.do_not_disturb = true;
    both.do_not_disturb = true;
    both.forward_busy = "1003";
    nobody.forward_always = "1999";
    disabled.forward_always = "1019";
    login.forward_always = "user3";
    const Case cases[] = {{{}, "1002"},
                          {always, "1002>1003 1003"},
                          {disturbed, "486"},
                          {both, "1002>1003 1003"},
                          {nobody, "1002>1999 404"},
                          {disabled, "1002>1019 480"},
                          {login, "1002>user3 1003"}};
    for (const Case& c : cases) {
        set(2, c.set);
        EXPECT_EQ(way(call("1002")), c.way);
    }
}

TEST_F(DeliveryTest, NothingIsSetForMessages) {
    model::AccountService services;
    services.do_not_disturb = true;
    services.reject_anonymous = true;
    services.forward_always = "1003";
    set(2, services);
    Question question{kDomain, id_of(1), "1002", {}};
    question.kind = Question::Kind::Message;
    question.anonymous = true;
    EXPECT_EQ(way(route(feed.snapshot(), question)), "1002");
}

TEST_F(DeliveryTest, NobodyGetsACallTwiceAndNoCallGoesOnForever) {
    model::AccountService services;
    services.forward_always = "1003";
    set(2, services);
    services.forward_always = "1002";
    set(3, services);
    EXPECT_EQ(way(call("1002")), "1002>1003 1003>1002 482");
    for (int n = 4; n < 16; ++n) {
        services.forward_always = std::to_string(1001 + n);
        set(n, services);
    }
    const Route longest = call("1004");
    EXPECT_EQ(longest.refusal, 482);
    EXPECT_EQ(longest.forwards.size(), kForwardsMax);
    // 1008 to 1016 are eight times: just what is allowed.
    EXPECT_TRUE(call("1007").stages.empty());
    EXPECT_EQ(way(call("1008")).substr(way(call("1008")).rfind(' ') + 1), "1016");
}

TEST_F(DeliveryTest, AnonymousCallersAreRefusedWhereTheyAreNotWanted) {
    model::AccountService services;
    services.reject_anonymous = true;
    set(2, services);
    EXPECT_EQ(way(call("1002")), "1002");
    Question question{kDomain, id_of(1), "1002", {}};
    question.anonymous = true;
    EXPECT_EQ(way(route(feed.snapshot(), question)), "433");
}

TEST_F(DeliveryTest, WhatDependsOnTheOutcomeIsToldAndAskedForLater) {
    model::AccountService services;
    services.forward_busy = "1003";
    services.forward_no_answer = "1004";
    services.forward_no_answer_after = std::chrono::seconds(7);
    set(2, services);
    const Route found = call("1002");
    ASSERT_EQ(found.stages.size(), 1u);
    EXPECT_EQ(found.stages[0].ring_for, std::chrono::seconds(7));
    EXPECT_TRUE(found.stages[0].targets[0].goes_on);
    EXPECT_EQ(found.steps.size(), 3u);
    const auto on = [&](ForwardReason reason, std::vector<AccountId> tried) {
        Question question{kDomain, id_of(2), {}, {}};
        question.tried = tried;
        const auto route = forwarded(feed.snapshot(), question, id_of(2), reason);
        return route ? way(*route) : "nothing";
    };
    EXPECT_EQ(on(ForwardReason::Busy, {id_of(2)}), "1002>1003 1003");
    EXPECT_EQ(on(ForwardReason::NoAnswer, {id_of(2)}), "1002>1004 1004");
    EXPECT_EQ(on(ForwardReason::Unregistered, {id_of(2)}), "nothing");
    EXPECT_EQ(on(ForwardReason::Busy, {id_of(2), id_of(3)}), "1002>1003 482");
}

}  // namespace
}  // namespace tandem::routing
