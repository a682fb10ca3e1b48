#include "runtime/sip_transport/sip_transport.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "runtime/reactor/native_address.h"
#include "runtime/sip_transport/connection.h"
#include "runtime/sip_transport/udp_listener.h"
#include "runtime/stream/stream_listener.h"
#include "runtime/tls/certificates.h"

namespace tandem::runtime {

namespace {

using ports::Flow;
using ports::Instance;
using ports::Transport;

using ListenerKey = std::pair<uint16_t, uint16_t>;  // gate, number

bool over_tls(Transport transport) {
    return transport == Transport::Tls || transport == Transport::Wss;
}

struct StreamEntry {
    ports::ListenerOpen settings;
    std::unique_ptr<StreamListener> listener;
    std::unique_ptr<UdpListener> udp;
    SocketAddress address;
};

// One peer of one gate, to find a connection without its serial number.
struct PeerKey {
    SocketAddress remote;
    uint16_t gate = 0;
    Transport transport = Transport::Tcp;
    uint64_t tls_peer = 0;  // that is expected there
    friend bool operator==(const PeerKey&, const PeerKey&) = default;
};
struct PeerHash {
    size_t operator()(const PeerKey& key) const noexcept {
        return std::hash<SocketAddress>()(key.remote) ^ (size_t(key.gate) << 8) ^
               static_cast<size_t>(key.transport) ^ static_cast<size_t>(key.tls_peer);
    }
};

PeerKey peer_of(const Flow& flow) {
    return {flow.remote, flow.gate.number, flow.transport, flow.tls_peer};
}

bool same_settings(const ports::ListenerOpen& a, const ports::ListenerOpen& b) {
    return a.transport == b.transport && a.address == b.address && a.tls == b.tls;
}

}  // namespace

struct SipTransport::State final : ConnectionHub {
    State(Reactor& on, Deliver to, TlsContexts& contexts, UtcTime started,
          const SipTransportLimits& how)
        // 4 million connections each millisecond would be needed to meet the numbers of the next
        // start.
        : reactor(on),
          deliver(std::move(to)),
          tls(contexts),
          limits(how),
          next_connection(static_cast<uint64_t>(started.unix_ms) << 22) {}

    Reactor& reactor;
    Deliver deliver;
    TlsContexts& tls;
    const SipTransportLimits limits;
    uint64_t next_connection;
    std::map<ListenerKey, StreamEntry> listeners;
    std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections;
    std::unordered_map<uint64_t, std::unique_ptr<Connection>> leaving;  // writing their last bytes
    std::unordered_map<PeerKey, uint64_t, PeerHash> by_peer;            // the newest of each
    std::unordered_map<SocketAddress, uint32_t> per_address;            // port 0
    std::unordered_map<PeerKey, ports::TlsPeer, PeerHash> tls_peers;    // whom gates expect where
    std::set<uint64_t> handshakes;  // connections that are not open yet, the oldest first
    struct GateBounds {
        uint32_t connections_max = 0;
        uint32_t idle_max_s = 0;
        size_t connections = 0;
        size_t tls_peers = 0;
    };
    std::map<uint16_t, GateBounds> gates;
    uint64_t refused = 0;
    uint64_t opened = 0;
    uint64_t ended[7] = {};  // by ConnectionEnd
    uint64_t failed = 0;

    void tell(Instance gate, ports::Payload payload, uint64_t request = 0) {
        deliver({ports::kTransport, gate, request, std::move(payload)});
    }
    void open(Instance gate, const ports::ListenerOpen& wanted, uint64_t request);
    void tell_opened(Instance gate, uint16_t number, const SocketAddress& bound, uint64_t request);
    Result<SocketAddress> open_udp(Instance gate, StreamEntry& entry);
    Result<SocketAddress> open_stream(Instance gate, StreamEntry& entry);
    bool is_crowded(Instance gate, const IpAddress& remote) const;
    void make_room_for_handshake();
    void accepted(Instance gate, uint16_t number, UniqueFd fd, const SocketAddress& remote);
    void send(ports::PacketOut packet);
    void send_udp(ports::PacketOut packet);
    Connection* find(const Flow& flow) const;
    Connection* connect(const Flow& flow);
    bool use_tls(const Flow& flow, StreamSocket::Settings& how);
    void learn(Instance gate, const ports::TlsPeer& peer);
    void fail(const ports::PacketOut& packet);
    void add(std::unique_ptr<Connection> connection);

    void on_connection_open(Connection& connection) override;
    void on_connection_message(Connection& connection, std::string bytes) override;
    void on_connection_end(Connection& connection, ConnectionEnd why) override;
    void on_connection_gone(Connection& connection) override;
};

void SipTransport::State::tell_opened(Instance gate, uint16_t number, const SocketAddress& bound,
                                      uint64_t request) {
    ports::ListenerOpened opened;
    opened.number = number;
    opened.address = bound;
    if (bound.ip.is_unspecified()) opened.local = interface_addresses(bound.ip.family);
    tell(gate, std::move(opened), request);
}

void SipTransport::State::open(Instance gate, const ports::ListenerOpen& wanted, uint64_t request) {
    gates[gate.number].connections_max = wanted.connections_max;
    gates[gate.number].idle_max_s = wanted.idle_max_s;
    const ListenerKey key{gate.number, wanted.number};
    const auto found = listeners.find(key);
    if (found != listeners.end() && same_settings(found->second.settings, wanted)) {
        return tell_opened(gate, wanted.number, found->second.address, request);
    }
    if (found != listeners.end()) listeners.erase(found);
    StreamEntry entry;
    entry.settings = wanted;
    auto bound =
        wanted.transport == Transport::Udp ? open_udp(gate, entry) : open_stream(gate, entry);
    if (!bound) {
        return tell(gate, ports::ListenerFailed{wanted.number, bound.error()}, request);
    }
    entry.address = *bound;
    listeners.emplace(key, std::move(entry));
    tell_opened(gate, wanted.number, *bound, request);
}

Result<SocketAddress> SipTransport::State::open_udp(Instance gate, StreamEntry& entry) {
    Flow flow;
    flow.gate = gate;
    flow.listener = entry.settings.number;
    UdpListener::Handlers handlers;
    handlers.received = [this, gate](ports::PacketIn packet) { tell(gate, std::move(packet)); };
    handlers.failed = [this, gate](ports::PacketFailed packet) {
        ++failed;
        tell(gate, std::move(packet));
    };
    entry.udp = TRY(UdpListener::open(reactor, flow, entry.settings.address, std::move(handlers)));
    return entry.udp->address();
}

Result<SocketAddress> SipTransport::State::open_stream(Instance gate, StreamEntry& entry) {
    if (over_tls(entry.settings.transport) && !tls.server(entry.settings.tls)) {
        return make_error(ErrorCode::NotFound, "tls", "there is no certificate of this name");
    }
    const uint16_t number = entry.settings.number;
    entry.listener =
        TRY(StreamListener::tcp(reactor, entry.settings.address,
                                [this, gate, number](UniqueFd fd, const SocketAddress& remote) {
                                    accepted(gate, number, std::move(fd), remote);
                                }));
    return entry.listener->address();
}

bool SipTransport::State::is_crowded(Instance gate, const IpAddress& remote) const {
    if (connections.size() >= limits.connections_max) return true;
    const auto bounds = gates.find(gate.number);
    if (bounds != gates.end() && bounds->second.connections_max != 0 &&
        bounds->second.connections >= bounds->second.connections_max) {
        return true;
    }
    const auto here = per_address.find({remote, 0});
    return here != per_address.end() && here->second >= limits.connections_per_address_max;
}

// Whoever connects and then says nothing must not keep others out: the oldest handshake yields.
void SipTransport::State::make_room_for_handshake() {
    if (handshakes.size() < limits.handshakes_max) return;
    const auto oldest = connections.find(*handshakes.begin());
    if (oldest != connections.end()) oldest->second->finish();
}

void SipTransport::State::accepted(Instance gate, uint16_t number, UniqueFd fd,
                                   const SocketAddress& remote) {
    const auto listener = listeners.find({gate.number, number});
    if (listener == listeners.end() || is_crowded(gate, remote.ip)) {
        ++refused;
        return;
    }
    const ports::ListenerOpen& settings = listener->second.settings;
    Flow flow{gate, settings.transport, number, next_connection++, remote};
    StreamSocket::Settings how;
    how.queue_bytes_max = limits.write_queue_bytes_max;
    if (over_tls(settings.transport)) {
        how.tls = tls.server(settings.tls);
        if (!how.tls) return;
    }
    make_room_for_handshake();
    auto connection = std::make_unique<Connection>(reactor, flow, limits, *this);
    connection->accept(std::move(fd), how);
    add(std::move(connection));
}

void SipTransport::State::add(std::unique_ptr<Connection> connection) {
    const Flow& flow = connection->flow();
    GateBounds& bounds = gates[flow.gate.number];
    ++bounds.connections;
    if (bounds.idle_max_s != 0) connection->set_idle_max(std::chrono::seconds(bounds.idle_max_s));
    handshakes.insert(flow.connection);
    ++per_address[{flow.remote.ip, 0}];
    by_peer[peer_of(flow)] = flow.connection;
    connections.emplace(flow.connection, std::move(connection));
}

void SipTransport::State::on_connection_open(Connection& connection) {
    handshakes.erase(connection.flow().connection);
    ++opened;
}

void SipTransport::State::on_connection_message(Connection& connection, std::string bytes) {
    tell(connection.flow().gate,
         ports::PacketIn{connection.flow(), connection.local(), std::move(bytes)});
}

void SipTransport::State::on_connection_end(Connection& connection, ConnectionEnd why) {
    const Flow& flow = connection.flow();
    ++ended[static_cast<size_t>(why)];
    handshakes.erase(flow.connection);
    --gates[flow.gate.number].connections;
    for (std::string& branch : connection.take_waiting_branches()) {
        ++failed;
        tell(flow.gate, ports::PacketFailed{flow, std::move(branch)});
    }
    if (connection.is_open()) tell(flow.gate, ports::FlowClosed{flow});
    const std::string why_not = connection.is_ours() ? connection.tls_failure() : std::string();
    if (!why_not.empty()) tell(flow.gate, ports::TlsFailed{flow.remote, flow.tls_peer, why_not});
    const auto here = per_address.find({flow.remote.ip, 0});
    if (here != per_address.end() && --here->second == 0) per_address.erase(here);
    const auto peer = by_peer.find(peer_of(flow));
    if (peer != by_peer.end() && peer->second == flow.connection) by_peer.erase(peer);
    auto node = connections.extract(flow.connection);
    if (!node.empty()) leaving.insert(std::move(node));
}

void SipTransport::State::on_connection_gone(Connection& connection) {
    leaving.erase(connection.flow().connection);
}

Connection* SipTransport::State::find(const Flow& flow) const {
    uint64_t serial = flow.connection;
    if (serial == 0) {
        const auto peer = by_peer.find(peer_of(flow));
        if (peer == by_peer.end()) return nullptr;
        serial = peer->second;
    }
    const auto found = connections.find(serial);
    if (found == connections.end() || found->second->flow().gate != flow.gate) return nullptr;
    return found->second.get();
}

// False: nobody has said whom to expect, or what is to be trusted can't be read. A flow that
// names nobody leads to no address where somebody is expected; elsewhere nothing is verified.
bool SipTransport::State::use_tls(const Flow& flow, StreamSocket::Settings& how) {
    if (flow.tls_peer == 0) {
        how.tls = tls.client();
        return std::ranges::none_of(tls_peers, [&](const auto& each) {
            return each.first.remote == flow.remote && each.first.gate == flow.gate.number;
        });
    }
    const auto peer = tls_peers.find(peer_of(flow));
    if (peer == tls_peers.end()) return false;
    how.tls_host = peer->second.host;
    auto context = tls.client_for(
        peer->second.verify ? TlsContexts::Check::Authority : TlsContexts::Check::Nothing,
        peer->second.ca_pem, {peer->second.certificate_pem, peer->second.key_pem});
    if (!context)
        tell(flow.gate, ports::TlsFailed{flow.remote, flow.tls_peer, context.error().message});
    if (!context) return false;
    how.tls = std::move(*context);
    return true;
}

void SipTransport::State::learn(Instance gate, const ports::TlsPeer& peer) {
    const PeerKey key{peer.address, gate.number, Transport::Tls, peer.number};
    size_t& of_gate = gates[gate.number].tls_peers;
    if (peer.is_gone) {
        of_gate -= tls_peers.erase(key);
    } else if (of_gate < limits.tls_peers_max || tls_peers.contains(key)) {
        of_gate += tls_peers.insert_or_assign(key, peer).second ? 1 : 0;
    }
}

Connection* SipTransport::State::connect(const Flow& wanted) {
    // RFC 7118 5.2.4: a browser cannot be connected to.
    const bool possible = wanted.transport == Transport::Tcp || wanted.transport == Transport::Tls;
    if (!possible || connections.size() >= limits.connections_max) return nullptr;
    Flow flow = wanted;
    flow.connection = next_connection++;
    StreamSocket::Settings how;
    how.queue_bytes_max = limits.write_queue_bytes_max;
    if (flow.transport == Transport::Tls && !use_tls(flow, how)) return nullptr;
    auto connection = std::make_unique<Connection>(reactor, flow, limits, *this);
    if (!connection->connect(how)) return nullptr;
    Connection* made = connection.get();
    add(std::move(connection));
    return made;
}

void SipTransport::State::send(ports::PacketOut packet) {
    if (packet.flow.transport == Transport::Udp) return send_udp(std::move(packet));
    Connection* connection = find(packet.flow);
    if (connection == nullptr && packet.may_connect) {
        Flow by_remote = packet.flow;
        by_remote.connection = 0;
        connection = find(by_remote);
        if (connection == nullptr) connection = connect(by_remote);
    }
    if (connection == nullptr) return fail(packet);
    connection->send(packet.bytes, packet.branch);
}

void SipTransport::State::send_udp(ports::PacketOut packet) {
    const auto found = listeners.find({packet.flow.gate.number, packet.flow.listener});
    if (found == listeners.end() || !found->second.udp) return fail(packet);
    found->second.udp->send(std::move(packet));
}

void SipTransport::State::fail(const ports::PacketOut& packet) {
    ++failed;
    if (!packet.branch.empty()) {
        tell(packet.flow.gate, ports::PacketFailed{packet.flow, packet.branch});
    }
}

SipTransport::SipTransport(Reactor& reactor, Deliver deliver, TlsContexts& tls, UtcTime started,
                           const SipTransportLimits& limits)
    : state_(std::make_unique<State>(reactor, std::move(deliver), tls, started, limits)) {}
SipTransport::~SipTransport() = default;

void SipTransport::handle(ports::Letter letter) {
    if (auto* packet = get_if<ports::PacketOut>(&letter.payload)) {
        state_->send(std::move(*packet));
    } else if (const auto* open = get_if<ports::ListenerOpen>(&letter.payload)) {
        state_->open(letter.from, *open, letter.request);
    } else if (const auto* peer = get_if<ports::TlsPeer>(&letter.payload)) {
        state_->learn(letter.from, *peer);
    } else if (const auto* close = get_if<ports::ListenerClose>(&letter.payload)) {
        state_->listeners.erase({letter.from.number, close->number});
    }
}

std::optional<SocketAddress> SipTransport::bound(Instance gate, uint16_t number) const {
    const auto found = state_->listeners.find({gate.number, number});
    if (found == state_->listeners.end()) return std::nullopt;
    return found->second.address;
}

void SipTransport::close_connections(Instance gate) {
    std::vector<Connection*> theirs;
    for (const auto& [serial, connection] : state_->connections) {
        if (connection->flow().gate == gate) theirs.push_back(connection.get());
    }
    for (Connection* connection : theirs) connection->finish();
}

std::optional<Flow> SipTransport::websocket_flow(const SocketAddress& remote, bool secure) const {
    const Transport transport = secure ? Transport::Wss : Transport::Ws;
    for (const auto& [key, entry] : state_->listeners) {
        const bool fits =
            entry.settings.transport == transport && entry.address.ip.family == remote.ip.family;
        if (fits) return Flow{Instance{key.first}, transport, key.second, 0, remote};
    }
    return std::nullopt;
}

void SipTransport::adopt_websocket(const Flow& flow, std::unique_ptr<StreamSocket> socket,
                                   std::string_view bytes) {
    if (state_->is_crowded(flow.gate, flow.remote.ip)) {
        ++state_->refused;
        return;
    }
    Flow numbered = flow;
    numbered.connection = state_->next_connection++;
    auto connection =
        std::make_unique<Connection>(state_->reactor, numbered, state_->limits, *state_);
    Connection* adopted = connection.get();
    state_->make_room_for_handshake();
    state_->add(std::move(connection));
    adopted->adopt(std::move(socket), bytes);
}

size_t SipTransport::connections() const {
    return state_->connections.size();
}

std::vector<std::pair<std::string, double>> SipTransport::figures() const {
    UdpCounters udp;
    for (const auto& [key, entry] : state_->listeners) {
        if (!entry.udp) continue;
        udp.received += entry.udp->counters().received;
        udp.sent += entry.udp->counters().sent;
        udp.lost += entry.udp->counters().lost;
    }
    const auto ended = [this](ConnectionEnd why) {
        return static_cast<double>(state_->ended[static_cast<size_t>(why)]);
    };
    return {{"sip_udp_received_total", static_cast<double>(udp.received)},
            {"sip_udp_sent_total", static_cast<double>(udp.sent)},
            {"sip_udp_lost_total", static_cast<double>(udp.lost)},
            {"sip_connections", static_cast<double>(state_->connections.size())},
            {"sip_connections_opened_total", static_cast<double>(state_->opened)},
            {"sip_connections_refused_total", static_cast<double>(state_->refused)},
            {"sip_connections_slow_total", ended(ConnectionEnd::Slow)},
            {"sip_connections_idle_total", ended(ConnectionEnd::Idle)},
            {"sip_connections_malformed_total", ended(ConnectionEnd::Malformed)},
            {"sip_handshakes_failed_total", ended(ConnectionEnd::Handshake)},
            {"sip_packets_failed_total", static_cast<double>(state_->failed)}};
}

}  // namespace tandem::runtime
