// Which failure of many a caller is told, and in which words. RFC 3261 16.7.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tandem::call {

// 603, 486, any other 6xx, 5xx, 4xx; within 4xx what helps the caller most. RFC 3261 16.7 step 6
// would take the lowest class, but a call here may come by several people (docs/decisions/0019). 0
// for an empty span.
int best_failure(std::span<const int> statuses);

// What the caller is told for a status of a branch. Challenges of a phone, failed flows and its
// overload are our own concern (16.7 step 6: 503 becomes 500); redirections were followed already.
int shown_failure(int status);

// Whether a phone that answers so may like another media profile better.
constexpr bool refuses_description(int status) {
    return status == 488 || status == 415 || status == 606;
}

// What says that this proxy can't, not that the called party won't.
constexpr bool may_be_elsewhere(int status) {
    return status == 408 || status == 430 || status == 500 || (status >= 502 && status <= 504);
}

// Q.850 cause of a SIP status (RFC 4497 8.4.1, RFC 6432), for Reason headers and CDRs.
int cause_of(int status);

// "SIP;cause=408;text=\"...\"", RFC 3326.
std::string reason_header(int status, std::string_view text);

// Who was to blame, in one word for statistics: "answered", "busy", "cancelled" ...
std::string_view disposition_of(int status);

}  // namespace tandem::call
