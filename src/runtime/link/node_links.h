// Links between the nodes of one server: one Unix-domain connection for each pair, carrying frames
// of wire/. The node with the higher number dials the other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/letter.h"
#include "runtime/link/limits.h"
#include "runtime/reactor/reactor.h"
#include "wire/frame.h"

namespace tandem::runtime {

// What happens on the links. Called on the shard of the links.
class LinkEvents {
 public:
    virtual ~LinkEvents() = default;
    // After the link came up, and whenever the peer's hello changes.
    virtual void on_link_hello(const wire::Hello& peer) = 0;
    virtual void on_link_down(uint16_t node) = 0;
    virtual void on_link_letter(uint16_t node, ports::Letter letter) = 0;
    virtual void on_link_heartbeat(uint16_t node, const wire::Heartbeat& heartbeat) = 0;
};

struct NodeLinksConfig {
    std::string run_directory;  // sockets are node-<number>.sock in it; mode 0700
};

class NodeLinks {
 public:
    NodeLinks(Reactor& reactor, const NodeLinksConfig& config, const wire::Hello& self,
              LinkEvents& events);
    ~NodeLinks();

    Result<void> listen();
    // Keeps a link to the node until forget(): dials again with growing pauses.
    void add(uint16_t node);
    void forget(uint16_t node);
    bool is_up(uint16_t node) const;

    // False: no link, or its queue is full; the letter was not taken.
    bool send(uint16_t node, const ports::Letter& letter);
    void send_heartbeat(const wire::Heartbeat& heartbeat);  // to all
    void announce(const wire::Hello& self);  // the instances of this node have changed

    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
