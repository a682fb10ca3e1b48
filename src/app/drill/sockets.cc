#include "app/drill/sockets.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "app/drill/limits.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "sip/parser.h"

namespace tandem::drill {
namespace {

using runtime::NativeAddress;
using runtime::UniqueFd;

UniqueFd udp_socket(const SocketAddress& local) {
    const NativeAddress native(local);
    UniqueFd fd(socket(native.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd && bind(fd.get(), native.get(), native.size) != 0) fd.reset();
    return fd;
}

// The address that the kernel would send from.
std::optional<IpAddress> local_towards(const SocketAddress& remote) {
    const NativeAddress native(remote);
    const UniqueFd fd(socket(native.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), native.get(), native.size) != 0) return std::nullopt;
    return runtime::local_address_of(fd.get()).ip;
}

// Where a response goes (RFC 3261 18.2.2); of a request: none.
std::optional<SocketAddress> asker_of(std::string_view bytes) {
    if (!bytes.starts_with("SIP/2.0 ")) return std::nullopt;
    const auto response = sip::parse_message(bytes);
    if (!response) return std::nullopt;
    const auto via = response->top_via();
    const auto ip = via ? IpAddress::parse(via->sent_by.host) : std::nullopt;
    if (!ip) return std::nullopt;
    return SocketAddress{*ip, via->sent_by.port.value_or(5060)};
}

}  // namespace

Sockets::Sockets(runtime::Reactor& reactor, std::vector<SocketAddress> gates, SocketEnds& ends)
    : reactor_(reactor),
      gates_(std::move(gates)),
      ends_(ends),
      next_port_(rtp_port_first),
      buffer_(datagram_bytes_max, '\0') {}

Result<SocketAddress> Sockets::open_phone() {
    const size_t phone = phones_.size();
    Line line;
    line.gate = phone % gates_.size();
    const auto local = local_towards(gates_[line.gate]);
    if (local) line.socket.fd = udp_socket({*local, 0});
    if (!line.socket.fd) {
        return make_error(
            ErrorCode::Unavailable, "",
            "no socket towards " + gates_[line.gate].text() + ": " + std::strerror(errno));
    }
    line.own = runtime::local_address_of(line.socket.fd.get());
    line.socket.watch = std::make_unique<runtime::FdWatch>(reactor_, line.socket.fd.get());
    line.socket.watch->wait(runtime::FdWatch::Interest::Read, [this, phone] { read_sip(phone); });
    phones_.push_back(std::move(line));
    return phones_.back().own;
}

// As a phone with several outbound proxies does (RFC 3263 4.3, RFC 5626 4.3).
void Sockets::choose_gate(Line& line) {
    const Instant now = reactor_.now().mono;
    if (!line.unanswered_since) line.unanswered_since = now;
    if (gates_.size() < 2 || now - *line.unanswered_since < gate_silence_max) return;
    line.gate = (line.gate + 1) % gates_.size();
    line.unanswered_since = now;
    ++gate_changes_;
}

void Sockets::to_site(size_t phone, sim::Datagram datagram) {
    if (datagram.is_media) {
        const auto found = media_.find(datagram.from.port);
        if (found != media_.end())
            send(found->second->socket.fd.get(), datagram.to, datagram.bytes);
        return;
    }
    Line& line = phones_[phone];
    if (const auto asker = asker_of(datagram.bytes)) {
        return send(line.socket.fd.get(), *asker, datagram.bytes);
    }
    choose_gate(line);
    send(line.socket.fd.get(), gates_[line.gate], datagram.bytes);
}

// What can't be sent is lost, as in any network. A refusal that an earlier packet met is told here.
void Sockets::send(int fd, const SocketAddress& to, std::string_view bytes) {
    const NativeAddress native(to);
    for (int tries = 0; tries < 2; ++tries) {
        if (sendto(fd, bytes.data(), bytes.size(), 0, native.get(), native.size) >= 0) return;
        if (errno != ECONNREFUSED) break;
    }
    ++unsent_;
}

uint16_t Sockets::open_media(size_t phone) {
    constexpr int kTries = (rtp_port_last - rtp_port_first) / 2 + 1;
    auto media = std::make_unique<Media>();
    media->phone = phone;
    media->own = phones_[phone].own;
    for (int tries = 0; tries < kTries && !media->socket.fd; ++tries) {
        media->own.port = next_port_;
        next_port_ = next_port_ >= rtp_port_last ? rtp_port_first : next_port_ + 2;
        if (!media_.contains(media->own.port)) media->socket.fd = udp_socket(media->own);
    }
    const uint16_t port = media->own.port;
    if (!media->socket.fd) return port;  // the call will have no sound, and will be told as such
    media->socket.watch = std::make_unique<runtime::FdWatch>(reactor_, media->socket.fd.get());
    media->socket.watch->wait(runtime::FdWatch::Interest::Read, [this, port] { read_media(port); });
    media_[port] = std::move(media);
    return port;
}

void Sockets::close_media(size_t phone, uint16_t port) {
    const auto found = media_.find(port);
    if (found == media_.end() || found->second->phone != phone) return;
    // It may be this socket whose packet made its phone hang up.
    reactor_.post([gone = std::shared_ptr<Media>(std::move(found->second))] {});
    media_.erase(found);
}

void Sockets::read_sip(size_t phone) {
    for (int reads = 0; reads < reads_per_turn_max; ++reads) {
        const int fd = phones_[phone].socket.fd.get();
        const ssize_t size = recv(fd, buffer_.data(), buffer_.size(), 0);
        if (size < 0) break;
        phones_[phone].unanswered_since.reset();
        const std::string bytes(buffer_.data(), static_cast<size_t>(size));
        ends_.on_sip(phone, bytes);
    }
    phones_[phone].socket.watch->wait(runtime::FdWatch::Interest::Read,
                                      [this, phone] { read_sip(phone); });
}

void Sockets::read_media(uint16_t port) {
    for (int reads = 0; reads < reads_per_turn_max; ++reads) {
        const auto found = media_.find(port);
        if (found == media_.end()) return;
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        auto* native = reinterpret_cast<sockaddr*>(&from);
        const ssize_t size = recvfrom(found->second->socket.fd.get(), buffer_.data(),
                                      buffer_.size(), 0, native, &length);
        if (size < 0) break;
        ends_.on_media(found->second->phone,
                       {runtime::address_of(native), found->second->own,
                        std::string(buffer_.data(), static_cast<size_t>(size)), true});
    }
    const auto found = media_.find(port);
    if (found == media_.end()) return;
    found->second->socket.watch->wait(runtime::FdWatch::Interest::Read,
                                      [this, port] { read_media(port); });
}

}  // namespace tandem::drill
