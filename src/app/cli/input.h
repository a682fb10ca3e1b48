// Files that commands take their input from.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tandem::cli {

// All of it; "-" is standard input. NotFound names `field`.
Result<std::string> read_input(const std::string& path, std::string_view field);

}  // namespace tandem::cli
