#include "base/instant.h"

#include <cstdio>

namespace tandem {

std::string to_rfc3339(UtcTime time) {
    using namespace std::chrono;
    const sys_time<milliseconds> point{milliseconds(time.unix_ms)};
    const auto day = floor<days>(point);
    const year_month_day date{day};
    const hh_mm_ss clock{point - day};
    char text[40];
    const int length = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                                     int(date.year()), unsigned(date.month()), unsigned(date.day()),
                                     int(clock.hours().count()), int(clock.minutes().count()),
                                     int(clock.seconds().count()), int(clock.subseconds().count()));
    return std::string(text, static_cast<size_t>(length));
}

}  // namespace tandem
