// The values of the keys fence/<instance> and leader/<group>, as text that people can read. A
// record is compared byte for byte by transactions, so each is written in exactly one way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "cluster/identity.h"

namespace tandem::cluster {

// fence/<instance>: which incarnation may act.
//   open <epoch> node <node> shard <shard> run <run>
//   fenced <epoch> by <instance>      itself: it has given up what it had
struct FenceRecord {
    enum class State : uint8_t { Open, Fenced };
    State state = State::Open;
    uint32_t epoch = 0;  // Open: the one that may act. Fenced: it and all before it may not
    ShardRun home;       // Open: where it runs
    InstanceNumber by;   // Fenced: who took over

    friend bool operator==(const FenceRecord&, const FenceRecord&) = default;
    // The lowest epoch whose letters and writes count.
    uint32_t floor() const { return state == State::Open ? epoch : epoch + 1; }
};
std::string to_text(const FenceRecord& record);
std::optional<FenceRecord> parse_fence(std::string_view text);

// leader/<group>: who holds the post.
//   active <epoch> instance <number>/<incarnation> since <unix ms>
//   released <epoch> instance <number>/<incarnation> since <unix ms> next <number>
struct LeaderRecord {
    enum class State : uint8_t { Active, Released };
    State state = State::Active;
    uint64_t epoch = 0;   // of the group; rises with each new leader
    Incarnation holder;   // Released: the one that gave it up
    UtcTime since;        // of the state
    InstanceNumber next;  // Released: who is to take it; 0: the preferred one that lives

    friend bool operator==(const LeaderRecord&, const LeaderRecord&) = default;
};
std::string to_text(const LeaderRecord& record);
std::optional<LeaderRecord> parse_leader(std::string_view text);

}  // namespace tandem::cluster
