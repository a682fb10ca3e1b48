// The CDR history of a node (kHistory), in one SQLite file. Lives on the node's store thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "ports/letter.h"

namespace tandem::runtime {
class CdrHistory;
}

namespace tandem::app {

class HistoryService {
 public:
    explicit HistoryService(std::string path);
    ~HistoryService();

    // The file is opened, or made, by this or by the first letter.
    Result<void> open();
    // The answer, where `letter` is a question for it.
    std::optional<ports::Letter> take(const ports::Letter& letter);

 private:
    std::string path_;
    std::unique_ptr<runtime::CdrHistory> history_;
};

}  // namespace tandem::app
