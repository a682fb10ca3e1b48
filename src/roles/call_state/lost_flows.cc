// Phones whose connection is gone, with its gate perhaps, and that have others by now.
#include "ports/binding_search.h"
#include "roles/call_state/limits.h"
#include "roles/call_state/watchers.h"

namespace tandem::roles::call_state {

// A SIP gate has died: what was on its way over its connections is not answered any more.
void Watchers::on_directory(Now now, ports::Outbox& out) {
    if (!lost_gates_.look(around_.directory)) return;
    const auto is_lost = [&](const sip::Hop& hop) {
        return lost_gates_.contains(hop.flow<ports::Flow>().gate);
    };
    layer_.on_connections_lost(now.mono, is_lost, wire_);
    deliver_layer_events(now, out);
    emit(out);
}

// Phones register anew long before they subscribe anew. False: it has been tried often enough.
bool Watchers::look_for_flow(Now now, Live& live, ports::Outbox& out) {
    if (++live.unreached > kUnreachedMax) return false;
    live.is_due = true;
    live.next_at = now.mono + kUnreachedAgain;
    timers_.add(live.next_at, live.is.key);
    const auto registrar = around_.directory.active(ports::RoleKind::Registrar, live.is.domain);
    if (registrar) {
        ports::BindingsQuery query{live.is.domain, live.is.watcher};
        out.send(around_.self, *registrar, query, live.is.key);
    }
    return true;
}

void Watchers::on_bindings(Now now, uint64_t key, const ports::BindingsReply& reply,
                           ports::Outbox& out) {
    const auto found = subscriptions_.find(key);
    if (found == subscriptions_.end()) return;
    Live& live = found->second;
    if (live.unreached == 0 || live.under_way || live.is_over) return;
    const auto* binding = ports::binding_of_phone(reply.bindings, live.is.target, {}, live.is.flow);
    if (binding == nullptr || binding->flow == live.is.flow) return;
    live.is.flow = binding->flow;
    live.next_at = now.mono;
    run(now, key, out);
}

}  // namespace tandem::roles::call_state
