#include "cluster/load_shift.h"

#include <gtest/gtest.h>

#include "cluster/limits.h"

namespace tandem::cluster {
namespace {

constexpr InstanceNumber kOne{3}, kOther{4};

TEST(LoadShift, ShiftsByLevelsAndBackWithHysteresis) {
    LoadShift shift;
    Instant now{1000s};
    const auto at = [&](double share) {
        shift.note(kOne, share);
        (void)shift.follow(now);
        now = now + load_shift_pause;
        return shift.percent(kOne);
    };
    EXPECT_EQ(at(0.49), 100);
    EXPECT_EQ(at(0.5), 60);
    EXPECT_EQ(at(0.36), 60) << "a little less changes nothing";
    EXPECT_EQ(at(0.34), 100);
    EXPECT_EQ(at(1.7), 10) << "whatever it says, some is left";
    EXPECT_EQ(at(0.71), 10);
    EXPECT_EQ(at(0.69), 30);
    EXPECT_EQ(at(0.1), 100);
    EXPECT_EQ(shift.percent(kOther), 100) << "never heard of";
}

TEST(LoadShift, ShiftsAtMostOnceWhileACallRings) {
    LoadShift shift;
    Instant now{1000s};
    shift.note(kOne, 0.6);
    EXPECT_TRUE(shift.follow(now));
    EXPECT_FALSE(shift.follow(now));
    shift.note(kOther, 0.9);
    shift.note(kOne, 0.9);
    now = now + load_shift_pause - 1ms;
    EXPECT_FALSE(shift.follow(now));
    EXPECT_EQ(shift.percent(kOne), 60);
    EXPECT_TRUE(shift.follow(now + 1ms));
    EXPECT_EQ(shift.percent(kOne), 10);
    EXPECT_EQ(shift.percent(kOther), 10);
    shift.forget(kOther);
    EXPECT_EQ(shift.percent(kOther), 100);
}

}  // namespace
}  // namespace tandem::cluster
