// What becomes of the calls of a dead B2B instance: the surviving ones share them. Which survivor
// takes which call is a rendezvous hash, so they need not talk; that each call is taken once is the
// store's doing: call/<victim>/<call> moves to call/<adopter>/<call> in a transaction that compares
// the call, the victim's fence and the adopter's own. So nothing is moved from an instance that
// lives (again), and nothing by one that is dead without knowing it.
//
// A request for a call may come before the sweep has reached it: then it is taken at once, by
// whoever got the request. owner/<call> tells where a call has gone; its owner deletes the key when
// the call ends.
//
// One in each B2B instance, on its shard. Unknown outcomes are resolved by trying the same
// transaction again: its other branch reads what has become of each call.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "cluster/fencing.h"
#include "cluster/identity.h"
#include "cluster/store_exchange.h"
#include "store/kv.h"

namespace tandem::cluster {

// A B2B instance, by its number and by the id that its keys carry.
struct Adopter {
    InstanceNumber number;
    RoleInstanceId id;
    friend auto operator<=>(const Adopter&, const Adopter&) = default;
};

// Who of the survivors is to take a call, whoever asks. nullptr: there is none.
const Adopter* adopter_of(CallId call, const std::vector<Adopter>& survivors);

struct AdoptionEvent {
    enum class Kind : uint8_t {
        Adopted,     // the call is ours: restore it from `snapshot`
        Elsewhere,   // asked for: another instance owns it (`owner`)
        NoSuchCall,  // asked for: it has ended, or was never kept
        OwnerLives,  // asked for: nobody adopted it, and its owner is not known to be dead
        Swept,       // nothing is left of this victim
        Returned,    // a new incarnation of the victim runs and keeps what is left
        Fenced,      // we are over: stop
    };
    Kind kind = Kind::Adopted;
    Adopter victim;
    CallId call;
    std::string snapshot;
    RoleInstanceId owner;
};

struct AdoptionOutbox {
    std::vector<store::Request> requests;
    std::vector<AdoptionEvent> events;
};

struct AdoptionProgress {
    uint64_t adopted = 0;  // by this instance
    uint64_t left = 0;     // listed for this instance and not yet moved
    unsigned passes = 0;
};

class CallAdoption {
 public:
    CallAdoption(Adopter self, FenceRecord claim, uint16_t channel, const FenceTable& fences);

    // Instances that live, this one included.
    void set_survivors(Instant now, std::vector<Adopter> survivors, AdoptionOutbox& out);
    // This incarnation of `victim` is over: Liveness says so, or its fence does. May be told more
    // than once. TooLarge: too many victims at once.
    Result<void> on_dead(Instant now, const Adopter& victim, uint32_t epoch, AdoptionOutbox& out);
    // A request for a call of `owner` came here. Answered by one event. TooLarge: too many wait.
    Result<void> on_asked(Instant now, const Adopter& owner, CallId call, AdoptionOutbox& out);
    // The fence table has changed.
    void on_fences(Instant now, AdoptionOutbox& out);
    bool on_reply(Instant now, const store::Reply& reply, AdoptionOutbox& out);
    void on_timeout(Instant now, AdoptionOutbox& out);
    std::optional<Instant> next_deadline() const;

    std::optional<AdoptionProgress> progress(InstanceNumber victim) const;
    bool is_idle() const;
    bool is_over() const { return is_over_; }  // fenced: nothing more comes from here

 private:
    enum class Phase : uint8_t { Fencing, Listing, Taking, Waiting };
    struct Sweep {
        Adopter victim;
        uint32_t epoch = 0;   // the incarnation that is over
        std::string fence;    // the victim's key, once it is fenced
        std::string fencing;  // what a try of ours puts there
        Phase phase = Phase::Fencing;
        std::string listed_to;  // the last key of the page before
        size_t found = 0;       // in this pass, for anybody
        std::deque<CallId> ours;
        std::optional<Instant> next_at;
        AdoptionProgress progress;
    };
    struct Asked {
        Adopter owner;
        CallId call;
    };
    struct Item {
        CallId call;
        store::Revision revision;
        std::string snapshot;
    };
    // The calls that are being moved. Not changed until each has a definite outcome.
    struct Batch {
        InstanceNumber victim;
        std::vector<CallId> wanted;  // being read
        std::vector<Item> items;     // being moved
        bool is_asked = false;       // for asked_.front()
    };
    enum class Step : uint8_t { None, Fence, List, Read, Move, Locate };

    void proceed(Instant now, AdoptionOutbox& out);
    bool proceed_asked(Instant now, AdoptionOutbox& out);
    bool proceed_sweep(Instant now, Sweep& sweep, AdoptionOutbox& out);
    bool fence(Instant now, Sweep& sweep, AdoptionOutbox& out);
    void list(Instant now, Sweep& sweep, AdoptionOutbox& out);
    void read(Instant now, const Sweep& sweep, const std::vector<CallId>& calls,
              AdoptionOutbox& out);
    void move(Instant now, Sweep& sweep, AdoptionOutbox& out);
    void locate(Instant now, AdoptionOutbox& out);
    void send(Instant now, Step step, InstanceNumber victim, store::RequestBody body,
              AdoptionOutbox& out);

    void on_answer(Instant now, Step step, const store::ReplyBody& body, AdoptionOutbox& out);
    void on_fence_txn(Instant now, Sweep& sweep, const store::TxnReply& reply, AdoptionOutbox& out);
    void on_page(Instant now, Sweep& sweep, const store::RangeReply& page, AdoptionOutbox& out);
    void on_values(Instant now, Sweep& sweep, const store::TxnReply& reply, AdoptionOutbox& out);
    void on_located(const store::TxnReply& reply, AdoptionOutbox& out);
    void on_moved(Instant now, Sweep& sweep, const store::TxnReply& reply, AdoptionOutbox& out);
    void adopted(Sweep& sweep, Item item, AdoptionOutbox& out);
    void answer_asked(AdoptionEvent::Kind kind, RoleInstanceId owner, AdoptionOutbox& out);
    void next_owner(RoleInstanceId owner, AdoptionOutbox& out);
    void end_pass(Instant now, Sweep& sweep, AdoptionOutbox& out);
    bool look_at_fence(Sweep& sweep, const store::KeyValue* item, AdoptionOutbox& out);
    void end_sweep(InstanceNumber victim, AdoptionEvent::Kind kind, AdoptionOutbox& out);
    void stop(AdoptionOutbox& out);
    Sweep* find(InstanceNumber victim);
    const Sweep* find_by_id(RoleInstanceId id) const;
    bool takes(const Sweep& sweep, CallId call) const;

    Adopter self_;
    std::string own_key_;
    std::string own_fence_;
    const FenceTable& fences_;
    StoreExchange exchange_;
    std::vector<Adopter> survivors_;
    std::map<InstanceNumber, Sweep> sweeps_;
    std::map<InstanceNumber, uint32_t> swept_;  // epochs of which nothing is left
    std::deque<Asked> asked_;
    std::optional<Batch> batch_;
    Step step_ = Step::None;
    InstanceNumber step_victim_;
    std::optional<Instant> retry_at_;
    bool is_over_ = false;
};

}  // namespace tandem::cluster
