// The Date header. RFC 3261 20.17 takes one form of RFC 1123: "Sat, 13 Nov 2010 23:29:00 GMT".
#pragma once

#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace tandem::sip {

// Malformed (400) for any other form or zone. The day of the week is not compared with the date.
Result<UtcTime> parse_date(std::string_view value);
std::string format_date(UtcTime time);

}  // namespace tandem::sip
