// The layout, the nodes, and who lives.
#include <algorithm>
#include <map>

#include "roles/host/membership.h"

namespace tandem::roles::host {
namespace {

using cluster::ShardRun;

std::string names(const std::vector<cluster::NodeNumber>& nodes) {
    std::string text;
    for (const cluster::NodeNumber node : nodes) {
        text += (text.empty() ? "" : ", ") + std::to_string(node.value);
    }
    return text;
}

}  // namespace

void Membership::set_layout(Now now, std::vector<Placement> layout, std::vector<Home> homes) {
    homes_ = std::move(homes);
    const auto enabled = std::ranges::stable_partition(layout, &Placement::enabled);
    leaving_.assign(enabled.begin(), enabled.end());
    std::erase_if(leaving_,
                  [](const Placement& each) { return each.kind != ports::RoleKind::B2bua; });
    layout.erase(enabled.begin(), enabled.end());
    layout_ = std::move(layout);
    begin_liveness(now);
    unsettled_ = true;
    changed_ = true;
    settle(now);
}

void Membership::set_nodes(Now now, std::vector<ReachableNode> nodes) {
    nodes_ = std::move(nodes);
    for (const ReachableNode& each : nodes_) {
        if (!each.runs.empty()) runs_[each.node] = each.runs;
    }
    begin_liveness(now);
    unsettled_ = true;
    changed_ = true;
    settle(now);
}

void Membership::on_process_ended(Now now, uint16_t node) {
    const auto runs = runs_.find(node);
    if (liveness_ == nullptr || runs == runs_.end()) return;
    uint8_t shard = 0;  // of at most ports::shards_max
    for (const uint32_t run : runs->second) {
        cluster::LivenessOutbox out;
        liveness_->on_process_ended(now.mono, {{{node}, shard++}, run}, out);
        take(out);
    }
    settle(now);
}

// Whether somebody on another node could take its place.
bool Membership::has_other_copy(const Placement& placement) const {
    return std::ranges::any_of(layout_, [&](const Placement& each) {
        return each.kind == placement.kind && each.node != placement.node &&
               (!ports::is_active_passive(each.kind) || each.group == placement.group);
    });
}

// Nodes that host something, and home nodes. A home node alone takes nothing with it, so it is
// never declared dead for its silence.
std::vector<cluster::Member> Membership::members() const {
    std::map<ServerId, uint16_t> servers;
    std::vector<cluster::Member> members;
    for (const Placement& placement : layout_) {
        const auto server = servers.try_emplace(placement.server, servers.size() + 1).first;
        auto known = std::ranges::find_if(members, [&](const cluster::Member& each) {
            return each.node.value == placement.node;
        });
        if (known == members.end()) {
            members.push_back({{placement.node}, {server->second}, ports::shards_max, false});
            known = std::prev(members.end());
        }
        known->is_replaceable = known->is_replaceable || has_other_copy(placement);
    }
    for (const Home& home : homes_) {
        const auto server = servers.try_emplace(home.server, servers.size() + 1).first;
        const bool is_known = std::ranges::any_of(
            members, [&](const cluster::Member& each) { return each.node.value == home.node; });
        if (!is_known) members.push_back({{home.node}, {server->second}, ports::shards_max, false});
    }
    return members;
}

void Membership::begin_liveness(Now now) {
    if (shard_ != 0 || run_ == 0) return;
    const std::vector<cluster::Member> members = this->members();
    if (liveness_ == nullptr) {
        const ReachableNode* self = node(node_);
        const bool others = std::ranges::any_of(
            members, [&](const cluster::Member& each) { return each.node.value != node_; });
        const bool numbered = self != nullptr && self->runs.size() == ports::shards_max &&
                              std::ranges::find(self->runs, 0u) == self->runs.end();
        if (!others || !numbered) return;
        liveness_ = std::make_unique<cluster::Liveness>(cluster::NodeNumber{node_}, self->runs);
        liveness_->set_progress(turns_);
    }
    liveness_->set_members(now.mono, members);
    for (const Placement& placement : layout_) {
        const cluster::FenceEntry* entry = fences_.find({placement.instance.number});
        const bool is_open =
            entry != nullptr && entry->record.state == cluster::FenceRecord::State::Open;
        if (!is_open || entry->home.shard.node.value == node_) continue;
        cluster::LivenessOutbox out;
        liveness_->expect(now.mono, entry->home, out);
        take(out);
    }
}

void Membership::on_heartbeat(Now now, const cluster::Heartbeat& beat) {
    if (liveness_ == nullptr) return;
    cluster::LivenessOutbox out;
    liveness_->on_heartbeat(now.mono, beat, out);
    take(out);
    if (const auto at = liveness_->confirmed_at(now.mono)) self_check_.on_confirmed(*at);
    settle(now);
}

void Membership::set_progress(std::span<const uint64_t> turns) {
    turns_.assign(turns.begin(), turns.end());
    if (liveness_ != nullptr) liveness_->set_progress(turns_);
}

void Membership::take(cluster::LivenessOutbox& out) {
    if (out.heartbeat) heartbeat_ = std::move(out.heartbeat);
    for (const cluster::LifeEvent& event : out.events) {
        const ShardRun& who = event.who;
        if (who.shard.node.value == node_ && event.life == cluster::Life::Dead) is_over_ = true;
        tell_life(event);
        unsettled_ = true;
        changed_ = true;
    }
}

// One shard stands for the node, unless another one alone stands still. That one lives is told
// after it was suspected: at its start everybody does.
void Membership::tell_life(const cluster::LifeEvent& event) {
    const cluster::ShardRef& shard = event.who.shard;
    const bool was_suspected = suspected_.erase(shard) > 0;
    const bool is_news = shard.shard == 0 || event.reason == cluster::LifeReason::Stalled;
    EventKind kind = EventKind::Dead;
    if (event.life == cluster::Life::Alive) {
        if (!was_suspected) return;
        kind = EventKind::Alive;
    } else if (!is_news && !was_suspected) {
        return;
    }
    if (event.life == cluster::Life::Suspected) {
        suspected_.insert(shard);
        kind = EventKind::Suspected;
    }
    news_.push_back({kind, 0,
                     "node " + std::to_string(shard.node.value) + " shard " +
                         std::to_string(shard.shard) + " is " + std::string(to_string(event.life)) +
                         ": " + std::string(to_string(event.reason)) + " (by node " +
                         names(event.observers) + ")"});
}

bool Membership::is_gone(const ShardRun& home) const {
    const uint16_t number = home.shard.node.value;
    if (number == node_) return false;  // our former run: this one claims anew
    if (liveness_ != nullptr && liveness_->is_dead(home)) return true;
    const bool is_member = std::ranges::find(layout_, number, &Placement::node) != layout_.end();
    return !is_member && node(number) == nullptr;
}

bool Membership::is_suspected(const ShardRun& home) const {
    return liveness_ != nullptr && liveness_->life(home.shard) == cluster::Life::Suspected;
}

}  // namespace tandem::roles::host
