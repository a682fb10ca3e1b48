#include "routing/group_turns.h"

#include <gtest/gtest.h>

#include "routing/limits.h"

namespace tandem::routing {
namespace {

const RingGroupId kGroup{{3, 1}};
const AccountId kAnn{{1, 1}}, kBen{{1, 2}}, kCleo{{1, 3}};

TEST(GroupTurns, TheLatestCounts) {
    GroupTurns turns;
    EXPECT_EQ(turns.last(kGroup), nullptr);
    turns.take(kGroup, kAnn, {1000});
    turns.hear(kGroup, {kBen, 1001});
    EXPECT_EQ(turns.last(kGroup)->first, kBen);
    turns.hear(kGroup, {kCleo, 999});
    EXPECT_EQ(turns.last(kGroup)->first, kBen) << "a letter that was late";
}

// Of two instances that begin a call at once, all others hear in this order or in that.
TEST(GroupTurns, AllKeepTheSameOfTwoAtOnce) {
    GroupTurns one, other;
    for (const AccountId each : {kAnn, kBen}) one.hear(kGroup, {each, 1000});
    for (const AccountId each : {kBen, kAnn}) other.hear(kGroup, {each, 1000});
    EXPECT_EQ(one.last(kGroup)->first, other.last(kGroup)->first);
}

// A server whose clock is behind, or that has two calls in a millisecond, is heard all the same.
TEST(GroupTurns, AreLaterThanTheOneBefore) {
    GroupTurns ahead, behind;
    ahead.take(kGroup, kAnn, {5000});
    behind.hear(kGroup, *ahead.last(kGroup));
    for (const AccountId each : {kBen, kCleo}) {
        behind.take(kGroup, each, {1000});
        ahead.hear(kGroup, *behind.last(kGroup));
        EXPECT_EQ(ahead.last(kGroup)->first, each);
    }
}

TEST(GroupTurns, AreToldOnce) {
    GroupTurns turns;
    turns.hear(RingGroupId{{3, 2}}, {kAnn, 1});
    turns.take(kGroup, kAnn, {1000});
    turns.take(kGroup, kBen, {1000});
    EXPECT_EQ(turns.take_news(), std::vector{kGroup});
    EXPECT_TRUE(turns.take_news().empty());
    EXPECT_EQ(turns.all().size(), 2u);
}

TEST(GroupTurns, TheOldestAreForgottenWhenThereAreTooMany) {
    GroupTurns turns;
    for (size_t n = 1; n <= group_turns_max + 1; ++n)
        turns.hear(RingGroupId{{3, n}}, {kAnn, static_cast<int64_t>(n)});
    EXPECT_LE(turns.all().size(), group_turns_max);
    EXPECT_EQ(turns.last(RingGroupId{{3, 1}}), nullptr);
    EXPECT_NE(turns.last(RingGroupId{{3, group_turns_max + 1}}), nullptr);
    // As a broken peer might: all of them at the same time.
    for (size_t n = 1; n <= group_turns_max + 1; ++n)
        turns.hear(RingGroupId{{4, n}}, {kAnn, 1'000'000});
    EXPECT_LE(turns.all().size(), group_turns_max);
}

}  // namespace
}  // namespace tandem::routing
