#include "runtime/sip_transport/udp_listener.h"

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "runtime/reactor/native_address.h"
#include "runtime/sip_transport/limits.h"
#include "runtime/stream/socket_error.h"
#include "sip/limits.h"
#include "sip/parser.h"
#include "sip/quoted_request.h"
#include "stun/message.h"

namespace tandem::runtime {

namespace {

// What one recvmmsg fills. One for each thread, shared by its listeners. The buffers are mapped,
// not allocated: pages that no datagram reaches are never there.
struct ReceiveBatch {
    static constexpr size_t kControlBytes = 64;  // one in_pktinfo or in6_pktinfo
    std::array<mmsghdr, udp_batch_max> headers{};
    std::array<iovec, udp_batch_max> vectors{};
    std::array<NativeAddress, udp_batch_max> peers{};
    alignas(cmsghdr) std::array<std::array<char, kControlBytes>, udp_batch_max> controls{};
    char* bytes = nullptr;

    ReceiveBatch() {
        void* memory = mmap(nullptr, udp_batch_max * sip::datagram_bytes_max,
                            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(memory != MAP_FAILED);
        bytes = static_cast<char*>(memory);
        for (size_t i = 0; i < udp_batch_max; ++i) {
            vectors[i] = {bytes + i * sip::datagram_bytes_max, sip::datagram_bytes_max};
            headers[i].msg_hdr.msg_iov = &vectors[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            headers[i].msg_hdr.msg_name = &peers[i].storage;
            headers[i].msg_hdr.msg_control = controls[i].data();
            reset(i);
        }
    }
    ~ReceiveBatch() { munmap(bytes, udp_batch_max * sip::datagram_bytes_max); }
    void reset(size_t i) {
        headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
        headers[i].msg_hdr.msg_controllen = kControlBytes;
    }
};

// The address that a datagram was sent to, for sockets bound to all addresses.
std::optional<IpAddress> destination_of(const msghdr& header) {
    for (const cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr;
         at = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(at))) {
        IpAddress ip;
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
            const auto* info = reinterpret_cast<const in_pktinfo*>(CMSG_DATA(at));
            std::memcpy(ip.octets.data(), &info->ipi_addr, 4);
            return ip;
        }
        if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
            const auto* info = reinterpret_cast<const in6_pktinfo*>(CMSG_DATA(at));
            ip.family = AddressFamily::V6;
            std::memcpy(ip.octets.data(), &info->ipi6_addr, 16);
            return ip;
        }
    }
    return std::nullopt;
}

// RFC 1122 4.1.3.3. Of all errors only this one says that nobody is there; others may pass (RFC
// 1122 3.2.2.1), or are of our own making.
bool says_that_nobody_listens(const sock_extended_err& error) {
    if (error.ee_origin == SO_EE_ORIGIN_ICMP)
        return error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_PORT_UNREACH;
    return error.ee_origin == SO_EE_ORIGIN_ICMP6 && error.ee_type == ICMP6_DST_UNREACH &&
           error.ee_code == ICMP6_DST_UNREACH_NOPORT;
}

std::optional<sock_extended_err> error_of(const msghdr& header) {
    for (const cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr;
         at = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(at))) {
        const bool is_error = (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
                              (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
        if (!is_error) continue;
        sock_extended_err error;
        std::memcpy(&error, CMSG_DATA(at), sizeof(error));
        return error;
    }
    return std::nullopt;
}

void set_options(int fd, const SocketAddress& address) {
    const int on = 1;
    const int buffer = udp_receive_buffer_bytes;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    const bool v6 = address.ip.family == AddressFamily::V6;
    if (v6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
    } else {
        setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    }
    if (!address.ip.is_unspecified()) return;
    if (v6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
    } else {
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    }
}

}  // namespace

Result<std::unique_ptr<UdpListener>> UdpListener::open(Reactor& reactor, const ports::Flow& flow,
                                                       const SocketAddress& address,
                                                       Handlers handlers) {
    const NativeAddress native(address);
    UniqueFd fd(socket(native.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return socket_error("open a socket for", address.text(), errno);
    set_options(fd.get(), address);
    if (bind(fd.get(), native.get(), native.size) != 0) {
        return socket_error("bind", address.text(), errno);
    }
    auto listener = std::unique_ptr<UdpListener>(
        new UdpListener(reactor, flow, std::move(fd), std::move(handlers)));
    listener->wait();
    return listener;
}

UdpListener::UdpListener(Reactor& reactor, const ports::Flow& flow, UniqueFd fd, Handlers handlers)
    : reactor_(reactor),
      flow_(flow),
      fd_(std::move(fd)),
      watch_(reactor, fd_.get()),
      handlers_(std::move(handlers)),
      address_(local_address_of(fd_.get())),
      self_(std::make_shared<UdpListener*>(this)) {
    flow_.transport = ports::Transport::Udp;
    flow_.connection = 0;
}

UdpListener::~UdpListener() {
    if (!blocked_ && !queue_.empty()) flush();
    *self_ = nullptr;
}

void UdpListener::wait() {
    watch_.wait(FdWatch::Interest::Read, [this] { receive(); });
}

void UdpListener::receive() {
    static thread_local ReceiveBatch batch;
    const int count = past_errors(
        [&] { return recvmmsg(fd_.get(), batch.headers.data(), udp_batch_max, 0, nullptr); });
    if (count < 0) take_errors();
    for (int i = 0; i < count; ++i) {
        take(batch.headers[static_cast<size_t>(i)]);
        batch.reset(static_cast<size_t>(i));
    }
    // There is more: the next turn must not wait for its time, or a flood would find room for so
    // many only.
    const bool is_full = count == static_cast<int>(udp_batch_max);
    if (is_full) reactor_.at_end_of_turn([&reactor = reactor_] { reactor.want_turn(); });
    wait();
}

// What `call` answers, or the negative errno, when it was not stopped by what ICMP has told: the
// socket tells that by the next system call, whatever that is for, and anybody can forge any number
// of errors. Where there is no end of them it is as if the socket was not ready.
template <typename Call>
int UdpListener::past_errors(const Call& call) {
    size_t own = 0;
    for (size_t tries = 0; tries < udp_error_tries_max; ++tries) {
        const int answer = call();
        if (answer >= 0) return answer;
        const int error = errno;
        if (error == EAGAIN || error == ENOBUFS || error == EINTR) return -error;
        // With none there it is mostly an error of the call; it is when it comes again.
        if (!take_errors() && ++own == udp_own_error_tries) return -error;
    }
    return -EAGAIN;
}

// What was told of datagrams of ours, quoting them. Whether any of it came by ICMP.
bool UdpListener::take_errors() {
    std::array<char, udp_quotation_max> quoted;
    alignas(cmsghdr) std::array<char, 256> control;
    bool is_by_icmp = false;
    for (size_t taken = 0; taken < udp_errors_max; ++taken) {
        NativeAddress peer;
        iovec vector{quoted.data(), quoted.size()};
        msghdr header{};
        header.msg_name = &peer.storage;
        header.msg_namelen = sizeof(peer.storage);
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const ssize_t size = recvmsg(fd_.get(), &header, MSG_ERRQUEUE);
        if (size < 0) break;
        const auto error = error_of(header);
        if (!error || error->ee_origin == SO_EE_ORIGIN_LOCAL) continue;  // its call says it, too
        is_by_icmp = true;
        if (says_that_nobody_listens(*error))
            take_closed_port(header, {quoted.data(), static_cast<size_t>(size)});
    }
    return is_by_icmp;
}

// Anybody may send ICMP with a forged source. The branch, which only we and who was to get the
// request can know, shows that the request was seen; whoever sees those could do worse. And what
// belongs to a dialog is not given up for it (docs/decisions/0040-closed-ports.md).
void UdpListener::take_closed_port(const msghdr& error, std::string_view quoted) {
    ++counters_.unwanted;
    const std::string_view branch = sip::branch_of_new_request(quoted);
    if (branch.empty() || error.msg_namelen == 0) return;
    ports::Flow flow = flow_;
    flow.remote = address_of(static_cast<const sockaddr*>(error.msg_name));
    handlers_.failed({flow, std::string(branch), true});
}

void UdpListener::take(const mmsghdr& datagram) {
    ++counters_.received;
    const msghdr& header = datagram.msg_hdr;
    const std::string_view bytes(static_cast<const char*>(header.msg_iov->iov_base),
                                 datagram.msg_len);
    if (sip::is_keep_alive(bytes)) return;
    const SocketAddress source = address_of(static_cast<const sockaddr*>(header.msg_name));
    // RFC 5626 8: no SIP message begins with two zero bits and a zero or one.
    if (static_cast<uint8_t>(bytes.front()) < 2) return answer_stun(bytes, source);
    ports::PacketIn packet{flow_, address_, std::string(bytes)};
    packet.flow.remote = source;
    if (address_.ip.is_unspecified()) {
        if (const auto destination = destination_of(header)) packet.local.ip = *destination;
    }
    handlers_.received(std::move(packet));
}

void UdpListener::answer_stun(std::string_view datagram, const SocketAddress& source) {
    std::array<uint8_t, 128> buffer;
    const BytesView answer = stun::answer_binding(as_bytes(datagram), source, buffer);
    if (answer.empty()) return;
    ports::PacketOut packet;
    packet.flow = flow_;
    packet.flow.remote = source;
    packet.bytes = as_text(answer);
    send(std::move(packet));
}

void UdpListener::send(ports::PacketOut packet) {
    if (queue_.size() >= udp_send_queue_max) {
        ++counters_.lost;
        return;
    }
    queue_.push_back(std::move(packet));
    if (flush_asked_ || blocked_) return;
    flush_asked_ = true;
    reactor_.at_end_of_turn([alive = self_] {
        if (*alive == nullptr) return;
        (*alive)->flush_asked_ = false;
        (*alive)->flush();
    });
}

void UdpListener::flush() {
    size_t begin = 0;
    while (begin < queue_.size() && !blocked_) begin += send_batch(begin);
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(begin));
    if (!blocked_) return;
    watch_.wait(FdWatch::Interest::Write, [this] {
        blocked_ = false;
        flush();
    });
}

// Answers how many of the queue are done with, sent or refused.
size_t UdpListener::send_batch(size_t begin) {
    std::array<mmsghdr, udp_batch_max> headers{};
    std::array<iovec, udp_batch_max> vectors{};
    std::array<NativeAddress, udp_batch_max> peers;
    const size_t count = std::min(udp_batch_max, queue_.size() - begin);
    for (size_t i = 0; i < count; ++i) {
        ports::PacketOut& packet = queue_[begin + i];
        peers[i] = NativeAddress(packet.flow.remote);
        vectors[i] = {packet.bytes.data(), packet.bytes.size()};
        headers[i].msg_hdr.msg_name = &peers[i].storage;
        headers[i].msg_hdr.msg_namelen = peers[i].size;
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = past_errors(
        [&] { return sendmmsg(fd_.get(), headers.data(), static_cast<unsigned>(count), 0); });
    if (sent > 0) {
        counters_.sent += static_cast<uint64_t>(sent);
        return static_cast<size_t>(sent);
    }
    if (sent == -EAGAIN) {
        blocked_ = true;
        return 0;
    }
    if (sent == -EINTR) return 0;
    ++counters_.lost;
    // The queue of a network is full, which is told since errors are asked for: it is lost as on a
    // wire, and those to other networks must not wait for that one.
    if (sent == -ENOBUFS) return 1;
    // The first one cannot be sent (too large, no route): the others go on without it.
    fail(queue_[begin]);
    return 1;
}

void UdpListener::fail(const ports::PacketOut& packet) {
    if (!packet.branch.empty()) handlers_.failed({packet.flow, packet.branch});
}

}  // namespace tandem::runtime
