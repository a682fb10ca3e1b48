// What a drill found, for people and for programs.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/drill/measure.h"
#include "base/net_address.h"

namespace tandem::drill {

struct DrillPlan {
    std::string kind;  // kill, pause, partition; watch: somebody else does the harm
    int node = 0;      // one of these four, or none to watch
    std::string role;
    std::string server;
    bool leaders = false;  // the server with most active instances, found anew in each round
    int seconds = 5;       // of a pause or a partition, or to watch
    int calls = 20;
    double rate = 5;
    int registrations = 100;
    int rounds = 1;
    std::vector<SocketAddress> gates;  // empty: asked for
    bool judges_time = false;
    std::string url;
    std::string token;
    bool is_watch() const { return kind == "watch"; }
    std::string text() const;  // "kill of the node of SR"
};

struct Report {
    std::set<std::string> roles;  // of the nodes that were harmed
    int rounds = 0;
    bool interrupted = false;
    size_t phones = 0;
    uint64_t registrations = 0;  // acknowledged, of all rounds
    uint64_t registrations_lost = 0;
    uint64_t answered = 0;
    uint64_t answered_lost = 0;
    std::vector<std::string> lost;  // what became of these
    uint64_t ringing = 0;
    uint64_t ringing_lost = 0;
    uint64_t placed = 0;
    uint64_t refused = 0;
    std::map<int, uint64_t> refused_with;  // by status; 0: no answer
    uint64_t owned_twice = 0;
    RecordsJudged records;
    int not_back = 0;  // rounds in which something was not served again
    // One value a round.
    std::vector<Duration> switch_register;
    std::vector<Duration> switch_call;
    std::vector<Duration> switch_read;  // of the API
    std::vector<Duration> switch_write;
    std::vector<Duration> refused_for;
    // One for each held call of each round.
    std::vector<Duration> sound_gaps;
    std::vector<std::string> faults;  // what phones should never see
    uint64_t gate_changes = 0;
    Duration lateness{0};  // of the phones themselves, at worst

    void add_calls(const CallsJudged& calls);
};

// What was promised and not kept, one sentence each.
std::vector<std::string> broken_promises(const DrillPlan& plan, const Report& report);

std::string report_text(const DrillPlan& plan, const Report& report);
std::string report_json(const DrillPlan& plan, const Report& report);

}  // namespace tandem::drill
