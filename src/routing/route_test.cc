#include "routing/route.h"

#include <gtest/gtest.h>

#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::routing {
namespace {

const DomainId kDomain{{1, 1}};
const DomainId kOther{{1, 2}};

struct RoutingTest : testing::Test {
    RoutingTest() {
        add_domain(kDomain, "acme.test");
        add_domain(kOther, "other.test");
        add(kDomain, "alice", "1001", true);
        add(kDomain, "bob", "", true);
        add(kDomain, "gone", "1009", false);
        add(kOther, "carol", "2001", true);
        catalog = feed.snapshot();
    }
    void load(std::string key, std::string value) {
        store::KeyValue item;
        item.key = std::move(key);
        item.value = std::move(value);
        item.mod_revision = {1, 1};
        feed.load(item);
    }
    void add_domain(DomainId id, std::string name) {
        model::Domain domain;
        domain.id = id;
        domain.name = std::move(name);
        load(store::keys::domain(id), model::encode_stored(domain, {}));
    }
    void add(DomainId domain, std::string login, std::string number, bool enabled) {
        model::Account account;
        account.id = AccountId{{domain.bits.low, ++accounts}};
        account.domain = domain;
        account.login = std::move(login);
        account.number = std::move(number);
        account.enabled = enabled;
        load(store::keys::account(domain, account.id), model::encode_stored(account, {}));
    }

    // Rules come one after the other, so that the catalog is another one each time.
    void add(model::DialRule rule) {
        rule.id = DialRuleId{{7, ++rules}};
        rule.domain = kDomain;
        load(store::keys::in_domain(kDomain, store::DomainKind<model::DialRule>::segment,
                                    rule.id.bits),
             model::encode_stored(rule, {}));
        catalog = feed.snapshot();
    }
    static model::DialRule rule(std::string name, int order, std::string dialled) {
        model::DialRule rule;
        rule.name = std::move(name);
        rule.order = order;
        rule.dialled = std::move(dialled);
        return rule;
    }
    // The same answer in both ways of finding it.
    Route ask(Question question) {
        question.plans = &plans;
        Route brief = route(catalog, question);
        question.detail = Detail::Explained;
        Route full = route(catalog, question);
        EXPECT_EQ(brief.refusal, full.refusal);
        EXPECT_EQ(brief.refusal_reason, full.refusal_reason);
        EXPECT_EQ(brief.shown, full.shown);
        EXPECT_EQ(brief.stages.size(), full.stages.size());
        EXPECT_EQ(brief.steps.back().reason, full.steps.back().reason);
        return full;
    }
    AccountId id_of(const char* login) { return catalog.find_account_by_login(kDomain, login)->id; }

    store::CatalogFeed feed;
    store::Catalog catalog;
    DialPlans plans;
    uint64_t accounts = 0;
    uint64_t rules = 0;
};

TEST_F(RoutingTest, FindsAccountsOfTheDomainAndSaysWhy) {
    struct Case {
        const char* dialled;
        int refusal;
        const char* number;
    };
    const Case cases[] = {{"1001", 0, "1001"}, {"10-01", 0, "1001"}, {"alice", 0, "1001"},
                          {"bob", 0, "bob"},   {"1009", 480, ""},    {"2001", 404, ""},
                          {"carol", 404, ""},  {"", 484, ""}};
    for (const Case& c : cases) {
        const Route found = route(catalog, {kDomain, {}, c.dialled, {}});
        EXPECT_EQ(found.refusal, c.refusal) << c.dialled;
        EXPECT_EQ(found.stages.empty(), c.refusal != 0) << c.dialled;
        if (!found.stages.empty()) {
            EXPECT_EQ(found.stages[0].targets[0].number, c.number);
        }
        ASSERT_FALSE(found.steps.empty()) << c.dialled;
        EXPECT_TRUE(found.steps.back().reason.ends_with('.'));
    }
}

TEST_F(RoutingTest, UrisLeadToAccountsOfTheirDomainOnly) {
    struct Case {
        const char* uri;
        bool found;
    };
    const Case cases[] = {{"sip:1001@acme.test", true},
                          {"sip:alice@ACME.test;user=phone", true},
                          {"tel:1001", true},
                          {"sip:2001@other.test", false},
                          {"sip:1001@evil.test", false},
                          {"sip:1009@acme.test", false},
                          {"mailto:1001@acme.test", false},
                          {"nonsense", false}};
    for (const Case& c : cases) {
        EXPECT_EQ(account_of_uri(catalog, kDomain, c.uri).has_value(), c.found) << c.uri;
    }
}

TEST_F(RoutingTest, TheFirstRuleThatTakesACallDecides) {
    model::DialRule closed = rule("closed", 10, "1001");
    closed.action = model::DialAction::Reject;
    closed.reject_status = 603;
    closed.reject_reason = "Not now";
    closed.caller = "XXXX*";
    add(closed);
    model::DialRule exit = rule("exit", 20, "0ZXXX");
    exit.called_number.strip = 1;
    add(exit);
    model::DialRule never = rule("abc", 20, "0*");
    never.enabled = false;
    never.action = model::DialAction::Reject;
    add(never);
    struct Case {
        const char* caller;
        const char* dialled;
        int refusal;
        const char* number;
    };
    const Case cases[] = {{"alice", "1001", 603, ""},    {"bob", "1001", 0, "1001"},
                          {"bob", "01001", 0, "1001"},   {"bob", "0-10 01", 0, "1001"},
                          {"bob", "02001", 404, ""},     {"bob", "011", 404, ""},
                          {"alice", "alice", 0, "1001"}, {"alice", "01009", 480, ""}};
    for (const Case& c : cases) {
        const Route found = ask({kDomain, id_of(c.caller), c.dialled, {}});
        EXPECT_EQ(found.refusal, c.refusal) << c.caller << " " << c.dialled;
        if (c.refusal != 0) continue;
        ASSERT_FALSE(found.stages.empty()) << c.dialled;
        EXPECT_EQ(found.stages[0].targets[0].number, c.number);
    }
    EXPECT_EQ(ask({kDomain, id_of("alice"), "1001", {}}).refusal_reason, "Not now");
    EXPECT_EQ(plans.compiled(), 1u) << "the catalog has been the same all the time";
}

TEST_F(RoutingTest, AnExplanationNamesEachRuleAndWhy) {
    model::DialRule outer = rule("outer", 1, "");
    outer.directions = {model::DialDirection::Outer};
    add(outer);
    model::DialRule off = rule("off", 2, "");
    off.enabled = false;
    add(off);
    add(rule("zero", 3, "0*"));
    model::DialRule boss = rule("boss", 4, "");
    boss.caller = "1001";
    boss.caller_number.prefix = "9";
    boss.caller_name.prefix = "CEO ";
    add(boss);
    const Route found = ask({kDomain, id_of("alice"), "bob", {}});
    const std::pair<const char*, const char*> expected[] = {
        {"passed-over",
         "Not the rule 'outer' (order 1): it is not for calls of the direction 'inner'."},
        {"passed-over", "Not the rule 'off' (order 2): it is disabled."},
        {"passed-over", "Not the rule 'zero' (order 3): bob does not fit its mask '0*'."},
        {"rule",
         "The rule 'boss' (order 4) takes the call: it takes whatever is dialled, the caller 1001 "
         "fits '1001'."},
        {"change", "The caller 1001 () is shown as 91001 (CEO )."},
        {"account", "The account bob of the domain has this login."}};
    ASSERT_EQ(found.steps.size(), std::size(expected));
    for (size_t i = 0; i < std::size(expected); ++i) {
        EXPECT_EQ(found.steps[i].step, expected[i].first);
        EXPECT_EQ(found.steps[i].reason, expected[i].second);
    }
    const Route none = ask({kDomain, id_of("bob"), "1001", {}});
    EXPECT_EQ(none.steps[none.steps.size() - 2].step, "plan");
    EXPECT_FALSE(none.shown);
}

TEST_F(RoutingTest, WhoComesFromOutsideMeetsRulesForIt) {
    model::DialRule dialled_in = rule("in", 1, "4930*");
    dialled_in.directions = {model::DialDirection::Outer};
    dialled_in.called_number.keep_last = 4;
    dialled_in.caller = "[^+]*";
    dialled_in.caller_number.prefix = "00";
    add(dialled_in);
    Question question{kDomain, {}, "49301001", {}};
    question.direction = model::DialDirection::Outer;
    question.caller_number = "4940123";
    question.caller_name = "Ann";
    const Route found = ask(question);
    ASSERT_EQ(found.refusal, 0);
    EXPECT_EQ(found.stages[0].targets[0].number, "1001");
    EXPECT_EQ(found.shown, (Shown{"004940123", "Ann"}));
    question.caller_number = "+4940123";
    EXPECT_EQ(ask(question).refusal, 404);
}

TEST_F(RoutingTest, PlansFollowTheCatalog) {
    add(rule("one", 1, "0*"));
    (void)ask({kDomain, id_of("bob"), "1001", {}});
    model::DialRule closed = rule("two", 2, "1001");
    closed.action = model::DialAction::Reject;
    add(closed);
    EXPECT_EQ(ask({kDomain, id_of("bob"), "1001", {}}).refusal, 403);
    EXPECT_EQ(plans.compiled(), 2u);
    EXPECT_EQ(plans.of(catalog, kOther), nullptr) << "no rules, no plan";
    feed.reset();
    add_domain(kDomain, "acme.test");
    catalog = feed.snapshot();
    EXPECT_EQ(plans.of(catalog, kDomain), nullptr);
}

TEST(Routing, SeparatorsAreForTheEye) {
    struct Case {
        const char* dialled;
        const char* number;
    };
    const Case cases[] = {{"+49 (30) 12-34", "+49301234"},
                          {"*72#", "*72#"},
                          {"al.ice", "al.ice"},
                          {"12+3", "12+3"},
                          {"", ""},
                          {"--", "--"}};
    for (const Case& c : cases) EXPECT_EQ(normalised(c.dialled), c.number);
}

}  // namespace
}  // namespace tandem::routing
