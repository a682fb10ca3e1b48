// SIP between the SIP gate and the roles behind it: whole messages in envelopes. The gate strips
// and writes what belongs to the border (Via, Contact, received, rport); the roles behind never see
// or choose an address of ours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "model/ids.h"
#include "ports/address.h"
#include "sip/message.h"

namespace tandem::ports {

enum class Transport : uint8_t { Udp, Tcp, Tls, Ws, Wss };

std::string_view to_string(Transport transport);  // "UDP", "TCP", "TLS", "WS", "WSS", as in Via
std::optional<Transport> transport_from_text(std::string_view text);  // any case
inline bool is_reliable(Transport transport) {
    return transport != Transport::Udp;
}

// One way between a phone and a SIP gate: (RFC 5626 3.2) for UDP the pair of addresses, otherwise
// one connection. Kept in bindings as text, so that a call finds the phone.
struct Flow {
    Instance gate;
    Transport transport = Transport::Udp;
    uint16_t listener = 0;    // number of the gate's listener, stable across restarts
    uint64_t connection = 0;  // 0 for UDP; never used twice, not even after a restart
    SocketAddress remote;
    // Of connections that the gate makes over TLS: TlsPeer::number of whom it expects there. Those
    // to one address with different ones are different connections. 0: nobody has said.
    uint64_t tls_peer = 0;

    friend bool operator==(const Flow&, const Flow&) = default;
    // "12;UDP;1;0;192.0.2.1:5060"; with a tls_peer ";77" follows
    std::string text() const;
    static std::optional<Flow> parse(std::string_view text);
};

// A request or response that came from a phone, parsed and checked (sip::validate_*). The top Via
// of a request has received and rport filled in (RFC 3261 18.2.1, RFC 3581 4); a response has lost
// ours.
struct SipInbound {
    Flow flow;
    SocketAddress local;  // the address of ours that it reached
    sip::Message message;
    uint64_t owner_key =
        0;  // Token::unique of the branch, Contact or tag that named the receiver; 0: none
    Instance
        previous_owner;  // whom the directory's previous generation would have chosen, if another
    TrunkId trunk;       // that a new request came over, as its gate has seen; nil: a phone's
};

// A message for a phone. A request has no Via and no Contact of ours: the gate writes both.
struct SipOutbound {
    Flow flow;
    sip::Message message;
    std::string branch;          // requests: the whole branch value
    std::string contact_token;   // the user part of our Contact; empty: no Contact
    std::string contact_params;  // after the URI, beginning with ';', or empty
    // Requests: the phone's Contact, for a gate that has to reach it otherwise than by `flow` (RFC
    // 3261 18.1.1: a request of more than 1300 bytes asks for TCP). Empty: only the flow will do.
    std::string alternative_uri;
};

// A request could not be sent or its connection ended: status 430 (RFC 5626 11.6: flow failed) or
// 503.
struct SipUndeliverable {
    std::string branch;
    int status = 503;
};

// What crosses a socket, between the gate and the runtime (kTransport).
struct PacketIn {
    Flow flow;
    SocketAddress local;
    std::string bytes;  // one whole datagram, or one whole message of a stream or WebSocket
};
struct PacketOut {
    Flow flow;
    std::string bytes;
    std::string branch;  // named by SipUndeliverable when it cannot be sent; empty: tell nobody
    // When set and no connection exists, one is opened to flow.remote with flow.transport. A
    // connection is looked up by flow.connection where that is not 0 and by flow.remote where it
    // is, so remote may name another port than the connection that ended came from (RFC
    // 3261 18.2.2).
    bool may_connect = false;
};
struct FlowClosed {
    Flow flow;
};
struct PacketFailed {
    Flow flow;
    std::string branch;
    bool nobody_listens = false;  // the other end says so (ICMP), of UDP
};

// Sockets that a gate listens on, by request to kTransport. The number is the gate's and is the
// `listener` of each flow that begins there. Opening a number that is open with other settings
// closes it first; the same settings again change nothing.
struct ListenerOpen {
    uint16_t number = 0;
    Transport transport = Transport::Udp;
    SocketAddress address;  // to bind; port 0 asks for any
    std::string tls;        // TLS and WSS: the certificate's name in the bootstrap file; empty: its
                            // default
    // Of all connections of the gate: the last opening counts, and one with nothing else new
    // changes nothing else. 0: the runtime's own bounds.
    uint32_t connections_max = 0;
    uint32_t idle_max_s = 0;
};
struct ListenerOpened {
    uint16_t number = 0;
    SocketAddress address;  // as bound
    // Where phones can reach it when it is bound to the unspecified address; otherwise empty.
    std::vector<IpAddress> local;
};
struct ListenerClose {
    uint16_t number = 0;
};
struct ListenerFailed {
    uint16_t number = 0;
    Error error;
};

// To kTransport: who is to be at an address to which the gate connects over TLS. Told before it
// does; there may be several for one address, told apart by their number.
struct TlsPeer {
    SocketAddress address;
    uint64_t number = 0;   // as in Flow::tls_peer: a digest of what follows, the same in any gate
    std::string host;      // for SNI (RFC 6066 3), and for the certificate
    bool verify = true;    // whether the certificate must fit
    std::string ca_pem;    // of the authorities; empty: those of the operating system
    bool is_gone = false;  // nothing more is to be known of it
    std::string certificate_pem{};  // ours, which is shown there to those who ask; empty: none
    std::string key_pem{};          // its key
    friend bool operator==(const TlsPeer&, const TlsPeer&) = default;
};
// To the gate: a connection of its own making ended in the handshake.
struct TlsFailed {
    SocketAddress address;
    uint64_t number = 0;  // of the TlsPeer
    std::string why;
};

}  // namespace tandem::ports
