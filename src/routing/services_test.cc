#include "routing/services.h"

#include <gtest/gtest.h>

#include <set>

#include "model/generated/account_service.h"
#include "model/generated/feature_code.h"
#include "model/generated/ring_group.h"
#include "routing/domain_fixture_test.h"
#include "routing/limits.h"

namespace tandem::routing {
namespace {

const RingGroupId kGroup{{3, 1}};

struct ServicesTest : DomainTest {
    ServicesTest() : DomainTest(6, 5) {
        group.id = kGroup;
        group.domain = kDomain;
        group.name = "sales";
        group.number = "300";
        for (int n = 1; n <= 5; ++n) group.members.push_back(id_of(n));
    }
    void disturb(int n, bool not_to_be) {
        model::AccountService set;
        set.id = id_of(n);
        set.domain = kDomain;
        set.do_not_disturb = not_to_be;
        set.forward_busy = "1006";
        put(set);
    }
    Route call(std::string_view dialled, uint64_t dice = 0) {
        put(group);
        Question question{kDomain, id_of(1), dialled, {}};
        question.order = &order;
        question.dice = dice;
        return route(feed.snapshot(), question);
    }
    void add_code(int n, std::string prefix, model::FeatureAction action) {
        model::FeatureCode code;
        code.id = FeatureCodeId{{4, static_cast<uint64_t>(n)}};
        code.domain = kDomain;
        code.name = "code" + std::to_string(n);
        code.prefix = std::move(prefix);
        code.action = action;
        put(code);
    }
    void take_turn(const Route& route) {
        ASSERT_TRUE(route.turned);
        EXPECT_EQ(route.turned->group, kGroup);
        EXPECT_EQ(route.turned->first, route.stages.at(0).targets.at(0).account);
        order.turns.take(kGroup, route.turned->first, {1000});
    }
    model::RingGroup group;
    GroupOrder order;
};

// The caller is a member, and 1005 is disabled.
TEST_F(ServicesTest, WhoRingsAndWhen) {
    EXPECT_EQ(who(call("300")), "1002 1003 1004");
    EXPECT_EQ(call("300").stages[0].ring_for, std::chrono::seconds(20));
    group.strategy = model::RingStrategy::OneByOne;
    EXPECT_EQ(who(call("300")), "1002, 1003, 1004");
    disturb(3, true);
    EXPECT_EQ(who(call("300")), "1002, 1004");
    EXPECT_FALSE(call("300").stages[0].targets[0].goes_on);
    disturb(2, true);
    disturb(4, true);
    EXPECT_EQ(who(call("300")), "480");
    group.overflow = "1006";
    EXPECT_EQ(who(call("300")), "1006");
}

TEST_F(ServicesTest, OverflowIsTheLastStageAndTellsItsWay) {
    group.overflow = "1006";
    disturb(2, false);
    const Route found = call("300");
    EXPECT_EQ(who(found), "1002 1003 1004, 1006");
    EXPECT_TRUE(found.stages[0].path.empty());
    ASSERT_EQ(found.stages[1].path.size(), 1u);
    EXPECT_EQ(found.stages[1].path[0].number, "300");
    EXPECT_FALSE(found.stages[0].targets[0].goes_on) << "the group's call, not the member's";
    // A circle ends, however it came to be.
    group.overflow = "300";
    EXPECT_LE(call("300").stages.size(), 9u);
    group.overflow = "1999";
    EXPECT_EQ(who(call("300")), "1002 1003 1004");
}

TEST_F(ServicesTest, MembersTakeTurns) {
    group.strategy = model::RingStrategy::RoundRobin;
    const char* expected[] = {"1002, 1003, 1004", "1003, 1004, 1002", "1004, 1002, 1003",
                              "1002, 1003, 1004"};
    for (const char* each : expected) {
        const Route found = call("300");
        EXPECT_EQ(who(found), each);
        take_turn(found);
    }
}

// Who comes and goes meanwhile changes nothing for those behind him.
TEST_F(ServicesTest, MembersTakeTurnsThoughSomeTakeNoCalls) {
    group.strategy = model::RingStrategy::RoundRobin;
    take_turn(call("300"));
    take_turn(call("300"));
    EXPECT_EQ(order.turns.last(kGroup)->first, id_of(3));
    disturb(2, true);
    EXPECT_EQ(who(call("300")), "1004, 1003");
    disturb(4, true);
    EXPECT_EQ(who(call("300")), "1003");
    disturb(2, false);
    EXPECT_EQ(who(call("300")), "1002, 1003") << "behind the last one comes the first";
    disturb(4, false);
    disturb(3, true);
    EXPECT_EQ(who(call("300")), "1004, 1002");
    group.members = {id_of(2), id_of(4)};
    EXPECT_EQ(who(call("300")), "1002, 1004") << "whoever had the last turn is no member any more";
}

// Nobody rings, so nobody has had a turn.
TEST_F(ServicesTest, NoTurnIsTakenWhereNobodyRings) {
    group.strategy = model::RingStrategy::RoundRobin;
    for (int n = 2; n <= 4; ++n) disturb(n, true);
    EXPECT_FALSE(call("300").turned);
    group.strategy = model::RingStrategy::OneByOne;
    EXPECT_FALSE(call("300").turned);
}

TEST_F(ServicesTest, WhoHasNotTalkedForLongestComesFirst) {
    group.strategy = model::RingStrategy::LeastRecent;
    EXPECT_EQ(who(call("300")), "1002, 1003, 1004") << "nobody knows: as they are";
    order.talks.note(1, {id_of(2), id_of(6)}, {1000});
    EXPECT_EQ(who(call("300")), "1003, 1004, 1002");
    order.talks.note_end(id_of(3), {2000});
    EXPECT_EQ(who(call("300")), "1004, 1003, 1002") << "who talks now comes last";
    order.talks.note(1, {}, {3000});
    order.talks.note_end(id_of(4), {2500});
    EXPECT_EQ(who(call("300")), "1003, 1004, 1002");
}

TEST_F(ServicesTest, ARandomOrderHasEachOnceAndIsNotAlwaysTheSame) {
    group.strategy = model::RingStrategy::Random;
    std::set<std::string> orders;
    for (uint64_t dice = 1; dice <= 200; ++dice) {
        const Route found = call("300", dice * 0x9e3779b97f4a7c15u);
        std::multiset<std::string> numbers;
        for (const Stage& stage : found.stages) numbers.insert(stage.targets.at(0).number);
        EXPECT_EQ(numbers, (std::multiset<std::string>{"1002", "1003", "1004"}));
        orders.insert(who(found));
    }
    EXPECT_EQ(orders.size(), 6u);
}

TEST_F(ServicesTest, MessagesDoNotReachThem) {
    put(group);
    add_code(1, "*26", model::FeatureAction::DoNotDisturbOn);
    for (const char* dialled : {"300", "*26"}) {
        Question question{kDomain, id_of(1), dialled, {}};
        question.kind = Question::Kind::Message;
        EXPECT_EQ(route(feed.snapshot(), question).refusal, 404);
    }
}

TEST_F(ServicesTest, WhatIsPressedInACallIsNotDialled) {
    add_code(1, "*2", model::FeatureAction::TransferBlind);
    add_code(2, "*", model::FeatureAction::Intercom);
    add_code(4, "*5", model::FeatureAction::TransferAttended);
    EXPECT_EQ(route(feed.snapshot(), {kDomain, id_of(1), "*2", {}}).refusal, 404);
    EXPECT_EQ(route(feed.snapshot(), {kDomain, id_of(1), "*5", {}}).refusal, 404);
    add_code(3, "*26", model::FeatureAction::DoNotDisturbOn);
    EXPECT_TRUE(route(feed.snapshot(), {kDomain, id_of(1), "*26", {}}).feature);
}

TEST_F(ServicesTest, FeatureCodes) {
    using model::FeatureAction;
    add_code(1, "*2", FeatureAction::ForwardAlwaysOn);
    add_code(2, "*26", FeatureAction::DoNotDisturbOn);
    add_code(3, "*21*", FeatureAction::ForwardBusyOn);
    add_code(4, "#21", FeatureAction::ForwardBusyOff);
    add_code(5, "10", FeatureAction::DoNotDisturbOff);
    struct Case {
        const char* dialled;
        const char* change;
        int refusal;
    };
    const Case cases[] = {{"*26", R"({"do_not_disturb":true})", 0},
                          {"*26#", R"({"do_not_disturb":true})", 0},
                          {"*21*1003#", R"({"forward_busy":"1003"})", 0},
                          {"*21*1003", R"({"forward_busy":"1003"})", 0},
                          {"*21*", nullptr, 484},
                          {"*21*#", nullptr, 484},
                          {"#21#", R"({"forward_busy":""})", 0},
                          {"#211003", nullptr, 404},
                          {"*271003", R"({"forward_always":"71003"})", 0},
                          {"*9", nullptr, 404},
                          {"1002", nullptr, 0}};  // accounts come first
    for (const Case& c : cases) {
        const Route found = call(c.dialled);
        EXPECT_EQ(found.refusal, c.refusal) << c.dialled;
        EXPECT_EQ(found.feature.has_value(), c.change != nullptr) << c.dialled;
        if (found.feature && c.change != nullptr) {
            EXPECT_EQ(found.feature->change, c.change);
        }
    }
}

TEST_F(ServicesTest, IntercomReachesAPhoneThatIsToAnswerByItself) {
    add_code(1, "*80", model::FeatureAction::Intercom);
    struct Case {
        const char* dialled;
        int refusal;
    };
    for (const Case& c :
         {Case{"*801002", 0}, {"*801002#", 0}, {"*80", 484}, {"*801001", 482}, {"*80999", 404}}) {
        const Route found = call(c.dialled);
        EXPECT_EQ(found.refusal, c.refusal) << c.dialled;
        EXPECT_FALSE(found.feature.has_value());
        if (c.refusal != 0) continue;
        ASSERT_EQ(found.stages.size(), 1u);
        ASSERT_EQ(found.stages[0].targets.size(), 1u);
        EXPECT_TRUE(found.stages[0].targets[0].answers_itself);
        EXPECT_FALSE(found.stages[0].targets[0].goes_on);
        EXPECT_EQ(found.stages[0].targets[0].account, id_of(2));
    }
    EXPECT_FALSE(call("1002").stages.at(0).targets.at(0).answers_itself);
}

TEST_F(ServicesTest, APageReachesAllWhoMayBeDisturbed) {
    add_code(1, "*63", model::FeatureAction::Page);
    put(group);
    disturb(3, true);
    const Route found = call("*63300");
    EXPECT_TRUE(found.page);
    ASSERT_EQ(found.stages.size(), 1u);
    EXPECT_EQ(found.stages[0].ring_for, page_answer);
    std::vector<AccountId> paged;
    for (const Target& each : found.stages[0].targets) {
        EXPECT_TRUE(each.answers_itself && each.one_call && !each.goes_on);
        paged.push_back(each.account);
    }
    EXPECT_EQ(paged, (std::vector{id_of(2), id_of(4)})) << "neither the caller nor who is disabled";
    EXPECT_FALSE(call("300").page);
    EXPECT_EQ(call("*63").refusal, 484);
    EXPECT_EQ(call("*63301").refusal, 404);
    EXPECT_EQ(call("*631002").refusal, 404) << "an account is no group";
    for (const int n : {2, 4}) disturb(n, true);
    EXPECT_EQ(call("*63300").refusal, 480);
}

TEST_F(ServicesTest, APageHasABound) {
    add_code(1, "*63", model::FeatureAction::Page);
    group.members.clear();
    for (int n = 100; n < 100 + 64; ++n) {
        model::Account account;
        account.id = id_of(n);
        account.domain = kDomain;
        account.login = account.number = std::to_string(1000 + n);
        load(store::keys::account(kDomain, account.id), account);
        group.members.push_back(account.id);
    }
    put(group);
    EXPECT_EQ(call("*63300").stages.at(0).targets.size(), paged_max);
}

TEST_F(ServicesTest, ACodeMaySwitchASchedule) {
    model::FeatureCode code;
    code.id = FeatureCodeId{{4, 1}};
    code.domain = kDomain;
    code.name = "night";
    code.prefix = "*72";
    code.action = model::FeatureAction::ScheduleClosed;
    code.schedule = ScheduleId{{5, 1}};
    put(code);
    add_code(2, "*43", model::FeatureAction::CallsWaitingOff);
    add_code(3, "*51", model::FeatureAction::SecretaryAwayOn);
    const Route found = call("*72");
    ASSERT_TRUE(found.feature.has_value());
    EXPECT_EQ(found.feature->schedule, code.schedule);
    EXPECT_EQ(found.feature->change, R"({"switched":"closed"})");
    code.allowed = {id_of(2)};
    put(code);
    EXPECT_EQ(call("*72").refusal, 403) << "for others than who calls";
    EXPECT_EQ(call("*43").feature.value().change, R"({"calls_waiting":false})");
    EXPECT_EQ(call("*51").feature.value().change, R"({"secretary_away":true})");
    EXPECT_EQ(call("*51").feature.value().schedule, std::nullopt);
}

// A number that somebody forwards to is nobody's feature code.
TEST_F(ServicesTest, NobodyIsSentToAFeatureCode) {
    add_code(1, "*26", model::FeatureAction::DoNotDisturbOn);
    model::AccountService set;
    set.id = id_of(2);
    set.domain = kDomain;
    set.forward_always = "*26";
    put(set);
    EXPECT_EQ(call("1002").refusal, 404);
}

}  // namespace
}  // namespace tandem::routing
