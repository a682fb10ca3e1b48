// Calls that a rule sends over a trunk, the trunk that a group begins with, and numbers as they are
// written there.
#include <gtest/gtest.h>

#include <functional>

#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "model/generated/representation.h"
#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "routing/dial_plan_check.h"
#include "routing/route.h"
#include "routing/trunk_choice.h"
#include "routing/trunk_numbers.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::routing {
namespace {

using model::DialAction;
using model::DialDirection;
using model::DialRule;

const DomainId kDomain{{1, 1}};
const DomainId kOther{{1, 2}};
const TrunkGroupId kGroup{{4, 1}};

TrunkId trunk_id(uint64_t n) {
    return TrunkId{{2, n}};
}

struct TrunkRoutingTest : testing::Test {
    TrunkRoutingTest() {
        add_domain(kDomain, "acme.test");
        for (uint64_t n = 1; n <= 3; ++n) add_trunk(n, [](model::Trunk&) {});
        model::Account alice;
        alice.id = AccountId{{3, 1}};
        alice.domain = kDomain;
        alice.login = alice.number = "1001";
        put(store::keys::account(kDomain, alice.id), alice);
    }
    template <typename T>
    void put(std::string key, const T& value) {
        store::KeyValue item;
        item.key = std::move(key);
        item.value = model::encode_stored(value, {});
        item.mod_revision = {1, 1};
        feed.load(item);
        catalog = feed.snapshot();
    }
    void add_domain(DomainId id, std::string name) {
        model::Domain domain;
        domain.id = id;
        domain.name = std::move(name);
        domain.settings.numbering.country_code = "49";
        domain.settings.numbering.area_code = "30";
        put(store::keys::domain(id), domain);
    }
    void add_trunk(uint64_t n, const std::function<void(model::Trunk&)>& how) {
        model::Trunk made;
        made.id = trunk_id(n);
        made.domain = kDomain;
        made.name = "t" + std::to_string(n);
        made.proxies = {"192.0.2.7"};
        how(made);
        put(store::keys::in_domain(kDomain, "trunk", made.id.bits), made);
    }
    void add_group(const std::function<void(model::TrunkGroup&)>& how) {
        model::TrunkGroup group;
        group.id = kGroup;
        group.domain = kDomain;
        group.name = "lines";
        group.members = {trunk_id(1), trunk_id(2), trunk_id(3)};
        how(group);
        put(store::keys::in_domain(kDomain, "trunk-group", group.id.bits), group);
    }
    void add_rule(DialRule rule, DomainId domain = kDomain) {
        rule.id = DialRuleId{{9, ++rules}};
        rule.domain = domain;
        rule.name = "r" + std::to_string(rules);
        put(store::keys::in_domain(domain, "dial-rule", rule.id.bits), rule);
    }
    static DialRule out(std::string dialled) {
        DialRule rule;
        rule.dialled = std::move(dialled);
        rule.action = DialAction::Trunk;
        rule.to_trunk = trunk_id(1);
        rule.called_number.strip = 1;
        return rule;
    }
    static DialRule out_by_group(std::string dialled) {
        DialRule rule = out(std::move(dialled));
        rule.to_trunk.reset();
        rule.to_trunk_group = kGroup;
        rule.called_number.strip = 0;
        return rule;
    }
    Question asked(std::string_view dialled) const {
        return Question{kDomain, AccountId{{3, 1}}, dialled, {}};
    }
    static std::vector<uint64_t> trunks(const Route& route) {
        std::vector<uint64_t> all;
        for (const Stage& stage : route.stages)
            all.push_back(stage.targets.at(0).trunk.value_or(TrunkId{}).bits.low);
        return all;
    }

    store::CatalogFeed feed;
    store::Catalog catalog;
    uint64_t rules = 0;
};

using Order = std::vector<uint64_t>;

TEST_F(TrunkRoutingTest, ARuleSendsACallOverItsTrunk) {
    add_rule(out("9*"));
    const Route found = route(catalog, asked("9 030-55"));
    EXPECT_EQ(trunks(found), Order{1});
    EXPECT_EQ(found.stages.at(0).targets.at(0).number, "03055");
    EXPECT_EQ(found.steps.back().reason, "It goes over the trunk t1.");
    EXPECT_FALSE(route(catalog, asked("1001")).stages.at(0).targets.at(0).trunk);
}

TEST_F(TrunkRoutingTest, ARuleWhoseTrunksAreDisabledAnswers503) {
    add_trunk(1, [](model::Trunk& trunk) { trunk.enabled = false; });
    add_rule(out("9*"));
    EXPECT_EQ(route(catalog, asked("9055")).refusal, 503);
    Question message = asked("9055");
    message.kind = Question::Kind::Message;
    EXPECT_EQ(route(catalog, message).refusal, 404) << "messages do not go over trunks";
    EXPECT_EQ(check_dial_plan(catalog, kDomain).at(0).code, "no-target");
}

TEST_F(TrunkRoutingTest, ACallDoesNotLeaveByTheTrunkThatItCameIn) {
    DialRule rule = out_by_group("0*");
    rule.directions = {DialDirection::Outer};
    add_rule(rule);
    add_group([](auto&) {});
    Question question{kDomain, {}, "055", {}};
    question.direction = DialDirection::Outer;
    question.trunk = trunk_id(2);
    EXPECT_EQ(trunks(route(catalog, question)), (Order{1, 3}));
}

TEST_F(TrunkRoutingTest, AnotherDomainMayLendItsTrunk) {
    add_domain(kOther, "other.test");
    DialRule exit;
    exit.dialled = "0*";
    exit.action = DialAction::Domain;
    exit.to_domain = kDomain;
    add_rule(exit, kOther);
    DialRule entry = out("0*");
    entry.directions = {DialDirection::Cross};
    add_rule(entry);
    Question question{kOther, {}, "055", {}};
    question.caller_number = "2001";
    EXPECT_EQ(route(catalog, question).refusal, 403) << "nothing says how the caller is shown";
    model::Representation shown;
    shown.id = RepresentationId{{6, 1}};
    shown.domain = kOther;
    shown.name = "all";
    put(store::keys::in_domain(kOther, "representation", shown.id.bits), shown);
    const Route found = route(catalog, question);
    EXPECT_EQ(trunks(found), Order{1});
    EXPECT_EQ(found.stages.at(0).targets.at(0).domain, kDomain);
    for (const Step& step : found.steps) EXPECT_EQ(step.reason.find("t1"), step.reason.npos);
}

TEST_F(TrunkRoutingTest, RulesNameATrunkOrAGroupOfThem) {
    const auto field = [](const DialRule& rule) {
        const auto checked = check_rule(rule);
        return checked ? std::string("ok") : checked.error().field;
    };
    DialRule rule = out("9*");
    EXPECT_EQ(field(rule), "ok");
    rule.to_trunk_group = kGroup;
    EXPECT_EQ(field(rule), "to_trunk_group");
    rule.to_trunk.reset();
    EXPECT_EQ(field(rule), "ok");
    rule.action = DialAction::Internal;
    EXPECT_EQ(field(rule), "to_trunk_group");
    rule.to_trunk_group.reset();
    EXPECT_EQ(field(rule), "ok");
    rule.action = DialAction::Trunk;
    EXPECT_EQ(field(rule), "to_trunk");
}

TEST_F(TrunkRoutingTest, TrunksWriteNumbersInTheirOwnWay) {
    add_trunk(1, [](model::Trunk& trunk) {
        trunk.called_out = {{"+49*", 3, 0, "0"}, {"+*", 1, 0, "00"}};
    });
    DialRule rule = out("");
    rule.called_number = {};
    add_rule(rule);
    const auto called = [&](std::string_view dialled) {
        return route(catalog, asked(dialled)).stages.at(0).targets.at(0).number;
    };
    EXPECT_EQ(called("+4940123"), "040123");
    EXPECT_EQ(called("123456"), "030123456") << "with its area";
    EXPECT_EQ(called("0043123"), "0043123");
    EXPECT_EQ(called("112"), "112") << "no international form";
}

TEST(TrunkNumbersTest, TheFirstEntryThatFitsDecides) {
    model::NumberingSettings numbering;
    numbering.country_code = "49";
    const std::vector<model::TrunkNumberChange> in = {
        {"00*", 2, 0, "+"}, {"0*", 1, 0, "+49"}, {"1XXX", 0, 2, ""}, {"", 0, 0, "+4930"}};
    EXPECT_EQ(adapted(in, numbering, "0043123"), "+43123");
    EXPECT_EQ(adapted(in, numbering, "040123"), "+4940123");
    EXPECT_EQ(adapted(in, numbering, "1234"), "34");
    EXPECT_EQ(adapted(in, numbering, "55"), "+493055");
    EXPECT_EQ(adapted(in, numbering, "anonymous"), "anonymous");
    EXPECT_EQ(adapted({{"12*", 5, 0, ""}}, numbering, "123"), "123") << "nothing would be left";
    EXPECT_EQ(adapted({}, numbering, "123"), "123");
}

TEST(TrunkNumbersTest, ErrorsNameTheEntry) {
    const auto field = [](std::vector<model::TrunkNumberChange> changes) {
        const auto checked = check_changes("called_in", changes);
        return checked ? std::string("ok") : checked.error().field;
    };
    EXPECT_EQ(field({{"0*", 1, 0, ""}}), "ok");
    EXPECT_EQ(field({{"0*", 1, 0, ""}, {"0[", 1, 0, ""}}), "called_in[1].mask");
    EXPECT_EQ(field({{"00*", 2, 0, "+"}}), "ok");
    EXPECT_EQ(field({{"0*", 1, 0, "+4a"}}), "called_in[0].prefix");
    EXPECT_EQ(field({{"11X", 3, 0, ""}}), "called_in[0].strip");
}

TEST_F(TrunkRoutingTest, TheCheapestTrunkComesFirst) {
    add_trunk(1, [](auto& trunk) { trunk.rates = {"+49;2", "+4930;9"}; });
    add_trunk(2, [](auto& trunk) { trunk.rates = {";5", "+49;1.5"}; });
    add_group([](auto& group) { group.order = model::TrunkOrder::Cheapest; });
    add_rule(out_by_group(""));
    EXPECT_EQ(trunks(route(catalog, asked("+4940123"))), (Order{2, 1, 3}));
    EXPECT_EQ(trunks(route(catalog, asked("+4930123"))), (Order{2, 1, 3}));
    add_trunk(2, [](auto& trunk) { trunk.rates = {";5", "+49;2.000001"}; });
    EXPECT_EQ(trunks(route(catalog, asked("040123"))), (Order{1, 2, 3}));
    EXPECT_EQ(trunks(route(catalog, asked("+43123"))).front(), 2u) << "only it has a rate";
}

TEST(RatesTest, AreTheLongestPrefixes) {
    model::Trunk trunk;
    trunk.rates = {"+49;2", "+4930;0.015", "0;7"};
    EXPECT_EQ(rate_of(trunk, {"030123", "+4930123"}), 15'000);
    EXPECT_EQ(rate_of(trunk, {"040123", "+4940123"}), 2'000'000);
    EXPECT_EQ(rate_of(trunk, {"0123", ""}), 7'000'000);
    EXPECT_EQ(rate_of(trunk, {"123", ""}), std::nullopt);
    const auto field = [](std::vector<std::string> rates) {
        const auto checked = check_rates(rates);
        return checked ? std::string("ok") : checked.error().field;
    };
    EXPECT_EQ(field({";1", "+1;0.000001", "1;999999999"}), "ok");
    for (const char* wrong : {"1", "1;", ";", "1;x", "1;1.", "1;.5", "a;1", "1;0.0000001",
                              "1;1000000000", "+1+;1", "1;1;1", "1;-1"})
        EXPECT_EQ(field({";1", wrong}), "rates[1]") << wrong;
    EXPECT_EQ(field({"1;1", "1;2"}), "rates");
}

TEST_F(TrunkRoutingTest, WeightsShareTheCalls) {
    add_group([](model::TrunkGroup& group) {
        group.order = model::TrunkOrder::Weighted;
        group.shares = {{trunk_id(1), 100, 3}, {trunk_id(2), 100, 1}, {trunk_id(3), 50, 0}};
    });
    const auto* group = catalog.find<model::TrunkGroup>(kDomain, kGroup);
    size_t first = 0;
    for (uint64_t dice = 0; dice < 1000; ++dice) {
        const auto order = in_order(catalog, *group, {"055", ""}, dice);
        ASSERT_EQ(order.size(), 3u);
        EXPECT_EQ(order[0], trunk_id(3)) << "by its priority";
        first += order[1] == trunk_id(1) ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(first), 750, 60);
}

TEST_F(TrunkRoutingTest, AllButTheLastTrunkMayBeGivenUp) {
    add_group([](model::TrunkGroup& group) { group.answer_within = std::chrono::seconds(7); });
    add_rule(out_by_group(""));
    const Route found = route(catalog, asked("055"));
    ASSERT_EQ(found.stages.size(), 3u);
    EXPECT_EQ(found.stages[0].ring_for.count(), 7);
    EXPECT_EQ(found.stages[1].ring_for.count(), 7);
    EXPECT_EQ(found.stages[2].ring_for.count(), 0);
}

TEST(FailoverStatusesTest, AreThoseOfTheGroup) {
    const FailoverStatuses usual;
    for (const int status : {408, 430, 500, 502, 503, 504}) EXPECT_TRUE(usual.lead_on(status));
    for (const int status : {404, 486, 480, 501, 603}) EXPECT_FALSE(usual.lead_on(status));
    const FailoverStatuses own(std::vector<std::string>{"486", "5xx"});
    for (const int status : {408, 486, 501, 503, 580}) EXPECT_TRUE(own.lead_on(status)) << status;
    for (const int status : {404, 480, 600}) EXPECT_FALSE(own.lead_on(status)) << status;
    for (const char* wrong : {"", "200", "3xx", "7xx", "4x6", "abc", "48", "4866"})
        EXPECT_FALSE(FailoverStatuses::is_readable(wrong)) << wrong;
}

}  // namespace
}  // namespace tandem::routing
