#include "routing/talk_times.h"

#include <gtest/gtest.h>

#include "routing/limits.h"

namespace tandem::routing {
namespace {

const AccountId kAnn{{1, 1}}, kBen{{1, 2}}, kCleo{{1, 3}};

TEST(TalkTimes, KnowWhoTalksAndWhoHasWhen) {
    TalkTimes times;
    EXPECT_EQ(times.last(kAnn), 0);
    times.note(1, {kAnn, kBen}, {100});
    EXPECT_EQ(times.last(kAnn), TalkTimes::talks_now);
    times.note(1, {kAnn, kBen}, {150});
    times.note(1, {kAnn, kCleo}, {200});  // a transfer
    EXPECT_EQ(times.last(kBen), 200);
    EXPECT_EQ(times.last(kCleo), TalkTimes::talks_now);
    times.note(2, {kAnn}, {250});  // a second call
    times.note(1, {}, {300});
    EXPECT_EQ(times.last(kAnn), TalkTimes::talks_now);
    EXPECT_EQ(times.last(kCleo), 300);
    times.note(2, {}, {400});
    times.note(2, {}, {500});
    EXPECT_EQ(times.last(kAnn), 400);
    times.note_end(kBen, {600});
    EXPECT_EQ(times.last(kBen), 600);
}

TEST(TalkTimes, ForgetTheOldestHalfWhenThereAreTooMany) {
    TalkTimes times;
    times.note(7, {kAnn}, {1});
    for (size_t n = 1; n <= talk_times_max + 1; ++n)
        times.note_end(AccountId{{2, n}}, {static_cast<int64_t>(n)});
    EXPECT_LE(times.size(), talk_times_max);
    EXPECT_EQ(times.last(AccountId{{2, 1}}), 0);
    EXPECT_EQ(times.last(AccountId{{2, talk_times_max}}), static_cast<int64_t>(talk_times_max));
    EXPECT_EQ(times.last(kAnn), TalkTimes::talks_now);
    times.note(7, {}, {2});
    EXPECT_EQ(times.last(kAnn), 2);
}

}  // namespace
}  // namespace tandem::routing
