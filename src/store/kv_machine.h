// The key-value contract of kv.h, once, over any place that keeps the current state: MemoryStore
// and the SQLite backend differ only in their KvTable. Past changes are kept in memory and bounded;
// after a restart everything before it counts as compacted.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "store/kv.h"

namespace tandem::store {

// Where the current keys are. Failures are the table's own business: it remembers them, and its
// owner rolls back. Revisions here have no generation; the machine adds its own.
class KvTable {
 public:
    virtual ~KvTable() = default;
    virtual std::optional<KeyValue> get(std::string_view key) = 0;
    virtual void put(const KeyValue& item) = 0;
    virtual void erase(std::string_view key) = 0;
    // At most `limit` items of the range, in order of key.
    virtual std::vector<KeyValue> page(const KeyRange& range, size_t limit, Want want) = 0;
    virtual uint64_t count(const KeyRange& range) = 0;
    virtual void put_lease(LeaseId lease, Duration ttl) = 0;
    virtual void erase_lease(LeaseId lease) = 0;
};

// One change of one key. `before` and `after` are empty where the key does not exist.
struct Change {
    Revision revision;
    std::string key;
    std::optional<KeyValue> before;
    std::optional<KeyValue> after;
};

class KvMachine {
 public:
    // `revision`: of the state in the table; nothing before it can be read.
    KvMachine(KvTable& table, Revision revision);
    // A lease found in the table at start: it gets its whole time again, as in etcd.
    void restore_lease(Instant now, LeaseId lease, Duration ttl, std::vector<std::string> keys);

    Reply apply(Instant now, const Request& request);
    void expire(Instant now);
    std::optional<Instant> next_deadline() const;
    // The batches of all watches, up to the current revision. Call after the changes are durable.
    void tell_watches(Outbox& out);

    // For a table whose changes may yet be undone: begin() marks the state, rollback() returns to
    // it.
    void begin();
    void rollback(Instant now);
    Revision revision() const { return {generation_, number_}; }
    bool has_changed() const { return number_ != mark_number_ || !lease_undo_.empty(); }

 private:
    struct Lease {
        Duration ttl{0};
        Instant deadline;
        std::set<std::string, std::less<>> keys;
    };
    struct Watch {
        KeyRange range;
        int64_t told = 0;
        bool compacted = false;
    };
    struct LeaseUndo {
        LeaseId lease = 0;
        std::optional<Duration> ttl;  // what it was; none: it did not exist
    };

    Result<ReplyBody> answer(Instant now, const RangeRequest& request);
    Result<ReplyBody> answer(Instant now, const Txn& txn);
    Result<ReplyBody> answer(Instant now, const LeaseGrant& grant);
    Result<ReplyBody> answer(Instant now, const LeaseRevoke& revoke);
    Result<ReplyBody> answer(Instant now, const LeaseKeepAlive& keep_alive);
    Result<ReplyBody> answer(Instant now, const WatchCreate& create);
    Result<ReplyBody> answer(Instant now, const WatchCancel& cancel);
    Result<ReplyBody> answer(Instant now, const Compact& compact);

    RangeReply read_now(const RangeRequest& request);
    RangeReply read_past(const RangeRequest& request);
    Result<void> check_leases(const std::vector<Op>& ops) const;
    OpReply run(const Op& op);
    void put_key(const Put& put);
    bool erase_key(std::string_view key);
    uint64_t erase_range(const KeyRange& range);
    void end_lease(LeaseId lease);
    void record(Change change);
    void attach(LeaseId lease, const std::string& key);
    void detach(LeaseId lease, const std::string& key);
    void next_revision();
    void trim();
    void forget_through(int64_t number);
    KeyValue stamped(KeyValue item) const;
    void tell(WatchId id, Watch& watch, Outbox& out);

    KvTable& table_;
    uint32_t generation_;
    int64_t number_;
    int64_t compacted_;           // changes up to here are not in history_
    bool revision_open_ = false;  // the running request has taken its revision
    std::deque<Change> history_;
    size_t history_bytes_ = 0;
    std::map<LeaseId, Lease> leases_;
    std::map<WatchId, Watch> watches_;

    int64_t mark_number_;
    std::vector<LeaseUndo> lease_undo_;
};

}  // namespace tandem::store
