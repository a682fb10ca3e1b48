#include "runtime/stream/stream_listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "runtime/reactor/native_address.h"
#include "runtime/stream/limits.h"
#include "runtime/stream/socket_error.h"

namespace tandem::runtime {

namespace {
// With no descriptor left, accept() fails at once and for as long as the queue has a connection:
// look again after this pause instead of spinning.
constexpr Duration kOutOfDescriptorsPause = 100ms;

bool is_out_of_descriptors(int number) {
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

// Whether somebody accepts connections at the path.
bool is_alive(const sockaddr_un& address) {
    const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
           0;
}
}  // namespace

struct StreamListener::Body : std::enable_shared_from_this<StreamListener::Body> {
    Body(Reactor& on, UniqueFd socket, Accepted handler)
        : fd(std::move(socket)),
          reactor(on),
          watch(std::make_unique<FdWatch>(on, fd.get())),
          pause(on),
          accepted(std::move(handler)) {}

    UniqueFd fd;
    Reactor& reactor;
    std::unique_ptr<FdWatch> watch;
    Timer pause;
    Accepted accepted;
    std::string unix_path;
    bool closed = false;

    void wait() {
        watch->wait(FdWatch::Interest::Read, [self = shared_from_this()] { self->accept_ready(); });
    }
    void accept_ready();
};

void StreamListener::Body::accept_ready() {
    for (int count = 0; count < accepts_per_turn_max && !closed; ++count) {
        NativeAddress peer;
        peer.size = sizeof(peer.storage);
        UniqueFd connection(
            accept4(fd.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (connection) {
            accepted(std::move(connection), address_of(peer.get()));
            continue;
        }
        if (is_out_of_descriptors(errno)) {
            pause.arm(kOutOfDescriptorsPause, [this] { wait(); });
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    }
    if (!closed) wait();
}

Result<std::unique_ptr<StreamListener>> StreamListener::tcp(Reactor& reactor,
                                                            const SocketAddress& address,
                                                            Accepted accepted) {
    const NativeAddress native(address);
    UniqueFd fd(socket(native.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return socket_error("open a socket for", address.text(), errno);
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (native.family() == AF_INET6) {
        setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd.get(), native.get(), native.size) != 0) {
        return socket_error("bind", address.text(), errno);
    }
    if (listen(fd.get(), listen_backlog) != 0) {
        return socket_error("listen on", address.text(), errno);
    }
    auto body = std::make_shared<Body>(reactor, std::move(fd), std::move(accepted));
    body->wait();
    return std::unique_ptr<StreamListener>(new StreamListener(std::move(body)));
}

Result<std::unique_ptr<StreamListener>> StreamListener::unix_domain(Reactor& reactor,
                                                                    const std::string& path,
                                                                    Accepted accepted) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return make_error(ErrorCode::TooLarge, "path", "a socket path has at most 107 bytes");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (is_alive(address)) return socket_error("bind", path, EADDRINUSE);
    unlink(path.c_str());
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return socket_error("open a socket for", path, errno);
    if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return socket_error("bind", path, errno);
    }
    if (chmod(path.c_str(), 0600) != 0 || listen(fd.get(), listen_backlog) != 0) {
        return socket_error("listen on", path, errno);
    }
    auto body = std::make_shared<Body>(reactor, std::move(fd), std::move(accepted));
    body->unix_path = path;
    body->wait();
    return std::unique_ptr<StreamListener>(new StreamListener(std::move(body)));
}

StreamListener::StreamListener(std::shared_ptr<Body> body) : body_(std::move(body)) {}

StreamListener::~StreamListener() {
    body_->closed = true;
    body_->pause.cancel();
    body_->watch.reset();
    body_->fd.reset();
    if (!body_->unix_path.empty()) unlink(body_->unix_path.c_str());
}

SocketAddress StreamListener::address() const {
    return local_address_of(body_->fd.get());
}

}  // namespace tandem::runtime
