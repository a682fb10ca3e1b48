#include "sip/date.h"

#include <array>
#include <chrono>

#include "base/bytes.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

template <size_t size>
std::optional<unsigned> index_of(const std::array<std::string_view, size>& names,
                                 std::string_view name) {
    for (unsigned i = 0; i < size; ++i) {
        if (equals_ignoring_case(names[i], name)) return i;
    }
    return std::nullopt;
}

void append_padded(std::string& out, int64_t number, size_t width) {
    const std::string digits = std::to_string(number);
    out.append(width > digits.size() ? width - digits.size() : 0, '0');
    out += digits;
}

}  // namespace

Result<UtcTime> parse_date(std::string_view value) {
    using namespace std::chrono;
    const Error malformed =
        make_error(ErrorCode::Malformed, "Date", "RFC 1123 date in GMT expected", 400);
    // "Sat, 13 Nov 2010 23:29:00 GMT" has fixed places.
    constexpr size_t form_size = 29;
    if (value.size() != form_size || value.substr(3, 2) != ", " || value.substr(25) != " GMT" ||
        value[7] != ' ' || value[11] != ' ' || value[16] != ' ' || value[19] != ':' ||
        value[22] != ':') {
        return malformed;
    }
    const auto day = parse_decimal(value.substr(5, 2), 31);
    const auto month = index_of(months, value.substr(8, 3));
    const auto year = parse_decimal(value.substr(12, 4));
    const auto hour = parse_decimal(value.substr(17, 2), 23);
    const auto minute = parse_decimal(value.substr(20, 2), 59);
    const auto second = parse_decimal(value.substr(23, 2), 60);  // a leap second is allowed
    if (!index_of(days, value.substr(0, 3)) || !day || !month || !year || !hour || !minute ||
        !second) {
        return malformed;
    }
    const year_month_day date(std::chrono::year(static_cast<int>(*year)),
                              std::chrono::month(*month + 1), std::chrono::day(*day));
    if (!date.ok()) return malformed;
    const auto since_epoch =
        sys_days(date).time_since_epoch() + hours(*hour) + minutes(*minute) + seconds(*second);
    return UtcTime{duration_cast<milliseconds>(since_epoch).count()};
}

std::string format_date(UtcTime time) {
    using namespace std::chrono;
    const sys_time<milliseconds> instant{milliseconds(time.unix_ms)};
    const auto midnight = floor<std::chrono::days>(instant);
    const year_month_day date(midnight);
    const hh_mm_ss<seconds> clock(floor<seconds>(instant - midnight));
    std::string out(days[weekday(midnight).c_encoding()]);
    out += ", ";
    append_padded(out, static_cast<unsigned>(date.day()), 2);
    out.append(" ").append(months[static_cast<unsigned>(date.month()) - 1]).append(" ");
    append_padded(out, static_cast<int>(date.year()), 4);
    out += ' ';
    append_padded(out, clock.hours().count(), 2);
    out += ':';
    append_padded(out, clock.minutes().count(), 2);
    out += ':';
    append_padded(out, clock.seconds().count(), 2);
    return out += " GMT";
}

}  // namespace tandem::sip
