#include "store/catalog.h"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"
#include "store/keys.h"

// Of the whole program: counted_allocations_test.cc.
extern size_t bytes_allocated;
extern size_t allocations;

namespace tandem::store {
namespace {

struct Site {
    CatalogFeed feed;
    SeededRng rng{1};
    Revision revision{1, 1};
    UtcTime now{1'700'000'000'000};

    template <typename T>
    void put(std::string key, const T& value, uint64_t version = 1) {
        ++revision.number;
        model::EnvelopeHead head;
        head.version = version;
        WatchBatch batch{1, WatchBatch::Kind::Events, revision, {}};
        batch.events.push_back(
            {WatchEvent::Kind::Put,
             KeyValue{std::move(key), model::encode_stored(value, head), revision, revision, 0}});
        feed.on_watch(batch);
    }
    void erase(std::string key) {
        ++revision.number;
        WatchBatch batch{1, WatchBatch::Kind::Events, revision, {}};
        batch.events.push_back({WatchEvent::Kind::Delete, KeyValue{std::move(key), {}, {}, {}, 0}});
        feed.on_watch(batch);
    }
    model::Domain domain(std::string name) {
        model::Domain domain;
        domain.id = DomainId::mint(now, rng);
        domain.name = std::move(name);
        domain.realm = domain.name;
        put(keys::domain(domain.id), domain);
        return domain;
    }
    model::Account account(DomainId domain, std::string login) {
        model::Account account;
        account.id = AccountId::mint(now, rng);
        account.domain = domain;
        account.login = login;
        account.number = login;
        account.display_name = "Alice Doe";
        account.user = UserId::mint(now, rng);
        account.credentials.assign(108, 0x5a);
        put(keys::account(domain, account.id), account);
        return account;
    }
};

TEST(Catalog, FindsDomainsAndAccounts) {
    Site site;
    const auto acme = site.domain("acme.test");
    const auto other = site.domain("other.test");
    const auto alice = site.account(acme.id, "alice");
    site.put(keys::login(acme.id, "alice"), alice);  // indexes are no entities
    const Catalog catalog = site.feed.snapshot();
    ASSERT_EQ(site.feed.unreadable_count(), 0u) << site.feed.last_unreadable().message;
    ASSERT_NE(catalog.find_domain("ACME.test"), nullptr);
    EXPECT_EQ(catalog.find_domain("ACME.test")->id, acme.id);
    EXPECT_EQ(catalog.find_domain(other.id)->name, "other.test");
    EXPECT_EQ(catalog.find_domain("none.test"), nullptr);
    EXPECT_EQ(catalog.find_domain(std::string(500, 'a')), nullptr);
    const AccountRecord* found = catalog.find_account_by_login(acme.id, "alice");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->expand(acme.id), alice);
    EXPECT_EQ(catalog.find_account(acme.id, alice.id), found);
    EXPECT_EQ(catalog.find_account_by_number(acme.id, "alice"), found);
    EXPECT_EQ(catalog.find_account_by_login(other.id, "alice"), nullptr);
    EXPECT_EQ(catalog.find_account_by_login(acme.id, "Alice"), nullptr) << "RFC 3261 19.1.4";
    EXPECT_EQ(catalog.account_count(acme.id), 1u);
    EXPECT_EQ(catalog.revision(), site.revision);
}

TEST(Catalog, SnapshotsStayAsTheyWere) {
    Site site;
    const auto acme = site.domain("acme.test");
    auto alice = site.account(acme.id, "alice");
    const Catalog before = site.feed.snapshot();
    alice.login = "alicia";
    alice.number = "";
    site.put(keys::account(acme.id, alice.id), alice, 2);
    const Catalog renamed = site.feed.snapshot();
    site.erase(keys::account(acme.id, alice.id));
    site.erase(keys::domain(acme.id));
    const Catalog after = site.feed.snapshot();

    EXPECT_NE(before.find_account_by_login(acme.id, "alice"), nullptr);
    EXPECT_EQ(before.find_account_by_login(acme.id, "alicia"), nullptr);
    EXPECT_EQ(renamed.find_account_by_login(acme.id, "alice"), nullptr);
    EXPECT_EQ(renamed.find_account_by_number(acme.id, "alice"), nullptr);
    ASSERT_NE(renamed.find_account_by_login(acme.id, "alicia"), nullptr);
    EXPECT_EQ(renamed.find_account_by_login(acme.id, "alicia")->version, 2u);
    EXPECT_EQ(after.find_domain("acme.test"), nullptr);
    EXPECT_EQ(after.domain_count(), 0u);
    EXPECT_EQ(after.account_count(acme.id), 0u);
}

TEST(Catalog, NamesMayBeExchanged) {
    Site site;
    const auto acme = site.domain("acme.test");
    auto a = site.account(acme.id, "a");
    auto b = site.account(acme.id, "b");
    std::swap(a.login, b.login);
    std::swap(a.number, b.number);
    site.put(keys::account(acme.id, a.id), a);
    site.put(keys::account(acme.id, b.id), b);
    const Catalog catalog = site.feed.snapshot();
    EXPECT_EQ(catalog.find_account_by_login(acme.id, "b")->id, a.id);
    EXPECT_EQ(catalog.find_account_by_login(acme.id, "a")->id, b.id);
    EXPECT_EQ(catalog.find_account_by_number(acme.id, "a")->id, b.id);
}

TEST(Catalog, HoldsInfrastructureAndLogic) {
    Site site;
    EXPECT_EQ(site.feed.snapshot().system().log_level, std::nullopt);
    model::RoleInstance role;
    role.id = RoleInstanceId::mint(site.now, site.rng);
    role.role = model::RoleCode::B2b;
    role.number = 7;
    role.b2bua.emplace().survival = model::Survival::None;
    site.put(keys::role_instance(role.id), role);
    model::SystemSettings system;
    system.log_level = model::LogLevel::Debug;
    site.put(keys::system_settings(), system);
    Catalog catalog = site.feed.snapshot();
    ASSERT_NE(catalog.find_role_instance(7), nullptr);
    EXPECT_EQ(static_cast<const model::RoleInstance&>(*catalog.find_role_instance(7)), role);
    EXPECT_EQ(catalog.find_role_instance(role.id), catalog.find_role_instance(7));
    EXPECT_EQ(catalog.system().log_level, model::LogLevel::Debug);
    site.erase(keys::role_instance(role.id));
    site.erase(keys::system_settings());
    catalog = site.feed.snapshot();
    EXPECT_EQ(catalog.find_role_instance(7), nullptr);
    EXPECT_EQ(catalog.system().log_level, std::nullopt);
}

TEST(Catalog, LeavesOutWhatItCanNotRead) {
    Site site;
    const auto acme = site.domain("acme.test");
    const auto alice = site.account(acme.id, "alice");
    for (const char* value : {"", "{}", "{\"value\":{}}", "{\"value\":{\"login\":5}}", "nonsense"})
        site.feed.load(KeyValue{keys::account(acme.id, alice.id), value, {}, {}, 0});
    site.feed.load(KeyValue{"/i/site/notanid", "{\"value\":{\"name\":\"x\"}}", {}, {}, 0});
    site.feed.load(KeyValue{"/z/unknown/layer", "", {}, {}, 0});
    site.feed.load(KeyValue{"/d/notanid/domain", "", {}, {}, 0});
    EXPECT_EQ(site.feed.unreadable_count(), 6u);
    EXPECT_NE(site.feed.snapshot().find_account_by_login(acme.id, "alice"), nullptr);
}

TEST(Catalog, AnAccountTakesLessThan400BytesAndAWriteTouchesOnePath) {
    constexpr int accounts = 100'000;
    Site site;
    const auto acme = site.domain("acme.test");
    const size_t empty = bytes_allocated;
    for (int i = 0; i < accounts; ++i)
        site.account(acme.id, "user" + std::to_string(i * 7919 % 1000003));
    const size_t per_account = (bytes_allocated - empty) / accounts;
    RecordProperty("bytes_per_account", static_cast<int>(per_account));
    EXPECT_LE(per_account, 400u);
    EXPECT_GE(per_account, 150u) << "the measurement itself is wrong";

    const Catalog held = site.feed.snapshot();
    ASSERT_EQ(held.account_count(acme.id), static_cast<size_t>(accounts));
    const size_t before = bytes_allocated;
    const auto late = site.account(acme.id, "late");
    EXPECT_LE(bytes_allocated - before, 16'000u) << "nodes of one path in four trees";
    EXPECT_EQ(held.find_account(acme.id, late.id), nullptr);

    const Catalog catalog = site.feed.snapshot();
    const size_t allocated = allocations;
    EXPECT_NE(catalog.find_domain("ACME.test"), nullptr);
    EXPECT_NE(catalog.find_account_by_login(acme.id, "late"), nullptr);
    EXPECT_NE(catalog.find_account_by_number(acme.id, "user7919"), nullptr);
    EXPECT_EQ(allocations, allocated) << "look-ups allocate nothing";
}

}  // namespace
}  // namespace tandem::store
