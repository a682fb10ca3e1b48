// The SIP sockets of a shard (ports::kTransport): UDP, TCP, TLS, WebSocket. Gives PacketIn and
// FlowClosed to the gate that owns the listener, and takes PacketOut.
//
// RFC 3261 18, RFC 5626 3.5 (keep-alives), RFC 7118 (WebSocket).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "ports/letter.h"
#include "runtime/reactor/shard.h"
#include "runtime/sip_transport/limits.h"

namespace tandem::runtime {

class TlsContexts;

struct ListenerSpec {
    ports::Instance gate;  // gets what arrives
    uint16_t number = 0;   // of the gate's listener, stable across restarts
    ports::Transport transport = ports::Transport::Udp;
    SocketAddress address;  // port 0: any
    std::string tls_name;   // of TlsContexts; TLS and WSS only
};

class SipTransport {
 public:
    // `rng` seeds the serial numbers of connections with `started`, so that none is used twice.
    SipTransport(Reactor& reactor, Deliver deliver, TlsContexts& tls, UtcTime started,
                 const SipTransportLimits& limits = {});
    ~SipTransport();

    // Answers the bound address.
    Result<SocketAddress> open(const ListenerSpec& spec);
    // Takes no new connections at once; those that exist go on until close_connections() or their
    // end. A UDP listener ends at once.
    void close(ports::Instance gate, uint16_t number);
    void close_connections(ports::Instance gate, uint16_t number);

    // A letter to kTransport: PacketOut. Others are dropped.
    void handle(ports::Letter letter);

    size_t connections() const;
    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
