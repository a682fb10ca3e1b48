#include "roles/b2bua/queue_agents.h"

#include "roles/b2bua/limits.h"

namespace tandem::roles::b2bua {

void QueueAgents::note(const ports::CallSummary& call, bool gone, UtcTime now) {
    const AccountId agent = ports::agent_of(call);
    const bool talks = !gone && !agent.is_nil();
    const auto before = talking_.find(call.call);
    if (before != talking_.end()) {
        if (talks && before->second.agent == agent) return;
        Freed freed = before->second;
        freed.at = now;
        talking_.erase(before);
        if (freed_.size() >= kQueueAgentsMax && !freed_.contains(freed.agent)) freed_.clear();
        freed_[freed.agent] = freed;
    }
    if (talks && talking_.size() < kQueueAgentsMax)
        talking_[call.call] = {agent, call.queue->queue, call.queue->domain, {}};
}

void QueueAgents::report(ports::Instance self, ports::Instance to, ports::Outbox& out) const {
    if (freed_.empty()) return;
    ports::QueueAgentsFreed report;
    for (const auto& [agent, freed] : freed_) report.entries.push_back(freed);
    out.send(self, to, std::move(report));
}

}  // namespace tandem::roles::b2bua
