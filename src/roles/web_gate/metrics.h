// Figures of nodes and role instances as Prometheus text (exposition format 0.0.4).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::roles::web_gate {

// `nodes`: what each shard said of itself (StatusReply). `known`: numbers of all nodes; those that
// said nothing are shown as down.
std::string metrics_text(const std::vector<std::string>& nodes, const std::vector<uint16_t>& known);

}  // namespace tandem::roles::web_gate
