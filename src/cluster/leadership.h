// Who is active in one Active-Passive group. The post is the key leader/<group>; it is taken by a
// transaction that compares the key, raises the group's epoch, and fences the former holder. It is
// taken only when nobody holds it (the key is absent), when it was released, or when its holder's
// incarnation is over: dead by Liveness, fenced, or started anew. Everything that the holder writes
// carries guards() (store::Writer::set_guards), so that a holder who was deposed and does not know
// it can write nothing.
//
// A new leader keeps its post; nothing moves back by itself. Moving it by command waits until the
// leader has been there for 5 s, unless it must be at once.
//
// One for each candidate, on the shard of its role instance. The FenceTable is the node's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "cluster/fencing.h"
#include "cluster/identity.h"
#include "cluster/records.h"
#include "cluster/store_exchange.h"
#include "store/kv.h"

namespace tandem::cluster {

struct Candidate {
    InstanceNumber instance;
    int order = 0;         // the lowest is preferred; then the lowest number
    bool is_alive = true;  // not suspected, not draining
};

enum class Post : uint8_t {
    Passive,
    Active,
    Handing,  // still ours: the role stops taking work and writes what it has
    Fenced,   // this incarnation can't be elected any more
};

enum class Urgency : uint8_t { AfterPostMin, AtOnce };
struct Handover {
    InstanceNumber to;  // 0: the preferred one that lives
    Urgency urgency = Urgency::AfterPostMin;
};

struct LeaderEvent {
    enum class Kind : uint8_t {
        Elected,      // start being active; write with guards()
        Hand,         // stop taking work, write what is left, then call on_flushed()
        SteppedDown,  // stop at once; nothing of this post may be written or said any more
        LeaderIs,     // somebody else holds the post, or nobody
        Fenced,       // as SteppedDown, and this incarnation is over
    };
    Kind kind = Kind::LeaderIs;
    LeaderRecord record;      // as known in the store
    std::string_view reason;  // for people
};

struct LeadershipOutbox {
    std::vector<store::Request> requests;
    std::vector<LeaderEvent> events;
};

class Leadership {
 public:
    struct Settings {
        std::string group;  // as in leader/<group>
        Incarnation self;
        FenceRecord claim;  // of self, as in the store
        uint16_t channel = 0;
    };
    Leadership(Settings settings, const FenceTable& fences);

    void start(Now now, LeadershipOutbox& out);
    // All copies of the group. Who is not among them does not try.
    void set_candidates(Now now, std::vector<Candidate> candidates, LeadershipOutbox& out);
    // An incarnation is over: Liveness says so of the shard that it lived on.
    void on_dead(Now now, Incarnation who, LeadershipOutbox& out);
    // The fence table has changed.
    void on_fences(Now now, LeadershipOutbox& out);
    // Of a watch that covers the key.
    void on_watch(Now now, const store::WatchBatch& batch, LeadershipOutbox& out);
    // A write was refused by its guard, or a watch had a gap: look at the key.
    void refresh(Now now, LeadershipOutbox& out);
    bool on_reply(Now now, const store::Reply& reply, LeadershipOutbox& out);
    void on_timeout(Now now, LeadershipOutbox& out);
    std::optional<Instant> next_deadline() const;

    // Gives the post to another copy. Conflict: this copy does not hold it, or hands it over
    // already. NotFound: `to` is no other candidate.
    Result<void> hand_over(Now now, const Handover& order, LeadershipOutbox& out);
    void on_flushed(Now now, LeadershipOutbox& out);

    Post post() const { return post_; }
    // What every write compares since this copy was elected last.
    std::vector<store::Compare> guards() const;
    const std::optional<LeaderRecord>& record() const { return record_; }
    uint64_t tries() const { return tries_; }

 private:
    enum class Step : uint8_t { None, Reading, Taking, Releasing };

    void look(Now now, LeadershipOutbox& out);
    void learn(Now now, const store::KeyValue* item, store::Revision at, LeadershipOutbox& out);
    void learn_floor(const store::KeyValue* item);
    void on_changed(Now now, LeadershipOutbox& out);
    void become_active(Now now, LeadershipOutbox& out);
    void step_down(std::string_view reason, LeadershipOutbox& out);
    void become_fenced(LeadershipOutbox& out);
    bool is_ours() const;
    bool is_over(Incarnation who) const;
    std::optional<size_t> rank() const;
    std::optional<Instant> takeable_from(Instant now) const;
    bool can_try() const;
    void reconsider(Now now, LeadershipOutbox& out);
    void take(Now now, LeadershipOutbox& out);
    void release(Now now, LeadershipOutbox& out);
    void begin_handing(Now now, LeadershipOutbox& out);
    void on_txn(Now now, const store::TxnReply& reply, LeadershipOutbox& out);
    void on_read(Now now, const store::TxnReply& reply, LeadershipOutbox& out);
    void retry_later(Now now);

    Settings settings_;
    const FenceTable& fences_;
    std::string key_;
    std::string floor_key_;
    std::string own_fence_;
    StoreExchange exchange_;
    Step step_ = Step::None;

    Post post_ = Post::Passive;
    bool is_known_ = false;               // the key has been read
    std::optional<LeaderRecord> record_;  // nullopt: absent
    std::string value_;                   // as in the store
    store::Revision revision_;            // of the key; none: absent
    store::Revision known_at_;            // the state of the store that this was read from
    Instant learned_;                     // when the record came to be known
    uint64_t epoch_seen_ = 0;
    std::string floor_value_;

    std::vector<Candidate> candidates_;
    std::map<InstanceNumber, uint32_t> dead_through_;  // epochs of copies of this group
    std::optional<LeaderRecord> tried_;
    std::optional<Instant> try_at_;
    std::optional<Instant> retry_at_;
    Instant poll_at_;
    bool wants_look_ = false;

    Instant elected_;
    std::string elected_value_;  // of the key, as long as we hold the post
    std::optional<Handover> order_;
    std::optional<Instant> hand_at_;
    std::optional<Instant> flush_until_;
    bool flushed_ = false;
    uint64_t tries_ = 0;
};

}  // namespace tandem::cluster
