// Writer turns the many small writes of one role instance into few transactions, and never leaves
// an answer open: every batch compares seq/<writer> with the last number and puts the next one, so
// that after a time-out one read tells whether the batch was applied. One batch is in flight.
// Pure, single-threaded; owned by the role instance (or the shard) whose name it writes under.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "store/kv.h"
#include "store/limits.h"

namespace tandem::store {

using Ticket = uint64_t;

// One write of a role: all or nothing. Ops are Put, Delete and DeleteRange.
struct Member {
    std::vector<Compare> compares;
    std::vector<Op> ops;
};

struct Completion {
    Ticket ticket = 0;
    // The revision that holds the write. Errors: Conflict, a compare of this member failed;
    // Forbidden, the writer is fenced (its epoch or its sequence number was taken over); Timeout,
    // it was fenced while the outcome was unknown; others, the store refused this member. Other
    // members of the batch are not affected.
    Result<Revision> outcome;
};

struct WriterOutbox {
    std::vector<Request> requests;
    std::vector<Completion> completions;
};

struct WriterOptions {
    Duration deadline = 300ms;  // of one try; then the outcome is looked up
    Duration pause = 20ms;      // before the next try when the store says Unavailable
    size_t batch_ops_max = txn_ops_max;
    size_t batch_bytes_max = txn_bytes_max;
};

class Writer {
 public:
    // `name` is the writer's identity: the text of a role instance's id, plus a shard. Request ids
    // carry `channel` in their upper 16 bits, so that several writers share one reply stream.
    Writer(std::string name, uint16_t channel, WriterOptions options = {});

    // Compared in every batch: what says that this instance may write, usually
    // Compare::value_is(keys::leader(group), ...) and the like of keys::fence(). A batch that fails
    // one of them fences the writer.
    void set_guards(std::vector<Compare> guards);
    void set_guard(Compare guard);

    // After it was fenced: writes under the same name again, behind these guards.
    void reopen(std::vector<Compare> guards);

    // Queued; sent at once when nothing is in flight. Unavailable: the queue is full. Forbidden:
    // the writer is fenced. TooLarge, Malformed: a limit, or a Get among the ops.
    Result<Ticket> put(Instant now, std::string key, std::string value, WriterOutbox& out);
    Result<Ticket> del(Instant now, std::string key, WriterOutbox& out);
    Result<Ticket> txn(Instant now, Member member, WriterOutbox& out);

    // Whether the reply was this writer's (channel and number known). Late ones are dropped.
    bool on_reply(Instant now, const Reply& reply, WriterOutbox& out);
    void on_timeout(Instant now, WriterOutbox& out);  // nothing before next_deadline()
    std::optional<Instant> next_deadline() const;

    bool is_idle() const { return queue_.empty() && batch_.members.empty(); }
    bool is_fenced() const { return phase_ == Phase::Fenced; }
    size_t waiting() const { return queue_.size() + batch_.members.size(); }

 private:
    enum class Phase {
        Unknown,    // the sequence number has not been read
        Reading,    // the first read of it is in flight
        Idle,       // nothing in flight
        Writing,    // a batch is in flight
        Burning,    // an empty batch uses up a number, so that a late try can't be applied
        Resolving,  // the outcome of a try is unknown, seq is being read
        Fenced,
    };
    struct Queued {
        Ticket ticket = 0;
        Member member;
        size_t bytes = 0;
    };
    // What is in flight or waiting for its outcome.
    struct Batch {
        std::vector<Queued> members;
        size_t ops = 0;
        size_t compares = 0;
        size_t bytes = 0;
        std::unordered_set<std::string> keys;  // written so far
        bool alone = false;                    // a DeleteRange travels alone
    };

    void pump(Instant now, WriterOutbox& out);
    void form_batch();
    bool fits(const Queued& next) const;
    void add_to_batch(Queued next);
    void return_to_queue();
    void send_batch(Instant now, WriterOutbox& out);
    void burn(Instant now, WriterOutbox& out);
    void read_sequence(Instant now, WriterOutbox& out);
    void send(Instant now, RequestBody body, WriterOutbox& out);
    Txn txn_of(std::string next_value) const;

    void on_sequence(Instant now, const RangeReply& reply, WriterOutbox& out);
    void on_txn(Instant now, const TxnReply& reply, WriterOutbox& out);
    void on_refused(Instant now, const TxnReply& reply, WriterOutbox& out);
    void on_error(Instant now, const Error& error, WriterOutbox& out);
    void on_member_error(Instant now, const Error& error, WriterOutbox& out);
    void resolve(Instant now, const KeyValue* sequence, WriterOutbox& out);
    void on_burnt(Instant now, WriterOutbox& out);
    void split_conflicts(Instant now, const TxnReply& reply, WriterOutbox& out);
    void complete_batch(Instant now, Revision revision, WriterOutbox& out);
    void fence(std::string_view why, WriterOutbox& out);

    std::string batch_value() const;
    std::string burn_value() const;

    std::string sequence_key_;
    uint64_t request_prefix_;
    WriterOptions options_;
    std::vector<Compare> guards_;

    Phase phase_ = Phase::Unknown;
    uint64_t sequence_ = 0;       // the number in the store
    std::string sequence_value_;  // seq's value there; empty: the key is absent
    bool started_ = false;        // a number of our own has been written
    bool burning_ = false;        // the try whose outcome is unknown was a burn
    bool uncertain_ = false;      // an earlier try of the batch may still be applied
    size_t solo_ = 0;             // members to send one by one, to find the one that is refused
    RequestId in_flight_ = 0;
    uint64_t requests_sent_ = 0;
    Ticket tickets_issued_ = 0;
    std::optional<Instant> deadline_;

    std::deque<Queued> queue_;
    Batch batch_;
};

}  // namespace tandem::store
