// What was refused, on its way into the audit log. Anybody can cause refusals, and each record
// costs the store a write: those of one second that are alike become one record with a count, and
// of many different ones the surplus becomes one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "ports/web_port.h"

namespace tandem::roles::web_gate {

class Refusals {
 public:
    void add(Now now, ports::AuditNote note);
    // What is due: to be sent to ST.
    std::vector<ports::AuditNote> take(Now now);
    std::optional<Instant> next_deadline() const { return due_; }
    uint64_t total() const { return total_; }

 private:
    std::map<std::string, ports::AuditNote> notes_;
    uint32_t surplus_ = 0;
    std::optional<Instant> due_;
    uint64_t total_ = 0;
};

}  // namespace tandem::roles::web_gate
