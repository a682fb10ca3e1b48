// The members of what is said about trunks, numbered. See codec.h.
#pragma once

#include "ports/trunk_port.h"
#include "wire/fields_ports.h"

namespace tandem::wire {

template <typename A>
void describe(A& a, ports::TrunkQuery& v) {
    a(1, v.domain);
    a(2, v.trunk);
    a(3, v.number);
}
template <typename A>
void describe(A& a, ports::TrunkReply& v) {
    a(1, v.ways);
    a(2, v.failure);
    a(3, v.ask_again);
    a(4, v.seems_down);
}
template <typename A>
void describe(A& a, ports::TrunkWaySilent& v) {
    a(1, v.trunk);
    a(2, v.transport);
    a(3, v.address);
}
template <typename A>
void describe(A& a, ports::TrunkStatesQuery& v) {
    a(1, v.domain);
}
template <typename A>
void describe(A& a, ports::TrunkStates& v) {
    a(1, v.items);
}
template <typename A>
void describe(A& a, ports::ResolveQuery& v) {
    a(1, v.host);
    a(2, v.port);
    a(3, v.any_transport);
    a(4, v.transport);
}
template <typename A>
void describe(A& a, ports::ResolveReply::Place& v) {
    a(1, v.transport);
    a(2, v.address);
    a(3, v.rank);
    a(4, v.server);
    a(5, v.weight);
}
template <typename A>
void describe(A& a, ports::ResolveReply& v) {
    a(1, v.places);
    a(2, v.failure);
    a(3, v.ttl_s);
    a(4, v.is_partial);
    a(5, v.unfit);
}

}  // namespace tandem::wire
