#include "roles/sip_gate/sip_gate.h"

#include "border/settings_of.h"

namespace tandem::roles::sip_gate {

SipGate::SipGate(const ports::Surroundings& around, SipHashKey call_id_key)
    : around_(around), border_(around, ports::RoleKind::SipGate, call_id_key) {}

void SipGate::on_catalog(Now, ports::Outbox& out) {
    if (!border_.is_draining())
        border_.apply(border::settings_of(around_.catalog, around_.self), out);
}

void SipGate::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (auto* packet = get_if<ports::PacketIn>(&letter.payload)) {
        auto in = border_.receive(now, std::move(*packet), out);
        if (in) border_.pass_on(now, std::move(*in), out);
    } else if (const auto* closed = get_if<ports::FlowClosed>(&letter.payload)) {
        for (const auto each : around_.directory.actives(ports::RoleKind::Registrar))
            out.send(around_.self, each, *closed);
    } else {
        border_.on_letter(now, std::move(letter), out);
    }
}

}  // namespace tandem::roles::sip_gate
