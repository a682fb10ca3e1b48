#include "routing/route.h"

#include <gtest/gtest.h>

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

    store::CatalogFeed feed;
    store::Catalog catalog;
    uint64_t accounts = 0;
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
