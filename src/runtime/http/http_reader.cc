#include "runtime/http/http_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/bytes.h"

namespace tandem::runtime {

namespace http = boost::beast::http;

namespace {

Error error_of(const boost::system::error_code& code) {
    if (code == http::error::header_limit) {
        return make_error(ErrorCode::TooLarge, "head", "the request head is too large", 431);
    }
    if (code == http::error::body_limit) {
        return make_error(ErrorCode::TooLarge, "body", "the request body is too large", 413);
    }
    return make_error(ErrorCode::Malformed, "request", code.message(), 400);
}

std::string text_of(boost::beast::string_view text) {
    return std::string(text.data(), text.size());
}

}  // namespace

struct HttpReader::State {
    explicit State(const HttpLimits& how) : limits(how) { restart(); }

    using Parser = http::request_parser<http::string_body>;
    const HttpLimits limits;
    std::unique_ptr<Parser> parser;
    std::string buffer;
    size_t consumed = 0;
    bool expectation_taken = false;

    void restart() {
        parser = std::make_unique<Parser>();
        parser->header_limit(static_cast<std::uint32_t>(limits.head_bytes_max));
        parser->body_limit(limits.body_bytes_max);
        expectation_taken = false;
    }
    std::string_view unread() const { return std::string_view(buffer).substr(consumed); }
    Result<ParsedRequest> take();
};

HttpReader::HttpReader(const HttpLimits& limits) : state_(std::make_unique<State>(limits)) {}
HttpReader::~HttpReader() = default;

void HttpReader::push(std::string_view bytes) {
    state_->buffer.erase(0, state_->consumed);
    state_->consumed = 0;
    state_->buffer.append(bytes);
}

Result<std::optional<ParsedRequest>> HttpReader::pop() {
    State& state = *state_;
    while (!state.parser->is_done()) {
        const std::string_view unread = state.unread();
        // A client may end a request with a stray CRLF (RFC 9112 2.2).
        if (!state.parser->got_some() && unread.starts_with("\r\n")) {
            state.consumed += 2;
            continue;
        }
        const bool half = unread == "\r" && !state.parser->got_some();
        if (unread.empty() || half) return std::optional<ParsedRequest>();
        boost::system::error_code code;
        const size_t used =
            state.parser->put(boost::asio::const_buffer(unread.data(), unread.size()), code);
        state.consumed += used;
        if (code == http::error::need_more) return std::optional<ParsedRequest>();
        if (code) return error_of(code);
    }
    auto request = TRY(state.take());
    state.restart();
    return std::optional<ParsedRequest>(std::move(request));
}

Result<ParsedRequest> HttpReader::State::take() {
    auto message = parser->release();
    ParsedRequest parsed;
    parsed.keep_alive = message.keep_alive();
    parsed.knows_chunks = message.version() >= 11;
    parsed.request.method = text_of(message.method_string());
    TRY(split_target(text_of(message.target()), parsed.request));
    // RFC 9112 3.2: a request without Host, or with two, is refused.
    if (message.version() >= 11 && message.count(http::field::host) != 1) {
        return make_error(ErrorCode::Malformed, "Host", "exactly one Host is needed", 400);
    }
    for (const auto& field : message) {
        parsed.request.headers.emplace_back(to_lower(text_of(field.name_string())),
                                            text_of(field.value()));
    }
    parsed.request.body = std::move(message.body());
    return parsed;
}

bool HttpReader::mid_request() const {
    return state_->parser->got_some() || !state_->unread().empty();
}
bool HttpReader::in_body() const {
    return state_->parser->is_header_done() && !state_->parser->is_done();
}
bool HttpReader::take_expectation() {
    if (!in_body() || state_->expectation_taken) return false;
    state_->expectation_taken = true;
    const auto value = state_->parser->get()[http::field::expect];
    return equals_ignoring_case({value.data(), value.size()}, "100-continue");
}

}  // namespace tandem::runtime
