#include "runtime/stream/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/reactor/native_address.h"
#include "runtime/stream/limits.h"
#include "runtime/stream/socket_error.h"

namespace tandem::runtime {

namespace {
// After our last byte we read on so long, so that the kernel does not answer late bytes of the
// peer with a reset that destroys what we sent (RFC 1122 4.2.2.13).
constexpr Duration kLinger = 2s;

IoResult plain_read(int fd, char* into, size_t size) {
    const ssize_t got = recv(fd, into, size, 0);
    if (got > 0) return {IoOutcome::Done, static_cast<size_t>(got)};
    if (got == 0) return {IoOutcome::End, 0};
    if (errno == EAGAIN || errno == EINTR) return {IoOutcome::WantRead, 0};
    return {IoOutcome::Broken, 0};
}

IoResult plain_write(int fd, const char* from, size_t size) {
    const ssize_t put = ::send(fd, from, size, MSG_NOSIGNAL);
    if (put >= 0) return {IoOutcome::Done, static_cast<size_t>(put)};
    if (errno == EAGAIN || errno == EINTR) return {IoOutcome::WantWrite, 0};
    return {IoOutcome::Broken, 0};
}

void set_tcp_options(int fd) {
    const int on = 1;  // fails without harm on Unix-domain sockets
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}
}  // namespace

struct StreamSocket::Body : std::enable_shared_from_this<StreamSocket::Body> {
    enum class Phase { Connecting, Handshake, Open, Lingering, Closed };

    Body(Reactor& on, UniqueFd socket, const Settings& how, StreamEvents& to)
        : reactor(on), fd(std::move(socket)), settings(how), events(&to), linger(on) {
        watch = std::make_unique<FdWatch>(reactor, fd.get());
        set_tcp_options(fd.get());
    }

    Reactor& reactor;
    UniqueFd fd;
    std::unique_ptr<FdWatch> watch;
    std::unique_ptr<TlsSession> tls;
    Settings settings;
    StreamEvents* events;  // null: nobody is to be told
    Timer linger;
    Phase phase = Phase::Connecting;
    std::string out;
    size_t written = 0;  // of `out`
    bool reading = false;
    bool writing = false;
    bool flush_asked = false;
    bool paused = false;
    bool finishing = false;
    size_t discarded = 0;  // while finishing
    std::string tls_failure;

    void start_client();
    void on_connected();
    void start_tls_or_open(bool server);
    void shake_hands();
    void open();
    void wait_read();
    void wait_write();
    void on_readable();
    void read_turn();
    bool discard_or_tell(std::string_view bytes);
    void on_writable();
    void ask_flush();
    void flush();
    void note_refusal();
    void flushed();
    void end(StreamEnd why);
    void close();
    IoResult read_once(char* into, size_t size) {
        return tls ? tls->read(into, size) : plain_read(fd.get(), into, size);
    }
    IoResult write_once(std::string_view bytes) {
        return tls ? tls->write(bytes.data(), bytes.size())
                   : plain_write(fd.get(), bytes.data(), bytes.size());
    }
};

void StreamSocket::Body::wait_read() {
    if (reading || phase == Phase::Closed) return;
    reading = true;
    watch->wait(FdWatch::Interest::Read, [self = shared_from_this()] {
        self->reading = false;
        self->on_readable();
    });
}

void StreamSocket::Body::wait_write() {
    if (writing || phase == Phase::Closed) return;
    writing = true;
    watch->wait(FdWatch::Interest::Write, [self = shared_from_this()] {
        self->writing = false;
        self->on_writable();
    });
}

void StreamSocket::Body::on_connected() {
    int number = 0;
    socklen_t size = sizeof(number);
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &number, &size);
    if (number != 0) return end(StreamEnd::Broken);
    start_tls_or_open(false);
}

void StreamSocket::Body::start_tls_or_open(bool server) {
    if (!settings.tls) return open();
    phase = Phase::Handshake;
    tls = server ? TlsSession::server(settings.tls, fd.get())
                 : TlsSession::client(settings.tls, fd.get(), settings.tls_host);
    shake_hands();
}

void StreamSocket::Body::shake_hands() {
    switch (tls->handshake()) {
        case IoOutcome::Done:
            return open();
        case IoOutcome::WantRead:
            return wait_read();
        case IoOutcome::WantWrite:
            return wait_write();
        case IoOutcome::End:
        case IoOutcome::Broken:
            tls_failure = tls->failure();
            return end(StreamEnd::Handshake);
    }
}

void StreamSocket::Body::open() {
    phase = Phase::Open;
    if (!out.empty() || finishing) ask_flush();
    events->on_stream_open();
    if (phase == Phase::Open) read_turn();
}

void StreamSocket::Body::on_readable() {
    switch (phase) {
        case Phase::Handshake:
            return shake_hands();
        case Phase::Open:
            read_turn();
            // TLS may have wanted to read before it could write on.
            if (phase == Phase::Open && written < out.size() && !writing) flush();
            return;
        case Phase::Lingering:
            return read_turn();
        case Phase::Connecting:
        case Phase::Closed:
            return;
    }
}

void StreamSocket::Body::on_writable() {
    switch (phase) {
        case Phase::Connecting:
            return on_connected();
        case Phase::Handshake:
            return shake_hands();
        case Phase::Open:
            flush();
            // TLS may have wanted to write before it could read on (RFC 8446 4.6.3: key update).
            if (phase == Phase::Open && tls && !reading) read_turn();
            return;
        case Phase::Lingering:
        case Phase::Closed:
            return;
    }
}

// False: this socket was closed by the handler, or is to read no more for now.
bool StreamSocket::Body::discard_or_tell(std::string_view bytes) {
    if (phase == Phase::Lingering || finishing) {
        discarded += bytes.size();
        if (discarded <= linger_bytes_max) return true;
        end(StreamEnd::Peer);
        return false;
    }
    events->on_stream_bytes(bytes);
    return phase == Phase::Open && !paused;
}

void StreamSocket::Body::read_turn() {
    static thread_local std::array<char, stream_read_bytes> buffer;
    if (paused) return;
    const auto self = shared_from_this();
    for (int count = 0; count < stream_reads_per_turn_max; ++count) {
        const IoResult result = read_once(buffer.data(), buffer.size());
        switch (result.outcome) {
            case IoOutcome::Done:
                if (!discard_or_tell({buffer.data(), result.bytes})) return;
                // A short read of a plain stream means that there is no more for now.
                if (!tls && result.bytes < buffer.size()) return wait_read();
                break;
            case IoOutcome::WantRead:
                return wait_read();
            case IoOutcome::WantWrite:
                return wait_write();
            case IoOutcome::End:
                if (phase == Phase::Open) flush();
                return end(StreamEnd::Peer);
            case IoOutcome::Broken:
                if (tls) tls_failure = tls->refusal();
                return end(phase == Phase::Lingering ? StreamEnd::Peer : StreamEnd::Broken);
        }
    }
    reactor.post([self] {
        if (self->phase == Phase::Open || self->phase == Phase::Lingering) self->read_turn();
    });
}

void StreamSocket::Body::ask_flush() {
    if (flush_asked || writing || phase != Phase::Open) return;
    flush_asked = true;
    reactor.at_end_of_turn([self = shared_from_this()] {
        self->flush_asked = false;
        self->flush();
    });
}

void StreamSocket::Body::flush() {
    if (phase != Phase::Open) return;
    while (written < out.size()) {
        const IoResult result = write_once(std::string_view(out).substr(written));
        switch (result.outcome) {
            case IoOutcome::Done:
                written += result.bytes;
                break;
            case IoOutcome::WantWrite:
                return wait_write();
            case IoOutcome::WantRead:
                return wait_read();
            case IoOutcome::End:
            case IoOutcome::Broken:
                note_refusal();
                return end(StreamEnd::Broken);
        }
    }
    flushed();
}

// What the other side said before it closed has not been read yet when a write fails.
void StreamSocket::Body::note_refusal() {
    if (!tls) return;
    char byte = 0;
    if (read_once(&byte, 1).outcome == IoOutcome::Broken) tls_failure = tls->refusal();
}

void StreamSocket::Body::flushed() {
    written = 0;
    out.clear();
    if (out.capacity() > 4 * stream_read_bytes) out.shrink_to_fit();
    if (!finishing) return;
    phase = Phase::Lingering;
    paused = false;
    if (tls) tls->say_goodbye();
    shutdown(fd.get(), SHUT_WR);
    tls.reset();  // what still comes is thrown away undeciphered
    linger.arm(kLinger, [this] { end(StreamEnd::Peer); });
    read_turn();
}

void StreamSocket::Body::close() {
    phase = Phase::Closed;
    events = nullptr;
    linger.cancel();
    watch.reset();
    tls.reset();
    fd.reset();
}

void StreamSocket::Body::end(StreamEnd why) {
    if (phase == Phase::Closed) return;
    const auto self = shared_from_this();
    StreamEvents* told = events;
    close();
    if (told != nullptr) told->on_stream_end(why);
}

std::unique_ptr<StreamSocket> StreamSocket::accepted(Reactor& reactor, UniqueFd fd,
                                                     const Settings& settings,
                                                     StreamEvents& events) {
    auto body = std::make_shared<Body>(reactor, std::move(fd), settings, events);
    reactor.post([body] {
        if (body->phase == Body::Phase::Connecting) body->start_tls_or_open(true);
    });
    return std::unique_ptr<StreamSocket>(new StreamSocket(std::move(body)));
}

Result<std::unique_ptr<StreamSocket>> StreamSocket::connect(Reactor& reactor,
                                                            const SocketAddress& to,
                                                            const Settings& settings,
                                                            StreamEvents& events) {
    const NativeAddress native(to);
    UniqueFd fd(socket(native.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return socket_error("open a socket for", to.text(), errno);
    if (::connect(fd.get(), native.get(), native.size) != 0 && errno != EINPROGRESS) {
        return socket_error("connect to", to.text(), errno);
    }
    auto body = std::make_shared<Body>(reactor, std::move(fd), settings, events);
    body->wait_write();
    return std::unique_ptr<StreamSocket>(new StreamSocket(std::move(body)));
}

Result<std::unique_ptr<StreamSocket>> StreamSocket::connect_unix(Reactor& reactor,
                                                                 const std::string& path,
                                                                 const Settings& settings,
                                                                 StreamEvents& events) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return make_error(ErrorCode::TooLarge, "path", "a socket path has at most 107 bytes");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return socket_error("open a socket for", path, errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return socket_error("connect to", path, errno);
    }
    auto body = std::make_shared<Body>(reactor, std::move(fd), settings, events);
    body->wait_write();
    return std::unique_ptr<StreamSocket>(new StreamSocket(std::move(body)));
}

StreamSocket::StreamSocket(std::shared_ptr<Body> body) : body_(std::move(body)) {}
StreamSocket::~StreamSocket() {
    if (body_->phase != Body::Phase::Closed) body_->close();
}

bool StreamSocket::send(std::string_view bytes) {
    Body& body = *body_;
    const bool usable = body.phase != Body::Phase::Closed && body.phase != Body::Phase::Lingering &&
                        !body.finishing;
    if (!usable) return false;
    if (body.out.size() - body.written + bytes.size() > body.settings.queue_bytes_max) {
        body.reactor.post([self = body_] { self->end(StreamEnd::TooSlow); });
        return false;
    }
    if (body.written > body.out.size() / 2) {
        body.out.erase(0, body.written);
        body.written = 0;
    }
    body.out.append(bytes);
    body.ask_flush();
    return true;
}

void StreamSocket::finish() {
    body_->finishing = true;
    body_->ask_flush();
}
void StreamSocket::pause() {
    body_->paused = true;
}
void StreamSocket::resume() {
    if (!body_->paused) return;
    body_->paused = false;
    body_->reactor.post([self = body_] {
        if (self->phase == Body::Phase::Open && !self->reading) self->read_turn();
    });
}
void StreamSocket::hand_over(StreamEvents& events, size_t queue_bytes_max) {
    body_->events = &events;
    body_->settings.queue_bytes_max = queue_bytes_max;
}
bool StreamSocket::is_open() const {
    return body_->phase == Body::Phase::Open;
}
size_t StreamSocket::queued_bytes() const {
    return body_->out.size() - body_->written;
}
SocketAddress StreamSocket::local() const {
    return local_address_of(body_->fd.get());
}
int StreamSocket::fd() const {
    return body_->fd.get();
}
PeerCertificate StreamSocket::peer_certificate() const {
    return body_->tls ? body_->tls->peer() : PeerCertificate{};
}
const std::string& StreamSocket::tls_failure() const {
    return body_->tls_failure;
}

}  // namespace tandem::runtime
