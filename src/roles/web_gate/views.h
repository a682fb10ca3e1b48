// Live things as JSON: what the API shows of calls, bindings and traces. Times are RFC 3339.
#pragma once

#include <string>
#include <vector>

#include "ports/call_port.h"
#include "ports/registrar_port.h"

namespace tandem::roles::web_gate {

std::string calls_json(const ports::CallsPage& page);
std::string bindings_json(const ports::BindingsPage& page, UtcTime now);
// The bindings of one account, from BindingsReply.
std::string bindings_json(const ports::BindingsReply& reply, AccountId account,
                          std::string_view login, UtcTime now);
std::string trace_json(const ports::CallTrace& trace);

// {"nodes":[...]} of StatusReply texts; those that are no JSON objects are left out.
std::string status_json(const std::vector<std::string>& nodes);
// Prometheus text of the same: every number under "figures" of a node or of its instances becomes
// tandem_<name>{node,role,instance}.
std::string metrics_text(const std::vector<std::string>& nodes);

}  // namespace tandem::roles::web_gate
