#include "runtime/sqlite/cdr_history.h"

#include <charconv>
#include <set>
#include <utility>

#include "runtime/sqlite/database.h"

namespace tandem::runtime {
namespace {

// cdr_term is the index of whom and what a record concerns: one row for its call ("c" and the id)
// and for each different account ("a" and its id) and number ("n" and the number).
constexpr const char* schema = R"(
CREATE TABLE IF NOT EXISTS cdr(
    id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL, start INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS cdr_time ON cdr(domain, start, id);
CREATE INDEX IF NOT EXISTS cdr_age ON cdr(start, id);
CREATE TABLE IF NOT EXISTS cdr_term(
    domain TEXT NOT NULL, term TEXT NOT NULL, start INTEGER NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY(term, domain, start, id)) WITHOUT ROWID;
DROP INDEX IF EXISTS cdr_term_age;
)";

constexpr int64_t start_max = INT64_MAX;
constexpr size_t terms_max = 3;  // account, number and call

// ?1 domain, ?2 from, ?3 to, ?4 the cursor's start, ?5 its id, ?6 limit, ?7 and on: terms. The
// first term leads, the others must be there for the same record.
std::string page_sql(bool in_domain, size_t terms) {
    std::string sql = terms == 0 ? "SELECT x.body FROM cdr x WHERE "
                                 : "SELECT c.body FROM cdr_term x JOIN cdr c ON c.id = x.id WHERE "
                                   "x.term = ?7 AND ";
    for (size_t i = 1; i < terms; ++i)
        sql += "EXISTS(SELECT 1 FROM cdr_term y WHERE y.term = ?" + std::to_string(7 + i) +
               " AND y.domain = x.domain AND y.start = x.start AND y.id = x.id) AND ";
    if (in_domain) sql += "x.domain = ?1 AND ";
    return sql +
           "x.start >= ?2 AND x.start < ?3 AND (x.start, x.id) < (?4, ?5)"
           " ORDER BY x.start DESC, x.id DESC LIMIT ?6";
}

std::set<std::string> terms_of(const model::Cdr& record) {
    std::set<std::string> terms = {"c" + record.call.text()};
    for (const model::CdrParty* party : {&record.caller, &record.callee}) {
        if (party->account) terms.insert("a" + party->account->text());
        if (!party->number.empty()) terms.insert("n" + party->number);
    }
    if (!record.dialled.empty()) terms.insert("n" + record.dialled);
    return terms;
}

// Where a page goes on: start and id of the last record given.
struct Cursor {
    int64_t start = start_max;
    std::string id = "~";  // after all hexadecimal digits
};

Result<Cursor> parse_cursor(std::string_view text) {
    Cursor cursor;
    if (text.empty()) return cursor;
    const Error malformed = make_error(ErrorCode::Malformed, "cursor", "is not one that we gave");
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) return malformed;
    const auto [end, error] = std::from_chars(text.data(), text.data() + dash, cursor.start);
    if (error != std::errc() || end != text.data() + dash) return malformed;
    cursor.id = text.substr(dash + 1);
    if (!CdrId::parse(cursor.id)) return malformed;
    return cursor;
}

}  // namespace

struct CdrHistory::State {
    explicit State(Database opened) : database(std::move(opened)) {}
    Database database;
    Statement begin, commit, rollback;
    Statement insert, insert_term, count, expired, expired_bodies, erase_term, erase;
    Statement pages[2][terms_max + 1];  // [in one domain][number of terms]

    Result<void> prepare();
    Result<size_t> insert_all(std::span<const std::string_view> bodies);
    Result<size_t> erase_some(UtcTime before, size_t batch_max);
    Result<bool> insert_one(const model::Cdr& record, std::string_view body);
    Result<void> erase_terms_of(const model::Cdr& record);
    Result<void> erase_terms_through(int64_t start);
    Result<void> done(Statement& statement) {
        const bool failed = statement.step() == Statement::Step::Failed;
        statement.reset();
        if (failed) return database.last_error();
        return {};
    }
    // Runs `work` in a transaction: all of it or nothing.
    template <typename Work>
    Result<size_t> atomically(Work&& work) {
        TRY(done(begin));
        Result<size_t> result = work();
        if (result) {
            auto committed = done(commit);
            if (!committed) result = committed.error();
        }
        if (!result) rollback.run();
        return result;
    }
};

Result<void> CdrHistory::State::prepare() {
    begin = TRY(database.prepare("BEGIN IMMEDIATE"));
    commit = TRY(database.prepare("COMMIT"));
    rollback = TRY(database.prepare("ROLLBACK"));
    insert = TRY(database.prepare("INSERT OR IGNORE INTO cdr VALUES(?1, ?2, ?3, ?4)"));
    insert_term = TRY(database.prepare("INSERT OR IGNORE INTO cdr_term VALUES(?1, ?2, ?3, ?4)"));
    for (int in_domain = 0; in_domain < 2; ++in_domain)
        for (size_t terms = 0; terms <= terms_max; ++terms)
            pages[in_domain][terms] = TRY(database.prepare(page_sql(in_domain != 0, terms)));
    count = TRY(database.prepare("SELECT count(*) FROM cdr WHERE domain = ?1"));
    expired = TRY(
        database.prepare("SELECT max(start), count(*) FROM (SELECT start FROM cdr WHERE start < ?1"
                         " ORDER BY start LIMIT ?2)"));
    expired_bodies = TRY(database.prepare("SELECT body FROM cdr WHERE start <= ?1"));
    erase_term = TRY(database.prepare(
        "DELETE FROM cdr_term WHERE domain = ?1 AND term = ?2 AND start = ?3 AND id = ?4"));
    erase = TRY(database.prepare("DELETE FROM cdr WHERE start <= ?1"));
    return {};
}

CdrHistory::CdrHistory(std::unique_ptr<State> state) : state_(std::move(state)) {}
CdrHistory::~CdrHistory() = default;

Result<std::unique_ptr<CdrHistory>> CdrHistory::open(const std::string& path) {
    auto state = std::make_unique<State>(TRY(Database::open(path, Database::Locking::Shared)));
    TRY(state->database.execute(schema));
    TRY(state->prepare());
    return std::unique_ptr<CdrHistory>(new CdrHistory(std::move(state)));
}

Result<bool> CdrHistory::State::insert_one(const model::Cdr& record, std::string_view body) {
    const std::string id = record.id.text();
    const std::string domain = record.domain.text();
    insert.text(1, id).text(2, domain).integer(3, record.start.unix_ms).text(4, body);
    TRY(done(insert));
    if (database.changes() == 0) return false;
    for (const std::string& term : terms_of(record)) {
        insert_term.text(1, domain).text(2, term).integer(3, record.start.unix_ms).text(4, id);
        TRY(done(insert_term));
    }
    return true;
}

Result<size_t> CdrHistory::State::insert_all(std::span<const std::string_view> bodies) {
    size_t fresh = 0;
    for (const std::string_view body : bodies) {
        const auto record = model::decode<model::Cdr>(body, model::Source::Store);
        if (record) fresh += TRY(insert_one(*record, body)) ? 1 : 0;
    }
    return fresh;
}

Result<size_t> CdrHistory::insert(std::span<const std::string_view> bodies) {
    return state_->atomically([&] { return state_->insert_all(bodies); });
}

Result<CdrPage> CdrHistory::query(const CdrQuery& query) {
    if (query.limit == 0 || query.limit > cdr_page_max)
        return make_error(ErrorCode::OutOfRange, "limit", "must be an integer from 1 to 1000");
    const Cursor cursor = TRY(parse_cursor(query.cursor));
    std::vector<std::string> terms;
    if (query.call) terms.push_back("c" + query.call->text());
    if (query.account) terms.push_back("a" + query.account->text());
    if (query.number) terms.push_back("n" + *query.number);
    Statement& statement = state_->pages[query.domain ? 1 : 0][terms.size()];
    const std::string domain = query.domain ? query.domain->text() : std::string();
    if (query.domain) statement.text(1, domain);
    statement.integer(2, query.from.value_or(UtcTime{INT64_MIN}).unix_ms);
    statement.integer(3, query.to.value_or(UtcTime{start_max}).unix_ms);
    statement.integer(4, cursor.start).text(5, cursor.id);
    statement.integer(6, static_cast<int64_t>(query.limit) + 1);
    for (size_t i = 0; i < terms.size(); ++i) statement.text(7 + static_cast<int>(i), terms[i]);

    CdrPage page;
    auto step = statement.step();
    Result<void> outcome;
    for (; step == Statement::Step::Row && outcome; step = statement.step()) {
        if (page.items.size() == query.limit) {
            const model::Cdr& last = page.items.back();
            page.next = std::to_string(last.start.unix_ms) + "-" + last.id.text();
            break;
        }
        auto record = model::decode<model::Cdr>(statement.column_bytes(0), model::Source::Store);
        if (!record) outcome = record.error();
        if (record) page.items.push_back(std::move(*record));
    }
    if (step == Statement::Step::Failed) outcome = state_->database.last_error();
    statement.reset();
    if (!outcome) return outcome.error();
    return page;
}

Result<uint64_t> CdrHistory::count(DomainId domain) {
    const std::string text = domain.text();
    state_->count.text(1, text);
    const bool row = state_->count.step() == Statement::Step::Row;
    const auto total = row ? static_cast<uint64_t>(state_->count.column_integer(0)) : 0;
    state_->count.reset();
    if (!row) return state_->database.last_error();
    return total;
}

Result<void> CdrHistory::State::erase_terms_of(const model::Cdr& record) {
    const std::string id = record.id.text();
    const std::string domain = record.domain.text();
    for (const std::string& term : terms_of(record)) {
        erase_term.text(1, domain).text(2, term).integer(3, record.start.unix_ms).text(4, id);
        TRY(done(erase_term));
    }
    return {};
}

// The record itself tells its terms: an index of them by age would cost each call more than this.
// Those of a record that can't be read stay, and lead nowhere.
Result<void> CdrHistory::State::erase_terms_through(int64_t start) {
    expired_bodies.integer(1, start);
    auto step = expired_bodies.step();
    Result<void> outcome;
    for (; step == Statement::Step::Row && outcome; step = expired_bodies.step()) {
        const auto record =
            model::decode<model::Cdr>(expired_bodies.column_bytes(0), model::Source::Store);
        if (record) outcome = erase_terms_of(*record);
    }
    if (step == Statement::Step::Failed) outcome = database.last_error();
    expired_bodies.reset();
    return outcome;
}

// Records of the same millisecond go together, so a batch may be a few larger than asked.
Result<size_t> CdrHistory::State::erase_some(UtcTime before, size_t batch_max) {
    expired.integer(1, before.unix_ms).integer(2, static_cast<int64_t>(batch_max));
    const bool row = expired.step() == Statement::Step::Row;
    const int64_t through = row ? expired.column_integer(0) : 0;
    const bool any = row && expired.column_integer(1) > 0;
    expired.reset();
    if (!row) return database.last_error();
    if (!any) return size_t{0};
    TRY(erase_terms_through(through));
    erase.integer(1, through);
    TRY(done(erase));
    return static_cast<size_t>(database.changes());
}

Result<size_t> CdrHistory::erase_before(UtcTime before, size_t batch_max) {
    return state_->atomically([&] { return state_->erase_some(before, batch_max); });
}

}  // namespace tandem::runtime
