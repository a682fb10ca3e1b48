// What a drill makes of what its phones saw. Pure: times are those of the fleet (fleet.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/instant.h"

namespace tandem::drill {

// Something new that was asked of the system, again and again while it was harmed.
struct Probe {
    Instant asked;
    std::optional<Instant> served;
};

// Whoever is served within this has noticed nothing.
inline constexpr Duration kPrompt = 100ms;

// A harm that is felt is felt by then: phones ask many times a second. A disk that gets slow, or
// what mends itself, makes trouble later than that.
inline constexpr Duration kOnset = 500ms;

// From the harm until something new was served again: the first answer to anything that was asked
// after the trouble had begun. Trouble that began later than kOnset is counted from the last one
// before it that was served promptly. Without trouble: the longest that anybody had to wait.
// nullopt: nothing that was asked since then was served. `probes` in the order in which they were
// asked, none from before the harm.
std::optional<Duration> switch_time(Instant harm, std::span<const Probe> probes);

struct Percentiles {
    Duration p50{0};
    Duration p95{0};
    Duration p99{0};
    Duration max{0};
};
Percentiles percentiles_of(std::vector<Duration> values);

// A call as its caller saw it.
struct CallSeen {
    std::string call_id;
    bool held = false;  // from before the harm until the end
    Instant began;
    Instant rang;      // zero: never
    Instant answered;  // zero: never
    Instant ended;     // zero: not yet
    // It ended as its user wanted, or goes on and both sides hear each other.
    bool well = false;
    int status = 0;   // the final one of its INVITE; 0: none
    std::string end;  // how it ended, for people
};

struct CallsJudged {
    uint64_t answered = 0;          // at the harm or after it
    uint64_t answered_lost = 0;     // of these
    std::vector<std::string> lost;  // what became of them, one sentence each
    uint64_t ringing = 0;           // at the harm
    uint64_t ringing_lost = 0;
    uint64_t placed = 0;  // after the harm
    uint64_t refused = 0;
    std::map<int, uint64_t> refused_with;  // by status; 0: no answer
    Duration refused_for{0};               // from the first of them to the last
    std::vector<Probe> probes;
};
// Of one round. Calls that had ended before the harm are left out.
CallsJudged judge_calls(Instant harm, std::vector<CallSeen> calls);

struct RecordsJudged {
    uint64_t calls = 0;  // that were answered
    uint64_t missing = 0;
    uint64_t doubled = 0;
};
// `records`: how many CDRs say of a Call-ID that it was answered.
RecordsJudged judge_records(std::span<const CallSeen> calls,
                            const std::map<std::string, int>& records);

}  // namespace tandem::drill
