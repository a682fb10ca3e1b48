#include "roles/external_sip_gate/look_up_turns.h"

#include <gtest/gtest.h>

namespace tandem::roles::external_sip_gate {
namespace {

const DomainId kGreedy{{0, 1}};
const DomainId kModest{{0, 2}};
const DomainId kOther{{0, 3}};

struct LookUpTurnsTest : testing::Test {
    LookUpTurns turns{{4, 2, 10s}};
    Instant now{1000s};

    // Whose turn it is, one after the other, each beginning a look-up; 0: nobody's.
    uint32_t take(DomainId of) {
        const auto line = turns.next(now);
        if (line) turns.began(now, of, *line);
        return line.value_or(0);
    }
};

TEST_F(LookUpTurnsTest, ADomainWithManyNamesHoldsNobodyUp) {
    for (uint32_t line = 1; line <= 1'000; ++line) turns.want(kGreedy, line);
    EXPECT_EQ(take(kGreedy), 1u);
    EXPECT_EQ(take(kGreedy), 2u);
    EXPECT_EQ(take(kGreedy), 0u) << "more than its part";
    turns.want(kModest, 2'000);
    EXPECT_EQ(take(kModest), 2'000u);
    turns.ended(1);
    EXPECT_EQ(take(kGreedy), 3u);
}

TEST_F(LookUpTurnsTest, DomainsTakeTurnsWhereAllRoomIsTaken) {
    for (const uint32_t line : {1u, 2u, 3u}) {
        turns.want(kGreedy, line);
        turns.want(kModest, line + 10);
        turns.want(kOther, line + 20);
    }
    EXPECT_EQ(take(kGreedy), 1u);
    EXPECT_EQ(take(kModest), 11u);
    EXPECT_EQ(take(kOther), 21u);
    EXPECT_EQ(take(kGreedy), 2u);
    EXPECT_EQ(take(kModest), 0u) << "more than all may have";
    turns.ended(1);
    EXPECT_EQ(take(kModest), 12u);
    turns.ended(2);
    EXPECT_EQ(take(kOther), 22u);
    turns.ended(21);
    EXPECT_EQ(take(kGreedy), 3u);
}

TEST_F(LookUpTurnsTest, ALineWaitsOnceAndAfterAnAnswerAgain) {
    turns.want(kModest, 7);
    turns.want(kModest, 7);
    EXPECT_EQ(take(kModest), 7u);
    EXPECT_EQ(take(kModest), 0u);
    turns.want(kModest, 7);
    EXPECT_EQ(take(kModest), 7u);
}

TEST_F(LookUpTurnsTest, WhatIsNeverAnsweredMakesRoomInTheEnd) {
    EXPECT_FALSE(turns.next_deadline());
    for (const uint32_t line : {1u, 2u, 3u}) turns.want(kGreedy, line);
    EXPECT_EQ(take(kGreedy), 1u);
    now = now + 3s;
    EXPECT_EQ(take(kGreedy), 2u);
    ASSERT_TRUE(turns.next_deadline());
    EXPECT_EQ(*turns.next_deadline(), now + 7s);
    now = now + 7s;
    EXPECT_EQ(take(kGreedy), 3u);
    EXPECT_EQ(take(kGreedy), 0u);
    EXPECT_FALSE(turns.next_deadline()) << "nobody waits";
}

}  // namespace
}  // namespace tandem::roles::external_sip_gate
