// Who lives. Each node tells all others every 50 ms that it does, how far its shards have come, and
// what it hears from everybody else. A shard that makes no progress for 250 ms, because it hangs or
// because nothing is heard of its node, is suspected. It is dead when a second observer on another
// server says so, too, and those who say so outnumber those who hear it; or when the store has lost
// it as well. So a cut between two nodes kills nobody whom others hear.
//
// Death is final for a run: what was declared dead is told to everybody and comes back only with a
// higher run number. A suspect that was only late is believed again after a while that grows with
// each relapse.
//
// One a node, on its shard 0. Pure: the shell sends the heartbeats and calls with the time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "cluster/identity.h"

namespace tandem::cluster {

enum class Life : uint8_t {
    Unknown,  // never heard of; nobody's fault yet
    Alive,
    Suspected,  // to be avoided, but nothing may be taken from it
    Dead,       // this run is over for good
};
std::string_view to_string(Life life);

enum class LifeReason : uint8_t {
    Heard,         // progress, and long enough
    Silent,        // no heartbeat
    Stalled,       // heartbeats, but this shard does not progress
    Agreed,        // dead: two observers, not outnumbered
    StoreLost,     // dead: one observer, and the store does not see it either
    ProcessEnded,  // dead: its parent saw it end
    Restarted,     // dead: a later run was heard of
    Told,          // dead: another node has declared it
    Fenced,        // dead: an instance that lives there was fenced in the store
};
std::string_view to_string(LifeReason reason);

// What one observer hears of a shard.
enum class Opinion : uint8_t { Unknown, Heard, Silent, Stalled, Dead };

struct ShardBeat {
    uint32_t run = 0;
    uint64_t progress = 0;  // any number that changes with each turn
    friend bool operator==(const ShardBeat&, const ShardBeat&) = default;
};
struct HeardShard {
    uint32_t run = 0;
    Opinion opinion = Opinion::Unknown;
    friend bool operator==(const HeardShard&, const HeardShard&) = default;
};
struct HeardNode {
    NodeNumber node;
    uint64_t sequence = 0;  // of the last heartbeat that came: the echo that confirms it
    std::vector<HeardShard> shards;
    friend bool operator==(const HeardNode&, const HeardNode&) = default;
};
// Of an Active-Active instance: the share of what it can take that it has.
struct InstanceLoad {
    InstanceNumber instance;
    uint16_t permille = 0;
    friend bool operator==(const InstanceLoad&, const InstanceLoad&) = default;
};
struct Heartbeat {
    NodeNumber node;
    uint64_t sequence = 0;  // from 1 in each run of shard 0
    std::vector<ShardBeat> shards;
    std::vector<HeardNode> heard;
    std::vector<InstanceLoad> loads;
    friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

// A node of the logic layer, this one included.
struct Member {
    NodeNumber node;
    ServerNumber server;
    uint8_t shards = 1;
    // Something of it has another copy elsewhere. A node of which nobody could take anything over
    // is not declared dead for its silence: it would only lose what it still knows when it wakes.
    bool is_replaceable = true;
};

// What the store knows about nodes, asked for every 100 ms or so.
struct StoreView {
    bool is_reachable = false;  // we read and write
    // Nodes that the store has lost: their lease is gone, or nothing of their server reaches it.
    std::vector<NodeNumber> lost;
};

struct LifeEvent {
    ShardRun who;
    Life life = Life::Unknown;
    LifeReason reason = LifeReason::Heard;
    std::vector<NodeNumber> observers;  // who says so
};

struct LivenessOutbox {
    std::optional<Heartbeat> heartbeat;  // to all other nodes
    std::vector<LifeEvent> events;
};

class Liveness {
 public:
    // `runs`: of the shards of this node.
    Liveness(NodeNumber self, const std::vector<uint32_t>& runs);

    // Nodes that are not named any more are forgotten.
    void set_members(Instant now, std::span<const Member> members);
    // A run of a shard is known from elsewhere (fence/<instance>): it is waited for, and declared
    // dead if it is not heard within 5 s.
    void expect(Instant now, const ShardRun& run, LivenessOutbox& out);
    // How far the shards of this node have come. Told before on_timeout().
    void set_progress(std::span<const uint64_t> progress);

    void on_heartbeat(Instant now, const Heartbeat& beat, LivenessOutbox& out);
    void on_store_view(Instant now, StoreView view, LivenessOutbox& out);
    // The parent on this server has seen the process end (pidfd).
    void on_process_ended(Instant now, const ShardRun& run, LivenessOutbox& out);
    // An incarnation that lives in this run was fenced: who did that knew the run to be dead. So
    // one that is cut from the store hears of its end from whoever hears it (FenceEntry::home).
    void on_fenced(Instant now, const ShardRun& run, LivenessOutbox& out);
    void on_timeout(Instant now, LivenessOutbox& out);
    std::optional<Instant> next_deadline() const;

    Life life(ShardRef shard) const;
    bool is_dead(const ShardRun& run) const;
    // The send time of our youngest heartbeat that all other members but one have echoed: not
    // before 250 ms after it two of them can have declared us dead. Without other members: now.
    // nullopt: nobody has confirmed us, or only the store can.
    std::optional<Instant> confirmed_at(Instant now) const;

    // At least two other servers could be heard, and none is: the store's word, which may still
    // reach us, is no reason to speak then. Not for ever: they may all be dead.
    bool is_cut_off(Instant now) const;

    uint64_t own_pauses() const { return own_pauses_; }

 private:
    struct Watched {
        uint32_t run = 0;           // the last one that is known
        uint32_t dead_through = 0;  // runs up to here are over
        uint64_t progress = 0;
        Instant progressed;
        Life life = Life::Unknown;
        Instant well_since;
        unsigned relapses = 0;
        Instant suspected_at;
        Opinion told = Opinion::Unknown;  // as of the last heartbeat that we sent
    };
    struct Peer {
        Member member;
        uint64_t sequence = 0;
        uint32_t sequence_run = 0;  // the run of shard 0 that counts it
        Instant heard_at;
        bool was_heard = false;
        std::vector<Watched> shards;
        std::vector<HeardNode> report;
        std::optional<Instant> echoed;
    };

    void note_time(Instant now);
    void on_beat(Instant now, Peer& peer, size_t shard, const ShardBeat& beat, LivenessOutbox& out);
    void on_report(Instant now, Peer& from, const Heartbeat& beat, LivenessOutbox& out);
    void on_own_report(Instant now, Peer& from, const HeardNode& heard, LivenessOutbox& out);
    void start_run(Instant now, const Peer& peer, size_t shard, uint32_t run, LivenessOutbox& out);
    void end_run(Instant now, const ShardRun& run, LifeReason reason, LivenessOutbox& out);
    void judge_all(Instant now, LivenessOutbox& out);
    void judge(Instant now, Peer& peer, size_t shard, LivenessOutbox& out);
    void judge_suspect(Instant now, Peer& peer, size_t shard, LivenessOutbox& out);
    void declare_dead(const Peer& peer, size_t shard, LifeReason reason,
                      std::vector<NodeNumber> observers, LivenessOutbox& out);
    void say(const Peer& peer, size_t shard, LifeReason reason, std::vector<NodeNumber> observers,
             LivenessOutbox& out) const;
    Opinion opinion(Instant now, const Peer& peer, size_t shard) const;
    Opinion opinion_of(Instant now, const Peer& observer, const ShardRun& subject) const;
    bool store_has_lost(Instant now, NodeNumber node) const;
    bool others_have_lost(Instant now, const ShardRun& subject) const;
    Duration patience(const Peer& peer) const;  // silence that is no reason for suspicion
    bool is_one_server() const;
    Duration recovery(const Watched& watched) const;
    bool has_news(Instant now) const;
    void beat(Instant now, LivenessOutbox& out);
    Peer* find(NodeNumber node);
    const Peer* find(NodeNumber node) const;

    NodeNumber self_;
    ServerNumber own_server_;
    std::vector<ShardBeat> own_;
    std::vector<bool> own_dead_;  // others say so
    std::map<NodeNumber, Peer> peers_;
    uint64_t sequence_ = 0;
    struct Sent {
        uint64_t sequence = 0;
        Instant at;
    };
    std::deque<Sent> sent_;
    Instant next_beat_;
    std::optional<Instant> looked_;
    Instant began_;
    uint64_t own_pauses_ = 0;
    std::optional<StoreView> store_;
    Instant store_told_;
};

}  // namespace tandem::cluster
