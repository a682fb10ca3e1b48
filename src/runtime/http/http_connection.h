// One HTTP connection: requests one after the other, each answered before the next is read.
#pragma once

#include <memory>
#include <string>

#include "base/net_address.h"
#include "ports/web_port.h"
#include "runtime/http/http_reader.h"
#include "runtime/http/limits.h"
#include "runtime/reactor/reactor.h"
#include "runtime/stream/stream_socket.h"

namespace tandem::runtime {

class HttpConnection;

class HttpHub {
 public:
    virtual ~HttpHub() = default;
    // To be answered with HttpConnection::answer(), now or later.
    virtual void on_http_request(HttpConnection& connection, ports::HttpRequest request) = 0;
    // A streamed answer has room for more.
    virtual void on_http_taken(HttpConnection& connection) = 0;
    // The connection is to be destroyed, now.
    virtual void on_http_gone(HttpConnection& connection) = 0;
    // A request for SIP over WebSocket begins with `bytes`. True: the hub has taken the socket with
    // take_socket() and will destroy the connection in a later turn.
    virtual bool on_http_upgrade(HttpConnection& connection, std::string_view bytes) = 0;
};

class HttpConnection final : public StreamEvents {
 public:
    HttpConnection(Reactor& reactor, const HttpLimits& limits, HttpHub& hub, uint64_t id,
                   const SocketAddress& remote);
    void accept(UniqueFd fd, const TlsContext& tls);

    uint64_t id() const { return id_; }
    const SocketAddress& remote() const { return remote_; }
    bool is_secure() const { return secure_; }
    bool awaits_answer() const { return phase_ == Phase::Answering; }
    bool is_streaming() const { return phase_ == Phase::Streaming; }
    uint64_t request_id = 0;  // of the letter that asks for the answer; the hub's

    void answer(const ports::HttpResponse& response);
    // The rest of a streamed answer. The connection ends with it.
    void answer_part(const ports::HttpPart& part);
    void finish_soon();  // after the request under way
    std::unique_ptr<StreamSocket> take_socket();

 private:
    enum class Phase { Handshake, Idle, Reading, Answering, Streaming, Closing };

    void on_stream_open() override;
    void on_stream_bytes(std::string_view bytes) override;
    void on_stream_end(StreamEnd why) override;
    void read_on();
    void refuse(const Error& error);
    void write(const ports::HttpResponse& response, bool keep_alive);
    std::string head_of(const ports::HttpResponse& response, bool keep_alive) const;
    void begin_stream(const ports::HttpResponse& response);
    void send_piece(std::string_view bytes);
    void look_at_queue();
    void enter(Phase phase);
    void on_time();
    void close();

    Reactor& reactor_;
    const HttpLimits& limits_;
    HttpHub& hub_;
    const uint64_t id_;
    const SocketAddress remote_;
    std::unique_ptr<StreamSocket> socket_;
    HttpReader reader_;
    std::string opening_;  // of a request, while it may be one for SIP over WebSocket
    Timer timer_;
    Phase phase_ = Phase::Handshake;
    bool secure_ = false;
    bool keep_alive_ = true;
    bool head_only_ = false;
    bool finishing_ = false;
    bool body_timed_ = false;
    bool knows_chunks_ = true;  // the client does
    bool room_asked_ = false;   // on_http_taken() is owed
    size_t queued_ = 0;         // when the queue was last looked at
    Duration look_after_{0};
    Instant stalled_since_;
    Instant last_part_;
};

// The reason phrase of a status; empty for unknown ones.
std::string_view http_reason(int status);

}  // namespace tandem::runtime
