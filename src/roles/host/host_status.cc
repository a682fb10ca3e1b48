// What a shard of a node tells of itself.
#include <algorithm>
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
        json += "{\"role\":\"" + std::string(ports::code_of(hosted.kind)) +
                "\",\"instance\":" + std::to_string(hosted.instance.number) +
                ",\"epoch\":" + std::to_string(hosted.surroundings->epoch) +
                ",\"active\":" + (is_passive ? "false" : "true") + ",\"state\":\"" + state + "\",";
        append_figures(json, hosted.role->figures());
        json += '}';
    }
    return json + "]}";
}

}  // namespace tandem::roles::host
