#include "roles/b2bua/call_leases.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

#include "model/generated/trunk.h"
#include "roles/b2bua/limits.h"
#include "roles/call_state/call_licences.h"
#include "store/keys.h"

namespace tandem::sim {
namespace {

namespace call_state = roles::call_state;
using ports::Instance;
using roles::b2bua::CallLeases;
using roles::b2bua::kLeaseAnswerMax;
using Outcome = CallLeases::Outcome;

constexpr Instance kCallState{9};
constexpr DomainId kDomain{{1, 1}};

// Several B2Bs and CS, with letters between them that take their time.
struct LeasesTest : testing::Test {
    struct B2b {
        explicit B2b(ports::Surroundings surroundings)
            : around(std::move(surroundings)), leases(around) {}
        ports::Surroundings around;
        CallLeases leases;
        std::set<uint64_t> waiting;
        std::set<uint64_t> up;
        uint64_t refused = 0;
    };
    LeasesTest() {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "a.test";
        feed.load(
            {store::keys::domain(kDomain), model::encode_stored(domain, {}), {1, 1}, {1, 1}, 0});
        limit(5, std::nullopt);
        b2bs_there({1, 2, 3});
        for (uint16_t number = 1; number <= 3; ++number) {
            b2bs[number] = std::make_unique<B2b>(
                ports::Surroundings{Instance{number}, directory, catalog, tokens, rng});
        }
        licences = std::make_unique<call_state::CallLicences>(around);
    }
    void b2bs_there(const std::vector<uint16_t>& numbers) {
        std::vector<ports::DirectoryEntry> entries = {{kCallState, ports::RoleKind::CallState, 1}};
        for (const uint16_t each : numbers)
            entries.push_back({Instance{each}, ports::RoleKind::B2bua, 1});
        directory.replace(entries);
    }
    void limit(std::optional<int> calls, std::optional<int> rate) {
        model::Licence licence;
        licence.domain = kDomain;
        licence.concurrent_calls_max = calls;
        licence.calls_per_second_max = rate;
        feed.load(
            {store::keys::licence(kDomain), model::encode_stored(licence, {}), {1, 1}, {1, 1}, 0});
        feed.set_revision({1, ++revision});
        catalog = feed.snapshot();
    }
    void post(ports::Outbox& out) {
        for (auto& each : out.take()) under_way.push_back(std::move(each));
    }
    // One letter arrives.
    void deliver() {
        ports::Letter letter = std::move(under_way.front());
        under_way.pop_front();
        ports::Outbox out;
        if (letter.to == kCallState) {
            if (holds_alternative<ports::LeaseAsk>(letter.payload))
                licences->on_ask(now.mono, std::move(letter), out);
            else if (holds_alternative<ports::LeaseReturned>(letter.payload))
                licences->on_returned(now.mono, letter, out);
            else if (const auto* report = get_if<ports::LeaseReport>(&letter.payload))
                licences->on_report(now.mono, *report, out);
        } else if (const auto found = b2bs.find(letter.to.number); found != b2bs.end()) {
            EXPECT_TRUE(found->second->leases.on_letter(now, letter, out));
            settle(*found->second, out);
        }
        post(out);
    }
    void settle(B2b& b2b, ports::Outbox& out) {
        for (const auto& each : b2b.leases.take_settled()) {
            if (b2b.waiting.erase(each.call) == 0) {
                b2b.leases.release(each.call, out);
            } else if (each.verdict.outcome == Outcome::Taken) {
                b2b.up.insert(each.call);
            } else {
                ++b2b.refused;
            }
        }
    }
    void begin(uint16_t number) {
        B2b& b2b = *b2bs.at(number);
        ports::Outbox out;
        const uint64_t call = ++calls;
        switch (b2b.leases.take(now, call, kDomain, out).outcome) {
            case Outcome::Taken:
                b2b.up.insert(call);
                break;
            case Outcome::Waits:
                b2b.waiting.insert(call);
                break;
            case Outcome::Full:
                ++b2b.refused;
                break;
        }
        settle(b2b, out);
        post(out);
    }
    void end(uint16_t number) {
        B2b& b2b = *b2bs.at(number);
        if (b2b.up.empty()) return;
        ports::Outbox out;
        b2b.leases.release(*b2b.up.begin(), out);
        b2b.up.erase(b2b.up.begin());
        post(out);
    }
    void deliver_all() {
        while (!under_way.empty()) deliver();
    }
    void wait(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        licences->on_timeout(now.mono, out);
        for (auto& [number, b2b] : b2bs) {
            b2b->leases.on_timeout(now, out);
            settle(*b2b, out);
        }
        post(out);
    }
    size_t up() const {
        size_t sum = 0;
        for (const auto& [number, b2b] : b2bs) sum += b2b->up.size();
        return sum;
    }
    uint64_t refused() const {
        uint64_t sum = 0;
        for (const auto& [number, b2b] : b2bs) sum += b2b->refused;
        return sum;
    }

    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{5};
    ports::Surroundings around{kCallState, directory, catalog, tokens, rng};
    std::map<uint16_t, std::unique_ptr<B2b>> b2bs;
    std::unique_ptr<call_state::CallLicences> licences;
    std::deque<ports::Letter> under_way;
    Now now{{1000s}, {1'790'000'000'000}};
    uint64_t calls = 0;
    int64_t revision = 1;
};

TEST_F(LeasesTest, ADomainWithoutAFigureCostsNoLetter) {
    limit(std::nullopt, std::nullopt);
    for (int i = 0; i < 100; ++i) begin(1);
    EXPECT_EQ(up(), 100u);
    EXPECT_TRUE(under_way.empty());
}

TEST_F(LeasesTest, ExactlySoManyAtOnceWhoeverCarriesThem) {
    for (int i = 0; i < 12; ++i) begin(static_cast<uint16_t>(1 + i % 3));
    deliver_all();
    EXPECT_EQ(up(), 5u);
    EXPECT_EQ(refused(), 7u);
    end(1);
    deliver_all();
    begin(3);
    deliver_all();
    EXPECT_EQ(up(), 5u);
    EXPECT_EQ(refused(), 7u);
}

TEST_F(LeasesTest, ARateIsExactOverSeveral) {
    limit(std::nullopt, 6);
    for (int second = 0; second < 3; ++second) {
        for (int i = 0; i < 20; ++i) begin(static_cast<uint16_t>(1 + i % 3));
        deliver_all();
        EXPECT_EQ(up(), static_cast<size_t>(6 * (second + 1)));
        wait(1s);
        deliver_all();
    }
}

TEST_F(LeasesTest, ACancelledCallGivesBackWhatItWouldHaveHad) {
    begin(1);
    ports::Outbox out;
    b2bs.at(1)->waiting.clear();
    b2bs.at(1)->leases.release(calls, out);
    post(out);
    deliver_all();
    wait(1s);
    for (int i = 0; i < 6; ++i) begin(2);
    deliver_all();
    wait(1s);
    deliver_all();
    EXPECT_EQ(up(), 5u);
}

TEST_F(LeasesTest, WithoutCallStateCallsGoOnAndAreCounted) {
    std::vector<ports::DirectoryEntry> entries = {{Instance{1}, ports::RoleKind::B2bua, 1}};
    directory.replace(entries);
    for (int i = 0; i < 7; ++i) begin(1);
    wait(kLeaseAnswerMax);
    EXPECT_EQ(up(), 7u);
    EXPECT_GE(b2bs.at(1)->leases.unchecked(), 1u);
}

// Calls come and go at random, letters are slow, CS switches and a B2B dies: never too many, and
// none refused for ever while there is room.
TEST_F(LeasesTest, ChaosNeverExceedsAndNeverLeaks) {
    for (const int most : {1, 5, 40, 400}) {
        limit(most, std::nullopt);
        for (int step = 0; step < 4000; ++step) {
            const auto number = static_cast<uint16_t>(1 + rng.below(3));
            const uint64_t what = rng.below(10);
            if (what < 4) begin(number);
            if (what >= 4 && what < 6) end(number);
            if (what >= 6 && !under_way.empty()) deliver();
            if (what == 9) wait(std::chrono::milliseconds(rng.below(20)));
            ASSERT_LE(up(), static_cast<size_t>(most)) << step;
            if (rng.below(500) == 0) {  // CS switches: what was under way to it is lost
                std::erase_if(under_way, [](const auto& each) { return each.to == kCallState; });
                licences = std::make_unique<call_state::CallLicences>(around);
                licences->begin(now.mono, {1, 2, 3});
                ports::Outbox out;
                for (auto& [each, b2b] : b2bs) b2b->leases.report(kCallState, out);
                post(out);
            }
        }
        deliver_all();
        wait(2s);
        deliver_all();
        wait(2s);
        deliver_all();
        for (uint16_t number = 1; number <= 3; ++number) {
            while (!b2bs.at(number)->up.empty()) end(number);
        }
        deliver_all();
        // All of it can be used again, by one alone.
        for (int i = 0; i < most; ++i) {
            begin(2);
            deliver_all();
        }
        EXPECT_EQ(up(), static_cast<size_t>(most)) << "leases have leaked";
        while (!b2bs.at(2)->up.empty()) end(2);
        deliver_all();
    }
}

// Channels of a trunk: in by take(), out by take_line(), both counted together.
TEST_F(LeasesTest, ATrunksChannelsAreCountedOverAll) {
    limit(std::nullopt, std::nullopt);
    model::Trunk trunk;
    trunk.id = TrunkId{{2, 1}};
    trunk.domain = kDomain;
    trunk.name = "line";
    trunk.channels_max = 3;
    trunk.channels_out_max = 2;
    feed.load({store::keys::in_domain(kDomain, "trunk", trunk.id.bits),
               model::encode_stored(trunk, {}),
               {1, 1},
               {1, 1},
               0});
    feed.set_revision({1, ++revision});
    catalog = feed.snapshot();
    std::map<uint64_t, bool> outcomes;
    const auto note = [&](uint64_t call, const CallLeases::Verdict& verdict) {
        if (verdict.outcome != Outcome::Waits) outcomes[call] = verdict.outcome == Outcome::Taken;
    };
    const auto run = [&](uint16_t number, auto act) {
        ports::Outbox out;
        CallLeases& leases = b2bs.at(number)->leases;
        act(leases, out);
        post(out);
        while (!under_way.empty()) {
            ports::Letter letter = std::move(under_way.front());
            under_way.pop_front();
            ports::Outbox more;
            if (letter.to == kCallState && holds_alternative<ports::LeaseAsk>(letter.payload))
                licences->on_ask(now.mono, std::move(letter), more);
            else if (letter.to == kCallState)
                licences->on_returned(now.mono, letter, more);
            else
                b2bs.at(letter.to.number)->leases.on_letter(now, letter, more);
            post(more);
        }
        for (const auto& each : leases.take_settled()) note(each.call, each.verdict);
    };
    const auto goes_out = [&](uint16_t number, uint64_t call) {
        run(number, [&](CallLeases& leases, ports::Outbox& out) {
            note(call, leases.take_line(now, call, trunk.id, out));
        });
        return outcomes.at(call);
    };
    const auto comes_in = [&](uint16_t number, uint64_t call) {
        run(number, [&](CallLeases& leases, ports::Outbox& out) {
            note(call, leases.take(now, call, kDomain, out, trunk.id));
        });
        return outcomes.at(call);
    };
    EXPECT_TRUE(goes_out(1, 1));
    EXPECT_TRUE(goes_out(2, 2));
    EXPECT_FALSE(goes_out(1, 3)) << "two may go out";
    EXPECT_TRUE(comes_in(1, 4));
    EXPECT_FALSE(comes_in(2, 5)) << "three in all";
    EXPECT_TRUE(b2bs.at(1)->leases.has_lines(1));
    EXPECT_FALSE(b2bs.at(1)->leases.has_lines(4));
    // It has gone on to another trunk, and gives back what it had of this one.
    run(1, [&](CallLeases& leases, ports::Outbox& out) {
        leases.keep_lines(1, {TrunkId{{2, 9}}}, out);
    });
    EXPECT_FALSE(b2bs.at(1)->leases.has_lines(1));
    EXPECT_TRUE(goes_out(2, 6));
    EXPECT_FALSE(comes_in(1, 7));
    run(2, [&](CallLeases& leases, ports::Outbox& out) { leases.release(2, out); });
    EXPECT_TRUE(comes_in(1, 8));
    EXPECT_EQ(b2bs.at(1)->leases.refused_by_trunks() + b2bs.at(2)->leases.refused_by_trunks(), 3u);
}

TEST_F(LeasesTest, ADeadB2bsCallsCountWhereTheyGoOn) {
    for (int i = 0; i < 5; ++i) begin(1);
    deliver_all();
    ASSERT_EQ(up(), 5u);
    // 2 adopts three of them; two have ended with their B2B.
    ports::Outbox out;
    for (uint64_t call = 1; call <= 3; ++call) {
        b2bs.at(2)->leases.take_over(call, {kDomain, {}, {}});
        b2bs.at(2)->up.insert(call);
    }
    b2bs.at(1)->up.clear();
    b2bs.at(2)->leases.report(kCallState, out);
    post(out);
    deliver_all();
    b2bs_there({2, 3});
    licences->remove_owner(now.mono, 1, out);
    post(out);
    for (int i = 0; i < 4; ++i) begin(3);
    deliver_all();
    EXPECT_EQ(up(), 5u);
}

}  // namespace
}  // namespace tandem::sim
