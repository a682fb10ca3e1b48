// The SIP sockets of a shard (ports::kTransport): UDP, TCP, TLS, WebSocket. Gives PacketIn and
// FlowClosed to the gate that owns the listener, and takes PacketOut.
//
// RFC 3261 18, RFC 5626 3.5 (keep-alives), RFC 7118 (WebSocket).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "ports/letter.h"
#include "runtime/reactor/shard.h"
#include "runtime/sip_transport/limits.h"

namespace tandem::runtime {

class StreamSocket;
class TlsContexts;

class SipTransport {
 public:
    // The serial numbers of connections begin with `started`, so that none is used twice.
    SipTransport(Reactor& reactor, Deliver deliver, TlsContexts& tls, UtcTime started,
                 const SipTransportLimits& limits = {});
    ~SipTransport();

    // A letter to kTransport: ListenerOpen (answered by ListenerOpened or ListenerFailed),
    // ListenerClose, PacketOut. A listener belongs to the gate that sent the letter. Closing a
    // stream listener takes no new connections and leaves those that exist; closing a UDP listener
    // ends it at once. Other letters are dropped.
    void handle(ports::Letter letter);
    // The listener of `gate` as bound; nullopt: not open.
    std::optional<SocketAddress> bound(ports::Instance gate, uint16_t number) const;
    // Ends all connections of a gate, after what is queued for them has been written.
    void close_connections(ports::Instance gate);

    // The flow of a WebSocket connection that comes from `remote` over an HTTP listener: it is one
    // of the gate that listens for WS or WSS in that address family itself; nullopt: none does.
    std::optional<ports::Flow> websocket_flow(const SocketAddress& remote, bool secure) const;
    // That connection, whose client asks for the upgrade with `bytes`.
    void adopt_websocket(const ports::Flow& flow, std::unique_ptr<StreamSocket> socket,
                         std::string_view bytes);

    size_t connections() const;
    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
