// Routes from one domain to another.
#include "model/generated/account_service.h"
#include "model/generated/representation.h"
#include "model/generated/trunk.h"
#include "routing/domain_fixture_test.h"
#include "routing/number_ranges.h"
#include "routing/representation.h"
#include "routing/route.h"

namespace tandem::routing {
namespace {

using model::DialAction;
using model::DialDirection;
using model::DialRule;
using model::Representation;
using model::RepresentationScope;

const DomainId kTop{{1, 1}};
const DomainId kNorth{{1, 2}};
const DomainId kSouth{{1, 3}};
const DomainId kEast{{1, 4}};

struct InterdomainTest : CatalogTest {
    InterdomainTest() {
        add_domain(kTop, "top", {});
        add_domain(kNorth, "north", kTop);
        add_domain(kSouth, "south", kTop);
        add_domain(kEast, "east", kTop);
        add_range(kTop, "+4930");
        add_range(kNorth, "+49301");
        add_range(kSouth, "+49302");
        for (const DomainId domain : {kNorth, kSouth, kEast}) add_account(domain, "1001");
    }
    void add_domain(DomainId id, std::string name, std::optional<DomainId> parent) {
        model::Domain domain;
        domain.id = id;
        domain.name = std::move(name);
        domain.parent = parent;
        domain.settings.numbering.country_code = "49";
        domain.settings.numbering.area_code = "30";
        load(store::keys::domain(id), domain);
    }
    template <typename T>
    void add(DomainId domain, T value) {
        value.id = decltype(value.id){{9, ++count}};
        value.domain = domain;
        load(store::keys::in_domain(domain, store::DomainKind<T>::segment, value.id.bits), value);
    }
    void add_range(DomainId domain, std::string prefix) {
        model::NumberRange range;
        range.kind = model::NumberKind::External;
        range.prefix = std::move(prefix);
        add(domain, range);
    }
    void add_account(DomainId domain, std::string number) {
        model::Account account;
        account.id = AccountId{{domain.bits.low, ++count}};
        account.domain = domain;
        account.login = account.number = std::move(number);
        load(store::keys::account(domain, account.id), account);
    }
    void add_rule(DomainId domain, DialDirection direction, DialAction action,
                  std::optional<DomainId> to = {}) {
        DialRule rule;
        rule.name = "r" + std::to_string(count);
        rule.directions = {direction};
        rule.action = action;
        rule.to_domain = to;
        if (direction == DialDirection::Cross && action == DialAction::Internal)
            rule.called_number.keep_last = 4;
        add(domain, rule);
    }
    void add_shown(DomainId domain, RepresentationScope scope, std::string prefix,
                   std::optional<DomainId> other = {}) {
        Representation shown;
        shown.name = "s" + std::to_string(count);
        shown.scope = scope;
        shown.number.prefix = std::move(prefix);
        shown.other_domain = other;
        add(domain, shown);
    }
    Route ask(DomainId domain, std::string_view dialled) {
        const auto* account = catalog.find_account_by_login(domain, "1001");
        Question question{domain, account->id, dialled, {}};
        question.plans = &plans;
        Route brief = route(catalog, question);
        question.detail = Detail::Explained;
        const Route full = route(catalog, question);
        EXPECT_EQ(brief.refusal, full.refusal);
        EXPECT_EQ(brief.shown, full.shown);
        return full;
    }

    DialPlans plans;
    uint64_t count = 0;
};

TEST_F(InterdomainTest, EachOfTheThreeConsentsIsNeeded) {
    struct Case {
        bool exit, shown, entry;
    };
    for (int bits = 0; bits < 8; ++bits) {
        const Case c{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0};
        feed.reset();
        add_domain(kTop, "top", {});
        add_domain(kNorth, "north", kTop);
        add_domain(kSouth, "south", kTop);
        add_account(kNorth, "1001");
        add_account(kSouth, "1001");
        if (c.exit) add_rule(kNorth, DialDirection::Inner, DialAction::Domain, kSouth);
        if (c.shown) add_shown(kSouth, RepresentationScope::Cross, "8");
        if (c.entry) add_rule(kSouth, DialDirection::Cross, DialAction::Internal);
        const Route found = ask(kNorth, "1001");
        if (!c.exit) {
            ASSERT_FALSE(found.stages.empty());
            EXPECT_EQ(found.stages[0].targets[0].domain, kNorth);
            EXPECT_FALSE(found.shown);
        } else if (c.shown && c.entry) {
            ASSERT_FALSE(found.stages.empty());
            EXPECT_EQ(found.stages[0].targets[0].domain, kSouth);
            EXPECT_EQ(found.shown->number, "81001");
        } else {
            EXPECT_EQ(found.refusal, 403);
            EXPECT_TRUE(found.stages.empty());
        }
    }
}

TEST_F(InterdomainTest, RepresentationsAreAskedInTheirOrder) {
    add_rule(kNorth, DialDirection::Inner, DialAction::Domain, kSouth);
    add_rule(kSouth, DialDirection::Cross, DialAction::Internal);
    EXPECT_EQ(ask(kNorth, "1001").refusal, 403);
    const std::tuple<DomainId, RepresentationScope, const char*> places[] = {
        {kTop, RepresentationScope::Global, "4"},
        {kNorth, RepresentationScope::Inner, "3"},
        {kSouth, RepresentationScope::Cross, "1"}};
    for (const auto& [domain, scope, prefix] : places) {
        add_shown(domain, scope, prefix);
        EXPECT_EQ(ask(kNorth, "1001").shown->number, std::string(prefix) + "1001");
    }
    add_shown(kEast, RepresentationScope::Cross, "9");
    add_shown(kSouth, RepresentationScope::Inner, "9");
    EXPECT_EQ(ask(kNorth, "1001").shown->number, "11001") << "of domains that have no part in it";
}

TEST_F(InterdomainTest, WhoPassesACallOnSaysHowItIsShown) {
    add_rule(kNorth, DialDirection::Inner, DialAction::Domain, kEast);
    add_rule(kEast, DialDirection::Cross, DialAction::Domain, kSouth);
    add_rule(kSouth, DialDirection::Cross, DialAction::Internal);
    add_shown(kNorth, RepresentationScope::Inner, "3");
    add_shown(kEast, RepresentationScope::Inner, "2", kSouth);
    const Route found = ask(kNorth, "1001");
    ASSERT_FALSE(found.stages.empty());
    EXPECT_EQ(found.stages[0].targets[0].domain, kSouth);
    EXPECT_EQ(found.shown->number, "21001")
        << "of the true number, not of what was shown in between";
}

// An account of the domain that it came to sends it on.
TEST_F(InterdomainTest, WhoeverSendsACallOnIsNotShownAsItsCaller) {
    add_rule(kNorth, DialDirection::Inner, DialAction::Domain, kSouth);
    add_rule(kSouth, DialDirection::Cross, DialAction::Internal);
    add_rule(kSouth, DialDirection::Inner, DialAction::Domain, kEast);
    add_rule(kEast, DialDirection::Cross, DialAction::Internal);
    add_shown(kSouth, RepresentationScope::Cross, "8");
    model::AccountService set;
    set.id = catalog.find_account_by_login(kSouth, "1001")->id;
    set.domain = kSouth;
    set.forward_always = "5551001";
    load(store::keys::in_domain(kSouth, store::DomainKind<model::AccountService>::segment,
                                set.id.bits),
         set);
    const Route closed = ask(kNorth, "1001");
    EXPECT_EQ(closed.refusal, 403) << "nothing says how north's caller is shown in east";
    const std::tuple<DomainId, RepresentationScope, const char*> places[] = {
        {kTop, RepresentationScope::Global, "4"},
        {kNorth, RepresentationScope::Inner, "3"},
        {kSouth, RepresentationScope::Inner, "2"},
        {kEast, RepresentationScope::Cross, "1"}};
    for (const auto& [domain, scope, prefix] : places) {
        add_shown(domain, scope, prefix);
        const Route found = ask(kNorth, "1001");
        ASSERT_FALSE(found.stages.empty());
        EXPECT_EQ(found.stages[0].targets[0].domain, kEast);
        ASSERT_TRUE(found.stages[0].shown);
        EXPECT_EQ(found.stages[0].shown->number, std::string(prefix) + "1001");
        ASSERT_EQ(found.stages[0].path.size(), 1u);
        EXPECT_EQ(found.stages[0].path[0].domain, kSouth);
    }
}

TEST_F(InterdomainTest, SentBackACallerIsHimself) {
    add_account(kNorth, "1002");
    add_rule(kNorth, DialDirection::Inner, DialAction::Domain, kSouth);
    add_rule(kNorth, DialDirection::Cross, DialAction::Internal);
    add_rule(kSouth, DialDirection::Cross, DialAction::Internal);
    add_rule(kSouth, DialDirection::Inner, DialAction::Domain, kNorth);
    add_shown(kSouth, RepresentationScope::Cross, "8");
    model::AccountService set;
    set.id = catalog.find_account_by_login(kSouth, "1001")->id;
    set.domain = kSouth;
    set.forward_always = "1002";
    load(store::keys::in_domain(kSouth, store::DomainKind<model::AccountService>::segment,
                                set.id.bits),
         set);
    const Route found = ask(kNorth, "1001");
    ASSERT_FALSE(found.stages.empty());
    EXPECT_EQ(found.stages[0].targets[0].number, "1002");
    EXPECT_EQ(found.stages[0].shown->number, "1001");
}

TEST_F(InterdomainTest, WhatNoDomainHasGoesOverTheCallersTrunk) {
    add_rule(kNorth, DialDirection::Inner, DialAction::Router);
    EXPECT_EQ(ask(kNorth, "004940555").refusal, 404);
    model::Trunk trunk;
    trunk.name = "line";
    trunk.proxies = {"192.0.2.7"};
    add(kNorth, trunk);
    TrunkId id;
    catalog.visit<model::Trunk>(kNorth, [&](const model::Trunk& each) {
        id = each.id;
        return true;
    });
    model::Domain north = *catalog.find_domain(kNorth);
    north.settings.default_trunk = id;
    load(store::keys::domain(kNorth), north);
    const Route out = ask(kNorth, "004940555");
    ASSERT_FALSE(out.stages.empty());
    EXPECT_EQ(out.stages[0].targets[0].trunk, id);
    EXPECT_EQ(ask(kNorth, "00493025").refusal, 403) << "a number of south's is never tried outside";
}

TEST_F(InterdomainTest, LoopsEnd) {
    add_rule(kNorth, DialDirection::Inner, DialAction::Domain, kSouth);
    add_rule(kSouth, DialDirection::Cross, DialAction::Domain, kEast);
    add_rule(kEast, DialDirection::Cross, DialAction::Domain, kSouth);
    add_shown(kTop, RepresentationScope::Global, "");
    EXPECT_EQ(ask(kNorth, "1001").refusal, 482);
}

TEST_F(InterdomainTest, TheRouterKnowsTheNarrowestRange) {
    struct Case {
        const char* number;
        DomainId owner;
    };
    add_range(kEast, "+493020");  // as a damaged store might have it: inside of a neighbour's
    const RangeIndex index(catalog);
    const Case cases[] = {
        {"+49301", kNorth},  {"+493019999", kNorth}, {"+49302", kSouth}, {"+493020", kEast},
        {"+4930201", kEast}, {"+493021", kSouth},    {"+493", {}},       {"+4930", kTop},
        {"+49309", kTop},    {"+4931", {}},          {"", {}},           {"49301", {}}};
    for (const Case& c : cases)
        EXPECT_EQ(index.owner_of(c.number).value_or(DomainId{}), c.owner) << c.number;
}

TEST_F(InterdomainTest, ByTheRouterACallerIsShownByHisNumberOrTheMainOne) {
    add_rule(kNorth, DialDirection::Inner, DialAction::Router);
    add_rule(kSouth, DialDirection::Cross, DialAction::Internal);
    EXPECT_EQ(ask(kNorth, "0302011001").refusal, 403) << "nothing to be shown by";
    auto* north = catalog.find_domain(kNorth);
    model::Domain changed = *north;
    changed.settings.numbering.main_number = "+49301000";
    load(store::keys::domain(kNorth), changed);
    EXPECT_EQ(ask(kNorth, "0302011001").shown->number, "+49301000");
    changed.settings.numbering.short_length = 4;
    changed.settings.numbering.short_prefix = "+493015";
    load(store::keys::domain(kNorth), changed);
    EXPECT_EQ(ask(kNorth, "0302011001").shown->number, "+4930151001");
    EXPECT_EQ(ask(kNorth, "+49404711").refusal, 404);
    const Route own = ask(kNorth, "+493011001");
    EXPECT_EQ(own.refusal, 404) << "its own number, which no account has";
    EXPECT_EQ(own.steps.back().step, "refuse");
}

TEST(Representation, MustMakeSense) {
    Representation representation;
    EXPECT_TRUE(check_representation(representation).has_value());
    representation.caller = "1[";
    EXPECT_EQ(check_representation(representation).error().field, "caller");
    representation.caller.clear();
    representation.scope = RepresentationScope::Global;
    representation.other_domain = kNorth;
    EXPECT_EQ(check_representation(representation).error().field, "other_domain");
}

}  // namespace
}  // namespace tandem::routing
