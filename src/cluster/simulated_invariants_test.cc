// The invariants of a simulated site, told by the store itself, change by change.
#include "cluster/simulated_site_test.h"

namespace tandem::cluster::simulated {

void Site::observe(const store::WatchEvent& event) {
    const std::string& key = event.entry.key;
    const bool put = event.kind == store::WatchEvent::Kind::Put;
    if (key.starts_with("fence/") && put) observe_fence(event.entry);
    if (key == store::keys::leader(group)) observe_leader(put ? &event.entry : nullptr);
    if (key.starts_with("work/") && put) observe_work(event.entry);
    if (key.starts_with("call/")) observe_call(event);
}

void Site::observe_fence(const store::KeyValue& item) {
    const auto record = parse_fence(item.value);
    const auto number = static_cast<uint16_t>(std::stoi(item.key.substr(6)));
    if (!record) return fail("a fence cannot be read: " + item.value);
    const bool same = fence_text[number] == item.value;
    if (same) {
        ++tally.renewals;
        nodes[record->home.shard.node.value].proof_at = at;
    }
    // "fenced 1" and "open 2" have the same floor, and come in this order.
    const bool reopened =
        record->state == FenceRecord::State::Open && fence_text[number].starts_with("fenced");
    const uint32_t floor_min = fence_floor[number] + (reopened ? 0 : 1);
    if (!same && record->floor() < floor_min)
        fail("the fence of " + std::to_string(number) + " does not rise: " + item.value);
    fence_floor[number] = record->floor();
    fence_text[number] = item.value;
}

void Site::observe_leader(const store::KeyValue* item) {
    leader = item == nullptr ? std::nullopt : parse_leader(item->value);
    if (item == nullptr) return;
    if (!leader) return fail("a leader cannot be read: " + item->value);
    if (leader->state == LeaderRecord::State::Released) {
        if (leader->epoch != leader_epoch) fail("another epoch was released");
        return;
    }
    if (leader->epoch <= leader_epoch) fail("the epoch of the group does not rise");
    leader_epoch = leader->epoch;
    const auto floor = fence_floor.find(leader->holder.instance.value);
    if (floor == fence_floor.end() || leader->holder.epoch < floor->second)
        fail("a fenced incarnation was elected");
}

void Site::observe_work(const store::KeyValue& item) {
    const auto node = static_cast<uint16_t>(std::stoi(item.key.substr(5)));
    const size_t space = item.value.find(' ');
    const auto incarnation = static_cast<uint32_t>(std::stoul(item.value));
    const uint64_t epoch = std::stoull(item.value.substr(space + 1));
    const Incarnation who{{static_cast<uint16_t>(leader_base + node)}, incarnation};
    if (incarnation < fence_floor[who.instance.value]) fail("a fenced incarnation has written");
    if (!leader || leader->state != LeaderRecord::State::Active || leader->holder != who ||
        leader->epoch != epoch)
        fail("somebody has written who does not lead");
    written.insert(item.key);
}

void Site::observe_call(const store::WatchEvent& event) {
    const std::string& key = event.entry.key;
    const size_t slash = key.find('/', 5);
    const auto owner = number_of(*RoleInstanceId::parse(key.substr(5, slash - 5)));
    const CallId call = *CallId::parse(key.substr(slash + 1));
    if (event.kind == store::WatchEvent::Kind::Delete) {
        const auto known = call_owner.find(call);
        if (known != call_owner.end() && known->second == *owner) call_owner.erase(known);
        left[call] = {*owner, event.entry.mod_revision};
        return;
    }
    if (call_owner.contains(call)) fail("a call has two owners in the store");
    call_owner[call] = *owner;
    if (fence_text[*owner].starts_with("fenced")) fail("a fenced instance has got a call");
    const auto former = left.find(call);
    if (former == left.end()) {
        if (event.entry.value != "by " + std::to_string(fence_floor[*owner]))
            fail("a fenced incarnation has kept a call");
        return;
    }
    if (former->second.second != event.entry.mod_revision) fail("a call that has ended is back");
    if (fence_text[former->second.first].starts_with("open"))
        fail("a call was taken from the living");
    ++moves[call];
}

}  // namespace tandem::cluster::simulated
