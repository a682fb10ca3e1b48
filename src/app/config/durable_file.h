// Small files that must be whole whatever happens.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace tandem::app {

// Written under another name, flushed and renamed: a crash leaves either what was there before or
// all of it. The error names the file.
Result<void> replace_file(const std::string& path, std::string_view text, mode_t mode);
// Another when the file is another.
std::string file_stamp(const std::string& path);

}  // namespace tandem::app
