// A file of music on its way to a domain.
#pragma once

#include <string>

#include "base/result.h"

namespace tandem::cli {

// The WAV file at `path` as the API takes it: in base64, and as A-law, which needs half of the
// place. What it cannot be used for is said here already.
Result<std::string> music_file(const std::string& path);

}  // namespace tandem::cli
