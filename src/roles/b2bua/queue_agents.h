// When agents have ended their last calls out of queues. CS sees that when it happens; one that is
// elected later cannot, so it is told by the B2B that had those calls: who wraps up, and who has
// been free for the longest time. Pure; a part of B2buaRole.
#pragma once

#include <map>
#include <unordered_map>

#include "ports/letter.h"

namespace tandem::roles::b2bua {

class QueueAgents {
 public:
    // A call as it is reported. `gone`: it has ended.
    void note(const ports::CallSummary& call, bool gone, UtcTime now);
    void report(ports::Instance self, ports::Instance to, ports::Outbox& out) const;

 private:
    using Freed = ports::QueueAgentsFreed::Entry;

    std::unordered_map<CallId, Freed> talking_;
    std::map<AccountId, Freed> freed_;
};

}  // namespace tandem::roles::b2bua
