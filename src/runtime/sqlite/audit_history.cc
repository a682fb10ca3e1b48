#include "runtime/sqlite/audit_history.h"

#include <boost/json.hpp>
#include <charconv>
#include <vector>

#include "base/json_text.h"

namespace tandem::runtime {
namespace {

namespace json = boost::json;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS audit(
    id TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, domain TEXT NOT NULL, kind TEXT NOT NULL,
    entity TEXT NOT NULL, actor TEXT NOT NULL, body TEXT NOT NULL, kept TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS audit_domain ON audit(domain, at, id);
CREATE INDEX IF NOT EXISTS audit_entity ON audit(domain, entity, at, id);
CREATE INDEX IF NOT EXISTS audit_time ON audit(at, id);
)";

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* member = object.if_contains(name);
    if (member == nullptr || !member->is_string()) return {};
    return std::string(member->get_string());
}

// Where a page goes on: time and id of the last record given.
struct Cursor {
    int64_t at = 0;
    std::string id;
};
Result<Cursor> parse_cursor(std::string_view text) {
    Cursor cursor;
    const size_t dash = text.find('-');
    const Error malformed = make_error(ErrorCode::Malformed, "after", "is not one that we gave");
    if (dash == std::string_view::npos) return malformed;
    const auto [end, error] = std::from_chars(text.data(), text.data() + dash, cursor.at);
    if (error != std::errc() || end != text.data() + dash) return malformed;
    cursor.id = text.substr(dash + 1);
    return cursor;
}

// ?1 domain, ?2 kind, ?3 entity, ?4 actor, ?5 from, ?6 to, ?7 and ?8 the cursor, ?9 limit.
std::string sql_of(const ports::AuditQuery& query) {
    std::string sql = "SELECT at, id, body, kept FROM audit WHERE at >= ?5 AND at < ?6";
    if (!query.domain_id.empty()) sql += " AND domain = ?1";
    if (!query.kind.empty()) sql += " AND kind = ?2";
    if (!query.entity.empty()) sql += " AND entity = ?3";
    if (!query.actor.empty()) sql += " AND actor = ?4";
    if (!query.after.empty())
        sql += query.oldest_first ? " AND (at, id) > (?7, ?8)" : " AND (at, id) < (?7, ?8)";
    return sql + (query.oldest_first ? " ORDER BY at, id LIMIT ?9"
                                     : " ORDER BY at DESC, id DESC LIMIT ?9");
}

void bind(Statement& statement, const ports::AuditQuery& query, const Cursor& cursor) {
    if (!query.domain_id.empty()) statement.text(1, query.domain_id);
    if (!query.kind.empty()) statement.text(2, query.kind);
    if (!query.entity.empty()) statement.text(3, query.entity);
    if (!query.actor.empty()) statement.text(4, query.actor);
    statement.integer(5, query.from_ms);
    statement.integer(6, query.to_ms == 0 ? INT64_MAX : query.to_ms);
    if (!query.after.empty()) statement.integer(7, cursor.at).text(8, cursor.id);
    statement.integer(9, static_cast<int64_t>(query.limit) + 1);
}

// The record, with what was put aside again.
void write_record(JsonWriter& out, std::string_view body, std::string_view kept) {
    if (kept.empty()) {
        out.raw(body);
        return;
    }
    std::string whole(body.substr(0, body.size() - 1));
    whole.append(",\"kept\":").append(kept).append("}");
    out.raw(whole);
}

}  // namespace

Result<AuditHistory> AuditHistory::open(const std::string& path) {
    AuditHistory history(TRY(Database::open(path, Database::Locking::Shared)));
    TRY(history.database_.execute(kSchema));
    history.insert_ = TRY(history.database_.prepare(
        "INSERT OR IGNORE INTO audit VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
    history.erase_ = TRY(history.database_.prepare(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit INDEXED BY audit_time WHERE at < ?1"
        " ORDER BY at, id LIMIT ?2)"));
    return history;
}

Result<bool> AuditHistory::insert_one(std::string_view record) {
    boost::system::error_code error;
    json::value parsed = json::parse(json::string_view(record.data(), record.size()), error);
    if (error || !parsed.is_object()) return false;
    json::object& object = parsed.get_object();
    const json::value* at = object.if_contains("at_utc_ms");
    const std::string id = text_of(object, "id");
    if (id.empty() || at == nullptr || !at->is_int64()) return false;
    std::string kept;
    if (const json::value* aside = object.if_contains("kept")) kept = json::serialize(*aside);
    object.erase("kept");
    const std::string domain = text_of(object, "domain");
    const std::string kind = text_of(object, "kind");
    const std::string entity = text_of(object, "entity");
    const std::string actor = text_of(object, "actor");
    const std::string body = json::serialize(object);
    insert_.text(1, id).integer(2, at->get_int64()).text(3, domain).text(4, kind);
    insert_.text(5, entity).text(6, actor).text(7, body).text(8, kept);
    const bool failed = insert_.step() == Statement::Step::Failed;
    insert_.reset();
    if (failed) return database_.last_error();
    return database_.changes() > 0;
}

Result<size_t> AuditHistory::insert_all(std::span<const std::string_view> records) {
    size_t fresh = 0;
    for (const std::string_view each : records) fresh += TRY(insert_one(each)) ? 1 : 0;
    return fresh;
}

Result<size_t> AuditHistory::insert(std::span<const std::string_view> records) {
    TRY(database_.execute("BEGIN IMMEDIATE"));
    Result<size_t> fresh = insert_all(records);
    const auto ended = database_.execute(fresh ? "COMMIT" : "ROLLBACK");
    if (fresh && !ended) return ended.error();
    return fresh;
}

Result<size_t> AuditHistory::erase_before(UtcTime before, size_t batch_max) {
    erase_.integer(1, before.unix_ms).integer(2, static_cast<int64_t>(batch_max));
    if (erase_.run() == Statement::Step::Failed) return database_.last_error();
    return static_cast<size_t>(database_.changes());
}

Result<std::string> AuditHistory::query(const ports::AuditQuery& query) {
    if (query.limit == 0 || query.limit > audit_page_max)
        return make_error(ErrorCode::OutOfRange, "limit", "must be an integer from 1 to 1000");
    const Cursor cursor = query.after.empty() ? Cursor{} : TRY(parse_cursor(query.after));
    Statement statement = TRY(database_.prepare(sql_of(query)));
    bind(statement, query, cursor);
    JsonWriter out;
    out.begin_object().field("items").begin_list();
    std::string last;
    bool more = false;
    uint32_t count = 0;
    auto step = statement.step();
    for (; step == Statement::Step::Row; step = statement.step()) {
        more = count++ == query.limit;
        if (more) break;
        write_record(out, statement.column_bytes(2),
                     query.whole ? statement.column_bytes(3) : std::string_view());
        last = std::to_string(statement.column_integer(0)) + "-" +
               std::string(statement.column_bytes(1));
    }
    if (step == Statement::Step::Failed) return database_.last_error();
    out.end_list().field("next");
    if (more) {
        out.value(last);
    } else {
        out.null();
    }
    return out.end_object().take();
}

}  // namespace tandem::runtime
