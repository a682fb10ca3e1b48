// Who is meant when somebody lives, dies, leads or is fenced. Numbers are those of the logic layer.
#pragma once

#include <compare>
#include <cstdint>

namespace tandem::cluster {

// A process that hosts role instances.
struct NodeNumber {
    uint16_t value = 0;  // 1..200; 0: none
    friend auto operator<=>(const NodeNumber&, const NodeNumber&) = default;
    explicit operator bool() const { return value != 0; }
};

// A machine, for the question whether two observers stand apart.
struct ServerNumber {
    uint16_t value = 0;
    friend auto operator<=>(const ServerNumber&, const ServerNumber&) = default;
};

// A thread of a node. It lives and dies by itself: one that hangs is as dead as a killed one.
struct ShardRef {
    NodeNumber node;
    uint8_t shard = 0;
    friend auto operator<=>(const ShardRef&, const ShardRef&) = default;
};

// One run of a shard: its number rises with each start, in the store.
struct ShardRun {
    ShardRef shard;
    uint32_t run = 0;
    friend auto operator<=>(const ShardRun&, const ShardRun&) = default;
};

// The number of a role instance, as tokens and letters carry it.
struct InstanceNumber {
    uint16_t value = 0;  // 0: nobody
    friend auto operator<=>(const InstanceNumber&, const InstanceNumber&) = default;
    explicit operator bool() const { return value != 0; }
};

// One life of a role instance. The epoch rises with each start of the instance, wherever it starts.
struct Incarnation {
    InstanceNumber instance;
    uint32_t epoch = 0;
    friend auto operator<=>(const Incarnation&, const Incarnation&) = default;
};

}  // namespace tandem::cluster
