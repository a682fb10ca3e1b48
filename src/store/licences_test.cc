#include "store/licences.h"

#include <gtest/gtest.h>

#include "store/catalog_tree.h"
#include "store/keys.h"

namespace tandem::store {
namespace {

// Domains are named by their numbers.
struct Tree : testing::Test {
    static DomainId id(uint64_t n) { return DomainId{{1, n}}; }
    template <typename T>
    void load(std::string key, const T& value) {
        feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    void domain(uint64_t n, uint64_t parent, bool blocked = false) {
        model::Domain value;
        value.id = id(n);
        value.name = "d" + std::to_string(n) + ".test";
        if (parent != 0) value.parent = id(parent);
        value.settings.blocked = blocked;
        load(keys::domain(value.id), value);
    }
    void accounts_max(uint64_t n, std::optional<int> amount) {
        model::Licence licence;
        licence.domain = id(n);
        licence.accounts_max = amount;
        load(keys::licence(id(n)), licence);
    }
    void accounts(uint64_t n, int count) {
        for (int i = 0; i < count; ++i) {
            model::Account account;
            account.id = AccountId{{n, static_cast<uint64_t>(i + 1)}};
            account.domain = id(n);
            account.login = std::to_string(i);
            load(keys::account(account.domain, account.id), account);
        }
    }
    ZoneUse use(uint64_t n) { return zone_use(feed.snapshot(), id(n), Quantity::Accounts); }
    std::optional<Holder> holder(uint64_t n) {
        return holder_of(feed.snapshot(), id(n), Quantity::Accounts);
    }
    CatalogFeed feed;
};

TEST_F(Tree, ADomainWithoutAFigureDrawsOnTheNearestAboveThatHasOne) {
    domain(1, 0);
    domain(2, 1);
    domain(3, 2);
    domain(4, 1);
    domain(9, 0);
    EXPECT_FALSE(holder(3));
    accounts_max(1, 100);
    accounts_max(4, 30);
    EXPECT_EQ(holder(3)->domain, id(1));
    EXPECT_EQ(holder(4)->domain, id(4));
    EXPECT_FALSE(holder(9));
    accounts(1, 2);
    accounts(2, 3);
    accounts(3, 5);
    accounts(4, 7);
    accounts(9, 11);
    EXPECT_EQ(use(1).used, 10);
    EXPECT_EQ(use(1).handed, 30);
    EXPECT_EQ(use(4).used, 7);
    accounts_max(3, 20);  // by a domain that has no figure itself
    EXPECT_EQ(use(1).used, 5);
    EXPECT_EQ(use(1).handed, 50);
    EXPECT_EQ(zone_members(feed.snapshot(), id(1), Quantity::Accounts),
              (std::vector<DomainId>{id(1), id(2)}));
}

TEST_F(Tree, DomainsBelowCountAndTakeWhatTheyMayHaveThemselves) {
    domain(1, 0);
    domain(2, 1);
    domain(3, 2);
    model::Licence licence;
    licence.domain = id(2);
    licence.child_domains_max = 4;
    load(keys::licence(id(2)), licence);
    const auto sum = zone_use(feed.snapshot(), id(1), Quantity::ChildDomains);
    EXPECT_EQ(sum.used, 1);  // domain 2; domain 3 is of its own four
    EXPECT_EQ(sum.handed, 4);
    EXPECT_EQ(zone_use(feed.snapshot(), id(2), Quantity::ChildDomains).used, 1);
}

TEST_F(Tree, BlockedIsWhatIsBelowTheBlocked) {
    domain(1, 0);
    domain(2, 1, true);
    domain(3, 2);
    domain(4, 1);
    const Catalog catalog = feed.snapshot();
    EXPECT_FALSE(is_blocked(catalog, id(1), UtcTime{5}));
    EXPECT_TRUE(is_blocked(catalog, id(2), UtcTime{5}));
    EXPECT_TRUE(is_blocked(catalog, id(3), UtcTime{5}));
    EXPECT_FALSE(is_blocked(catalog, id(4), UtcTime{5}));
    EXPECT_TRUE(is_below(catalog, id(3), id(1)));
    EXPECT_FALSE(is_below(catalog, id(1), id(1)));
    EXPECT_FALSE(is_below(catalog, id(1), id(3)));
    model::Licence licence;
    licence.domain = id(1);
    licence.valid_until = UtcTime{10};
    load(keys::licence(id(1)), licence);
    EXPECT_FALSE(is_blocked(feed.snapshot(), id(4), UtcTime{10}));
    EXPECT_TRUE(is_blocked(feed.snapshot(), id(4), UtcTime{11}));
}

}  // namespace
}  // namespace tandem::store
