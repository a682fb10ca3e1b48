// errno as an Error.
#pragma once

#include "base/result.h"

namespace tandem::runtime {

// "cannot bind 127.0.0.1:5060: Address already in use". `what` is a verb, `where` an address or
// path.
Error socket_error(std::string_view what, const std::string& where, int number);

}  // namespace tandem::runtime
