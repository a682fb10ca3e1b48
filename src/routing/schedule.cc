#include "routing/schedule.h"

#include <date/date.h>
#include <date/tz.h>

#include <charconv>
#include <stdexcept>

namespace tandem::routing {
namespace {

constexpr int kMinutesOfDay = 24 * 60;

Error wrong(std::string_view field, std::string_view what) {
    return make_error(ErrorCode::OutOfRange, field, what);
}

// Digits only; -1: it is no number.
int number_of(std::string_view text) {
    int value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && !text.starts_with('-') ? value : -1;
}

// "08:30", up to "24:00"; -1: it is no time.
int minute_of(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return -1;
    const int hour = number_of(text.substr(0, 2));
    const int minute = number_of(text.substr(3));
    if (hour < 0 || minute < 0 || minute > 59) return -1;
    const int sum = 60 * hour + minute;
    return sum <= kMinutesOfDay ? sum : -1;
}

// Which zones there are is known to the machine; nullptr: not this one.
const date::time_zone* zone_named(std::string_view name) {
    try {
        return date::locate_zone(std::string(name));
    } catch (const std::exception&) {
        return nullptr;
    }
}

std::string at(std::string_view list, size_t index, std::string_view field) {
    std::string path(list);
    path += '[' + std::to_string(index) + ']';
    if (!field.empty()) path.append(".").append(field);
    return path;
}

}  // namespace

Result<OpenTimes::Hours> OpenTimes::read_hours(std::string_view from, std::string_view to) {
    const Hours hours{minute_of(from), minute_of(to)};
    if (hours.from < 0) return wrong("from", "must be a time of day like 08:30");
    if (hours.to < 0) return wrong("to", "must be a time of day like 17:00, at most 24:00");
    if (hours.to <= hours.from)
        return wrong("to", "must be after from: hours that go on after midnight are two entries");
    return hours;
}

Result<OpenTimes::Day> OpenTimes::read_day(std::string_view text) {
    Day day;
    std::string_view rest = text;
    if (text.size() == 10 && text[4] == '-') {
        day.year = number_of(text.substr(0, 4));
        rest.remove_prefix(5);
    }
    const int month = rest.size() == 5 && rest[2] == '-' ? number_of(rest.substr(0, 2)) : -1;
    const int of_month = month > 0 ? number_of(rest.substr(3)) : -1;
    // 2024 has a 29th of February.
    const date::year_month_day meant{date::year{day.year == 0 ? 2024 : day.year},
                                     date::month{static_cast<unsigned>(month)},
                                     date::day{static_cast<unsigned>(of_month)}};
    if (month < 0 || of_month < 0 || !meant.ok() || (text.size() == 10 && day.year < 1))
        return wrong("date", "must be a day like 2026-12-24, or 12-24 for every year");
    day.month_and_day = 100 * month + of_month;
    return day;
}

Result<OpenTimes::Exception> OpenTimes::read_exception(const model::ScheduleException& from) {
    Exception out;
    out.open = from.open;
    out.first = out.last = TRY(read_day(from.date));
    if (!from.last_date.empty()) {
        auto last = read_day(from.last_date);
        if (last && (last->year == 0) != (out.first.year == 0))
            last = wrong("", "must have a year where date has one");
        const bool is_before =
            last && (last->year != out.first.year ? last->year < out.first.year
                                                  : last->month_and_day < out.first.month_and_day);
        // Every year's days may go on into the next one.
        if (last && is_before && out.first.year != 0) last = wrong("", "must not be before date");
        if (!last) {
            last.error().field = "last_date";
            return last.error();
        }
        out.last = *last;
    }
    out.hours = TRY(read_hours(from.from, from.to));
    return out;
}

Result<OpenTimes> OpenTimes::make(const model::Schedule& schedule, std::string_view zone_else) {
    OpenTimes out;
    out.zone_ = zone_named(schedule.time_zone.empty() ? zone_else : schedule.time_zone);
    if (out.zone_ == nullptr) return wrong("time_zone", "is none that this machine knows");
    out.switched_ = schedule.switched;
    for (size_t i = 0; i < schedule.hours.size(); ++i) {
        const model::ScheduleHours& each = schedule.hours[i];
        auto hours = read_hours(each.from, each.to);
        if (!hours) {
            hours.error().field = at("hours", i, hours.error().field);
            return hours.error();
        }
        for (const model::Weekday day : each.days)
            out.week_[static_cast<size_t>(day)].push_back(*hours);
    }
    for (size_t i = 0; i < schedule.exceptions.size(); ++i) {
        auto exception = read_exception(schedule.exceptions[i]);
        if (!exception) {
            exception.error().field = at("exceptions", i, exception.error().field);
            return exception.error();
        }
        out.exceptions_.push_back(*exception);
    }
    return out;
}

bool OpenTimes::is_in(const Exception& exception, const Day& day) {
    const Day& first = exception.first;
    const Day& last = exception.last;
    if (first.year == 0) {
        if (first.month_and_day <= last.month_and_day)
            return first.month_and_day <= day.month_and_day &&
                   day.month_and_day <= last.month_and_day;
        return day.month_and_day >= first.month_and_day || day.month_and_day <= last.month_and_day;
    }
    const auto whole = [](const Day& each) { return 10'000 * each.year + each.month_and_day; };
    return whole(first) <= whole(day) && whole(day) <= whole(last);
}

bool OpenTimes::is_open(UtcTime when) const {
    if (switched_ != model::ScheduleSwitch::ByHours)
        return switched_ == model::ScheduleSwitch::Open;
    using std::chrono::milliseconds;
    const auto local = zone_->to_local(date::sys_time<milliseconds>(milliseconds(when.unix_ms)));
    const auto midnight = date::floor<date::days>(local);
    const date::year_month_day today(midnight);
    const Day day{static_cast<int>(today.year()),
                  static_cast<int>(100 * static_cast<unsigned>(today.month()) +
                                   static_cast<unsigned>(today.day()))};
    const auto minute =
        static_cast<int>(date::floor<std::chrono::minutes>(local - midnight).count());
    const auto has = [minute](const Hours& hours) {
        return hours.from <= minute && minute < hours.to;
    };
    for (const Exception& each : exceptions_)
        if (is_in(each, day)) return each.open && has(each.hours);
    const date::weekday weekday(date::local_days{midnight});
    for (const Hours& each : week_[weekday.iso_encoding() - 1])
        if (has(each)) return true;
    return false;
}

}  // namespace tandem::routing
