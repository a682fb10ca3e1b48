// What one shard of a node knows of its site, and what its instances are in it: which incarnations
// may act (fence/), who is active in each group (leader/), who lives; the claims and posts of the
// instances that are hosted here, and the calls that they take over. It joins the machines of
// cluster/ to the store, to heartbeats and to the layout.
//
// Pure; one in each NodeHost. Shard 0 sends and judges heartbeats for the whole node.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "cluster/call_adoption.h"
#include "cluster/fencing.h"
#include "cluster/leadership.h"
#include "cluster/liveness.h"
#include "cluster/self_check.h"
#include "ports/letter.h"
#include "roles/host/event_log.h"
#include "roles/host/placement.h"

namespace tandem::roles::host {

// A node to which there is a link, or this one.
struct ReachableNode {
    uint16_t node = 0;
    std::vector<uint32_t> runs;  // of its shards; 0 or missing: not numbered yet
    // Instances that it drains: the logic layer has them no more, their calls go on.
    std::vector<ports::DirectoryEntry> draining;
};

// What becomes of an instance of this shard.
struct MembershipEvent {
    enum class Kind : uint8_t {
        Claimed,  // its incarnation `epoch` may act: start it, with `guards`
        Elected,  // it is the active one of its group: write with `guards`
        Handing,  // active no more; on_flushed() when all is written
        Deposed,
        Fenced,   // this incarnation is over: end it at once; it may claim again
        Adopted,  // a B2B: `call` is its own now
        GivenUp,  // as asked: this incarnation is over, and others take what it had
    };
    Kind kind = Kind::Claimed;
    ports::Instance instance;
    uint32_t epoch = 0;
    std::vector<store::Compare> guards;
    ports::AdoptedCall call;
};

// How an instance of the layout looks from here.
struct Standing {
    bool reachable = false;
    bool suspected = false;
    bool is_active = false;  // of an Active-Passive role
    uint32_t epoch = 0;
};

class Membership {
 public:
    Membership(uint16_t node, uint16_t shard);

    // This shard has got the number of its run: reads the store.
    void start(Now now, uint32_t run);
    // The store can be reached again: its watches are gone.
    void reread(Now now);
    // The enabled instances of the logic layer, and all servers: one that hosts nothing observes
    // the others nevertheless, and so settles who is dead where there are only two.
    void set_layout(Now now, std::vector<Placement> layout, std::vector<Home> homes);
    void set_nodes(Now now, std::vector<ReachableNode> nodes);
    // The process of a node of this server is known to have ended, in its run that was seen last.
    void on_process_ended(Now now, uint16_t node);

    // An instance is to be hosted here. Claimed follows.
    void claim(Now now, const Placement& placement);
    void release(ports::Instance instance);
    // Gives its post to another copy that lives. False: it has none, or there is no other.
    bool hand_over(Now now, const cluster::Handover& order, ports::Instance instance);
    void on_flushed(Now now, ports::Instance instance);
    // A B2B that drains leaves its calls to the others. GivenUp follows.
    void give_up(Now now, ports::Instance instance);

    bool on_reply(Now now, const store::Reply& reply);  // whether it was for us
    void on_watch(Now now, const store::WatchBatch& batch);
    void on_heartbeat(Now now, const cluster::Heartbeat& beat);
    // Turns of the shards of this node: one that stands still is stuck.
    void set_progress(std::span<const uint64_t> turns);
    void on_timeout(Now now);
    std::optional<Instant> next_deadline() const;

    std::vector<store::Request> take_requests() { return std::exchange(requests_, {}); }
    std::vector<MembershipEvent> take_events() { return std::exchange(events_, {}); }
    std::optional<cluster::Heartbeat> take_heartbeat() { return std::exchange(heartbeat_, {}); }
    std::vector<Event> take_news() { return std::exchange(news_, {}); }  // for people
    // True once after a Standing may have changed.
    bool take_changed() { return std::exchange(changed_, false); }

    // Others have declared this node dead and act for it: it is to begin a new run.
    bool is_over() const { return is_over_; }

    Standing standing(const Placement& placement) const;
    // False: what comes from there in the name of `from` is to be dropped.
    bool admits(ports::Instance from, uint16_t node) const;
    // Whether an instance of this shard may speak to the outside now.
    cluster::Permission may_speak(Now now, ports::Instance instance);
    // The last moment at which others, or the store, have confirmed this node; `now` when nobody
    // else could act for it; nullopt: not yet.
    std::optional<Instant> confirmed(Instant now) const {
        return liveness_ == nullptr ? now : self_check_.confirmed();
    }
    // This node keeps the store: without it nobody can act for it.
    void set_keeps_store(bool keeps) { keeps_store_ = keeps; }

 private:
    struct Hosted {
        Placement placement;
        std::unique_ptr<cluster::IncarnationClaim> claim;
        std::optional<cluster::FenceRecord> record;  // once it is claimed
        std::unique_ptr<cluster::Leadership> leadership;
        std::unique_ptr<cluster::CallAdoption> adoption;
        bool is_over = false;
        bool gives_up = false;
    };

    void read(Now now);
    void on_read(Now now, const store::TxnReply& reply);
    void learn_fence(Now now, const store::KeyValue& item);
    void learn_leader(const store::KeyValue& item);
    void on_claimed(Now now, Hosted& hosted);
    void on_fenced(Hosted& hosted);
    void take(Hosted& hosted, cluster::LeadershipOutbox& out);
    void take(Hosted& hosted, cluster::AdoptionOutbox& out);
    void take(cluster::LivenessOutbox& out);
    void judge_store(Now now);
    std::vector<cluster::Member> members() const;
    void tell_life(const cluster::LifeEvent& event);
    void begin_liveness(Now now);
    bool has_other_copy(const Placement& placement) const;
    void settle(Now now);
    void look_for_dead(Now now);
    void on_dead(Now now, ports::Instance instance, const cluster::FenceEntry& entry);
    void look_at_claim(Now now, Hosted& hosted);
    bool is_gone(const cluster::ShardRun& home) const;
    bool is_suspected(const cluster::ShardRun& home) const;
    const ReachableNode* node(uint16_t number) const;
    Hosted* find(ports::Instance instance);
    const Placement* placement_of(ports::Instance instance) const;
    std::vector<cluster::Candidate> candidates_of(const Placement& placement) const;
    std::vector<cluster::Adopter> survivors() const;
    uint16_t next_channel();

    uint16_t node_;
    uint16_t shard_;
    uint32_t run_ = 0;  // 0: not started
    cluster::StoreExchange reading_;
    std::optional<Instant> read_again_;
    bool is_known_ = false;        // the store has been read
    uint64_t first_watch_ = 0;     // of fence/; the next one is of leader/
    uint64_t watch_requests_ = 0;  // their ids count up from here
    cluster::FenceTable fences_;
    std::map<std::string, cluster::LeaderRecord> leaders_;  // by group
    std::unique_ptr<cluster::Liveness> liveness_;           // shard 0 of a system of several nodes
    cluster::SelfCheck self_check_;
    std::vector<uint64_t> turns_;
    std::vector<Placement> layout_;
    std::vector<Home> homes_;
    std::vector<Placement> leaving_;  // B2Bs that are disabled: their calls may be left
    std::vector<ReachableNode> nodes_;
    std::map<uint16_t, std::vector<uint32_t>> runs_;  // of each node, as told last
    std::map<uint16_t, Hosted> hosted_;               // by number
    uint16_t channel_ = 0;
    bool is_over_ = false;
    bool keeps_store_ = false;
    bool unsettled_ = false;  // candidates, survivors and the dead are to be told

    std::vector<store::Request> requests_;
    std::vector<MembershipEvent> events_;
    std::vector<Event> news_;
    std::set<cluster::ShardRef> suspected_;  // as told in news
    std::optional<cluster::Heartbeat> heartbeat_;
    bool changed_ = false;
};

}  // namespace tandem::roles::host
