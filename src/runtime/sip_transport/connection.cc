#include "runtime/sip_transport/connection.h"

#include "runtime/reactor/native_address.h"
#include "sip/limits.h"
#include "sip/parser.h"

namespace tandem::runtime {

namespace {
constexpr std::string_view kPing = "\r\n\r\n";  // RFC 5626 3.5.1
constexpr std::string_view kPong = "\r\n";
constexpr std::string_view kSubprotocol = "sip";  // RFC 7118 4.1
constexpr std::string_view kPath = "/sip";
// For a peer that does not read our last bytes.
constexpr Duration kFarewellMax = 5s;

bool over_websocket(ports::Transport transport) {
    return transport == ports::Transport::Ws || transport == ports::Transport::Wss;
}

ConnectionEnd end_of(StreamEnd why) {
    switch (why) {
        case StreamEnd::Peer:
            return ConnectionEnd::Peer;
        case StreamEnd::Broken:
            return ConnectionEnd::Broken;
        case StreamEnd::Handshake:
            return ConnectionEnd::Handshake;
        case StreamEnd::TooSlow:
            return ConnectionEnd::Slow;
    }
    return ConnectionEnd::Broken;
}

std::variant<sip::StreamCutter, WebSocketReader> reader_for(ports::Transport transport) {
    if (!over_websocket(transport)) return sip::StreamCutter();
    return WebSocketReader(WebSocketSide::Server, sip::stream_message_bytes_max);
}
}  // namespace

Connection::Connection(Reactor& reactor, const ports::Flow& flow, const SipTransportLimits& limits,
                       ConnectionHub& hub)
    : reactor_(reactor),
      flow_(flow),
      limits_(limits),
      hub_(hub),
      timer_(reactor),
      ping_timer_(reactor),
      reader_(reader_for(flow.transport)),
      idle_max_(limits.idle_max),
      started_(reactor.now().mono),
      last_received_(started_) {}

void Connection::accept(UniqueFd fd, const StreamSocket::Settings& settings) {
    local_ = local_address_of(fd.get());
    socket_ = StreamSocket::accepted(reactor_, std::move(fd), settings, *this);
    watch_time();
}

void Connection::adopt(std::unique_ptr<StreamSocket> socket, std::string_view bytes) {
    socket_ = std::move(socket);
    socket_->hand_over(*this, limits_.write_queue_bytes_max);
    local_ = socket_->local();
    on_stream_bytes(bytes);
}

Result<void> Connection::connect(const StreamSocket::Settings& settings) {
    ours_ = true;
    greeted_ = true;
    socket_ = TRY(StreamSocket::connect(reactor_, flow_.remote, settings, *this));
    watch_time();
    return {};
}

bool Connection::is_websocket() const {
    return over_websocket(flow_.transport);
}

void Connection::send(std::string_view bytes, const std::string& branch) {
    if (ended_) return;
    if (!open_ && !branch.empty() && branches_.size() < connecting_messages_max) {
        branches_.push_back(branch);
    }
    if (!is_websocket()) {
        socket_->send(bytes);
        return;
    }
    std::string frame;
    frame.reserve(bytes.size() + 10);
    append_frame(frame, WebSocketOpcode::Text, bytes);
    socket_->send(frame);
}

void Connection::finish() {
    if (ended_) return;
    if (is_websocket() && open_) {
        std::string frame;
        append_close(frame, 1001);  // RFC 6455 7.4.1: going away
        socket_->send(frame);
    }
    end(ConnectionEnd::Ours);
}

void Connection::on_stream_open() {
    local_ = socket_->local();
    if (is_websocket()) return;  // only after the upgrade
    become_open();
}

void Connection::become_open() {
    open_ = true;
    started_ = reactor_.now().mono;
    branches_.clear();
    if (is_websocket()) ping_timer_.arm_every(websocket_ping_every, [this] { on_ping_time(); });
    watch_time();
    hub_.on_connection_open(*this);
}

void Connection::on_stream_bytes(std::string_view bytes) {
    last_received_ = reactor_.now().mono;
    if (is_websocket()) {
        take_websocket(bytes);
    } else {
        take_sip(bytes);
    }
    watch_time();
}

void Connection::take_sip(std::string_view bytes) {
    auto& cutter = std::get<sip::StreamCutter>(reader_);
    cutter.push(bytes);
    while (!ended_) {
        auto cut = cutter.pop();
        if (!cut) {
            // The gate will not see it, as where it ends is not known (RFC 3261 18.3).
            const auto answer = sip::answer_to_rejected(cutter.unread(), cut.error());
            if (answer) socket_->send(answer->to_text());
            return end(ConnectionEnd::Malformed);
        }
        if (!*cut) break;
        if (std::holds_alternative<sip::StreamPing>(**cut)) socket_->send(kPong);
        if (auto* message = std::get_if<sip::StreamBytes>(&**cut)) {
            take_message(std::move(message->bytes));
        }
    }
    if (!cutter.mid_message()) message_started_.reset();
    if (cutter.mid_message() && !message_started_) message_started_ = last_received_;
}

// False: not upgraded (yet).
bool Connection::take_upgrade(std::string_view bytes) {
    head_.append(bytes);
    auto head = read_upgrade(head_);
    int refusal = head ? 0 : head.error().sip_status;
    if (head && *head) {
        const std::string_view path = (*head)->request.path;
        // RFC 7118 4.1: without the subprotocol we could not know what the frames carry.
        if (!(*head)->request.offers(kSubprotocol)) refusal = 400;
        if (path.substr(0, path.find('?')) != kPath && path != "/") refusal = 404;
    }
    if (refusal != 0) {
        socket_->send(upgrade_refusal(refusal));
        end(ConnectionEnd::Handshake);
        return false;
    }
    if (!*head) return false;
    socket_->send(upgrade_answer((*head)->request, kSubprotocol));
    std::get<WebSocketReader>(reader_).push(std::string_view(head_).substr((*head)->bytes));
    head_ = std::string();
    become_open();
    return !ended_;
}

void Connection::take_websocket(std::string_view bytes) {
    auto& reader = std::get<WebSocketReader>(reader_);
    if (!open_) {
        if (!take_upgrade(bytes)) return;
    } else {
        reader.push(bytes);
    }
    while (!ended_) {
        auto item = reader.pop();
        if (!item) {
            std::string frame;
            append_close(frame, close_code_of(item.error()));
            socket_->send(frame);
            return end(ConnectionEnd::Malformed);
        }
        if (!*item || !take_item(std::move(**item))) break;
    }
    if (!reader.mid_message()) message_started_.reset();
    if (reader.mid_message() && !message_started_) message_started_ = last_received_;
}

// False: the connection is over.
bool Connection::take_item(WebSocketItem item) {
    std::string frame;
    if (const auto* ping = std::get_if<WebSocketPing>(&item)) {
        append_frame(frame, WebSocketOpcode::Pong, ping->payload);
        socket_->send(frame);
    }
    if (const auto* close = std::get_if<WebSocketClose>(&item)) {
        append_close(frame, close->code == 1005 ? 1000 : close->code);
        socket_->send(frame);
        end(ConnectionEnd::Peer);
        return false;
    }
    if (auto* message = std::get_if<WebSocketMessage>(&item)) {
        if (message->payload == kPing) {
            send(kPong, {});
        } else if (message->payload.find_first_not_of("\r\n") != std::string::npos) {
            take_message(std::move(message->payload));
        }
    }
    return !ended_;
}

void Connection::take_message(std::string bytes) {
    greeted_ = true;
    hub_.on_connection_message(*this, std::move(bytes));
}

void Connection::on_stream_end(StreamEnd why) {
    if (!std::exchange(ended_, true)) hub_.on_connection_end(*this, end_of(why));
    hub_.on_connection_gone(*this);
}

// When this connection is to be ended if nothing more happens.
Instant Connection::due() const {
    if (!open_) return started_ + (ours_ ? limits_.connect_max : limits_.handshake_max);
    if (message_started_) return *message_started_ + limits_.message_max;
    if (!greeted_) return started_ + limits_.first_message_max;
    return last_received_ + idle_max_;
}

void Connection::watch_time() {
    if (ended_) return;
    timer_.arm(due() - reactor_.now().mono, [this] { on_time(); });
}

void Connection::on_time() {
    if (reactor_.now().mono < due()) return watch_time();
    const bool idle = open_ && !message_started_ && greeted_;
    end(idle ? ConnectionEnd::Idle : !open_ ? ConnectionEnd::Handshake : ConnectionEnd::Slow);
}

void Connection::on_ping_time() {
    if (reactor_.now().mono - last_received_ < websocket_ping_every || !open_) return;
    std::string frame;
    append_frame(frame, WebSocketOpcode::Ping, {});
    socket_->send(frame);
}

// The hub forgets it at once; what was queued (a close frame, a refusal) is still written.
void Connection::end(ConnectionEnd why) {
    if (std::exchange(ended_, true)) return;
    ping_timer_.cancel();
    timer_.cancel();
    hub_.on_connection_end(*this, why);
    if (!socket_->is_open()) return hub_.on_connection_gone(*this);
    socket_->finish();
    timer_.arm(kFarewellMax, [this] { hub_.on_connection_gone(*this); });
}

}  // namespace tandem::runtime
