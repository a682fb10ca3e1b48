#include "runtime/sqlite/sqlite_table.h"

#include <algorithm>

namespace tandem::runtime {
namespace {

// Values may be 8 KiB (call snapshots), so keys have an index of their own instead of WITHOUT
// ROWID.
constexpr const char* schema = R"(
CREATE TABLE IF NOT EXISTS kv(
    key BLOB NOT NULL UNIQUE, value BLOB NOT NULL,
    create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL, lease INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS kv_lease ON kv(lease) WHERE lease <> 0;
CREATE TABLE IF NOT EXISTS lease(id INTEGER PRIMARY KEY, ttl_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS meta(
    id INTEGER PRIMARY KEY CHECK(id = 1), generation INTEGER NOT NULL, revision INTEGER NOT NULL);
INSERT OR IGNORE INTO meta VALUES(1, 1, 1);
)";

std::string_view end_of(const store::KeyRange& range, std::string& storage) {
    if (!range.end.empty()) return range.end;
    storage = range.begin + '\0';  // the next key after `begin`: a range of one
    return storage;
}

}  // namespace

Result<SqliteTable> SqliteTable::open(const std::string& path) {
    SqliteTable table(TRY(Database::open(path, Database::Locking::Exclusive)));
    TRY(table.database_.execute(schema));
    TRY(table.prepare());
    return table;
}

Result<void> SqliteTable::prepare() {
    begin_ = TRY(database_.prepare("BEGIN IMMEDIATE"));
    commit_ = TRY(database_.prepare("COMMIT"));
    rollback_ = TRY(database_.prepare("ROLLBACK"));
    get_ = TRY(database_.prepare(
        "SELECT value, create_revision, mod_revision, lease FROM kv WHERE key = ?1"));
    put_ = TRY(database_.prepare(
        "INSERT INTO kv VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO UPDATE SET value = ?2, "
        "create_revision = ?3, mod_revision = ?4, lease = ?5"));
    erase_ = TRY(database_.prepare("DELETE FROM kv WHERE key = ?1"));
    page_ =
        TRY(database_.prepare("SELECT key, create_revision, mod_revision, lease, value FROM kv "
                              "WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"));
    page_keys_ =
        TRY(database_.prepare("SELECT key, create_revision, mod_revision, lease FROM kv "
                              "WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"));
    count_ = TRY(database_.prepare("SELECT count(*) FROM kv WHERE key >= ?1 AND key < ?2"));
    put_lease_ = TRY(database_.prepare("INSERT OR REPLACE INTO lease VALUES(?1, ?2)"));
    erase_lease_ = TRY(database_.prepare("DELETE FROM lease WHERE id = ?1"));
    put_revision_ =
        TRY(database_.prepare("UPDATE meta SET generation = ?1, revision = ?2 WHERE id = 1"));
    return {};
}

void SqliteTable::check(Statement::Step step) {
    if (step == Statement::Step::Failed && !failure_) failure_ = database_.last_error();
}

std::optional<store::KeyValue> SqliteTable::get(std::string_view key) {
    get_.bytes(1, key);
    const auto step = get_.step();
    check(step);
    std::optional<store::KeyValue> item;
    if (step == Statement::Step::Row) {
        item.emplace();
        item->key = key;
        item->value = get_.column_bytes(0);
        item->create_revision.number = get_.column_integer(1);
        item->mod_revision.number = get_.column_integer(2);
        item->lease = static_cast<store::LeaseId>(get_.column_integer(3));
    }
    get_.reset();
    return item;
}

void SqliteTable::put(const store::KeyValue& item) {
    put_.bytes(1, item.key).bytes(2, item.value);
    put_.integer(3, item.create_revision.number).integer(4, item.mod_revision.number);
    put_.integer(5, static_cast<int64_t>(item.lease));
    const auto step = put_.step();
    check(step);
    put_.reset();
}

void SqliteTable::erase(std::string_view key) {
    erase_.bytes(1, key);
    check(erase_.step());
    erase_.reset();
}

std::vector<store::KeyValue> SqliteTable::page(const store::KeyRange& range, size_t limit,
                                               store::Want want) {
    Statement& statement = want == store::Want::KeysAndValues ? page_ : page_keys_;
    std::string storage;
    statement.bytes(1, range.begin).bytes(2, end_of(range, storage));
    statement.integer(3, static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX)));
    std::vector<store::KeyValue> items;
    auto step = statement.step();
    for (; step == Statement::Step::Row; step = statement.step()) {
        store::KeyValue& item = items.emplace_back();
        item.key = statement.column_bytes(0);
        item.create_revision.number = statement.column_integer(1);
        item.mod_revision.number = statement.column_integer(2);
        item.lease = static_cast<store::LeaseId>(statement.column_integer(3));
        if (want == store::Want::KeysAndValues) item.value = statement.column_bytes(4);
    }
    check(step);
    statement.reset();
    return items;
}

uint64_t SqliteTable::count(const store::KeyRange& range) {
    std::string storage;
    count_.bytes(1, range.begin).bytes(2, end_of(range, storage));
    const auto step = count_.step();
    check(step);
    const auto total =
        step == Statement::Step::Row ? static_cast<uint64_t>(count_.column_integer(0)) : 0;
    count_.reset();
    return total;
}

void SqliteTable::put_lease(store::LeaseId lease, Duration ttl) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(ttl).count();
    check(put_lease_.integer(1, static_cast<int64_t>(lease)).integer(2, ms).run());
}

void SqliteTable::erase_lease(store::LeaseId lease) {
    check(erase_lease_.integer(1, static_cast<int64_t>(lease)).run());
}

void SqliteTable::begin() {
    check(begin_.run());
}

bool SqliteTable::commit(store::Revision revision) {
    if (failure_) return false;
    check(put_revision_.integer(1, revision.generation).integer(2, revision.number).run());
    if (!failure_) check(commit_.run());
    return !failure_;
}

// Fails when SQLite has rolled back already, which is as well.
void SqliteTable::rollback() {
    rollback_.run();
}

store::Revision SqliteTable::stored_revision() {
    auto statement = database_.prepare("SELECT generation, revision FROM meta");
    if (!statement || statement->step() != Statement::Step::Row) {
        failure_ = database_.last_error();
        return {};
    }
    return {static_cast<uint32_t>(statement->column_integer(0)), statement->column_integer(1)};
}

std::vector<SqliteTable::StoredLease> SqliteTable::stored_leases() {
    std::vector<StoredLease> leases;
    auto list = database_.prepare("SELECT id, ttl_ms FROM lease");
    auto keys = database_.prepare("SELECT key FROM kv WHERE lease = ?1 AND lease <> 0");
    if (!list || !keys) {
        failure_ = database_.last_error();
        return leases;
    }
    while (list->step() == Statement::Step::Row) {
        StoredLease& lease = leases.emplace_back();
        lease.lease = static_cast<store::LeaseId>(list->column_integer(0));
        lease.ttl = std::chrono::milliseconds(list->column_integer(1));
        keys->integer(1, list->column_integer(0));
        while (keys->step() == Statement::Step::Row) lease.keys.emplace_back(keys->column_bytes(0));
        keys->reset();
    }
    return leases;
}

}  // namespace tandem::runtime
