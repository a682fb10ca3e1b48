#include "routing/schedule.h"

#include <gtest/gtest.h>

namespace tandem::routing {
namespace {

using model::Weekday;

// Of 2026; 2026-11-23 is a Monday.
constexpr int64_t kMonday = 1'795'392'000'000;  // 2026-11-23T00:00:00Z
constexpr int64_t kHour = 3'600'000;

model::Schedule office() {
    model::Schedule schedule;
    schedule.time_zone = "Europe/Berlin";
    schedule.hours = {
        {{Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri}, "08:30", "17:00"},
        {{Weekday::Sat}, "10:00", "14:00"}};
    return schedule;
}

bool is_open(const model::Schedule& schedule, int64_t ms) {
    const auto times = OpenTimes::make(schedule, "UTC");
    EXPECT_TRUE(times.has_value());
    return times && times->is_open({ms});
}

TEST(OpenTimes, AreWhatSomebodyHasSwitched) {
    model::Schedule schedule = office();
    schedule.switched = model::ScheduleSwitch::Open;
    EXPECT_TRUE(is_open(schedule, kMonday));
    schedule.switched = model::ScheduleSwitch::Closed;
    EXPECT_FALSE(is_open(schedule, kMonday + 12 * kHour));
    schedule.switched = model::ScheduleSwitch::ByHours;
    EXPECT_TRUE(is_open(schedule, kMonday + 12 * kHour));
}

TEST(OpenTimes, HoursAreOfTheZone) {
    struct Case {
        int64_t at;
        bool open;
    };
    const Case cases[] = {{kMonday + 7 * kHour, false},  // 08:00 in Berlin
                          {kMonday + 7 * kHour + kHour / 2 - 1, false},
                          {kMonday + 7 * kHour + kHour / 2, true},
                          {kMonday + 16 * kHour - 1, true},
                          {kMonday + 16 * kHour, false},
                          {kMonday + 5 * 24 * kHour + 12 * kHour, true},  // Saturday, 13:00
                          {kMonday + 6 * 24 * kHour + 12 * kHour, false}};
    for (const Case& c : cases) EXPECT_EQ(is_open(office(), c.at), c.open) << c.at;
    model::Schedule of_domain = office();
    of_domain.time_zone.clear();
    EXPECT_FALSE(is_open(of_domain, kMonday + 7 * kHour + kHour / 2)) << "07:30 in UTC";
}

TEST(OpenTimes, SummerTimeMovesTheHours) {
    constexpr int64_t kMondayInJuly = 1'783'296'000'000;  // 2026-07-06T00:00:00Z
    EXPECT_TRUE(is_open(office(), kMondayInJuly + 6 * kHour + kHour / 2));
    EXPECT_FALSE(is_open(office(), kMondayInJuly + 15 * kHour));
}

TEST(OpenTimes, ExceptionsComeFirst) {
    model::Schedule schedule = office();
    const int64_t noon = kMonday + 11 * kHour;
    schedule.exceptions.push_back({"2026-11-23", "", false, "00:00", "24:00", "closed"});
    EXPECT_FALSE(is_open(schedule, noon));
    EXPECT_TRUE(is_open(schedule, noon + 24 * kHour));
    schedule.exceptions = {{"11-22", "11-24", true, "12:00", "12:30", ""}};
    EXPECT_TRUE(is_open(schedule, noon));
    EXPECT_FALSE(is_open(schedule, noon + kHour));
    schedule.exceptions = {{"12-24", "01-02", false, "00:00", "24:00", ""}};
    const int64_t new_year = kMonday + 39 * 24 * kHour;  // 2027-01-01, a Friday
    EXPECT_FALSE(is_open(schedule, new_year + 11 * kHour));
    EXPECT_TRUE(is_open(schedule, new_year + 4 * 24 * kHour + 11 * kHour));
    schedule.exceptions = {{"2026-11-20", "2026-11-30", false, "00:00", "24:00", ""}};
    EXPECT_FALSE(is_open(schedule, noon));
}

TEST(OpenTimes, WhatIsWrongIsNamed) {
    struct Case {
        void (*spoil)(model::Schedule&);
        const char* field;
    };
    const Case cases[] = {
        {[](model::Schedule& s) { s.time_zone = "Europe/Nowhere"; }, "time_zone"},
        {[](model::Schedule& s) { s.hours[1].from = "8:30"; }, "hours[1].from"},
        {[](model::Schedule& s) { s.hours[0].to = "24:01"; }, "hours[0].to"},
        {[](model::Schedule& s) { s.hours[0].to = "08:30"; }, "hours[0].to"},
        {[](model::Schedule& s) { s.exceptions = {{"2026-02-30"}}; }, "exceptions[0].date"},
        {[](model::Schedule& s) { s.exceptions = {{"13-01"}}; }, "exceptions[0].date"},
        {[](model::Schedule& s) {
             s.exceptions = {{"12-24", "2026-12-26"}};
         },
         "exceptions[0].last_date"},
        {[](model::Schedule& s) {
             s.exceptions = {{"2026-12-24", "2026-12-23"}};
         },
         "exceptions[0].last_date"}};
    for (const Case& c : cases) {
        model::Schedule schedule = office();
        c.spoil(schedule);
        const auto times = OpenTimes::make(schedule, "UTC");
        ASSERT_FALSE(times.has_value()) << c.field;
        EXPECT_EQ(times.error().field, c.field);
    }
}

}  // namespace
}  // namespace tandem::routing
