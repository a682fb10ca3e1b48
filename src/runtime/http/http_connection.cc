#include "runtime/http/http_connection.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tandem::runtime {

namespace {

constexpr Duration kFarewellMax = 5s;

constexpr std::string_view kSipRequest = "GET /sip";

bool is_sip_upgrade(std::string_view bytes) {
    return bytes.starts_with(kSipRequest) && bytes.size() > kSipRequest.size() &&
           (bytes[kSipRequest.size()] == ' ' || bytes[kSipRequest.size()] == '?');
}
// Too few bytes to tell.
bool may_be_sip_upgrade(std::string_view bytes) {
    return bytes.size() <= kSipRequest.size() && kSipRequest.starts_with(bytes);
}

// A header of ours cannot be split: CR and LF end the process of writing it.
void append_header(std::string& out, std::string_view name, std::string_view value) {
    if (name.find_first_of("\r\n") != std::string_view::npos) return;
    out.append(name).append(": ").append(value.substr(0, value.find_first_of("\r\n")));
    out.append("\r\n");
}

bool has_body(int status) {
    return status != 204 && status != 304;
}

}  // namespace

std::string_view http_reason(int status) {
    static constexpr std::pair<int, std::string_view> reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (const auto& [known, reason] : reasons) {
        if (known == status) return reason;
    }
    return {};
}

HttpConnection::HttpConnection(Reactor& reactor, const HttpLimits& limits, HttpHub& hub,
                               uint64_t id, const SocketAddress& remote)
    : reactor_(reactor),
      limits_(limits),
      hub_(hub),
      id_(id),
      remote_(remote),
      reader_(limits),
      timer_(reactor) {}

void HttpConnection::accept(UniqueFd fd, const TlsContext& tls) {
    StreamSocket::Settings settings;
    settings.tls = tls;
    // One answer is queued whole: a page of a list, or a file of the web app.
    settings.queue_bytes_max = 64u << 20;
    secure_ = tls != nullptr;
    socket_ = StreamSocket::accepted(reactor_, std::move(fd), settings, *this);
    enter(Phase::Handshake);
}

void HttpConnection::enter(Phase phase) {
    phase_ = phase;
    Duration patience{0};
    switch (phase) {
        case Phase::Handshake:
        case Phase::Reading:
            patience = limits_.head_max;
            break;
        case Phase::Idle:
            patience = limits_.idle_max;
            break;
        case Phase::Answering:
            patience = limits_.answer_max;
            break;
        case Phase::Streaming:  // look_at_queue() watches the client
            return timer_.cancel();
        case Phase::Closing:
            patience = kFarewellMax;
            break;
    }
    timer_.arm(patience, [this] { on_time(); });
}

void HttpConnection::on_time() {
    switch (phase_) {
        case Phase::Handshake:
        case Phase::Idle:
        case Phase::Closing:
            return hub_.on_http_gone(*this);
        case Phase::Streaming:
            return look_at_queue();
        case Phase::Reading:
            return refuse(
                make_error(ErrorCode::Timeout, "request", "the request took too long", 408));
        case Phase::Answering: {
            ports::HttpResponse response;
            response.status = 504;
            response.body = R"({"error":{"code":"timeout","message":"no answer in time"}})";
            return answer(response);
        }
    }
}

void HttpConnection::on_stream_open() {
    // A client that connects and says nothing is treated as one that is slow with its head.
    enter(Phase::Reading);
}

void HttpConnection::on_stream_bytes(std::string_view bytes) {
    // A streamed answer is the connection's last: what comes behind its request is not read.
    if (phase_ == Phase::Closing || phase_ == Phase::Streaming) return;
    if (reader_.mid_request() || phase_ == Phase::Answering) {
        reader_.push(bytes);
        return read_on();
    }
    opening_.append(bytes);
    if (may_be_sip_upgrade(opening_)) {
        if (phase_ == Phase::Idle) enter(Phase::Reading);
        return;
    }
    const std::string opening = std::exchange(opening_, {});
    if (is_sip_upgrade(opening) && hub_.on_http_upgrade(*this, opening)) return;
    reader_.push(opening);
    read_on();
}

void HttpConnection::read_on() {
    if (phase_ == Phase::Answering || phase_ == Phase::Closing) return;
    auto parsed = reader_.pop();
    if (!parsed) return refuse(parsed.error());
    if (!*parsed) {
        if (phase_ == Phase::Idle && reader_.mid_request()) enter(Phase::Reading);
        if (reader_.take_expectation()) socket_->send("HTTP/1.1 100 Continue\r\n\r\n");
        if (reader_.in_body() && !std::exchange(body_timed_, true)) {
            timer_.arm(limits_.body_max, [this] { on_time(); });
        }
        return;
    }
    body_timed_ = false;
    keep_alive_ = (*parsed)->keep_alive && !finishing_;
    knows_chunks_ = (*parsed)->knows_chunks;
    ports::HttpRequest request = std::move((*parsed)->request);
    request.remote = remote_.ip.text();
    request.secure = secure_;
    head_only_ = request.method == "HEAD";
    enter(Phase::Answering);
    // A pipelining client waits in its own buffers, not in ours.
    socket_->pause();
    hub_.on_http_request(*this, std::move(request));
}

void HttpConnection::refuse(const Error& error) {
    ports::HttpResponse response;
    response.status = error.sip_status == 0 ? 400 : error.sip_status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = error.message + "\n";
    write(response, false);
}

void HttpConnection::answer(const ports::HttpResponse& response) {
    if (phase_ != Phase::Answering) return;
    if (response.streamed && !head_only_) return begin_stream(response);
    request_id = 0;
    write(response, keep_alive_ && !finishing_);
}

std::string HttpConnection::head_of(const ports::HttpResponse& response, bool keep_alive) const {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
    out.append(http_reason(response.status)).append("\r\n");
    // RFC 9110 8.6: no length for 204; 304 would have to name that of the file.
    if (has_body(response.status)) {
        append_header(out, "Content-Type", response.content_type);
        if (!response.streamed)
            append_header(out, "Content-Length", std::to_string(response.body.size()));
    }
    for (const auto& [name, value] : response.headers) append_header(out, name, value);
    append_header(out, "Connection", keep_alive ? "keep-alive" : "close");
    if (phase_ == Phase::Streaming && knows_chunks_)
        append_header(out, "Transfer-Encoding", "chunked");
    return out.append("\r\n");
}

void HttpConnection::write(const ports::HttpResponse& response, bool keep_alive) {
    std::string out = head_of(response, keep_alive);
    if (has_body(response.status) && !head_only_) out.append(response.body);
    socket_->send(out);
    if (!keep_alive) return close();
    enter(Phase::Idle);
    socket_->resume();
    read_on();
}

// RFC 9112 7.1; a client of before gets all until the connection's end.
void HttpConnection::begin_stream(const ports::HttpResponse& response) {
    enter(Phase::Streaming);
    socket_->resume();  // so that its leaving is seen
    socket_->send(head_of(response, false));
    answer_part({response.body});
}

void HttpConnection::answer_part(const ports::HttpPart& part) {
    if (phase_ != Phase::Streaming) return;
    send_piece(part.bytes);
    // Without the last chunk the client knows that it has not got all.
    if (part.last && !part.broken && knows_chunks_) socket_->send("0\r\n\r\n");
    if (part.last || part.broken) {
        request_id = 0;
        return close();
    }
    room_asked_ = true;
    look_after_ = limits_.stream_look_min;
    stalled_since_ = last_part_ = reactor_.now().mono;
    queued_ = socket_->queued_bytes();
    timer_.arm(look_after_, [this] { on_time(); });
}

void HttpConnection::send_piece(std::string_view bytes) {
    if (bytes.empty()) return;
    if (!knows_chunks_) {
        socket_->send(bytes);
        return;
    }
    char size[20];
    const auto end = std::to_chars(size, size + sizeof size, bytes.size(), 16).ptr;
    std::string chunk(size, end);
    chunk.append("\r\n").append(bytes).append("\r\n");
    socket_->send(chunk);
}

void HttpConnection::look_at_queue() {
    const size_t queued = socket_->queued_bytes();
    const Instant now = reactor_.now().mono;
    if (queued < queued_) stalled_since_ = now;
    queued_ = queued;
    const bool is_stuck = queued > 0 && now - stalled_since_ >= limits_.stream_stall_max;
    if (is_stuck || now - last_part_ >= limits_.stream_silence_max) return hub_.on_http_gone(*this);
    const bool has_room = queued <= limits_.stream_bytes_low;
    if (has_room && std::exchange(room_asked_, false)) hub_.on_http_taken(*this);
    look_after_ = queued == 0 ? Duration(limits_.stream_silence_max)
                              : std::min<Duration>(look_after_ * 2, limits_.stream_look_max);
    timer_.arm(look_after_, [this] { on_time(); });
}

void HttpConnection::close() {
    enter(Phase::Closing);
    socket_->resume();
    socket_->finish();
}

void HttpConnection::finish_soon() {
    finishing_ = true;
    if (phase_ == Phase::Idle) close();
}

std::unique_ptr<StreamSocket> HttpConnection::take_socket() {
    timer_.cancel();
    phase_ = Phase::Closing;
    return std::move(socket_);
}

void HttpConnection::on_stream_end(StreamEnd) {
    hub_.on_http_gone(*this);
}

}  // namespace tandem::runtime
