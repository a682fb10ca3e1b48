// Which SIP gates have just died, as the directory shows: what a role has sent over connections of
// such a gate is not answered any more. Pure; of the role that keeps the transactions.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "ports/address.h"

namespace tandem::ports {

class LostGates {
 public:
    // Compares the directory with what it was at the last look. True: some gate that was there
    // cannot be reached any more, or has begun anew.
    bool look(const Directory& directory);
    // Whether the last look found it lost. Later ones do not find it again.
    bool contains(Instance gate) const { return lost_.contains(gate.number); }

 private:
    std::unordered_map<uint16_t, uint32_t> epochs_;  // of those that can be reached
    std::unordered_set<uint16_t> lost_;
};

}  // namespace tandem::ports
