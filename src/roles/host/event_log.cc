#include "roles/host/event_log.h"

#include <algorithm>

#include "base/json_text.h"
#include "roles/host/limits.h"

namespace tandem::roles::host {

std::string_view to_string(EventKind kind) {
    switch (kind) {
        case EventKind::Started:
            return "started";
        case EventKind::Draining:
            return "draining";
        case EventKind::Stopped:
            return "stopped";
        case EventKind::Replaced:
            return "replaced";
        case EventKind::Leader:
            return "leader";
        case EventKind::Suspected:
            return "suspected";
        case EventKind::Dead:
            return "dead";
        case EventKind::Alive:
            return "alive";
        case EventKind::Reachable:
            return "reachable";
        case EventKind::Unreachable:
            return "unreachable";
        case EventKind::Serving:
            return "serving";
        case EventKind::Store:
            return "store";
        case EventKind::Drill:
            return "drill";
        case EventKind::Load:
            return "load";
        case EventKind::Trunk:
            return "trunk";
    }
    return {};
}

void EventLog::add(UtcTime now, Event event) {
    const uint64_t lane = (node_ * event_lanes_of_node + shard_) % event_lanes;
    const uint64_t by_time =
        static_cast<uint64_t>(std::max<int64_t>(now.unix_ms, 0)) * 1'000 + lane;
    const uint64_t id = kept_.empty() ? by_time : std::max(by_time, kept_.back().id + event_lanes);
    kept_.push_back({id, now, std::move(event)});
    if (kept_.size() > events_kept_max) kept_.pop_front();
}

std::string EventLog::json_since(uint64_t since) const {
    JsonWriter out;
    out.begin_object().field("items").begin_list();
    const auto first = std::ranges::upper_bound(kept_, since, {}, &Kept::id);
    for (auto each = first; each != kept_.end(); ++each) {
        out.begin_object().field("id").value(each->id).field("time").value(to_rfc3339(each->at));
        out.field("kind").value(to_string(each->event.kind));
        out.field("node").value(node_).field("shard").value(shard_).field("instance");
        if (each->event.instance == 0) {
            out.null();
        } else {
            out.value(each->event.instance);
        }
        out.field("text").value(each->event.text).end_object();
    }
    return out.end_list().end_object().take();
}

}  // namespace tandem::roles::host
