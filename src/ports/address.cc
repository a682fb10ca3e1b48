#include "ports/address.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/rendezvous.h"

namespace tandem::ports {
namespace {

constexpr std::array<std::string_view, 9> kCodes{"SG", "SR", "B2B", "MG", "MGC",
                                                 "CS", "ST", "WS",  "ESG"};

bool can_be_picked(const DirectoryEntry& entry, RoleKind kind) {
    return entry.kind == kind && entry.reachable && !entry.suspected && entry.weight != 0;
}

// Weighted rendezvous hashing: the highest -weight / ln(u) wins, with u drawn from key and copy.
std::optional<Instance> rendezvous(std::span<const DirectoryEntry> entries, RoleKind kind,
                                   uint64_t key, Instance except) {
    std::optional<Instance> best;
    double best_score = -1;
    for (const DirectoryEntry& entry : entries) {
        if (!can_be_picked(entry, kind) || entry.instance == except) continue;
        const uint64_t drawn = rendezvous_draw(key, entry.instance.number);
        const double u = (static_cast<double>(drawn >> 11) + 0.5) * 0x1p-53;
        const double score = -entry.weight / std::log(u);
        if (score > best_score) {
            best_score = score;
            best = entry.instance;
        }
    }
    return best;
}

// Whether pick() chooses alike in both.
bool same_choice(const std::vector<DirectoryEntry>& a, const std::vector<DirectoryEntry>& b,
                 RoleKind kind) {
    std::vector<std::pair<uint16_t, uint16_t>> left;
    std::vector<std::pair<uint16_t, uint16_t>> right;
    for (const DirectoryEntry& entry : a) {
        if (can_be_picked(entry, kind)) left.emplace_back(entry.instance.number, entry.weight);
    }
    for (const DirectoryEntry& entry : b) {
        if (can_be_picked(entry, kind)) right.emplace_back(entry.instance.number, entry.weight);
    }
    std::sort(left.begin(), left.end());
    std::sort(right.begin(), right.end());
    return left == right;
}

bool same_members(const std::vector<DirectoryEntry>& a, const std::vector<DirectoryEntry>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i].instance != b[i].instance || a[i].epoch != b[i].epoch ||
            a[i].reachable != b[i].reachable || a[i].weight != b[i].weight ||
            a[i].is_active != b[i].is_active || a[i].suspected != b[i].suspected ||
            a[i].group != b[i].group) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool is_active_passive(RoleKind kind) {
    return kind == RoleKind::Registrar || kind == RoleKind::MediaGateController ||
           kind == RoleKind::CallState || kind == RoleKind::Store;
}

bool has_domain_groups(RoleKind kind) {
    return kind == RoleKind::Registrar || kind == RoleKind::CallState;
}

std::string_view code_of(RoleKind kind) {
    return kCodes[static_cast<size_t>(kind)];
}

std::optional<RoleKind> role_kind_from_code(std::string_view code) {
    for (size_t i = 0; i < kCodes.size(); ++i) {
        if (kCodes[i] == code) return static_cast<RoleKind>(i);
    }
    return std::nullopt;
}

std::optional<uint16_t> node_of_host(Instance instance) {
    for (uint16_t shard = 0; shard < shards_max; ++shard) {
        const int node = instance.number - host_of(0, shard).number;
        if (node >= 1 && node <= nodes_max) return static_cast<uint16_t>(node);
    }
    return std::nullopt;
}

const DirectoryEntry* Directory::find(Instance instance) const {
    for (const DirectoryEntry& entry : entries_) {
        if (entry.instance == instance) return &entry;
    }
    return nullptr;
}

std::optional<Instance> Directory::pick(RoleKind kind, uint64_t key, Instance except) const {
    return rendezvous(entries_, kind, key, except);
}

std::optional<Instance> Directory::pick_previous(RoleKind kind, uint64_t key) const {
    return rendezvous(previous_, kind, key, {});
}

std::optional<Instance> Directory::heir(RoleKind kind, uint64_t key, Instance except,
                                        Among among) const {
    std::optional<Instance> best;
    uint64_t best_draw = 0;
    for (const DirectoryEntry& entry : entries_) {
        const bool counts = among == Among::All ? entry.kind == kind && entry.weight != 0
                                                : can_be_picked(entry, kind);
        if (!counts || entry.instance == except) continue;
        const uint64_t draw = rendezvous_draw(key, entry.instance.number);
        if (best && draw <= best_draw) continue;
        best = entry.instance;
        best_draw = draw;
    }
    return best;
}

int Directory::group_of(RoleKind kind, DomainId domain) const {
    if (!has_domain_groups(kind)) return 1;
    const GroupChoices& choices =
        kind == RoleKind::Registrar ? groups_.registrar : groups_.call_state;
    return choices.group_of(choices.is_shared() ? groups_.root_of(domain) : domain);
}

std::optional<Instance> Directory::active(RoleKind kind, DomainId domain) const {
    CHECK(has_domain_groups(kind));
    const int group = group_of(kind, domain);
    for (const DirectoryEntry& entry : entries_) {
        if (entry.kind == kind && entry.group == group && entry.reachable && entry.is_active)
            return entry.instance;
    }
    return std::nullopt;
}

std::vector<Instance> Directory::actives(RoleKind kind) const {
    std::vector<const DirectoryEntry*> found;
    for (const DirectoryEntry& entry : entries_) {
        if (entry.kind == kind && entry.reachable && entry.is_active) found.push_back(&entry);
    }
    std::ranges::stable_sort(found, {}, &DirectoryEntry::group);
    std::vector<Instance> actives;
    actives.reserve(found.size());
    for (const DirectoryEntry* each : found) actives.push_back(each->instance);
    return actives;
}

std::optional<Instance> Directory::active_of_site(RoleKind kind) const {
    CHECK(!has_domain_groups(kind));
    for (const DirectoryEntry& entry : entries_) {
        if (entry.kind == kind && entry.reachable && entry.is_active) return entry.instance;
    }
    return std::nullopt;
}

bool Directory::is_active(Instance instance) const {
    const DirectoryEntry* entry = find(instance);
    return entry != nullptr && entry->reachable && entry->is_active;
}

void Directory::replace(std::vector<DirectoryEntry> entries) {
    if (same_members(entries, entries_)) return;
    // Of each role the last choice that was another: a media gate that comes must not make the
    // former choice among B2Bs forgotten.
    std::vector<DirectoryEntry> previous;
    for (size_t i = 0; i < kCodes.size(); ++i) {
        const auto kind = static_cast<RoleKind>(i);
        const auto& from = same_choice(entries, entries_, kind) ? previous_ : entries_;
        std::copy_if(from.begin(), from.end(), std::back_inserter(previous),
                     [&](const DirectoryEntry& entry) { return entry.kind == kind; });
    }
    previous_ = std::move(previous);
    entries_ = std::move(entries);
    ++generation_;
}

void Directory::set_groups(DomainGroups groups) {
    if (groups == groups_) return;
    groups_ = std::move(groups);
    ++groups_version_;
    ++generation_;
}

void Directory::mark_congested(Instance instance, bool congested) {
    for (DirectoryEntry& entry : entries_) {
        if (entry.instance == instance) entry.congested = congested;
    }
}

}  // namespace tandem::ports
