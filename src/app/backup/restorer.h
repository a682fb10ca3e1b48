// `tandemd --restore FILE`: makes an empty data directory that of the first server of the site that
// a backup holds. What fails leaves the directory as it was; a tandemd that finds one that was cut
// off does not start.
#pragma once

#include <string>
#include <vector>

#include "app/config/bootstrap.h"
#include "base/result.h"

namespace tandem::app {

struct Restored {
    std::string server;               // who this is from now on
    std::vector<std::string> others;  // servers that have to join anew
    uint64_t keys = 0;
    uint64_t cdrs = 0;
};

// `passphrase_file` empty: the terminal is asked where one is needed. Errors are one sentence for
// the operator.
Result<Restored> restore_site(const Bootstrap& bootstrap, const std::string& file,
                              const std::string& passphrase_file);

// A restore into this directory was cut off, so what is in it is not whole.
bool is_restore_cut_off(const std::string& data);

}  // namespace tandem::app
