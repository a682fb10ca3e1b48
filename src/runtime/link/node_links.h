// Links between nodes: one connection for each pair, carrying frames of wire/. Inside a server it
// is a Unix-domain socket, between servers TCP with mutual TLS. The node with the higher number
// dials the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "ports/letter.h"
#include "runtime/link/limits.h"
#include "runtime/reactor/reactor.h"
#include "runtime/tls/certificates.h"
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

// What servers ask each other besides letters. Called on the shard of the links.
class LinkDesk {
 public:
    virtual ~LinkDesk() = default;
    // From somebody without a certificate of the site: answer_join() with `stranger`.
    virtual void on_join(uint64_t stranger, ports::ServerJoin join) = 0;
    virtual void on_certificate_request(uint16_t node, wire::CertificateRequest request) = 0;
    virtual void on_certificate_reply(uint16_t node, wire::CertificateReply reply) = 0;
    // A link between servers was refused, by us or by the peer: for the journal.
    virtual void on_link_refused(const std::string& why) = 0;
};

struct NodeLinksConfig {
    std::string run_directory;  // sockets are node-<number>.sock in it; mode 0700
    // Asked for each connection between servers, so that renewed certificates are taken up. Empty:
    // there are no other servers.
    std::function<LinkContexts()> contexts = {};
    LinkDesk* desk = nullptr;  // nullptr: strangers are sent away
};

// Where a node runs: on this server, or on another that has a name and an address.
struct NodePlace {
    std::string server;     // empty: on this one
    SocketAddress address;  // of the listener of that node
    friend bool operator==(const NodePlace&, const NodePlace&) = default;
};

class NodeLinks {
 public:
    NodeLinks(Reactor& reactor, const NodeLinksConfig& config, const wire::Hello& self,
              LinkEvents& events);
    ~NodeLinks();

    Result<void> listen();
    // For nodes of other servers, and for servers that want to join; instead of where it listened
    // before.
    Result<void> listen_to_servers(const SocketAddress& address);
    // Keeps a link to the node until forget(): dials again with growing pauses. Another place than
    // before breaks the link. A node of another server that is not added is refused when it dials:
    // its certificate must name the server of its place.
    void add(uint16_t node, const NodePlace& place = {});
    void forget(uint16_t node);
    bool is_up(uint16_t node) const;

    // False: no link, or its queue is full; the letter was not taken.
    bool send(uint16_t node, const ports::Letter& letter);
    void send_heartbeat(const wire::Heartbeat& heartbeat);  // to all
    void announce(const wire::Hello& self);  // the instances of this node have changed
    void answer_join(uint64_t stranger, const wire::JoinReply& reply);
    void send_certificate_request(const wire::CertificateRequest& request);  // to all
    bool send_certificate(uint16_t node, const wire::CertificateReply& reply);

    // For a drill: nothing comes or goes for so long, silently; then all links are made anew.
    enum class Cut { None, OtherServers, All };
    void cut(Duration time, Cut which);

    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
