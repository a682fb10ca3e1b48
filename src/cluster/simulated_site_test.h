// A site in one process: liveness, leadership, fencing, self check and adoption of calls together,
// over a store and a network that fail in all the ways that they do. Nodes do what the shell does
// around the machines; the store tells the site of each change, and the site judges it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "cluster/limits.h"
#include "cluster/simulated_node_test.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::cluster::simulated {

inline constexpr std::string_view group = "sr-1";
inline constexpr uint16_t leader_base = 10;  // instance numbers: the A-P role of node n is 10 + n
inline constexpr uint16_t b2b_base = 100;    // its B2B is 100 + n

inline RoleInstanceId id_of(uint16_t number) {
    return RoleInstanceId{{0, number}};
}
inline std::optional<uint16_t> number_of(RoleInstanceId id) {
    return static_cast<uint16_t>(id.bits.low);
}

class Site {
 public:
    Site(uint64_t seed, Kinds kinds, Tally& tally);

    void run_until(Instant end);
    void later(Duration after, std::function<void()> what);
    Duration pick_ms(uint64_t low, uint64_t high);
    bool chance(unsigned percent) { return rng.below(100) < percent; }
    bool failed() const { return !failure.empty(); }
    void fail(const std::string& text);
    static std::string ms(Duration d);

    // --- Clocks of nodes.
    Instant local(const Node& node) const;
    Instant true_time(const Node& node, Instant local) const;
    Now now(const Node& node) const;

    // --- Processes.
    void start(uint16_t n);
    void boot(uint16_t n, uint64_t life);
    void stop(uint16_t n);
    void restart(uint16_t n, Duration after);
    void pause(uint16_t n, Duration how_long);
    void deliver(uint16_t n, uint64_t life, std::function<void()> what);

    // --- Network.
    Duration transit();
    void send_heartbeat(uint16_t from, const Heartbeat& beat);
    bool reaches_store(uint16_t n) const { return cut_store[n] <= 0; }

    // --- Store.
    void ask_store(uint16_t n, std::vector<store::Request> requests);
    Duration store_delay() { return std::chrono::microseconds(300 + rng.below(3000)); }
    void on_store(uint16_t n, uint64_t life, Duration delay, const store::Request& request);
    void count_refused(uint16_t n, const store::Request& request, const store::Outbox& out);
    void reply(uint16_t n, uint64_t life, const store::Reply& answer);
    void tell(store::Outbox& out);
    void flush_watch(uint16_t n, uint64_t life);

    // --- What a node does: the shell around the machines.
    void on_reply(uint16_t n, const store::Reply& answer);
    void begin_leadership(uint16_t n);
    void begin_b2b(uint16_t n);
    bool is_alive(const Node& node, uint16_t other) const;
    void set_candidates(uint16_t n);
    void live_out(uint16_t n, LivenessOutbox& out);
    void count(const LifeEvent& event);
    void look_for_dead(uint16_t n);
    void look_for_dead(uint16_t n, InstanceNumber instance, bool is_b2b);
    void on_watch(uint16_t n, const store::WatchBatch& batch);
    void lead_out(uint16_t n, LeadershipOutbox& out);
    void on_elected(uint16_t n, const LeaderRecord& record);
    static double to_ms(Duration d) { return static_cast<double>(d.count()) / 1e6; }
    void hand_if_flushed(uint16_t n);
    void leader_writes(uint16_t n, store::WriterOutbox& out);
    void b2b_writes(uint16_t n, store::WriterOutbox& out);
    void adopt_out(uint16_t n, AdoptionOutbox& out);
    void on_adopted(uint16_t n, const AdoptionEvent& event);

    void timers(uint16_t n);
    void touch(uint16_t n);
    Instant next_deadline(const Node& node) const;
    void run_timers(uint16_t n, Instant t);

    void work(uint16_t n);
    void write_as_leader(uint16_t n);
    void work_on_calls(uint16_t n);
    void ask_for_call(uint16_t n);
    void speak(uint16_t n, InstanceNumber instance, uint32_t epoch);

    // --- Invariants, told by the store itself, change by change.
    void observe(const store::WatchEvent& event);
    void observe_fence(const store::KeyValue& item);
    void observe_leader(const store::KeyValue* item);
    void observe_work(const store::KeyValue& item);
    void observe_call(const store::WatchEvent& event);

    // --- Faults.
    void storm(Duration length);
    uint16_t any_node();
    std::optional<uint16_t> leading_node() const;
    // The leader more often than others: that is where it hurts.
    uint16_t victim() { return chance(45) ? leading_node().value_or(any_node()) : any_node(); }
    void inject();
    void note_kill(uint16_t n);
    void cut_pair(uint16_t a, uint16_t b, bool both, Duration length);
    void cut_from_store(uint16_t n, Duration length);
    void isolate(uint16_t n, bool from_store, Duration length);
    void split(Duration length);
    void outage(Duration length);
    void command_handover();
    void delete_leader_key();
    void heal();
    bool has_leader() const;

    // --- After all faults.
    void judge();
    std::string sweeps_of(uint16_t n) const;
    bool is_settled();

    struct Event {
        Instant at;
        uint64_t order = 0;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return std::pair(other.at, other.order) < std::pair(at, order);
        }
    };
    static constexpr store::WatchId god_watch = 1;

    SeededRng rng;
    uint64_t seed_;
    Kinds kinds_;
    Tally& tally;
    uint16_t count_ = 0;
    std::vector<Node> nodes;
    Instant at;
    uint64_t order = 0;
    std::priority_queue<Event> events;
    std::string failure;
    std::string unsettled_;

    store::MemoryStore store;
    store::WatchId last_watch = 1;
    std::map<store::WatchId, std::pair<uint16_t, uint64_t>> watch_owner;
    bool store_down = false;
    bool quiet = false;  // no new calls, none ends
    Instant last_outage;
    std::vector<std::vector<int>> cut;
    std::array<int, 16> cut_store{};
    unsigned loss = 0;

    std::map<uint16_t, uint32_t> runs;
    std::map<uint16_t, uint32_t> fence_floor;
    std::map<uint16_t, std::string> fence_text;
    std::optional<LeaderRecord> leader;
    uint64_t leader_epoch = 0;
    std::set<std::string> acknowledged, written;
    std::map<CallId, uint16_t> call_owner;
    std::map<CallId, std::pair<uint16_t, store::Revision>> left;  // who has lost it, and when
    std::map<CallId, uint16_t> tags;
    std::map<CallId, unsigned> moves;
    std::set<std::pair<CallId, unsigned>> told_adoptions;
    std::set<std::pair<uint16_t, uint32_t>> suspects;
    uint64_t last_call = 0;

    std::optional<Instant> killed_at;
    uint16_t killed = 0;
    std::optional<Instant> commanded_at;
    uint16_t commanded_from = 0;
};

}  // namespace tandem::cluster::simulated
