#include "runtime/sqlite/cdr_history.h"

#include <set>
#include <utility>

#include "base/octets.h"
#include "runtime/sqlite/cdr_search.h"
#include "runtime/sqlite/cdr_tables.h"
#include "runtime/sqlite/database.h"

namespace tandem::runtime {
namespace {

// Records of one millisecond that share 20 bits, too: one in a thousand of them at a thousand calls
// in it. More than this is no accident.
constexpr int key_tries_max = 1000;

// What is in the tables beside the body.
struct Row {
    int64_t domain = 0;
    int64_t key = 0;
    std::string caller, callee, dialled;
    std::string caller_account, callee_account;  // octets; empty: none

    std::set<std::string> numbers() const {
        std::set<std::string> all = {caller, callee, dialled};
        all.erase("");
        return all;
    }
    std::set<std::string> accounts() const {
        std::set<std::string> all = {caller_account, callee_account};
        all.erase("");
        return all;
    }
};

std::string account_of(const model::CdrParty& party) {
    return party.account ? octets_of(party.account->bits) : std::string();
}

Row row_of(const model::Cdr& record, int64_t domain, int64_t key) {
    return {domain,
            key,
            record.caller.number,
            record.callee.number,
            record.dialled,
            account_of(record.caller),
            account_of(record.callee)};
}

}  // namespace

struct CdrHistory::State {
    explicit State(Database opened) : database(std::move(opened)) {}
    Database database;
    DomainNumbers domains{database};
    Statement begin, commit, rollback;
    Statement id_at, insert_body, insert, insert_number, insert_account;
    Statement expired, erase_body, erase, erase_number, erase_account, count;

    Result<void> prepare();
    Result<size_t> insert_all(std::span<const std::string_view> bodies);
    Result<bool> insert_one(const model::Cdr& record, std::string_view body);
    Result<std::optional<int64_t>> free_key(const model::Cdr& record, std::string_view id);
    Result<void> insert_row(const model::Cdr& record, const Row& row);
    Result<std::vector<Row>> oldest(int64_t before, size_t batch_max);
    Result<size_t> erase_some(UtcTime before, size_t batch_max);
    Result<void> erase_row(const Row& row);
    Result<void> take_over_former();
    Result<size_t> take_over_some(bool& more);
    Result<bool> has_former();

    Result<void> done(Statement& statement) {
        const bool failed = statement.step() == Statement::Step::Failed;
        const Error error = failed ? database.last_error() : Error{};
        statement.reset();
        if (failed) return error;
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
        if (result) return result;
        rollback.run();
        domains.forget();
        return result;
    }
};

Result<void> CdrHistory::State::prepare() {
    begin = TRY(database.prepare("BEGIN IMMEDIATE"));
    commit = TRY(database.prepare("COMMIT"));
    rollback = TRY(database.prepare("ROLLBACK"));
    id_at = TRY(database.prepare("SELECT id FROM record_body WHERE key = ?1"));
    insert_body = TRY(database.prepare("INSERT INTO record_body VALUES(?1, ?2, ?3)"));
    insert = TRY(database.prepare(
        "INSERT INTO record VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"));
    insert_number = TRY(database.prepare("INSERT INTO record_number VALUES(?1, ?2, ?3)"));
    insert_account = TRY(database.prepare("INSERT INTO record_account VALUES(?1, ?2, ?3)"));
    expired = TRY(database.prepare(
        "SELECT domain, key, caller, callee, dialled, caller_account, callee_account"
        " FROM record INDEXED BY record_age WHERE key < ?1 ORDER BY key LIMIT ?2"));
    erase_body = TRY(database.prepare("DELETE FROM record_body WHERE key = ?1"));
    erase = TRY(database.prepare("DELETE FROM record WHERE domain = ?1 AND key = ?2"));
    erase_number = TRY(database.prepare(
        "DELETE FROM record_number WHERE domain = ?1 AND number = ?2 AND key = ?3"));
    erase_account =
        TRY(database.prepare("DELETE FROM record_account WHERE account = ?1 AND key = ?2"));
    count = TRY(database.prepare("SELECT count(*) FROM record WHERE domain = ?1"));
    return {};
}

CdrHistory::CdrHistory(std::unique_ptr<State> state) : state_(std::move(state)) {}
CdrHistory::~CdrHistory() = default;

Result<std::unique_ptr<CdrHistory>> CdrHistory::open(const std::string& path) {
    auto state = std::make_unique<State>(TRY(Database::open(path, Database::Locking::Shared)));
    TRY(state->database.execute(cdr_schema));
    TRY(state->prepare());
    TRY(state->domains.load());
    TRY(state->take_over_former());
    return std::unique_ptr<CdrHistory>(new CdrHistory(std::move(state)));
}

// --- Records that come.

// nullopt: the record is there already.
Result<std::optional<int64_t>> CdrHistory::State::free_key(const model::Cdr& record,
                                                           std::string_view id) {
    int64_t key = cdr_key_of(record.start, record.id);
    for (int i = 0; i < key_tries_max; ++i, ++key) {
        id_at.integer(1, key);
        const auto step = id_at.step();
        const bool is_same = step == Statement::Step::Row && id_at.column_bytes(0) == id;
        id_at.reset();
        if (step == Statement::Step::Failed) return database.last_error();
        if (step == Statement::Step::Done) return std::optional(key);
        if (is_same) break;
    }
    return std::optional<int64_t>();
}

Result<bool> CdrHistory::State::insert_one(const model::Cdr& record, std::string_view body) {
    const std::string id = octets_of(record.id.bits);
    const auto key = TRY(free_key(record, id));
    if (!key) return false;
    const int64_t domain = TRY(domains.give(record.domain));
    insert_body.integer(1, *key).bytes(2, id).text(3, body);
    TRY(done(insert_body));
    TRY(insert_row(record, row_of(record, domain, *key)));
    return true;
}

Result<void> CdrHistory::State::insert_row(const model::Cdr& record, const Row& row) {
    const std::string call = octets_of(record.call.bits);
    insert.integer(1, row.domain).integer(2, row.key);
    insert.integer(3, static_cast<int64_t>(record.direction));
    insert.integer(4, static_cast<int64_t>(record.result));
    insert.integer(5, record.sip_status).integer(6, record.duration.count());
    insert.text(7, row.caller).text(8, row.callee).text(9, row.dialled);
    if (!row.caller_account.empty()) insert.bytes(10, row.caller_account);
    if (!row.callee_account.empty()) insert.bytes(11, row.callee_account);
    insert.bytes(12, call);
    TRY(done(insert));
    for (const std::string& number : row.numbers()) {
        insert_number.integer(1, row.domain).text(2, number).integer(3, row.key);
        TRY(done(insert_number));
    }
    for (const std::string& account : row.accounts()) {
        insert_account.bytes(1, account).integer(2, row.key).integer(3, row.domain);
        TRY(done(insert_account));
    }
    return {};
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

// --- Questions.

Result<CdrPage> CdrHistory::query(const CdrQuery& query) {
    return search_cdrs(state_->database, state_->domains, query);
}

Result<uint64_t> CdrHistory::count(DomainId domain) {
    const auto number = TRY(state_->domains.find(domain));
    if (!number) return uint64_t{0};
    state_->count.integer(1, *number);
    const bool row = state_->count.step() == Statement::Step::Row;
    const auto total = row ? static_cast<uint64_t>(state_->count.column_integer(0)) : 0;
    state_->count.reset();
    if (!row) return state_->database.last_error();
    return total;
}

// --- Records that go.

Result<std::vector<Row>> CdrHistory::State::oldest(int64_t before, size_t batch_max) {
    std::vector<Row> rows;
    expired.integer(1, before).integer(2, static_cast<int64_t>(batch_max));
    auto step = expired.step();
    for (; step == Statement::Step::Row; step = expired.step()) {
        const auto text = [&](int column) { return std::string(expired.column_bytes(column)); };
        rows.push_back({expired.column_integer(0), expired.column_integer(1), text(2), text(3),
                        text(4), text(5), text(6)});
    }
    expired.reset();
    if (step == Statement::Step::Failed) return database.last_error();
    return rows;
}

Result<void> CdrHistory::State::erase_row(const Row& row) {
    for (const std::string& number : row.numbers()) {
        erase_number.integer(1, row.domain).text(2, number).integer(3, row.key);
        TRY(done(erase_number));
    }
    for (const std::string& account : row.accounts()) {
        erase_account.bytes(1, account).integer(2, row.key);
        TRY(done(erase_account));
    }
    erase.integer(1, row.domain).integer(2, row.key);
    TRY(done(erase));
    erase_body.integer(1, row.key);
    return done(erase_body);
}

Result<size_t> CdrHistory::State::erase_some(UtcTime before, size_t batch_max) {
    const std::vector<Row> rows = TRY(oldest(cdr_key_from(before), batch_max));
    for (const Row& row : rows) TRY(erase_row(row));
    return rows.size();
}

Result<size_t> CdrHistory::erase_before(UtcTime before, size_t batch_max) {
    return state_->atomically([&] { return state_->erase_some(before, batch_max); });
}

// --- The former shape: `cdr` with the bodies, `cdr_term` with what they concern.

Result<bool> CdrHistory::State::has_former() {
    Statement query =
        TRY(database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'cdr'"));
    return query.step() == Statement::Step::Row;
}

Result<size_t> CdrHistory::State::take_over_some(bool& more) {
    more = TRY(has_former());  // another process may have been faster
    if (!more) return size_t{0};
    std::vector<std::string> bodies;
    int64_t last = 0;
    {
        Statement query = TRY(database.prepare("SELECT rowid, body FROM cdr ORDER BY rowid LIMIT " +
                                               std::to_string(cdr_taken_over_at_once)));
        for (; query.step() == Statement::Step::Row; last = query.column_integer(0))
            bodies.emplace_back(query.column_bytes(1));
    }
    if (bodies.empty()) {
        more = false;
        TRY(database.execute("DROP TABLE IF EXISTS cdr_term; DROP TABLE cdr"));
        return size_t{0};
    }
    const std::vector<std::string_view> views(bodies.begin(), bodies.end());
    const size_t fresh = TRY(insert_all(views));
    TRY(database.execute(("DELETE FROM cdr WHERE rowid <= " + std::to_string(last)).c_str()));
    return fresh;
}

Result<void> CdrHistory::State::take_over_former() {
    bool more = TRY(has_former());
    while (more) TRY(atomically([&] { return take_over_some(more); }));
    return {};
}

}  // namespace tandem::runtime
