// The key-value contract that every backend of the store carries: embedded SQLite, etcd, and the
// one in memory for tests and simulation. It follows etcd v3: ordered keys, transactions with
// compares, leases, watches. All are values; a reply finds its request by RequestId.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace tandem::store {

// A point in the history of one backend. Opaque to users of the contract: compare for equality, or
// hand back. The generation rises when the data moves to another backend, and revisions of another
// generation are answered as compacted.
struct Revision {
    uint32_t generation = 0;
    int64_t number = 0;

    friend auto operator<=>(const Revision&, const Revision&) = default;
    bool is_none() const { return number == 0; }
};

using RequestId = uint64_t;
using WatchId = uint64_t;
using LeaseId = uint64_t;  // 0: no lease

struct KeyValue {
    std::string key;
    std::string value;
    Revision create_revision;
    Revision mod_revision;
    LeaseId lease = 0;

    friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// Keys from `begin` (included) to `end` (excluded). An empty end means the one key `begin`.
struct KeyRange {
    std::string begin;
    std::string end;

    static KeyRange one(std::string key) { return {std::move(key), {}}; }
    static KeyRange prefix(std::string_view prefix);
    static KeyRange between(std::string begin, std::string end) {
        return {std::move(begin), std::move(end)};
    }
    bool contains(std::string_view key) const {
        return end.empty() ? key == begin : begin <= key && key < end;
    }
    friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// The last key of any range: keys are UTF-8, in which 0xff never occurs.
inline constexpr std::string_view after_all_keys = "\xff";

enum class Want { KeysAndValues, Keys, Count };

struct RangeRequest {
    KeyRange range;
    size_t limit = 0;  // 0: all
    Want want = Want::KeysAndValues;
    Revision at;  // none: the newest. A compacted one answers ErrorCode::NotFound
};

// What must hold for the `then` branch of a transaction. Absent keys fail ValueIs and
// ModRevisionIs.
struct Compare {
    enum class Kind { Exists, Absent, ModRevisionIs, ValueIs, NoneInRange };
    Kind kind = Kind::Exists;
    std::string key;    // NoneInRange: the first of the range
    Revision revision;  // of ModRevisionIs
    std::string value;  // of ValueIs; NoneInRange: the end of the range

    static Compare exists(std::string key) { return {Kind::Exists, std::move(key), {}, {}}; }
    static Compare absent(std::string key) { return {Kind::Absent, std::move(key), {}, {}}; }
    static Compare mod_revision_is(std::string key, Revision revision) {
        return {Kind::ModRevisionIs, std::move(key), revision, {}};
    }
    static Compare value_is(std::string key, std::string value) {
        return {Kind::ValueIs, std::move(key), {}, std::move(value)};
    }
    static Compare none_in(KeyRange range) {
        return {Kind::NoneInRange, std::move(range.begin), {}, std::move(range.end)};
    }
    KeyRange range() const;  // of the keys that it looks at
    friend bool operator==(const Compare&, const Compare&) = default;
};
// Whether `compare` holds for the current state of its key, or of the first one in its range;
// nullptr: there is none.
bool holds(const Compare& compare, const KeyValue* current);

struct Put {
    std::string key;
    std::string value;
    LeaseId lease = 0;
    friend bool operator==(const Put&, const Put&) = default;
};
struct Delete {
    std::string key;
    friend bool operator==(const Delete&, const Delete&) = default;
};
struct DeleteRange {
    KeyRange range;
    friend bool operator==(const DeleteRange&, const DeleteRange&) = default;
};
struct Get {
    RangeRequest range;  // `at` is ignored: a transaction reads what it is about to commit
};
using Op = std::variant<Put, Delete, DeleteRange, Get>;

// All of `then_ops` or all of `else_ops`, at one revision. As in etcd no key may be put twice, or
// put and deleted, in one branch.
struct Txn {
    std::vector<Compare> compares;
    std::vector<Op> then_ops;
    std::vector<Op> else_ops;
};

struct LeaseGrant {
    LeaseId lease = 0;  // chosen by the caller, not 0; one that exists answers Conflict
    Duration ttl{0};
};
struct LeaseRevoke {
    LeaseId lease = 0;
};
struct LeaseKeepAlive {
    LeaseId lease = 0;
};
// Events of `range` after revision `after` (none: from now on) until WatchCancel. The WatchId is
// chosen by the caller and is unique in one backend.
struct WatchCreate {
    WatchId watch = 0;
    KeyRange range;
    Revision after;
};
struct WatchCancel {
    WatchId watch = 0;
};
// Forgets history up to `through` (included): older reads and watches answer compacted.
struct Compact {
    Revision through;
};

using RequestBody = std::variant<RangeRequest, Txn, LeaseGrant, LeaseRevoke, LeaseKeepAlive,
                                 WatchCreate, WatchCancel, Compact>;
struct Request {
    RequestId id = 0;
    RequestBody body;
};

struct RangeReply {
    std::vector<KeyValue> items;  // ordered by key; empty for Want::Count
    uint64_t count = 0;           // items.size(), or for Want::Count the number of keys
    bool more = false;            // the limit cut the answer short
    Revision revision;            // the state that was read
};
struct PutReply {};
struct DeleteReply {
    uint64_t deleted = 0;
};
using OpReply = std::variant<PutReply, DeleteReply, RangeReply>;
struct TxnReply {
    bool succeeded = false;  // the compares held
    Revision revision;       // after the transaction
    std::vector<OpReply> ops;
};
struct DoneReply {
    Revision revision;
};
using ReplyBody = std::variant<RangeReply, TxnReply, DoneReply>;

// Errors: Timeout and Unavailable leave a Txn's effect unknown; every other code means that it was
// not applied. NotFound: compacted revision, or no such lease or watch. OutOfRange: a revision that
// does not exist yet. TooLarge, Malformed: a limit of limits.h, or the rule on double keys.
struct Reply {
    RequestId id = 0;
    Result<ReplyBody> body;
};

struct WatchEvent {
    enum class Kind { Put, Delete };
    Kind kind = Kind::Put;
    KeyValue entry;  // of a Delete: key and mod_revision only
};
struct WatchBatch {
    enum class Kind {
        Events,
        Compacted,  // the watch is over and has a gap: read the range again and watch from there
    };
    WatchId watch = 0;
    Kind kind = Kind::Events;
    Revision revision;  // Events: all changes up to here have been told
    std::vector<WatchEvent> events;
};

// What a backend has to say: replies in the order of the requests, then watch batches.
struct Outbox {
    std::vector<Reply> replies;
    std::vector<WatchBatch> watches;
};

size_t bytes_of(const Txn& txn);
// The limits of limits.h and the rule on double keys, so that no backend accepts what another
// refuses.
Result<void> check_txn(const Txn& txn);

}  // namespace tandem::store
