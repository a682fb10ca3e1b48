// Which media gate a new context goes to: the one with the smallest share of its ports in use,
// divided by its weight. A call that asks again gets the gate that it was given before, as long as
// that gate lives.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "ports/address.h"
#include "ports/media_port.h"

namespace tandem::roles::media_gate_controller {

struct GateLoad {
    ports::MediaLoad load;
    Instant reported;
    uint32_t placed_since = 0;  // contexts that the report can't know of yet
};

struct PlacementSnapshot {
    std::vector<ports::MediaLoad> loads;
    std::vector<std::pair<CallId, ports::Instance>> placed;  // oldest first
};

// Owned by the MGC role; pure.
class Placement {
 public:
    void on_load(Instant now, const ports::MediaLoad& load);
    // nullopt: no gate of the directory has room.
    std::optional<ports::Instance> place(Instant now, CallId call,
                                         const ports::Directory& directory);
    void forget(ports::Instance gate);

    size_t gates() const { return gates_.size(); }
    size_t remembered() const { return placed_.size(); }
    PlacementSnapshot snapshot() const;
    static Placement restore(Instant now, const PlacementSnapshot& snapshot);

 private:
    struct Candidate {
        ports::Instance gate;
        double used = 0;  // share of its ports, weighted
        bool fresh = false;
    };
    std::optional<Candidate> candidate(Instant now, const ports::DirectoryEntry& entry) const;
    std::optional<ports::Instance> least_used(Instant now, const ports::Directory& directory) const;
    void remember(CallId call, ports::Instance gate);

    std::unordered_map<uint16_t, GateLoad> gates_;
    std::unordered_map<CallId, ports::Instance> placed_;
    std::deque<CallId> order_;  // of placed_, oldest first
};

}  // namespace tandem::roles::media_gate_controller
