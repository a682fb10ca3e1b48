#include "app/node/sqlite_backend.h"

#include <algorithm>
#include <iterator>

#include "runtime/sqlite/sqlite_store.h"

namespace tandem::app {
namespace {

// At 300 calls/s twelve of the some 600 writes a second go together, and a caller's 200 waits 20 ms
// longer at most: less than a phone's own delays, and a fifth of what a snapshot may take.
constexpr Duration commit_pause = 20ms;
// More than this is not held back: it would make the next commit a long one.
constexpr size_t gathered_max = 256;

}  // namespace

SqliteBackend::SqliteBackend(std::unique_ptr<runtime::SqliteStore> store, Tell tell)
    : store_(std::move(store)), tell_(std::move(tell)) {}

SqliteBackend::~SqliteBackend() = default;

void SqliteBackend::take(Now now, std::vector<store::Request> requests) {
    std::move(requests.begin(), requests.end(), std::back_inserter(batch_));
    if (may_commit(now)) commit(now);
}

// A busy store gathers: a commit costs the disk the same whether it holds one write or fifty, and
// nobody misses the milliseconds. Reads are not held up, nor is a write that finds the store idle.
bool SqliteBackend::may_commit(Now now) const {
    const bool only_writes = std::ranges::all_of(batch_, [](const store::Request& request) {
        return std::holds_alternative<store::Txn>(request.body);
    });
    return !only_writes || batch_.size() >= gathered_max || now.mono >= next_commit_;
}

void SqliteBackend::commit(Now now) {
    if (batch_.empty()) return;
    next_commit_ = now.mono + commit_pause;
    store::Outbox out;
    store_->apply_batch(now.mono, batch_, out);
    batch_.clear();
    tell_(std::move(out));
}

void SqliteBackend::on_timeout(Now now) {
    store::Outbox out;
    store_->expire(now.mono, out);
    if (!out.watches.empty()) tell_(std::move(out));
    if (may_commit(now)) commit(now);
}

std::optional<Instant> SqliteBackend::next_deadline() const {
    const auto lease = store_->next_deadline();
    if (batch_.empty()) return lease;
    return lease ? std::min(*lease, next_commit_) : next_commit_;
}

}  // namespace tandem::app
