#include "runtime/sqlite/cdr_tables.h"

#include <algorithm>

#include "base/octets.h"

namespace tandem::runtime {

const char* const cdr_schema = R"(
CREATE TABLE IF NOT EXISTS domain_number(
    number INTEGER PRIMARY KEY, domain BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS record_body(
    key INTEGER PRIMARY KEY, id BLOB NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record(
    domain INTEGER NOT NULL, key INTEGER NOT NULL, direction INTEGER NOT NULL,
    result INTEGER NOT NULL, status INTEGER NOT NULL, duration INTEGER NOT NULL,
    caller TEXT NOT NULL, callee TEXT NOT NULL, dialled TEXT NOT NULL,
    caller_account BLOB, callee_account BLOB, call BLOB NOT NULL,
    PRIMARY KEY(domain, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_age ON record(key);
CREATE INDEX IF NOT EXISTS record_call ON record(call);
CREATE INDEX IF NOT EXISTS record_status ON record(domain, status, key);
CREATE INDEX IF NOT EXISTS record_long ON record(domain, duration) WHERE duration >= 600000;
CREATE TABLE IF NOT EXISTS record_number(
    domain INTEGER NOT NULL, number TEXT NOT NULL, key INTEGER NOT NULL,
    PRIMARY KEY(domain, number, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record_account(
    account BLOB NOT NULL, key INTEGER NOT NULL, domain INTEGER NOT NULL,
    PRIMARY KEY(account, key)) WITHOUT ROWID;
)";

int64_t cdr_key_from(UtcTime start) {
    constexpr int64_t last = INT64_MAX >> cdr_key_bits;
    return std::clamp<int64_t>(start.unix_ms, 0, last) << cdr_key_bits;
}

int64_t cdr_key_of(UtcTime start, CdrId id) {
    constexpr uint64_t mask = (uint64_t{1} << cdr_key_bits) - 1;
    return cdr_key_from(start) | static_cast<int64_t>(id.bits.low & mask);
}

Result<void> DomainNumbers::load() {
    Statement all = TRY(database_.prepare("SELECT number, domain FROM domain_number"));
    auto step = all.step();
    for (; step == Statement::Step::Row; step = all.step()) {
        const auto bits = bits_of(all.column_bytes(1));
        if (bits) known_[DomainId{*bits}] = all.column_integer(0);
    }
    if (step == Statement::Step::Failed) return database_.last_error();
    return {};
}

Result<std::optional<int64_t>> DomainNumbers::find(DomainId domain) {
    auto found = known_.find(domain);
    if (found == known_.end()) {
        TRY(load());
        found = known_.find(domain);
    }
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

Result<int64_t> DomainNumbers::give(DomainId domain) {
    if (const auto number = TRY(find(domain))) return *number;
    Statement insert =
        TRY(database_.prepare("INSERT OR IGNORE INTO domain_number(domain) VALUES(?1)"));
    const std::string octets = octets_of(domain.bits);
    insert.bytes(1, octets);
    const bool failed = insert.run() == Statement::Step::Failed;
    if (failed) return database_.last_error();
    TRY(load());
    return known_.at(domain);
}

}  // namespace tandem::runtime
