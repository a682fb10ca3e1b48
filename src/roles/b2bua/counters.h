// What a B2B has counted since its start, for figures().
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"

namespace tandem::roles::b2bua {

struct B2buaCounters {
    uint64_t calls = 0;
    uint64_t answered = 0;
    uint64_t challenges = 0;
    uint64_t refused_overload = 0;
    uint64_t refused_other = 0;
    uint64_t unknown_dialogs = 0;
    uint64_t restored = 0;
    uint64_t adopted = 0;
    uint64_t unreadable_snapshots = 0;
    uint64_t records = 0;
    uint64_t unprotected = 0;               // calls whose snapshot could not be written in time
    std::map<std::string, uint64_t> ended;  // by result
    Histogram setup;                        // from INVITE to the first news of the far end
};

}  // namespace tandem::roles::b2bua
