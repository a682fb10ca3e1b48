#include "roles/call_state/followers.h"

#include <gtest/gtest.h>

#include "roles/call_state/limits.h"
#include "roles/call_state/role.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {
namespace {

using ports::CallEvent;
using ports::CallEvents;
using ports::CallEventsFollow;
using ports::CallPhase;
using ports::CallReport;
using ports::CallReportAll;
using ports::CallSummary;
using ports::Instance;
using ports::Letter;
using ports::RoleKind;

constexpr Instance kSelf{9}, kGate{8}, kB2b{1}, kOther{2};

CallSummary call(uint64_t n, CallPhase phase, uint64_t domain = 1, Instance owner = kB2b) {
    CallSummary summary;
    summary.call = CallId{{0, n}};
    summary.domain = DomainId{{0, domain}};
    summary.owner = owner;
    summary.phase = phase;
    return summary;
}

TEST(CallEvents, AreNamedByWhatHasChanged) {
    using Kind = CallEvent::Kind;
    const auto one = [](CallPhase phase) { return call(1, phase); };
    const auto ringing = [](std::vector<AccountId> accounts) {
        CallSummary summary = call(1, CallPhase::Ringing);
        summary.ringing = std::move(accounts);
        return summary;
    };
    const AccountId a{{1, 1}}, b{{2, 2}};
    const struct {
        std::optional<CallSummary> before, after;
        std::optional<Kind> kind;
    } cases[] = {
        {std::nullopt, one(CallPhase::Routing), Kind::Begun},
        {std::nullopt, one(CallPhase::Ending), std::nullopt},
        {one(CallPhase::Routing), one(CallPhase::Ringing), Kind::Changed},
        {one(CallPhase::Ringing), ringing({a}), Kind::Ringing},
        {ringing({a}), ringing({a, b}), Kind::Changed},
        {ringing({a}), ringing({a}), std::nullopt},
        {ringing({a}), one(CallPhase::Answered), Kind::Answered},
        {one(CallPhase::Answered), one(CallPhase::Held), Kind::Held},
        {one(CallPhase::Held), one(CallPhase::Answered), Kind::Resumed},
        {one(CallPhase::Held), one(CallPhase::Ending), Kind::Ended},
        {one(CallPhase::Ending), std::nullopt, std::nullopt},
        {one(CallPhase::Answered), std::nullopt, Kind::Ended},
        {one(CallPhase::Answered), call(1, CallPhase::Answered, 1, kOther), Kind::Changed},
    };
    int number = 0;
    for (const auto& [before, after, kind] : cases)
        EXPECT_EQ(kind_of(before ? &*before : nullptr, after ? &*after : nullptr), kind)
            << "case " << number++;
}

struct FollowersTest : testing::Test {
    FollowersTest() {
        directory.replace({{kSelf, RoleKind::CallState, 1, 100, true, 1},
                           {kB2b, RoleKind::B2bua, 1, 100, true, 1}});
        ports::Outbox out;
        role.start(now, out);
    }
    template <typename T>
    std::vector<CallEvents> give(T payload, Instance from = kGate) {
        ports::Outbox out;
        role.on_letter(now, Letter{from, kSelf, 0, std::move(payload)}, out);
        std::vector<CallEvents> events;
        for (const Letter& each : out.letters()) {
            EXPECT_EQ(each.to, kGate);
            events.push_back(get<CallEvents>(each.payload));
        }
        return events;
    }
    void whole(std::vector<CallSummary> calls = {}) {
        EXPECT_TRUE(give(CallReportAll{kB2b, std::move(calls), false, true}).empty());
    }
    std::vector<CallEvents> follow(uint64_t known = 0, uint64_t domain = 1) {
        return give(CallEventsFollow{7, DomainId{{0, domain}}, known, false, 0, 0});
    }
    // Another stream, whose client has seen something before.
    std::vector<CallEvents> resume(uint64_t tenure, uint64_t seen, uint64_t domain = 1) {
        return give(CallEventsFollow{++stream, DomainId{{0, domain}}, 0, false, tenure, seen});
    }
    void report(uint64_t n, CallPhase phase, uint64_t domain = 1) {
        (void)give(CallReport{call(n, phase, domain), false}, kB2b);
    }
    size_t wait(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        role.on_timeout(now, out);
        size_t events = 0;
        for (const Letter& each : out.letters())
            events += holds_alternative<CallEvents>(each.payload) ? 1 : 0;
        return events;
    }

    uint64_t stream = 100;
    Now now{Instant{100s}, UtcTime{1'700'000'000'000}};
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint mint{{1, 2}};
    SeededRng rng{1};
    CallStateRole role{ports::Surroundings{kSelf, directory, catalog, mint, rng, 1}};
};

TEST_F(FollowersTest, AreToldAllThatThereIsThenEachChange) {
    whole({call(1, CallPhase::Answered), call(2, CallPhase::Ringing, 2)});
    auto told = follow();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].stream, 7u);
    EXPECT_EQ(told[0].after, 0u);
    EXPECT_TRUE(told[0].complete);
    ASSERT_EQ(told[0].events.size(), 1u) << "of its domain";
    const uint64_t first = told[0].number;
    told = give(CallReport{call(3, CallPhase::Routing), false}, kB2b);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].after, first);
    EXPECT_EQ(told[0].events.at(0).kind, CallEvent::Kind::Begun);
    EXPECT_TRUE(give(CallReport{call(4, CallPhase::Routing, 2), false}, kB2b).empty());
    CallSummary ended = call(3, CallPhase::Ending);
    ended.end_status = 486;
    told = give(CallReport{ended, false}, kB2b);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].events.at(0).kind, CallEvent::Kind::Ended);
    EXPECT_EQ(told[0].events.at(0).call.end_status, 486);
    EXPECT_TRUE(give(CallReport{ended, true}, kB2b).empty()) << "it has been told";
    told = give(CallReportAll{kB2b, {}, false, true}, kB2b);
    ASSERT_EQ(told.size(), 1u) << "a call whose end was lost";
    EXPECT_EQ(told[0].events.at(0).call.call, (CallId{{0, 1}}));
}

TEST_F(FollowersTest, WaitUntilAllOwnersHaveTold) {
    EXPECT_TRUE(follow().empty());
    EXPECT_TRUE(give(CallReport{call(1, CallPhase::Routing), false}, kB2b).empty());
    const auto told = give(CallReportAll{kB2b, {call(1, CallPhase::Answered)}, false, true}, kB2b);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].events.at(0).kind, CallEvent::Kind::State);
    EXPECT_EQ(told[0].events.at(0).call.phase, CallPhase::Answered);
}

TEST_F(FollowersTest, ManyCallsComeInSeveralLetters) {
    std::vector<CallSummary> calls;
    for (uint64_t i = 1; i <= 2 * kFollowedPage + 1; ++i)
        calls.push_back(call(i, CallPhase::Answered));
    whole(std::move(calls));
    const auto told = follow();
    ASSERT_EQ(told.size(), 3u);
    EXPECT_EQ(told[0].after, 0u);
    EXPECT_EQ(told[1].after, told[0].number);
    EXPECT_EQ(told[2].after, told[1].number);
    EXPECT_FALSE(told[0].complete);
    EXPECT_FALSE(told[1].complete);
    EXPECT_TRUE(told[2].complete);
}

TEST_F(FollowersTest, WhoeverHasMissedALetterIsToldAllAgain) {
    whole();
    const uint64_t number = follow().at(0).number;
    EXPECT_TRUE(follow(number).empty());
    (void)give(CallReport{call(1, CallPhase::Routing), false}, kB2b);
    EXPECT_TRUE(follow(number).empty()) << "it may be on its way";
    EXPECT_EQ(wait(kFollowerLost), 0u);
    const auto again = follow(number);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].after, 0u);
    EXPECT_GT(again[0].number, number);
}

TEST_F(FollowersTest, GoOnAfterWhatTheyHaveSeen) {
    whole();
    const auto first = follow().at(0);
    ASSERT_NE(first.tenure, 0u);
    (void)give(CallEventsFollow{7, {}, 0, true, 0, 0});
    report(1, CallPhase::Routing);
    report(9, CallPhase::Routing, 2);
    report(1, CallPhase::Answered);
    auto told = resume(first.tenure, first.at);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(told[0].resumed);
    EXPECT_FALSE(told[0].gap);
    ASSERT_EQ(told[0].events.size(), 2u) << "of its domain";
    EXPECT_EQ(told[0].events[0].kind, CallEvent::Kind::Begun);
    EXPECT_EQ(told[0].events[1].kind, CallEvent::Kind::Answered);
    EXPECT_EQ(told[0].at, told[0].events[1].number);
    told = resume(first.tenure, told[0].at);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(told[0].resumed && told[0].events.empty()) << "nothing was missed";
    for (uint64_t i = 0; i < kFollowedPage + 3; ++i) report(20 + i, CallPhase::Routing);
    told = resume(first.tenure, first.at);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[1].after, told[0].number);
    EXPECT_EQ(told[0].events.size() + told[1].events.size(), kFollowedPage + 5);
}

TEST_F(FollowersTest, AreToldOfAGap) {
    whole();
    const auto first = follow().at(0);
    auto told = resume(first.tenure + 2, first.at);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(told[0].gap) << "of another copy, or another life";
    EXPECT_FALSE(told[0].resumed);
    EXPECT_TRUE(resume(first.tenure, first.at + 1).at(0).gap) << "that has not been yet";
    EXPECT_TRUE(resume(first.tenure, first.at, 2).at(0).gap) << "nobody has followed that domain";
    for (uint64_t i = 0; i <= kLoggedOfDomainMax; ++i) report(20 + i, CallPhase::Routing);
    told = resume(first.tenure, first.at);
    EXPECT_TRUE(told.at(0).gap) << "too long ago";
    EXPECT_EQ(told.size(), kLoggedOfDomainMax / kFollowedPage + 1) << "all that there is";
    const uint64_t kept = told.back().at - kLoggedOfDomainMax;
    EXPECT_TRUE(resume(first.tenure, kept - 1).at(0).gap);
    EXPECT_TRUE(resume(first.tenure, kept).at(0).resumed);
    wait(kLoggedAfter);
    report(1, CallPhase::Routing);
    EXPECT_TRUE(resume(first.tenure, told.back().at).at(0).gap) << "nobody listened for too long";
    const auto now_at = resume(0, 0).at(0);
    EXPECT_FALSE(now_at.gap) << "who has seen nothing has missed nothing";
    ports::Outbox out;
    role.on_elected(now, {}, out);
    whole();
    EXPECT_TRUE(resume(now_at.tenure, now_at.at).at(0).gap) << "elected anew";
}

TEST_F(FollowersTest, AreForgottenWhenTheyLeaveOrAskNoMore) {
    whole();
    (void)follow();
    EXPECT_TRUE(give(CallEventsFollow{7, {}, 0, true, 0, 0}).empty());
    EXPECT_TRUE(give(CallReport{call(1, CallPhase::Routing), false}, kB2b).empty());
    (void)follow();
    wait(kFollowerMax);
    EXPECT_TRUE(give(CallReport{call(2, CallPhase::Routing), false}, kB2b).empty());
}

TEST_F(FollowersTest, APassiveCopyTellsNothing) {
    whole();
    directory.replace(
        {{{10}, RoleKind::CallState, 1, 100, true, 1}, {kB2b, RoleKind::B2bua, 1, 100, true, 1}});
    EXPECT_TRUE(follow().empty());
}

}  // namespace
}  // namespace tandem::roles::call_state
