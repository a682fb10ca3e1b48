// The store of an elementary system and of a one-server site: the contract of store/kv.h in one
// SQLite file (WAL, synchronous=FULL). Replies come only after their batch has been committed.
// Used from one thread; the file is locked for this process alone.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/instant.h"
#include "base/result.h"
#include "store/kv.h"

namespace tandem::runtime {

class SqliteStore {
 public:
    // Makes the file when it is not there, for revisions of `generation`; one that is there keeps
    // its own. `now` starts the leases found in it afresh.
    static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, Instant now,
                                                     uint32_t generation = 1);
    ~SqliteStore();
    SqliteStore(const SqliteStore&) = delete;
    SqliteStore& operator=(const SqliteStore&) = delete;

    // Group commit: all requests in one SQLite transaction, each atomic by itself, in order. When
    // the disk fails, none is applied and every reply is ErrorCode::Unavailable.
    void apply_batch(Instant now, std::span<const store::Request> requests, store::Outbox& out);
    void apply(Instant now, const store::Request& request, store::Outbox& out) {
        apply_batch(now, {&request, 1}, out);
    }
    // Ends the leases that are due; nothing before next_deadline().
    void expire(Instant now, store::Outbox& out);
    std::optional<Instant> next_deadline() const;
    store::Revision revision() const;

 private:
    struct State;
    explicit SqliteStore(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
