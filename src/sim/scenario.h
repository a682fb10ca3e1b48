// One simulated run: a site, its phones, what goes wrong, and what must hold all the same. All of
// it is drawn from one seed.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/site_node.h"

namespace tandem::sim {

struct RunOptions {
    uint64_t seed = 1;
    MakeNodeParts make_parts;
    std::function<void(const std::string&)> trace;  // empty: no ladder
    bool plain = false;  // without transfers and queues: the course of a seed before there were any
};

struct RunResult {
    uint64_t hash = 0;
    std::string profile;  // what the seed has drawn, for people
    std::vector<std::string> failures;
    std::map<std::string, uint64_t, std::less<>> counts;
    std::vector<Duration>
        sound_back;  // of calls that lived through a crash: until media came again
};

RunResult run_scenario(const RunOptions& options);

// Rare paths that a batch of seeds has to reach. Names of counts.
const std::vector<std::string>& rare_paths();

}  // namespace tandem::sim
