// One connected stream (TCP, TLS over TCP, Unix domain) without blocking: bytes in as they come,
// bytes out gathered until the end of the turn. What limits a peer in time is its owner's matter;
// what limits it in memory is `queue_bytes_max`.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/net_address.h"
#include "base/result.h"
#include "runtime/reactor/reactor.h"
#include "runtime/reactor/unique_fd.h"
#include "runtime/stream/tls_session.h"
#include "runtime/tls/certificates.h"

namespace tandem::runtime {

enum class StreamEnd {
    Peer,       // the other side closed, in order
    Broken,     // reset, unreachable, a failed connect
    Handshake,  // TLS was not agreed
    TooSlow,    // our queue to it is full
};

// Told on the reactor's thread. A handler may destroy the socket. Nothing comes after
// on_stream_end(), nor after close().
class StreamEvents {
 public:
    virtual ~StreamEvents() = default;
    virtual void on_stream_open() = 0;  // connected and, for TLS, shaken hands
    virtual void on_stream_bytes(std::string_view bytes) = 0;
    virtual void on_stream_end(StreamEnd why) = 0;
};

class StreamSocket {
 public:
    struct Settings {
        TlsContext tls;        // null: plain
        std::string tls_host;  // SNI and the name to verify, when we connect
        size_t queue_bytes_max = size_t(1) << 20;
    };

    // A connection that was accepted. Events begin in a later turn.
    static std::unique_ptr<StreamSocket> accepted(Reactor& reactor, UniqueFd fd,
                                                  const Settings& settings, StreamEvents& events);
    // Connects; `from` with port 0 chooses the local address, nullopt leaves it to the kernel.
    static Result<std::unique_ptr<StreamSocket>> connect(Reactor& reactor, const SocketAddress& to,
                                                         const Settings& settings,
                                                         StreamEvents& events);
    static Result<std::unique_ptr<StreamSocket>> connect_unix(Reactor& reactor,
                                                              const std::string& path,
                                                              const Settings& settings,
                                                              StreamEvents& events);
    ~StreamSocket();  // closes at once

    // Queued until the end of the turn; before on_stream_open() until then. False: the queue is
    // full, and the connection ends with TooSlow in a later turn.
    bool send(std::string_view bytes);
    // Takes no more and closes when all that is queued has been written. on_stream_end(Peer)
    // follows.
    void finish();
    // Reads no more until resume(): back-pressure for a peer that asks faster than we answer.
    void pause();
    void resume();

    // Somebody else owns it from now on: is told, and bounds the queue.
    void hand_over(StreamEvents& events, size_t queue_bytes_max);

    bool is_open() const;
    size_t queued_bytes() const;
    SocketAddress local() const;
    int fd() const;  // for credentials of a Unix-domain peer
    // Over TLS, while it is open: whom we talk to.
    PeerCertificate peer_certificate() const;
    // After StreamEnd::Handshake, or a StreamEnd::Broken by which the other side refused us, for
    // people; else empty.
    const std::string& tls_failure() const;

 private:
    struct Body;
    explicit StreamSocket(std::shared_ptr<Body> body);
    std::shared_ptr<Body> body_;
};

}  // namespace tandem::runtime
