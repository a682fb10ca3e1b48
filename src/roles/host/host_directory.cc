// The directory that a host shows its instances: who is there, which group has which domains, and
// how much of the new work each copy is to get.
#include <algorithm>
#include <utility>

#include "cluster/limits.h"
#include "roles/host/limits.h"
#include "roles/host/node_host.h"

namespace tandem::roles::host {

void NodeHost::rebuild_directory(Now now) {
    std::vector<ports::DirectoryEntry> entries;
    const std::vector<Placement> placements = placements_of(catalog_);
    if (std::exchange(outline_, catalog_.outline()) != catalog_.outline())
        directory_.set_groups(ports::domain_groups_of(catalog_));
    for (const Placement& placement : placements) {
        if (!placement.enabled) continue;
        const Standing there = membership_.standing(placement);
        entries.push_back({placement.instance, placement.kind, there.epoch, weight_of(placement),
                           there.reachable, placement.node});
        entries.back().suspected = there.suspected;
        entries.back().group = placement.group;
        entries.back().is_active = !ports::is_active_passive(placement.kind) || there.is_active;
    }
    // Weight 0: found by who names them, never chosen for anything new.
    const auto add_missing = [&](const std::vector<ports::DirectoryEntry>& draining) {
        for (const ports::DirectoryEntry& each : draining) {
            const bool is_there =
                std::ranges::find(entries, each.instance, &ports::DirectoryEntry::instance) !=
                entries.end();
            if (is_there) continue;
            entries.push_back(each);
            entries.back().is_active = !ports::is_active_passive(each.kind);
        }
    };
    add_missing(draining_instances());
    for (const ReachableNode& node : reachable_) add_missing(node.draining);
    follow_departures(now, entries);
    for (const Departure& each : departures_) add_missing({each.entry});
    directory_.replace(std::move(entries));
}

// What the layers have taken from a node goes on there until it is at rest. The node tells so, but
// maybe later than the layers do.
void NodeHost::follow_departures(Now now, const std::vector<ports::DirectoryEntry>& placed) {
    std::erase_if(departures_, [&](const Departure& each) {
        return each.until <= now.mono || reachable(each.entry.node) == nullptr;
    });
    for (const ports::DirectoryEntry& each : directory_.entries()) {
        const bool is_placed = std::ranges::find(placed, each.instance,
                                                 &ports::DirectoryEntry::instance) != placed.end();
        if (is_placed || each.weight == 0 || each.node == settings_.node ||
            reachable(each.node) == nullptr)
            continue;
        departures_.push_back({each, now.mono + departure_told_within});
        departures_.back().entry.weight = 0;
    }
}

// ---- Load of B2Bs, which shifts the weights that the logic layer gives.

std::optional<cluster::Heartbeat> NodeHost::take_heartbeat() {
    auto beat = membership_.take_heartbeat();
    if (beat) beat->loads = own_loads();
    return beat;
}

std::vector<cluster::InstanceLoad> NodeHost::own_loads() const {
    std::vector<cluster::InstanceLoad> loads;
    for (const Hosted& each : hosted_) {
        if (each.kind != ports::RoleKind::B2bua || !each.role) continue;
        const double share = std::clamp(each.role->load(), 0.0, 1.0);
        loads.push_back({{each.instance.number}, static_cast<uint16_t>(share * 1000)});
    }
    if (loads.size() > cluster::loads_max) loads.resize(cluster::loads_max);
    return loads;
}

void NodeHost::follow_load(Now now) {
    const auto is_b2b = [](const auto& each) { return each.kind == ports::RoleKind::B2bua; };
    load_at_.reset();
    if (std::ranges::count_if(directory_.entries(), is_b2b) < 2) return;
    load_at_ = now.mono + cluster::load_look_interval;
    for (const cluster::InstanceLoad& each : own_loads())
        load_shift_.note(each.instance, each.permille / 1000.0);
    if (!load_shift_.follow(now.mono)) return;
    rebuild_directory(now);
    tell(now, {EventKind::Load, 0, "new calls are spread anew among the B2Bs, by their load"});
}

uint16_t NodeHost::weight_of(const Placement& placement) const {
    if (placement.kind != ports::RoleKind::B2bua || placement.weight == 0) return placement.weight;
    const int percent = load_shift_.percent({placement.instance.number});
    return static_cast<uint16_t>(std::max(1, placement.weight * percent / 100));
}

}  // namespace tandem::roles::host
