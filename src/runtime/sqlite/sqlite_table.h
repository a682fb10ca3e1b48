// The current keys in SQLite, for store::KvMachine. The first failure stays in failure(); its owner
// rolls back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/sqlite/database.h"
#include "store/kv_machine.h"

namespace tandem::runtime {

class SqliteTable final : public store::KvTable {
 public:
    static Result<SqliteTable> open(const std::string& path);

    std::optional<store::KeyValue> get(std::string_view key) override;
    void put(const store::KeyValue& item) override;
    void erase(std::string_view key) override;
    std::vector<store::KeyValue> page(const store::KeyRange& range, size_t limit,
                                      store::Want want) override;
    uint64_t count(const store::KeyRange& range) override;
    void put_lease(store::LeaseId lease, Duration ttl) override;
    void erase_lease(store::LeaseId lease) override;

    void begin();
    bool commit(store::Revision revision);  // false: nothing of it has been kept
    void rollback();
    const std::optional<Error>& failure() const { return failure_; }
    void clear_failure() { failure_.reset(); }

    store::Revision stored_revision();
    struct StoredLease {
        store::LeaseId lease = 0;
        Duration ttl{0};
        std::vector<std::string> keys;
    };
    std::vector<StoredLease> stored_leases();

 private:
    explicit SqliteTable(Database database) : database_(std::move(database)) {}
    Result<void> prepare();
    void check(Statement::Step step);

    Database database_;
    std::optional<Error> failure_;
    Statement begin_, commit_, rollback_;
    Statement get_, put_, erase_, page_, page_keys_, count_;
    Statement put_lease_, erase_lease_, put_revision_;
};

}  // namespace tandem::runtime
