// One stream connection that carries SIP: over TCP or TLS as it is, or in WebSocket messages.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ports/sip_port.h"
#include "runtime/reactor/reactor.h"
#include "runtime/sip_transport/limits.h"
#include "runtime/stream/stream_socket.h"
#include "runtime/websocket/websocket.h"
#include "sip/framer.h"

namespace tandem::runtime {

class Connection;

// Why a connection ended, for the figures.
enum class ConnectionEnd { Peer, Broken, Handshake, Slow, Idle, Malformed, Ours };

// Who owns the connections.
class ConnectionHub {
 public:
    virtual ~ConnectionHub() = default;
    virtual void on_connection_open(Connection& connection) = 0;
    virtual void on_connection_message(Connection& connection, std::string bytes) = 0;
    // No messages any more, in either direction.
    virtual void on_connection_end(Connection& connection, ConnectionEnd why) = 0;
    // All that was queued is written or lost: it is to be destroyed, now.
    virtual void on_connection_gone(Connection& connection) = 0;
};

class Connection final : public StreamEvents {
 public:
    // Accepted: `fd`. Made by us: call connect() at once.
    Connection(Reactor& reactor, const ports::Flow& flow, const SipTransportLimits& limits,
               ConnectionHub& hub);
    void accept(UniqueFd fd, const StreamSocket::Settings& settings);
    void adopt(std::unique_ptr<StreamSocket> socket, std::string_view bytes);
    Result<void> connect(const StreamSocket::Settings& settings);

    // One message. While connecting, its branch is remembered until it is on its way.
    void send(std::string_view bytes, const std::string& branch);
    void finish();  // on_connection_end() at once, the rest when all has been written

    const ports::Flow& flow() const { return flow_; }
    SocketAddress local() const { return local_; }
    bool is_open() const { return open_; }
    void set_idle_max(Duration idle_max) { idle_max_ = idle_max; }
    bool is_ours() const { return ours_; }  // we opened it
    std::string tls_failure() const { return socket_ ? socket_->tls_failure() : std::string(); }
    std::vector<std::string> take_waiting_branches() { return std::exchange(branches_, {}); }

 private:
    void on_stream_open() override;
    void on_stream_bytes(std::string_view bytes) override;
    void on_stream_end(StreamEnd why) override;

    bool is_websocket() const;
    void take_sip(std::string_view bytes);
    void take_websocket(std::string_view bytes);
    bool take_upgrade(std::string_view bytes);
    bool take_item(WebSocketItem item);
    void take_message(std::string bytes);
    void become_open();
    Instant due() const;
    void watch_time();
    void on_time();
    void on_ping_time();
    void end(ConnectionEnd why);

    Reactor& reactor_;
    ports::Flow flow_;
    SocketAddress local_;
    const SipTransportLimits& limits_;
    ConnectionHub& hub_;
    std::unique_ptr<StreamSocket> socket_;
    Timer timer_;
    Timer ping_timer_;
    std::variant<sip::StreamCutter, WebSocketReader> reader_;
    std::string head_;  // of the WebSocket upgrade, until it is whole
    std::vector<std::string> branches_;
    Duration idle_max_;
    Instant started_;
    Instant last_received_;
    std::optional<Instant> message_started_;
    bool ours_ = false;
    bool open_ = false;
    bool greeted_ = false;  // a whole message has come, or the connection is ours
    bool ended_ = false;
};

}  // namespace tandem::runtime
