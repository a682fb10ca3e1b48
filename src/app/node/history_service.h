// The history of a node (kHistory): CDRs and the audit log, in a SQLite file each. Lives on the
// node's store thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "ports/letter.h"

namespace tandem::runtime {
class AuditHistory;
class CdrHistory;
}  // namespace tandem::runtime

namespace tandem::app {

class HistoryService {
 public:
    // `path`: of the CDRs; the audit log is beside it.
    explicit HistoryService(std::string path);
    ~HistoryService();

    // The files are opened, or made, by this or by the first letter.
    Result<void> open();
    // The answer, where `letter` is a question for it.
    std::optional<ports::Letter> take(const ports::Letter& letter);

 private:
    Result<void> append(const ports::HistoryAppend& letter);

    std::string path_;
    std::unique_ptr<runtime::CdrHistory> history_;
    std::unique_ptr<runtime::AuditHistory> audit_;
};

}  // namespace tandem::app
