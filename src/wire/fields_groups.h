// The members of what B2Bs say about ring groups, numbered. See codec.h.
#pragma once

#include "ports/group_port.h"
#include "wire/codec.h"

namespace tandem::wire {

template <typename A>
void describe(A& a, ports::GroupNews::Turn& v) {
    a(1, v.group);
    a(2, v.first);
    a(3, v.at);
}
template <typename A>
void describe(A& a, ports::GroupNews::Talk& v) {
    a(1, v.account);
    a(2, v.last);
    a(3, v.talks);
}
template <typename A>
void describe(A& a, ports::GroupNews& v) {
    a(1, v.all);
    a(2, v.epoch);
    a(3, v.turns);
    a(4, v.talks);
}

}  // namespace tandem::wire
