// Where a letter goes on from a node's first shard: to the host or the media shard of the node, to
// its runtime, or to another node.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "ports/letter.h"
#include "roles/host/node_host.h"

namespace tandem::roles::host {

struct Way {
    enum class To {
        Host,
        Media,
        Transport,
        Http,
        Journal,
        Passwords,
        Resolver,
        Store,
        Node,
        Nobody
    };
    To to = To::Nobody;
    uint16_t node = 0;  // with To::Node
};

class LetterRouter {
 public:
    // `host`: of the first shard of node `number`.
    LetterRouter(uint16_t number, const NodeHost& host) : number_(number), host_(host) {}

    // `letter` came from `node`, which may ask our store before we have read who is where.
    void note_asker(uint16_t node, const ports::Letter& letter);
    // To::Host also when nobody is known to have the receiver: the host keeps letters of faster
    // neighbours until it has read which instances it is to start.
    Way way_of(const ports::Letter& letter) const;
    bool is_local_media(ports::Instance instance) const;

 private:
    uint16_t number_;
    const NodeHost& host_;
    std::unordered_map<uint16_t, uint16_t> askers_;  // node by number of the instance
};

}  // namespace tandem::roles::host
