// Passphrases of backups: from a file or from the terminal, never from the command line, which
// others on the machine can read.
#pragma once

#include <string>

#include "base/result.h"

namespace tandem::app {

// The first line of the file.
Result<std::string> passphrase_in(const std::string& path);

enum class Asking { Once, Twice };
// From the terminal, which does not show it. Twice: for a new one. Missing: there is no terminal.
Result<std::string> ask_passphrase(Asking asking);

}  // namespace tandem::app
