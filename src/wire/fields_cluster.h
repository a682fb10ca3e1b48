// The members of a heartbeat, numbered. See codec.h.
#pragma once

#include "cluster/liveness.h"
#include "wire/codec.h"

namespace tandem::wire {

template <>
inline constexpr cluster::Opinion last_of<cluster::Opinion> = cluster::Opinion::Dead;

template <typename A>
void describe(A& a, cluster::NodeNumber& v) {
    a(1, v.value);
}
template <typename A>
void describe(A& a, cluster::ShardBeat& v) {
    a(1, v.run);
    a(2, v.progress);
}
template <typename A>
void describe(A& a, cluster::HeardShard& v) {
    a(1, v.run);
    a(2, v.opinion);
}
template <typename A>
void describe(A& a, cluster::HeardNode& v) {
    a(1, v.node);
    a(2, v.sequence);
    a(3, v.shards);
}
template <typename A>
void describe(A& a, cluster::InstanceNumber& v) {
    a(1, v.value);
}
template <typename A>
void describe(A& a, cluster::InstanceLoad& v) {
    a(1, v.instance);
    a(2, v.permille);
}
template <typename A>
void describe(A& a, cluster::Heartbeat& v) {
    a(1, v.node);
    a(2, v.sequence);
    a(3, v.shards);
    a(4, v.heard);
    a(5, v.loads);
}

}  // namespace tandem::wire
