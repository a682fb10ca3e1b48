// What accounts have set for their calls, beyond single fields: rules, and secretaries.
#include <gtest/gtest.h>

#include "model/generated/account_service.h"
#include "model/generated/ring_group.h"
#include "model/generated/schedule.h"
#include "routing/delivery.h"
#include "routing/domain_fixture_test.h"
#include "routing/forward_rules.h"

namespace tandem::routing {
namespace {

struct AccountsTest : DomainTest {
    static inline const ScheduleId night{{5, 1}};

    AccountsTest() : DomainTest(20, 19) {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        domain.settings.numbering.country_code = "49";
        load(store::keys::domain(kDomain), domain);
        switch_night(model::ScheduleSwitch::Closed);
    }
    void set(int n, model::AccountService services) {
        services.id = id_of(n);
        services.domain = kDomain;
        put(services);
    }
    void switch_night(model::ScheduleSwitch to) {
        model::Schedule schedule;
        schedule.id = night;
        schedule.domain = kDomain;
        schedule.name = "night";
        schedule.switched = to;
        put(schedule);
    }
    Route call(int by, std::string_view dialled) {
        return route(feed.snapshot(), {kDomain, id_of(by), dialled, {}});
    }
    // From outside, by whoever has this number.
    Route call_in(std::string_view number, std::string_view dialled) {
        Question question{kDomain, {}, dialled, {}};
        question.direction = model::DialDirection::Outer;
        question.caller_number = number;
        return route(feed.snapshot(), question);
    }
};

using model::AccountService;
using model::ForwardAction;
using model::ForwardRule;
using model::ForwardWhen;
using model::SecretaryMode;

ForwardRule rule(std::string caller, std::string to, ForwardWhen reason = ForwardWhen::Always) {
    ForwardRule made;
    made.caller = std::move(caller);
    made.to = std::move(to);
    made.reason = reason;
    return made;
}

ForwardRule acting(ForwardAction action, std::string caller,
                   ForwardWhen reason = ForwardWhen::Always) {
    ForwardRule made = rule(std::move(caller), "", reason);
    made.action = action;
    return made;
}

using ForwardRules = AccountsTest;

TEST_F(ForwardRules, TheFirstThatFitsTheCallerDecidesBeforeTheField) {
    AccountService services;
    services.forward_always = "1009";
    services.rules = {rule("1003", "1004"), rule("100X", "1005"),
                      acting(ForwardAction::Reject, "inner"), rule("+4930*", "1006"),
                      rule("outer", "1007")};
    set(2, services);
    EXPECT_EQ(who(call(3, "1002")), "1004");
    EXPECT_EQ(who(call(1, "1002")), "1005");
    EXPECT_EQ(who(call(11, "1002")), "603");
    EXPECT_EQ(who(call_in("03012345", "1002")), "1006") << "its international form fits";
    EXPECT_EQ(who(call_in("+493012345", "1002")), "1006");
    EXPECT_EQ(who(call_in("08912345", "1002")), "1007");
    services.rules.pop_back();
    set(2, services);
    EXPECT_EQ(who(call_in("08912345", "1002")), "1009") << "the field is behind the rules";
    EXPECT_EQ(call(3, "1002").forwards.front().reason, ForwardReason::Always);
}

TEST_F(ForwardRules, RingTakesTheCallAsIfNothingWereSetButForDoNotDisturb) {
    AccountService services;
    services.forward_always = "1009";
    services.rules = {acting(ForwardAction::Ring, "1003")};
    set(2, services);
    EXPECT_EQ(who(call(3, "1002")), "1002");
    EXPECT_EQ(who(call(4, "1002")), "1009");
    services.do_not_disturb = true;
    services.forward_busy = "1008";
    set(2, services);
    EXPECT_EQ(who(call(3, "1002")), "1008");
    services.rules.push_back(acting(ForwardAction::Ring, "1003", ForwardWhen::Busy));
    set(2, services);
    EXPECT_EQ(who(call(3, "1002")), "486");
}

TEST_F(ForwardRules, WhoHidesHisNumberFitsNoMask) {
    AccountService services;
    services.rules = {rule("*", "1004"), rule("anonymous", "1005"), rule("inner", "1006")};
    set(2, services);
    Question hidden{kDomain, id_of(3), "1002", {}};
    EXPECT_EQ(who(route(feed.snapshot(), hidden)), "1004");
    hidden.anonymous = true;
    EXPECT_EQ(who(route(feed.snapshot(), hidden)), "1005");
    services.rules.erase(services.rules.begin() + 1);
    set(2, services);
    EXPECT_EQ(who(route(feed.snapshot(), hidden)), "1006");
    services.rules = {rule("anonymous", "1005")};
    set(2, services);
    EXPECT_EQ(who(call_in("", "1002")), "1005");
    EXPECT_EQ(who(call_in("Anonymous", "1002")), "1005") << "as providers write it";
    EXPECT_EQ(who(call_in("03012345", "1002")), "1002");
}

TEST_F(ForwardRules, SchedulesSayWhen) {
    AccountService services;
    services.rules = {rule("", "1009")};
    services.rules[0].schedule = night;
    set(2, services);
    EXPECT_EQ(who(call(1, "1002")), "1002");
    switch_night(model::ScheduleSwitch::Open);
    EXPECT_EQ(who(call(1, "1002")), "1009");
    // What is no longer there has no hours.
    services.rules[0].schedule = ScheduleId{{5, 9}};
    set(2, services);
    EXPECT_EQ(who(call(1, "1002")), "1002");
}

TEST_F(ForwardRules, OfLaterReasonsAreAskedForWhoCalls) {
    AccountService services;
    services.forward_no_answer_after = std::chrono::seconds(7);
    services.rules = {rule("1001", "1004", ForwardWhen::NoAnswer),
                      acting(ForwardAction::Reject, "1003", ForwardWhen::NoAnswer),
                      rule("1001", "1005", ForwardWhen::Busy)};
    set(2, services);
    const auto timed = [&](int by) { return call(by, "1002").stages.at(0).ring_for.count(); };
    EXPECT_EQ(timed(1), 7);
    EXPECT_EQ(timed(3), 7);
    EXPECT_EQ(timed(4), 0) << "for as long as the domain has it";
    EXPECT_TRUE(call(1, "1002").stages[0].targets[0].goes_on);
    EXPECT_FALSE(call(3, "1002").stages[0].targets[0].goes_on);
    const auto on = [&](std::string number, ForwardReason reason) {
        Question question{kDomain, id_of(2), {}, {}};
        const std::vector<AccountId> tried{id_of(2)};
        question.tried = tried;
        question.origin = Origin{std::move(number), true};
        const auto found = forwarded(feed.snapshot(), question, id_of(2), reason);
        return found ? who(*found) : "nothing";
    };
    EXPECT_EQ(on("1001", ForwardReason::Busy), "1005");
    EXPECT_EQ(on("1001", ForwardReason::NoAnswer), "1004");
    EXPECT_EQ(on("1003", ForwardReason::NoAnswer), "nothing");
    EXPECT_EQ(on("1004", ForwardReason::Busy), "nothing");
}

TEST_F(ForwardRules, ACallThatGoesOnIsStillOfWhoDialled) {
    AccountService first, second;
    first.forward_always = "1003";
    second.rules = {rule("1001", "1004"), rule("1002", "1005")};
    set(2, first);
    set(3, second);
    EXPECT_EQ(who(call(1, "1002")), "1004");
    EXPECT_EQ(who(call(2, "1003")), "1005");
}

TEST_F(ForwardRules, CirclesAreCut) {
    AccountService services;
    services.rules = {rule("inner", "1003")};
    set(2, services);
    services.rules = {rule("inner", "1002")};
    set(3, services);
    EXPECT_EQ(who(call(1, "1002")), "482");
    EXPECT_EQ(who(call_in("030123", "1002")), "1002");
}

TEST_F(ForwardRules, AreExplained) {
    AccountService services;
    services.rules = {rule("1003", "1004"), rule("", "1005"), rule("", "1006")};
    services.rules[1].schedule = night;
    set(2, services);
    Question question{kDomain, id_of(1), "1002", {}};
    question.detail = Detail::Explained;
    std::string text;
    for (const Step& each : route(feed.snapshot(), question).steps)
        text += each.step + ": " + each.reason + "\n";
    EXPECT_EQ(text,
              "account: The account user2 of the domain has this number.\n"
              "passed-over: Not its rule 1 (always): the caller is not '1003'.\n"
              "passed-over: Not its rule 2 (always): the schedule 'night' has no hours.\n"
              "rule of account: Its rule 3 (always) says 'forward': whoever calls.\n"
              "forward: The account 1002 sends its calls to 1006 (always, by its rule 3).\n"
              "account: The account user6 of the domain has this number.\n");
}

TEST_F(ForwardRules, CallersAreMasksOrWords) {
    for (const char* each : {"", "anonymous", "inner", "outer", "10*", "+49X"})
        EXPECT_TRUE(check_caller(each).has_value()) << each;
    for (const char* each : {"Inner", "abc", "[1", "10-20"})
        EXPECT_FALSE(check_caller(each).has_value()) << each;
}

// 1001 is the chief, 1002 and 1003 are the secretaries.
struct Secretaries : AccountsTest {
    Secretaries() {
        chief.secretaries = {id_of(2), id_of(3)};
        set(1, chief);
    }
    AccountService chief;
};

TEST_F(Secretaries, RingInsteadOfTheChief) {
    chief.secretaries_ring = std::chrono::seconds(11);
    set(1, chief);
    const Route found = call(5, "1001");
    EXPECT_EQ(who(found), "1002 1003");
    EXPECT_EQ(found.stages[0].ring_for, std::chrono::seconds(11));
    ASSERT_EQ(found.stages[0].path.size(), 1u) << "they see whose call it is";
    EXPECT_EQ(found.stages[0].path[0].number, "1001");
    EXPECT_EQ(found.stages[0].path[0].by, id_of(1));
}

TEST_F(Secretaries, ReachTheChiefThemselvesAndSoDoOthersWhoMay) {
    EXPECT_EQ(who(call(2, "1001")), "1001");
    chief.direct_callers = {"1005", "+4930*"};
    set(1, chief);
    EXPECT_EQ(who(call(5, "1001")), "1001");
    EXPECT_EQ(who(call(6, "1001")), "1002 1003");
    EXPECT_EQ(who(call_in("03012345", "1001")), "1001");
    EXPECT_EQ(who(call_in("08912345", "1001")), "1002 1003");
    Question hidden{kDomain, id_of(5), "1001", {}};
    hidden.anonymous = true;
    EXPECT_EQ(who(route(feed.snapshot(), hidden)), "1002 1003");
    // What a secretary sends on to the chief reaches the chief.
    AccountService on;
    on.forward_always = "1001";
    set(3, on);
    EXPECT_EQ(who(call(6, "1003")), "1001");
}

TEST_F(Secretaries, WhoIsAwayOrNotToBeDisturbedIsPassedBy) {
    AccountService away;
    away.secretary_away = true;
    set(2, away);
    EXPECT_EQ(who(call(5, "1001")), "1003");
    EXPECT_EQ(who(call(5, "1002")), "1002") << "her own calls come as ever";
    AccountService undisturbed;
    undisturbed.do_not_disturb = true;
    set(3, undisturbed);
    const Route found = call(5, "1001");
    EXPECT_EQ(who(found), "1001");
    EXPECT_TRUE(found.stages[0].path.empty());
    chief.secretaries = {id_of(19)};  // disabled
    chief.forward_always = "1006";
    set(1, chief);
    EXPECT_EQ(who(call(5, "1001")), "1006") << "then what the chief has set counts";
}

TEST_F(Secretaries, MayRingFirstOrTogetherWithTheChief) {
    chief.secretaries_mode = SecretaryMode::First;
    chief.forward_no_answer = "1009";
    set(1, chief);
    Route found = call(5, "1001");
    EXPECT_EQ(who(found), "1002 1003, 1001");
    EXPECT_TRUE(found.stages[1].targets[0].goes_on);
    EXPECT_TRUE(found.stages[1].path.empty());
    chief.secretaries_mode = SecretaryMode::Together;
    set(1, chief);
    found = call(5, "1001");
    EXPECT_EQ(who(found), "1002 1003 1001");
    chief.do_not_disturb = true;
    set(1, chief);
    EXPECT_EQ(who(call(5, "1001")), "1002 1003");
    chief.forward_busy = "1008";
    set(1, chief);
    EXPECT_EQ(who(call(5, "1001")), "1002 1003, 1008");
}

TEST_F(Secretaries, TakeNoCallsThatAreRefusedNorThoseOfGroups) {
    chief.reject_anonymous = true;
    set(1, chief);
    Question hidden{kDomain, id_of(5), "1001", {}};
    hidden.anonymous = true;
    EXPECT_EQ(who(route(feed.snapshot(), hidden)), "433");
    model::RingGroup group;
    group.id = RingGroupId{{3, 1}};
    group.domain = kDomain;
    group.name = "board";
    group.number = "300";
    group.members = {id_of(1)};
    put(group);
    EXPECT_EQ(who(call(5, "300")), "1001");
}

}  // namespace
}  // namespace tandem::routing
