// The version of the programs, as `--version` and the API show it.
#pragma once

namespace tandem::app {
inline constexpr char kVersion[] = "0.1.0";
}
