// Moves all data of a site from one store to another while it is used: copies, follows what
// changes meanwhile, freezes writes for a moment, applies the rest, and seals the source with the
// place where the data are from then on. The seal is the point of no return: before it the source
// is in force whatever happened, after it the target is.
//
// Nobody else reads or writes the target meanwhile. In the source everybody's transactions compare
// that `store/closed` is absent, or are held back by the one process that owns it. Keys with leases
// are left behind (their owners put them again when a keep-alive finds no lease), and so are those
// of the store itself.
//
// Pure and single-threaded; requests to both stores, replies and watch batches are values. Answers
// may be lost, late or unknown: every transaction compares a number that it raises, or a value that
// only this attempt puts, so that none is applied twice or after its time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "store/kv.h"

namespace tandem::store {

struct MoveSettings {
    std::string id;     // of this move, no other has it; no spaces
    std::string place;  // what the seal says, for whoever finds the source sealed
    Duration freeze_max;
};

struct MoveEvent {
    enum class Kind {
        Freeze,  // writes are to wait: none is begun at the source after this
        Thaw,    // writes go on at the source
        Moved,   // the source is sealed: use the target
        Failed,  // the source stays in force; `why` is one sentence
    };
    Kind kind = Kind::Failed;
    Error why;
};

struct MoveOutbox {
    std::vector<Request> to_source;
    std::vector<Request> to_target;
    std::vector<MoveEvent> events;
};

// What `store/closed` says.
struct Closure {
    enum class Kind { Frozen, Sealed };
    Kind kind = Kind::Frozen;
    std::string place;  // of Sealed
};
std::optional<Closure> parse_closure(std::string_view text);

class Move {
 public:
    // Whether a request, an answer or a watch of either store is a move's. Nobody else uses such
    // numbers.
    static bool is_own(uint64_t id) { return id >> 48 == 0xfffe; }

    explicit Move(MoveSettings settings);

    void start(Instant now, MoveOutbox& out);
    void on_source_reply(Instant now, const Reply& reply, MoveOutbox& out);
    void on_target_reply(Instant now, const Reply& reply, MoveOutbox& out);
    void on_source_watch(Instant now, const WatchBatch& batch, MoveOutbox& out);
    void on_timeout(Instant now, MoveOutbox& out);  // nothing before next_deadline()
    std::optional<Instant> next_deadline() const;

    bool is_over() const { return phase_ == Phase::Over; }
    std::string_view phase_name() const;             // for people
    uint64_t copied() const { return copied_; }      // keys
    uint64_t followed() const { return followed_; }  // changes
    Duration frozen_for() const { return frozen_for_; }

 private:
    enum class Phase {
        Examining,  // the source: is it closed?
        Opening,    // it is ours to close
        Claiming,   // the target
        Clearing,   // what an earlier move left in it
        Watching,   // the source, from now on
        Copying,
        Following,
        Freezing,
        Draining,  // frozen: the rest is applied
        Sealing,
        Thawing,
        Finishing,  // sealed: the target's mark is removed
        Over,
    };
    struct Side {  // one request under way to a store
        Request asked;
        bool waiting = false;
        std::optional<Instant> deadline;  // of the answer, or of the next try
    };

    void ask_source(Instant now, RequestBody body, MoveOutbox& out);
    void ask_target(Instant now, RequestBody body, MoveOutbox& out);
    void ask(Instant now, Side& side, RequestBody body, std::vector<Request>& out);
    // What was answered; nullptr: nothing that is of use now.
    const ReplyBody* taken(Instant now, Side& side, const Reply& reply, MoveOutbox& out);
    void try_again(Instant now, Side& side, std::vector<Request>& out);

    void on_source_txn(Instant now, const TxnReply& reply, MoveOutbox& out);
    void on_target_txn(Instant now, const TxnReply& reply, MoveOutbox& out);
    void examine(Instant now, MoveOutbox& out);
    void on_examined(Instant now, const TxnReply& reply, MoveOutbox& out);
    void claim(Instant now, MoveOutbox& out);
    void on_claimed(Instant now, const TxnReply& reply, MoveOutbox& out);
    void watch(Instant now, MoveOutbox& out);
    void read_page(Instant now, MoveOutbox& out);
    void on_page(Instant now, const RangeReply& page, MoveOutbox& out);
    void proceed(Instant now, MoveOutbox& out);
    void apply(Instant now, MoveOutbox& out);
    std::vector<Op> next_ops();
    void on_applied(Instant now, const TxnReply& reply, MoveOutbox& out);
    void note(const WatchEvent& event);
    void freeze(Instant now, MoveOutbox& out);
    void on_frozen(Instant now, const TxnReply& reply, MoveOutbox& out);
    void seal(Instant now, MoveOutbox& out);
    void on_sealed(Instant now, const TxnReply& reply, MoveOutbox& out);
    void thaw(Instant now, MoveOutbox& out);
    void on_thawed(Instant now, const TxnReply& reply, MoveOutbox& out);
    void fail(Instant now, Error why, MoveOutbox& out);
    void end(MoveOutbox& out);

    bool is_frozen() const { return phase_ == Phase::Freezing || phase_ == Phase::Draining; }
    std::string counter(uint64_t number) const;
    std::string attempt_text() const;
    std::string frozen_text() const;
    std::string sealed_text() const;

    MoveSettings settings_;
    Phase phase_ = Phase::Examining;
    Side source_;
    Side target_;
    RequestId requests_ = 0;
    WatchId watch_ = 0;
    unsigned errors_ = 0;    // one after the other
    std::string attempt_;    // the value of store/attempt; empty: there is none
    uint64_t number_ = 0;    // of the target's last transaction
    std::string listed_to_;  // the last key that was read
    bool all_read_ = false;
    std::vector<KeyValue> page_;
    std::map<std::string, std::optional<std::string>> changes_;  // nullopt: deleted
    unsigned freezes_ = 0;
    std::optional<Instant> frozen_at_;
    std::optional<Instant> freeze_not_before_;
    Duration frozen_for_{0};
    bool barrier_seen_ = false;
    std::optional<Error> failing_;
    uint64_t copied_ = 0;
    uint64_t followed_ = 0;
};

}  // namespace tandem::store
