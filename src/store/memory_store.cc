#include "store/memory_store.h"

namespace tandem::store {

std::optional<KeyValue> MemoryTable::get(std::string_view key) {
    const auto found = items_.find(key);
    return found == items_.end() ? std::nullopt : std::optional<KeyValue>(found->second);
}

void MemoryTable::put(const KeyValue& item) {
    items_.insert_or_assign(item.key, item);
}

void MemoryTable::erase(std::string_view key) {
    const auto found = items_.find(key);
    if (found != items_.end()) items_.erase(found);
}

std::vector<KeyValue> MemoryTable::page(const KeyRange& range, size_t limit, Want) {
    std::vector<KeyValue> out;
    for (auto it = items_.lower_bound(range.begin); it != items_.end() && out.size() < limit;
         ++it) {
        if (!range.contains(it->first)) break;
        out.push_back(it->second);
    }
    return out;
}

uint64_t MemoryTable::count(const KeyRange& range) {
    uint64_t total = 0;
    for (auto it = items_.lower_bound(range.begin); it != items_.end(); ++it) {
        if (!range.contains(it->first)) break;
        ++total;
    }
    return total;
}

void MemoryStore::apply(Instant now, const Request& request, Outbox& out) {
    const Fault fault = fault_hook_ ? fault_hook_(request) : Fault::None;
    const bool applied = fault != Fault::DroppedReplyLost && fault != Fault::DroppedTimeout;
    machine_.begin();
    Reply reply;
    reply.id = request.id;
    if (applied) reply = machine_.apply(now, request);
    if (fault == Fault::AppliedTimeout || fault == Fault::DroppedTimeout)
        reply.body = make_error(ErrorCode::Timeout, "store", "no answer within the deadline");
    if (fault != Fault::AppliedReplyLost && fault != Fault::DroppedReplyLost)
        out.replies.push_back(std::move(reply));
    machine_.tell_watches(out);
}

void MemoryStore::expire(Instant now, Outbox& out) {
    machine_.begin();
    machine_.expire(now);
    machine_.tell_watches(out);
}

}  // namespace tandem::store
