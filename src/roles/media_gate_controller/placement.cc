#include "roles/media_gate_controller/placement.h"

#include "roles/media_gate_controller/limits.h"

namespace tandem::roles::media_gate_controller {

using ports::Directory;
using ports::DirectoryEntry;
using ports::Instance;
using ports::RoleKind;

void Placement::on_load(Instant now, const ports::MediaLoad& load) {
    if (!gates_.contains(load.media_gate.number) && gates_.size() >= kGatesMax) return;
    gates_[load.media_gate.number] = {load, now, 0};
}

void Placement::forget(Instance gate) {
    gates_.erase(gate.number);
}

// A gate that has not reported yet is taken as empty, but only when no gate reports.
std::optional<Placement::Candidate> Placement::candidate(Instant now,
                                                         const DirectoryEntry& entry) const {
    if (entry.kind != RoleKind::MediaGate || !entry.reachable || entry.weight == 0) {
        return std::nullopt;
    }
    const auto known = gates_.find(entry.instance.number);
    if (known == gates_.end() || known->second.load.ports_total == 0) {
        return Candidate{entry.instance, 0, false};
    }
    const GateLoad& gate = known->second;
    const double used = static_cast<double>(gate.load.ports_used) +
                        static_cast<double>(gate.placed_since) * kPortsOfACall;
    const double share = used / gate.load.ports_total;
    if (share > kFull) return std::nullopt;
    return Candidate{entry.instance, share * 100 / entry.weight, now - gate.reported <= kLoadFresh};
}

std::optional<Instance> Placement::least_used(Instant now, const Directory& directory) const {
    std::optional<Candidate> best;
    for (const DirectoryEntry& entry : directory.entries()) {
        const auto other = candidate(now, entry);
        if (!other) continue;
        const bool fresher = best && other->fresh && !best->fresh;
        const bool staler = best && !other->fresh && best->fresh;
        if (!best || fresher || (!staler && other->used < best->used)) best = other;
    }
    return best ? std::optional(best->gate) : std::nullopt;
}

std::optional<Instance> Placement::place(Instant now, CallId call, const Directory& directory) {
    if (const auto before = placed_.find(call); before != placed_.end()) {
        const DirectoryEntry* entry = directory.find(before->second);
        if (entry != nullptr && entry->reachable && entry->weight > 0) return before->second;
    }
    const auto gate = least_used(now, directory);
    if (!gate) return std::nullopt;
    if (const auto known = gates_.find(gate->number); known != gates_.end()) {
        ++known->second.placed_since;
    }
    remember(call, *gate);
    return gate;
}

void Placement::remember(CallId call, Instance gate) {
    if (!placed_.insert_or_assign(call, gate).second) return;
    order_.push_back(call);
    if (order_.size() <= kRemembered) return;
    placed_.erase(order_.front());
    order_.pop_front();
}

PlacementSnapshot Placement::snapshot() const {
    PlacementSnapshot snapshot;
    for (const auto& [number, gate] : gates_) snapshot.loads.push_back(gate.load);
    for (const CallId& call : order_) snapshot.placed.emplace_back(call, placed_.at(call));
    return snapshot;
}

Placement Placement::restore(Instant now, const PlacementSnapshot& snapshot) {
    Placement placement;
    for (const ports::MediaLoad& load : snapshot.loads) placement.on_load(now, load);
    for (const auto& [call, gate] : snapshot.placed) placement.remember(call, gate);
    return placement;
}

}  // namespace tandem::roles::media_gate_controller
