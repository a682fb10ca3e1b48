#include "runtime/sqlite/sqlite_store.h"

#include <utility>

#include "runtime/sqlite/sqlite_table.h"
#include "store/kv_machine.h"

namespace tandem::runtime {

struct SqliteStore::State {
    State(SqliteTable opened, store::Revision revision)
        : table(std::move(opened)), machine(table, revision) {}
    SqliteTable table;
    store::KvMachine machine;  // refers to `table`

    // Makes the batch's changes durable, or undoes them everywhere.
    bool settle(Instant now) {
        const bool changed = machine.has_changed();
        if (changed && table.commit(machine.revision())) return true;
        if (!changed && !table.failure()) {
            table.rollback();  // nothing was written: ending the transaction needs no sync
            return true;
        }
        table.rollback();
        machine.rollback(now);
        return false;
    }
};

SqliteStore::SqliteStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, Instant now,
                                                       uint32_t generation) {
    SqliteTable table = TRY(SqliteTable::open(path));
    store::Revision revision = table.stored_revision();
    if (revision == store::Revision{1, 1}) revision.generation = generation;  // nothing in it yet
    const auto leases = table.stored_leases();
    if (table.failure()) return *table.failure();
    auto state = std::make_unique<State>(std::move(table), revision);
    for (const auto& lease : leases)
        state->machine.restore_lease(now, lease.lease, lease.ttl, lease.keys);
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(state)));
}

void SqliteStore::apply_batch(Instant now, std::span<const store::Request> requests,
                              store::Outbox& out) {
    State& state = *state_;
    state.table.clear_failure();
    state.machine.begin();
    state.table.begin();
    std::vector<store::Reply> replies;
    replies.reserve(requests.size());
    for (const store::Request& request : requests)
        replies.push_back(state.machine.apply(now, request));
    const bool settled = state.settle(now);
    for (store::Reply& reply : replies) {
        if (!settled) reply.body = *state.table.failure();
        out.replies.push_back(std::move(reply));
    }
    state.machine.begin();
    state.machine.tell_watches(out);
}

void SqliteStore::expire(Instant now, store::Outbox& out) {
    const auto deadline = next_deadline();
    if (!deadline || *deadline > now) return;
    state_->table.clear_failure();
    state_->machine.begin();
    state_->table.begin();
    state_->machine.expire(now);
    state_->settle(now);
    state_->machine.begin();
    state_->machine.tell_watches(out);
}

std::optional<Instant> SqliteStore::next_deadline() const {
    return state_->machine.next_deadline();
}

store::Revision SqliteStore::revision() const {
    return state_->machine.revision();
}

}  // namespace tandem::runtime
