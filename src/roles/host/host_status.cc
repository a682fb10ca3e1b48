// What a shard of a node tells of itself.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "base/json_text.h"
#include "roles/host/node_host.h"

namespace tandem::roles::host {
namespace {

// Names may carry labels, as Prometheus writes them: calls_total{result="busy"}.
void append_figures(std::string& json, const std::vector<std::pair<std::string, double>>& figures) {
    json += "\"figures\":{";
    bool first = true;
    for (const auto& [name, value] : figures) {
        char number[32];
        std::snprintf(number, sizeof number, "%.17g", value);
        if (!first) json += ',';
        append_json_string(json, name);
        json += ':';
        json += number;
        first = false;
    }
    json += '}';
}

}  // namespace

std::string NodeHost::status_json(Now now) const {
    std::string json = "{\"node\":" + std::to_string(settings_.node) +
                       ",\"shard\":" + std::to_string(settings_.shard) + ",\"version\":\"" +
                       settings_.version + "\",\"epoch\":" + std::to_string(epoch_) +
                       ",\"started\":\"" + to_rfc3339(settings_.started) + "\",\"uptime_s\":" +
                       std::to_string((now.utc.unix_ms - settings_.started.unix_ms) / 1000) +
                       ",\"draining\":" + (draining_ ? "true" : "false") +
                       ",\"drills_allowed\":" + (harm_ ? "true" : "false") +
                       ",\"letters\":" + std::to_string(letters_handled_) + ",";
    append_figures(json, runtime_figures_ ? runtime_figures_() : Figures{});
    json += ",\"instances\":[";
    bool first = true;
    for (const Hosted& hosted : hosted_) {
        if (hosted.role == nullptr) continue;
        if (!std::exchange(first, false)) json += ',';
        const ports::DirectoryEntry* entry = directory_.find(hosted.instance);
        const bool is_passive = entry != nullptr && !entry->is_active;
        const char* state = is_passive ? "passive" : "serving";
        // Until others or the store have confirmed that it lives, nothing of it leaves the node.
        if (std::ranges::find(unspoken_, hosted.instance, &ports::Letter::from) != unspoken_.end())
            state = "unconfirmed";
        if (hosted.draining) state = "draining";
        json +=
            "{\"role\":\"" + std::string(ports::code_of(hosted.kind)) +
            "\",\"instance\":" + std::to_string(hosted.instance.number) +
            ",\"epoch\":" + std::to_string(hosted.surroundings->epoch) +
            (ports::is_active_passive(hosted.kind) ? ",\"group\":" + std::to_string(hosted.group)
                                                   : std::string()) +
            ",\"active\":" + (is_passive ? "false" : "true") + ",\"state\":\"" + state + "\",";
        append_figures(json, hosted.role->figures());
        json += '}';
    }
    return json + "]}";
}

std::string NodeHost::name_of(const Hosted& hosted) const {
    return std::string(ports::code_of(hosted.kind)) + " " + std::to_string(hosted.instance.number);
}

// A leader is told of by all nodes in their journals, and as an event where it is.
void NodeHost::tell(Now now, Event event, ports::LogLine::Level level) {
    ports::LogLine line{level, event.text, {}, {}};
    const bool is_of_others =
        event.kind == EventKind::Leader && std::ranges::none_of(hosted_, [&](const Hosted& each) {
            return each.instance.number == event.instance;
        });
    if (!is_of_others) events_.add(now.utc, std::move(event));
    outbox_.send(self(), ports::kJournal, std::move(line));
}

ports::EntityReply NodeHost::events_for(const ports::EntityRequest& request) const {
    if (request.kind != "event" || request.verb != ports::EntityVerb::List)
        return {make_error(ErrorCode::NotFound, "", "a node has events only"), {}, {}};
    uint64_t since = 0;
    const char* end = request.after.data() + request.after.size();
    if (!request.after.empty() && std::from_chars(request.after.data(), end, since).ptr != end)
        return {make_error(ErrorCode::OutOfRange, "since", "must be the id of an event"), {}, {}};
    return {std::nullopt, events_.json_since(since), {}};
}

}  // namespace tandem::roles::host
