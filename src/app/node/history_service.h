// The history of a node (kHistory): CDRs and the audit log, in a SQLite file each. It has a thread
// of its own, so that a long search holds up neither calls nor writes of the store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/letter.h"
#include "runtime/reactor/shard.h"

namespace tandem::runtime {
class AuditHistory;
class CdrHistory;
}  // namespace tandem::runtime

namespace tandem::app {

class HistoryService final : public runtime::Driver {
 public:
    // Answers go to `reply`, called on the history's thread.
    using Reply = std::function<void(ports::Letter)>;
    // `path`: of the CDRs; the audit log is beside it.
    HistoryService(std::string path, Reply reply);
    ~HistoryService() override;

    // The files are opened, or made, by this or by the first letter.
    Result<void> open();

    void on_letters(Now now, std::vector<ports::Letter>&& letters) override;
    void on_timeout(Now) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }

 private:
    // The answer, where `letter` is a question for it.
    std::optional<ports::Payload> answer(const ports::Letter& letter);
    Result<ports::HistoryPage> page_of(const ports::HistoryQuery& asked);
    Result<void> append(const ports::HistoryAppend& letter);
    Result<ports::HistoryErased> erase(const ports::HistoryErase& letter);

    std::string path_;
    Reply reply_;
    std::unique_ptr<runtime::CdrHistory> history_;
    std::unique_ptr<runtime::AuditHistory> audit_;
};

}  // namespace tandem::app
