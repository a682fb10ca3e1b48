// What has to change in the layers of a restored site so that this machine is its first server:
// node 1, which the store begins on, is its home node, and it listens at the addresses that it has.
// All the rest stays, other servers included: they join anew. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/kv.h"

namespace tandem::app {

struct FirstServer {
    std::string name;
    std::string link_address;  // empty: none
    std::vector<store::Op> changes;
    std::vector<std::string> others;  // names of servers that have to join anew
};

// `layers`: all of /i/ and /l/. The first server is the one with the lowest home node. `address`
// and `link_address`: what the operator gave for this machine; empty: as they were.
Result<FirstServer> first_server_of(const std::vector<store::KeyValue>& layers,
                                    const std::string& address, const std::string& link_address);

}  // namespace tandem::app
