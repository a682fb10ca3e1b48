#include "app/drill/measure.h"

#include <gtest/gtest.h>

namespace tandem::drill {
namespace {

constexpr Instant kHarm{100s};

Instant at(Duration after_harm) {
    return kHarm + after_harm;
}

TEST(SwitchTime, IsWhenTheFirstOneAfterTheTroubleBeganIsServed) {
    const std::vector<Probe> probes = {{at(5ms), at(8ms)},        // the harm was not there yet
                                       {at(30ms), std::nullopt},  // lost
                                       {at(55ms), at(555ms)},     // sent again by its phone
                                       {at(280ms), at(310ms)},    // waited a little: the first one
                                       {at(400ms), at(403ms)}};
    EXPECT_EQ(switch_time(kHarm, probes), 310ms);
}

TEST(SwitchTime, IsTheLongestWaitWhenNobodyWasInTrouble) {
    const std::vector<Probe> probes = {
        {at(5ms), at(8ms)}, {at(30ms), at(130ms)}, {at(55ms), at(60ms)}};
    EXPECT_EQ(switch_time(kHarm, probes), kPrompt);
}

// It was not away for the 5 s in which all were served.
TEST(SwitchTime, OfTroubleThatBeganLateIsCountedFromItsBeginning) {
    const std::vector<Probe> probes = {{at(5ms), at(8ms)},
                                       {at(5000ms), at(5003ms)},
                                       {at(5050ms), at(5300ms)},
                                       {at(5100ms), at(5320ms)}};
    EXPECT_EQ(switch_time(kHarm, probes), 300ms);
    EXPECT_EQ(switch_time(kHarm, std::span(probes).subspan(2)), 5300ms)
        << "nothing was served before";
}

TEST(SwitchTime, IsUnknownWhenNothingWasServedAgain) {
    const std::vector<Probe> probes = {{at(5ms), at(8ms)}, {at(30ms), std::nullopt}};
    EXPECT_EQ(switch_time(kHarm, probes), std::nullopt);
    EXPECT_EQ(switch_time(kHarm, {}), std::nullopt);
}

TEST(Percentiles, AreValuesThatWereSeen) {
    std::vector<Duration> values;
    for (int i = 100; i >= 1; --i) values.emplace_back(i * 1ms);
    const Percentiles of_hundred = percentiles_of(values);
    EXPECT_EQ(of_hundred.p50, 50ms);
    EXPECT_EQ(of_hundred.p95, 95ms);
    EXPECT_EQ(of_hundred.p99, 99ms);
    EXPECT_EQ(of_hundred.max, 100ms);
    EXPECT_EQ(percentiles_of({7ms}).p50, 7ms);
    EXPECT_EQ(percentiles_of({7ms}).max, 7ms);
}

TEST(Calls, WhatWasLostIsToldByWhatTheyWereAtTheHarm) {
    const Instant before = kHarm - 5s;
    const std::vector<CallSeen> calls = {
        {"over", false, before, before, before, kHarm - 1s, false},  // not of this round
        {"held", true, before, before, before, {}, true},
        {"held and lost", true, before, before, before, at(1s), false},
        {"rang, then answered", false, before, before, at(1s), at(2s), true},
        {"rang and lost", false, before, before, {}, at(30s), false},
        {"answered, and lost later", false, at(1ms), at(20ms), at(30ms), at(2s), false},
        {"refused", false, at(200ms), {}, {}, at(210ms), false},
        {"refused, too", false, at(700ms), {}, {}, at(710ms), false},
        {"served", false, at(900ms), at(920ms), at(1s), at(2s), true},
    };
    const CallsJudged judged = judge_calls(kHarm, calls);
    EXPECT_EQ(judged.answered, 5u);
    EXPECT_EQ(judged.answered_lost, 2u);
    EXPECT_EQ(judged.ringing, 2u);
    EXPECT_EQ(judged.ringing_lost, 1u);
    EXPECT_EQ(judged.placed, 4u);
    EXPECT_EQ(judged.refused, 2u);
    EXPECT_EQ(judged.refused_for, 500ms);
    ASSERT_EQ(judged.probes.size(), 4u);
    EXPECT_EQ(switch_time(kHarm, judged.probes), 920ms);
}

TEST(Records, EachAnsweredCallHasOne) {
    const std::vector<CallSeen> calls = {{"one", false, kHarm, kHarm, kHarm, kHarm, true},
                                         {"none", false, kHarm, kHarm, kHarm, kHarm, true},
                                         {"two", false, kHarm, kHarm, kHarm, kHarm, true},
                                         {"never answered", false, kHarm, kHarm, {}, kHarm, true}};
    const RecordsJudged judged = judge_records(calls, {{"one", 1}, {"two", 2}});
    EXPECT_EQ(judged.calls, 3u);
    EXPECT_EQ(judged.missing, 1u);
    EXPECT_EQ(judged.doubled, 1u);
}

}  // namespace
}  // namespace tandem::drill
