#include "routing/talk_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

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

std::vector<std::pair<AccountId, bool>> told(TalkTimes& times) {
    std::vector<std::pair<AccountId, bool>> told;
    for (const auto& each : times.take_news()) told.emplace_back(each.account, each.talks);
    std::ranges::sort(told);
    return told;
}

TEST(TalkTimes, AreHeardOfFromOtherInstances) {
    TalkTimes times;
    times.hear(7, {kAnn, 0, true});
    EXPECT_EQ(times.last(kAnn), TalkTimes::talks_now);
    times.note(1, {kAnn}, {100});
    times.hear(7, {kAnn, 150, false});
    EXPECT_EQ(times.last(kAnn), TalkTimes::talks_now) << "here he does";
    times.note(1, {}, {120});
    EXPECT_EQ(times.last(kAnn), 120) << "his last call here ended then, as our clock says";
    times.hear(7, {kBen, 90, false});
    times.hear(8, {kBen, 80, false});
    EXPECT_EQ(times.last(kBen), 90);
    times.hear(8, {kBen, 80, true});
    times.hear(8, {kBen, 80, true});
    times.hear(8, {kBen, 95, false});
    EXPECT_EQ(times.last(kBen), 95) << "said twice, taken back once";
}

TEST(TalkTimes, OfAnInstanceThatIsGoneHaveEnded) {
    TalkTimes times;
    times.hear(7, {kAnn, 0, true});
    times.hear(8, {kAnn, 0, true});
    times.hear(7, {kBen, 50, true});
    times.forget(7, {200});
    EXPECT_EQ(times.last(kAnn), TalkTimes::talks_now);
    EXPECT_EQ(times.last(kBen), 200);
    times.forget(8, {300});
    EXPECT_EQ(times.last(kAnn), 300);
    EXPECT_EQ(times.last(kBen), 200);
}

TEST(TalkTimes, TellWhatCallsHereHaveChanged) {
    TalkTimes times;
    times.hear(7, {kCleo, 10, true});
    EXPECT_TRUE(told(times).empty()) << "what was heard is not said again";
    times.note(1, {kAnn, kBen}, {100});
    EXPECT_EQ(told(times), (std::vector<std::pair<AccountId, bool>>{{kAnn, true}, {kBen, true}}));
    times.note(1, {kAnn, kBen}, {110});
    EXPECT_TRUE(told(times).empty());
    times.note(1, {kAnn, kCleo}, {120});
    times.note(1, {}, {130});
    EXPECT_EQ(told(times), (std::vector<std::pair<AccountId, bool>>{
                               {kAnn, false}, {kBen, false}, {kCleo, false}}));
    EXPECT_EQ(times.all().size(), 3u);
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
