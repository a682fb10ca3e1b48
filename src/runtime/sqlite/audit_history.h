// The audit log in one SQLite file: who changed what, when, from where; and what was refused. Used
// from one thread. Records are JSON objects as roles/store/audit.h writes them; the member "kept",
// which a roll-back needs and nobody is shown, is put aside.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/web_port.h"
#include "runtime/sqlite/database.h"

namespace tandem::runtime {

inline constexpr size_t audit_page_max = 1000;

class AuditHistory {
 public:
    static Result<AuditHistory> open(const std::string& path);

    // All or none; one whose id is there already is left as it is. One that can't be read is left
    // out. Answers how many were new.
    Result<size_t> insert(std::span<const std::string_view> records);
    // {"items": [...], "next": ...}, the newest first unless asked otherwise.
    Result<std::string> query(const ports::AuditQuery& query);
    // Retention: deletes at most `batch_max` records of before, the oldest first; how many it were.
    Result<size_t> erase_before(UtcTime before, size_t batch_max);

 private:
    explicit AuditHistory(Database database) : database_(std::move(database)) {}
    Result<size_t> insert_all(std::span<const std::string_view> records);
    Result<bool> insert_one(std::string_view record);

    Database database_;
    Statement insert_;
    Statement erase_;
};

}  // namespace tandem::runtime
