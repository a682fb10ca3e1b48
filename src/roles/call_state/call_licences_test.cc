#include "roles/call_state/call_licences.h"

#include <gtest/gtest.h>

#include "roles/call_state/limits.h"
#include "store/keys.h"
#include "store/licences.h"

namespace tandem::roles::call_state {
namespace {

using ports::Instance;
using ports::LeaseOf;

struct LicencesTest : testing::Test {
    LicencesTest() {
        domain(1, 0);
        domain(2, 1);
        calls_max(1, 10, 5);
        directory.replace({{Instance{1}, ports::RoleKind::B2bua, 1},
                           {Instance{2}, ports::RoleKind::B2bua, 1},
                           {Instance{9}, ports::RoleKind::CallState, 1}});
    }
    static DomainId id(uint64_t n) { return DomainId{{1, n}}; }
    void domain(uint64_t n, uint64_t parent) {
        model::Domain value;
        value.id = id(n);
        value.name = "d" + std::to_string(n) + ".test";
        if (parent != 0) value.parent = id(parent);
        load(store::keys::domain(value.id), model::encode_stored(value, {}));
    }
    void calls_max(uint64_t n, int calls, int rate) {
        model::Licence licence;
        licence.domain = id(n);
        licence.concurrent_calls_max = calls;
        licence.calls_per_second_max = rate;
        load(store::keys::licence(id(n)), model::encode_stored(licence, {}));
    }
    void load(std::string key, std::string value) {
        feed.load({std::move(key), std::move(value), {1, 1}, {1, 1}, 0});
        feed.set_revision({1, ++revision});
        catalog = feed.snapshot();
    }
    static LeaseOf calls(uint64_t n) {
        return {id(n), static_cast<uint8_t>(store::Quantity::Calls)};
    }
    static LeaseOf rate(uint64_t n) {
        return {id(n), static_cast<uint8_t>(store::Quantity::CallRate)};
    }
    std::vector<ports::Letter> ask(uint16_t b2b, LeaseOf of) {
        ports::Outbox out;
        licences.on_ask(now, {Instance{b2b}, Instance{9}, ++asked, ports::LeaseAsk{of}}, out);
        return out.take();
    }
    // What was given at once; -1: it waits.
    int given(uint16_t b2b, LeaseOf of) { return given_in(ask(b2b, of)); }
    static int given_in(const std::vector<ports::Letter>& letters) {
        for (const auto& each : letters) {
            if (const auto* given = get_if<ports::LeaseGiven>(&each.payload))
                return static_cast<int>(given->given);
        }
        return -1;
    }
    std::vector<ports::Letter> give_back(uint16_t b2b, LeaseOf of, uint32_t count, bool recalled) {
        ports::Outbox out;
        licences.on_returned(
            now, {Instance{b2b}, Instance{9}, 0, ports::LeaseReturned{of, count, recalled}}, out);
        return out.take();
    }
    std::vector<ports::Letter> wait(Duration time) {
        now = now + time;
        ports::Outbox out;
        licences.on_timeout(now, out);
        return out.take();
    }

    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{5};
    ports::Surroundings around{Instance{9}, directory, catalog, tokens, rng};
    CallLicences licences{around};
    Instant now{1000s};
    uint64_t asked = 0;
    int64_t revision = 1;
};

TEST_F(LicencesTest, SmallNumbersAreExact) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(given(i % 2 == 0 ? 1 : 2, calls(1)), 1);
    const auto letters = ask(1, calls(1));  // the other may have some that it does not use
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_TRUE(holds_alternative<ports::LeaseRecalled>(letters[0].payload));
    EXPECT_EQ(letters[0].to, Instance{2});
    EXPECT_EQ(given_in(give_back(2, calls(1), 0, true)), 0);
    EXPECT_EQ(licences.refused(), 1u);
    EXPECT_EQ(given_in(give_back(2, calls(1), 1, false)), -1);
    EXPECT_EQ(given(1, calls(1)), 1);
    EXPECT_EQ(licences.held(calls(1)), 10);
}

TEST_F(LicencesTest, WhatIsRecalledServesWhoWaits) {
    for (int i = 0; i < 10; ++i) ASSERT_EQ(given(2, calls(1)), 1);
    EXPECT_EQ(given(1, calls(1)), -1);
    EXPECT_EQ(given_in(give_back(2, calls(1), 3, true)), 1);
    EXPECT_EQ(licences.held(calls(1)), 8);
}

TEST_F(LicencesTest, OneThatIsSilentKeepsWhatItHas) {
    for (int i = 0; i < 10; ++i) ASSERT_EQ(given(2, calls(1)), 1);
    EXPECT_EQ(given(1, calls(1)), -1);
    EXPECT_EQ(given_in(wait(kLeaseWait)), 0);
    EXPECT_EQ(licences.held(calls(1)), 10);
}

TEST_F(LicencesTest, WhatWasHandedOnIsNotTheDomainsOwn) {
    calls_max(2, 4, 1);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(given(1, calls(1)), 1) << i;
    EXPECT_EQ(given(1, calls(1)), 0);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(given(1, calls(2)), 1) << i;
    EXPECT_EQ(given(1, calls(2)), 0);
}

TEST_F(LicencesTest, LargeOnesGoInBlocks) {
    calls_max(1, 1600, 800);
    const int block = given(1, calls(1));
    EXPECT_GT(block, 10);
    EXPECT_LE(block, 100);
}

TEST_F(LicencesTest, ARateIsOfEachSecond) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(given(i % 2 == 0 ? 1 : 2, rate(1)), 1);
    EXPECT_EQ(given(1, rate(1)), 0);
    wait(1s);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(given(1, rate(1)), 1);
    EXPECT_EQ(given(2, rate(1)), 0);
}

TEST_F(LicencesTest, AfterASwitchNothingIsGivenBeforeAllHaveReported) {
    licences.begin(now, {1, 2});
    EXPECT_EQ(given(1, calls(1)), -1);
    ports::Outbox out;
    licences.on_report(now, {Instance{1}, {{calls(1), 4}}}, out);
    EXPECT_TRUE(out.empty());
    licences.on_report(now, {Instance{2}, {{calls(1), 5}}}, out);
    EXPECT_EQ(given_in(out.take()), 1);
    EXPECT_EQ(licences.held(calls(1)), 10);
    // A B2B that is gone frees what it had, once others have had the time to report its calls.
    licences.remove_owner(now, 2, out);
    EXPECT_EQ(licences.held(calls(1)), 5);
    licences.on_report(now, {Instance{1}, {{calls(1), 9}}}, out);
    EXPECT_EQ(given(1, calls(1)), 1);
    EXPECT_EQ(given(1, calls(1)), 0);
}

TEST_F(LicencesTest, AfterASwitchASilentB2bIsNotWaitedForForEver) {
    licences.begin(now, {1, 2});
    EXPECT_EQ(given(1, calls(1)), -1);
    now = now + kLeasesSettle;
    ports::Outbox out;
    licences.on_timeout(now, out);
    EXPECT_EQ(given_in(out.take()), 1);
}

}  // namespace
}  // namespace tandem::roles::call_state
