#include <gtest/gtest.h>

#include "roles/call_state/limits.h"
#include "roles/call_state/role.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {
namespace {

using ports::CallReport;
using ports::CallReportAll;
using ports::CallReportWanted;
using ports::CallsPage;
using ports::CallsQuery;
using ports::CallSummary;
using ports::Instance;
using ports::Letter;
using ports::RoleKind;

constexpr Instance kSelf{9};
constexpr Instance kAsker{8};

CallSummary call(uint64_t n, uint16_t owner, uint64_t domain = 1) {
    CallSummary summary;
    summary.call = CallId{{0, n}};
    summary.domain = DomainId{{0, domain}};
    summary.owner = Instance{owner};
    summary.caller_account = AccountId{{1, n}};
    summary.call_id_headers = {"a" + std::to_string(n), "b" + std::to_string(n)};
    return summary;
}

struct CallStateTest : testing::Test {
    CallStateTest() { owners({{1, 1}}); }
    void owners(const std::vector<std::pair<uint16_t, uint32_t>>& list) {
        std::vector<ports::DirectoryEntry> entries;
        entries.reserve(list.size() + 1);
        entries.push_back({kSelf, RoleKind::CallState, 1, 100, true, 1});
        for (const auto& [number, epoch] : list) {
            entries.push_back({Instance{number}, RoleKind::B2bua, epoch});
        }
        directory.replace(entries);
    }
    std::vector<Letter> take(ports::Outbox& out) { return out.take(); }
    template <typename T>
    std::vector<Letter> give(T payload, uint64_t request = 0) {
        ports::Outbox out;
        role.on_letter(now, Letter{kAsker, kSelf, request, std::move(payload)}, out);
        return out.take();
    }
    CallsPage ask(CallsQuery query) {
        const auto answer = give(std::move(query), 5);
        EXPECT_EQ(answer.size(), 1u);
        EXPECT_EQ(answer.at(0).to, kAsker);
        EXPECT_EQ(answer.at(0).request, 5u);
        return get<CallsPage>(answer.at(0).payload);
    }
    std::vector<Letter> wait(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        role.on_timeout(now, out);
        return out.take();
    }

    Now now{Instant{100s}, UtcTime{1'700'000'000'000}};
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint mint{{1, 2}};
    SeededRng rng{1};
    CallStateRole role{ports::Surroundings{kSelf, directory, catalog, mint, rng, 1}};
};

TEST_F(CallStateTest, AsksEachOwnerOnceAnIncarnation) {
    ports::Outbox out;
    role.start(now, out);
    auto letters = out.take();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].to, Instance{1});
    EXPECT_TRUE(holds_alternative<CallReportWanted>(letters[0].payload));
    EXPECT_TRUE(wait(kSweep).empty());
    owners({{1, 2}, {2, 1}});
    EXPECT_EQ(wait(kSweep).size(), 2u);
    EXPECT_TRUE(wait(kSweep).empty());
}

TEST_F(CallStateTest, AsksAgainAfterTheWayToAnOwnerBroke) {
    ports::Outbox out;
    role.start(now, out);
    give(CallReportAll{Instance{1}, {call(1, 1)}, false, true});
    EXPECT_TRUE(wait(kAskAgain).empty());
    // Shorter than a sweep; the `gone` of its call went with the link.
    owners({});
    owners({{1, 1}});
    EXPECT_EQ(wait(kSweep).size(), 1u);
    EXPECT_TRUE(wait(kSweep).empty());
    EXPECT_EQ(wait(kAskAgain).size(), 1u) << "no answer came";
    give(CallReportAll{Instance{1}, {}, false, true});
    EXPECT_EQ(role.index().size(), 0u);
    EXPECT_TRUE(wait(kAskAgain).empty());
}

TEST_F(CallStateTest, FindsCallsEveryWay) {
    give(CallReport{call(1, 1)});
    give(CallReport{call(2, 1, 2)});
    give(CallReport{call(3, 1)});
    CallsQuery by_domain;
    by_domain.domain = DomainId{{0, 1}};
    EXPECT_EQ(ask(by_domain).calls.size(), 2u);
    CallsQuery by_id;
    by_id.call = CallId{{0, 2}};
    EXPECT_EQ(ask(by_id).total, 1u);
    by_id.domain = DomainId{{0, 1}};
    EXPECT_EQ(ask(by_id).total, 0u) << "a call of another domain must not show";
    EXPECT_EQ(role.index().by_account(AccountId{{1, 3}}).size(), 1u);
    CallsQuery by_account = by_domain;
    by_account.account = AccountId{{1, 3}};
    EXPECT_EQ(ask(by_account).total, 1u);
    by_account.account = AccountId{{1, 4}};
    EXPECT_EQ(ask(by_account).total, 0u);
    ASSERT_NE(role.index().by_call_id_header("b3"), nullptr);
    EXPECT_EQ(role.index().by_call_id_header("b3")->call, (CallId{{0, 3}}));
    CallReport gone{call(3, 1), true};
    give(gone);
    EXPECT_EQ(role.index().by_call_id_header("b3"), nullptr);
    EXPECT_TRUE(role.index().by_account(AccountId{{1, 3}}).empty());
    EXPECT_EQ(ask(by_domain).total, 1u);
}

TEST_F(CallStateTest, FindsWhatHasRungLongest) {
    const AccountId bob{{5, 1}};
    const AccountId carol{{5, 2}};
    const auto rings = [&](uint64_t n, AccountId account, uint64_t domain = 1) {
        CallSummary summary = call(n, 1, domain);
        summary.phase = ports::CallPhase::Ringing;
        summary.ringing = {account};
        give(CallReport{summary, false});
    };
    const auto found = [&](ports::RingingQuery query) {
        const auto answer = give(query, 5);
        const auto& page = get<CallsPage>(answer.at(0).payload);
        return page.calls.empty() ? 0 : page.calls.front().call.bits.low;
    };
    const DomainId domain{{0, 1}};
    rings(4, bob);
    rings(3, carol);
    rings(2, bob, 2);
    give(CallReport{call(1, 1), false});
    CallSummary outward = call(1, 1);  // it rings, but at nobody's of the domain
    outward.phase = ports::CallPhase::Ringing;
    give(CallReport{outward, false});
    EXPECT_EQ(found({domain, bob, {}}), 4u);
    EXPECT_EQ(found({domain, {}, {}}), 3u);
    EXPECT_EQ(found({domain, {}, AccountId{{1, 3}}}), 4u);
    EXPECT_EQ(found({DomainId{{0, 3}}, {}, {}}), 0u);
    CallSummary answered = call(4, 1);
    answered.phase = ports::CallPhase::Answered;
    give(CallReport{answered, false});
    EXPECT_EQ(found({domain, bob, {}}), 0u);
    give(CallReport{call(3, 1), true});
    EXPECT_EQ(found({domain, {}, {}}), 0u);
}

TEST_F(CallStateTest, PagesFollowTheCursor) {
    for (uint64_t n = 1; n <= 25; ++n) give(CallReport{call(n, 1)});
    CallsQuery query;
    query.limit = 10;
    std::vector<uint64_t> seen;
    for (int pages = 0; pages < 3; ++pages) {
        const CallsPage page = ask(query);
        EXPECT_EQ(page.total, 25u);
        for (const CallSummary& summary : page.calls) seen.push_back(summary.call.bits.low);
        query.after = page.next;
    }
    EXPECT_TRUE(query.after.empty());
    ASSERT_EQ(seen.size(), 25u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(CallStateTest, ACompleteReportReplacesWhatWasKnownOfItsOwner) {
    give(CallReport{call(1, 1)});
    give(CallReport{call(2, 1)});
    give(CallReport{call(3, 2)});
    give(CallReportAll{Instance{1}, {call(2, 1)}, true, true});
    give(CallReportAll{Instance{1}, {call(4, 1)}, false, false});
    EXPECT_EQ(role.index().find(CallId{{0, 1}}), nullptr);
    EXPECT_EQ(role.index().owned_by(Instance{1}), 2u);
    EXPECT_EQ(role.index().owned_by(Instance{2}), 1u);
}

TEST_F(CallStateTest, AFormerOwnerCannotRemoveACall) {
    give(CallReport{call(1, 1)});
    give(CallReport{call(1, 2)});
    give(CallReport{call(1, 1), true});
    EXPECT_NE(role.index().find(CallId{{0, 1}}), nullptr);
    EXPECT_EQ(role.index().owned_by(Instance{1}), 0u);
}

// When its owner knows nothing of a call.
TEST_F(CallStateTest, WhatDomainsSeeOfACallGoesWithIt) {
    CallSummary side = call(11, 1, 2);
    side.whole = CallId{{0, 1}};
    CallSummary others = call(12, 2, 2);
    others.whole = CallId{{0, 1}};
    for (const CallSummary& each : {call(1, 1), side, others}) give(CallReport{each});
    CallSummary gone;
    gone.call = gone.whole = CallId{{0, 1}};
    gone.owner = Instance{1};
    give(CallReport{gone, true});
    EXPECT_EQ(role.index().owned_by(Instance{1}), 0u);
    EXPECT_EQ(role.index().owned_by(Instance{2}), 1u) << "another owner's";
}

TEST_F(CallStateTest, CallsOfAVanishedOwnerGoAfterTheGrace) {
    ports::Outbox out;
    role.start(now, out);
    give(CallReport{call(1, 1)});
    owners({});
    wait(kSweep);
    wait(kOwnerGrace - kSweep);
    EXPECT_EQ(role.index().size(), 1u);
    wait(kSweep);
    EXPECT_EQ(role.index().size(), 0u);
}

// What it knew would grow old without a word.
TEST_F(CallStateTest, APassiveCopyAsksNobodyAndKeepsNoCall) {
    ports::Outbox out;
    role.start(now, out);
    give(CallReport{call(1, 1)});
    EXPECT_EQ(role.figures().at(0), std::pair(std::string("calls"), 1.0));
    directory.replace(
        {{{10}, RoleKind::CallState, 2, 100, true, 1}, {{1}, RoleKind::B2bua, 1, 100, true, 1}});
    role.on_directory(now, out);
    EXPECT_EQ(role.figures().at(0), std::pair(std::string("calls"), 0.0));
    EXPECT_TRUE(wait(kSweep).empty());
    give(CallReport{call(2, 1)});
    EXPECT_EQ(role.figures().at(0), std::pair(std::string("calls"), 0.0));
}

}  // namespace
}  // namespace tandem::roles::call_state
