// What the next device is told of a call that comes to it over others: RFC 5806 (Diversion), which
// phones show, and RFC 7044 (History-Info), with the causes of RFC 4458.
#pragma once

#include <string_view>
#include <vector>

#include "routing/route.h"
#include "sip/dialog/leg_event.h"

namespace tandem::call {

std::vector<sip::HeaderField> history_headers(const std::vector<routing::Forward>& path,
                                              std::string_view domain);

}  // namespace tandem::call
