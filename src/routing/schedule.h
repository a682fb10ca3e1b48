// When a schedule has hours: of the week, but for days that are different. Time zones are those of
// the machine's database (RFC 9636 files), by the date library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "model/generated/schedule.h"

namespace date {
class time_zone;
}

namespace tandem::routing {

class OpenTimes {
 public:
    // `zone_else`: where the schedule names none. Errors name the field: a time, a date, a zone
    // that the machine does not know.
    static Result<OpenTimes> make(const model::Schedule& schedule, std::string_view zone_else);

    bool is_open(UtcTime when) const;

 private:
    struct Hours {  // minutes of a day, [from, to)
        int from = 0;
        int to = 0;
    };
    struct Day {  // year 0: of every year
        int year = 0;
        int month_and_day = 0;  // 1224
    };
    struct Exception {
        Day first;
        Day last;
        bool open = false;
        Hours hours;
    };
    static Result<Hours> read_hours(std::string_view from, std::string_view to);
    static Result<Day> read_day(std::string_view text);
    static Result<Exception> read_exception(const model::ScheduleException& exception);
    static bool is_in(const Exception& exception, const Day& day);

    model::ScheduleSwitch switched_ = model::ScheduleSwitch::ByHours;  // by hand
    const date::time_zone* zone_ = nullptr;
    std::vector<Hours> week_[7];  // from Monday
    std::vector<Exception> exceptions_;
};

}  // namespace tandem::routing
