// Live things as JSON: what the API shows of calls, bindings and traces. Times are RFC 3339.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/call_port.h"
#include "ports/registrar_port.h"
#include "roles/web_gate/request_checks.h"

namespace tandem::roles::web_gate {

// `name_of`: the name of a domain; empty: it is gone.
using DomainName = std::function<std::string(DomainId)>;
std::string calls_json(const ports::CallsPage& page, const DomainName& name_of);
// Messages of a stream of events (WHATWG HTML 9.2.6): "event: state" with calls as they stand,
// then one for each change.
// `missed_after`: what the client had seen last, where there is a gap.
std::string call_events_text(const ports::CallEvents& events, std::string_view missed_after,
                             const DomainName& name_of);
// What the id of an event says: "<tenure, 16 hex digits>-<number>". One that is not ours is of a
// tenure that there was not; an empty one of none (0).
struct EventId {
    uint64_t tenure = 0;
    uint64_t number = 0;
};
std::string event_id(EventId id);
EventId read_event_id(std::string_view text);
std::string bindings_json(const ports::BindingsPage& page, UtcTime now);
// The bindings of one account, from BindingsReply.
std::string bindings_json(const ports::BindingsReply& reply, AccountId account,
                          std::string_view login, UtcTime now);
std::string trace_json(const ports::CallTrace& trace);

// A route test as whoever has a say in the caller's domain alone may see it: without what another
// domain has set.
std::string without_elsewhere(std::string_view route);

// {"nodes":[...]} of StatusReply texts; those that are no JSON objects are left out.
std::string status_json(const std::vector<std::string>& nodes);
// {"items":[...],"next":N} of what nodes answer for their events, in the order of their ids. With
// `page.after` the first ones, else the last ones; `next` is the id to go on from.
std::string events_json(const std::vector<std::string>& nodes, const Page& page);

}  // namespace tandem::roles::web_gate
