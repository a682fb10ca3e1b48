#include "runtime/sqlite/database.h"

#include <sqlite3.h>

#include "runtime/sqlite/gathering_vfs.h"
#include "runtime/sqlite/limits.h"

namespace tandem::runtime {

Statement::~Statement() {
    sqlite3_finalize(handle_);
}

Statement& Statement::text(int index, std::string_view value) {
    sqlite3_bind_text(handle_, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
}

Statement& Statement::bytes(int index, std::string_view value) {
    // A null pointer would bind NULL, which is not the empty value.
    const char* data = value.empty() ? "" : value.data();
    sqlite3_bind_blob(handle_, index, data, static_cast<int>(value.size()), SQLITE_STATIC);
    return *this;
}

Statement& Statement::integer(int index, int64_t value) {
    sqlite3_bind_int64(handle_, index, value);
    return *this;
}

Statement::Step Statement::step() {
    const int done = sqlite3_step(handle_);
    if (done == SQLITE_ROW) return Step::Row;
    return done == SQLITE_DONE ? Step::Done : Step::Failed;
}

Statement::Step Statement::run() {
    const Step result = step();
    reset();
    return result;
}

void Statement::reset() {
    sqlite3_reset(handle_);
    sqlite3_clear_bindings(handle_);
}

std::string_view Statement::column_bytes(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
    const int size = sqlite3_column_bytes(handle_, column);
    return data == nullptr ? std::string_view() : std::string_view(data, static_cast<size_t>(size));
}

int64_t Statement::column_integer(int column) const {
    return sqlite3_column_int64(handle_, column);
}

Result<Database> Database::open(const std::string& path, Locking locking) {
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const char* vfs = locking == Locking::Exclusive ? gathering_vfs() : nullptr;
    const int opened = sqlite3_open_v2(path.c_str(), &handle, flags, vfs);
    Database database(handle);
    if (opened != SQLITE_OK) {
        return make_error(ErrorCode::Unavailable, "path",
                          "can't open " + path + ": " + sqlite3_errstr(opened));
    }
    sqlite3_busy_timeout(handle, locking == Locking::Shared ? sqlite_busy_ms : 0);
    sqlite3_extended_result_codes(handle, 1);
    if (locking == Locking::Exclusive) TRY(database.execute("PRAGMA locking_mode=EXCLUSIVE"));
    const std::string settings =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
        "PRAGMA cache_size=-" +
        std::to_string(sqlite_cache_kib) +
        "; PRAGMA wal_autocheckpoint=" + std::to_string(sqlite_checkpoint_pages);
    auto done = database.execute(settings.c_str());
    if (!done) {
        Error error = done.error();
        error.message = path + ": " + error.message;
        return error;
    }
    return database;
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

Result<void> Database::execute(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return last_error();
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* handle = nullptr;
    const int done = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
    if (done != SQLITE_OK) return last_error();
    return Statement(handle);
}

Error Database::last_error() const {
    const bool locked = (sqlite3_errcode(handle_) & 0xff) == SQLITE_BUSY;
    return make_error(
        ErrorCode::Unavailable, "store",
        locked ? "the database is in use by another process" : sqlite3_errmsg(handle_));
}

int64_t Database::changes() const {
    return sqlite3_changes64(handle_);
}

}  // namespace tandem::runtime
