// The simulated world: one clock, one queue of events, one source of chance. Everything that
// happens in a run happens in an event of this queue, so one seed makes one run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/rng.h"

namespace tandem::sim {

using Event = std::move_only_function<void()>;

class World {
 public:
    explicit World(uint64_t seed);

    Instant time() const { return time_; }
    Rng& rng() { return rng_; }
    double chance() { return static_cast<double>(rng_.next() >> 11) * 0x1.0p-53; }  // [0, 1)
    bool happens(double probability) { return probability > 0 && chance() < probability; }
    Duration between(Duration least, Duration most);  // uniform

    // Events of one instant happen in the order in which they were added.
    void after(Duration delay, Event event) { at(time_ + delay, std::move(event)); }
    void at(Instant when, Event event);
    void run_until(Instant end);
    std::optional<Instant> next_event() const;

    // The run as a number: two runs of one seed have the same. Everything that crosses a border
    // (packets, letters between nodes, faults) goes in.
    uint64_t hash() const { return hash_; }
    void mix(std::string_view what, std::string_view bytes);

    // How often something rare was reached; see coverage.h.
    void count(std::string_view what, uint64_t times = 1);
    const std::map<std::string, uint64_t, std::less<>>& counts() const { return counts_; }

    // What must not be. The first hundred are kept.
    void fail(std::string text);
    const std::vector<std::string>& failures() const { return failures_; }

    // One line of the ladder, when somebody wants to read it.
    bool traces() const { return trace_ != nullptr; }
    void trace(std::string_view line);
    void set_trace(std::function<void(const std::string&)> sink) { trace_ = std::move(sink); }
    std::string stamp() const;  // "  12.345678", seconds

 private:
    struct Entry {
        Instant when;
        uint64_t order = 0;
        Event event;
    };
    struct Later {
        bool operator()(const Entry& a, const Entry& b) const {
            return a.when != b.when ? a.when > b.when : a.order > b.order;
        }
    };

    Instant time_;
    SeededRng rng_;
    uint64_t hash_ = 0xcbf29ce484222325;
    uint64_t order_ = 0;
    std::vector<Entry> heap_;
    std::map<std::string, uint64_t, std::less<>> counts_;
    std::vector<std::string> failures_;
    std::function<void(const std::string&)> trace_;
};

}  // namespace tandem::sim
