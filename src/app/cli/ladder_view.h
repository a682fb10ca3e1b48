// The SIP ladder of one call for the terminal.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace tandem::cli {

// `entries` as of /calls/{id}/trace. `full` adds the whole messages below the arrows.
std::string ladder_text(const boost::json::array& entries, bool full);

}  // namespace tandem::cli
