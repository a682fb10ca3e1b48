#include "sip/parser.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "sip/message_parser.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

constexpr std::string_view start_line_name = "start-line";
constexpr std::string_view sip_version = "SIP/2.0";
constexpr size_t usual_slots = 24;  // what an INVITE through two proxies has

bool is_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// RFC 3261 7.5: blank lines may come before the start line.
size_t skip_blank_lines(std::string_view bytes) {
    size_t begin = 0;
    while (begin + 1 < bytes.size() && bytes[begin] == '\r' && bytes[begin + 1] == '\n') begin += 2;
    return begin;
}

bool is_wsp(char c) {
    return c == ' ' || c == '\t';
}

}  // namespace

bool is_sip_version(std::string_view text) {
    if (text.size() < 7 || !equals_ignoring_case(text.substr(0, 4), "SIP/")) return false;
    const size_t dot = text.find('.');
    return dot != std::string_view::npos && is_digits(text.substr(4, dot - 4)) &&
           is_digits(text.substr(dot + 1));
}

Error MessageParser::fault(std::string_view header, std::string_view what, size_t offset) const {
    Error error = make_error(ErrorCode::Malformed, header, what, 400);
    error.offset = offset;
    return error;
}

Result<Message> MessageParser::run() {
    if (bytes_.size() > limits_.message_bytes && mode_ == Mode::Strict) {
        return make_error(ErrorCode::TooLarge, start_line_name, "message exceeds the limit", 413);
    }
    head_begin_ = skip_blank_lines(bytes_);
    const size_t end = TRY(line_end(head_begin_));
    TRY(start_line(head_begin_, end));
    position_ = end + 2;
    message_.slots_.reserve(usual_slots);
    TRY(headers());
    if (mode_ == Mode::Strict) {
        TRY(characters());
        TRY(body());
    }
    message_.storage_ = std::move(bytes_);
    return std::move(message_);
}

Result<size_t> MessageParser::line_end(size_t begin) const {
    const size_t limit = std::min(bytes_.size(), head_begin_ + limits_.head_bytes);
    if (begin < limit) {
        const void* const found = std::memchr(bytes_.data() + begin, '\n', limit - begin);
        if (found != nullptr) {
            const auto newline =
                static_cast<size_t>(static_cast<const char*>(found) - bytes_.data());
            if (newline > begin && bytes_[newline - 1] == '\r') return newline - 1;
            return fault("", "a line must end with CRLF", newline);
        }
    }
    if (limit < bytes_.size()) {
        Error error = make_error(ErrorCode::TooLarge, "", "header lines exceed the limit", 413);
        error.offset = limit;
        return error;
    }
    return fault("", "the message ends within its header lines", bytes_.size());
}

Result<void> MessageParser::start_line(size_t begin, size_t end) {
    const std::string_view line = std::string_view(bytes_).substr(begin, end - begin);
    if (line.size() >= 4 && equals_ignoring_case(line.substr(0, 4), "SIP/")) {
        return status_line(begin, line);
    }
    return request_line(begin, line);
}

// Method SP Request-URI SP SIP-Version (RFC 3261 7.1), with one space each.
Result<void> MessageParser::request_line(size_t begin, std::string_view line) {
    const bool salvage = mode_ == Mode::Salvage;
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    const std::string_view method = line.substr(0, first);
    if (!is_token(method) || method.size() > method_bytes_max) {
        return fault(start_line_name, "no method", begin);
    }
    message_.method_ = method_from(method);
    message_.method_token_ = {static_cast<uint32_t>(begin), static_cast<uint32_t>(method.size())};
    if (first == last || first == std::string_view::npos) {
        if (salvage) return {};
        return fault(start_line_name, "method, URI and version expected", begin);
    }
    const std::string_view version = line.substr(last + 1);
    const std::string_view uri = line.substr(first + 1, last - first - 1);
    message_.uri_ = {static_cast<uint32_t>(begin + first + 1), static_cast<uint32_t>(uri.size())};
    if (salvage) return {};
    if (!equals_ignoring_case(version, sip_version)) {
        Error error = fault(start_line_name, "version is not SIP/2.0", begin + last + 1);
        if (is_sip_version(version)) error.sip_status = 505;
        return error;
    }
    if (uri.size() > limits_.uri_bytes) {
        Error error = make_error(ErrorCode::TooLarge, "Request-URI", "longer than the limit", 414);
        error.offset = message_.uri_.offset;
        return error;
    }
    const size_t bad = uri.find_first_of(" \t<>\"");
    if (uri.empty() || bad != std::string_view::npos) {
        return fault("Request-URI", "spaces, <> and quotes are not allowed",
                     begin + first + 1 + (uri.empty() ? 0 : bad));
    }
    return {};
}

// SIP-Version SP 3DIGIT SP Reason-Phrase (RFC 3261 7.2). INTEROP: the second space may be absent.
Result<void> MessageParser::status_line(size_t begin, std::string_view line) {
    const size_t space = line.find(' ');
    if (!equals_ignoring_case(line.substr(0, space), sip_version)) {
        Error error = fault(start_line_name, "version is not SIP/2.0", begin);
        if (is_sip_version(line.substr(0, space))) error.sip_status = 505;
        return error;
    }
    const std::string_view rest = space == std::string_view::npos ? "" : line.substr(space + 1);
    const std::string_view code = rest.substr(0, rest.find(' '));
    const auto status = parse_decimal(code, 699);
    if (code.size() != 3 || !status || *status < 100) {
        return fault(start_line_name, "status must be 100-699", begin + line.size() - rest.size());
    }
    message_.status_ = static_cast<int>(*status);
    const std::string_view reason = rest.size() > 4 ? rest.substr(4) : "";
    message_.reason_ = {static_cast<uint32_t>(begin + line.size() - reason.size()),
                        static_cast<uint32_t>(std::min(reason.size(), reason_phrase_bytes_max))};
    return {};
}

Result<void> MessageParser::headers() {
    while (true) {
        const size_t begin = position_;
        auto found = line_end(begin);
        if (!found && mode_ == Mode::Salvage) return {};
        size_t end = TRY(std::move(found));
        if (end == begin) {
            position_ = end + 2;
            return {};
        }
        // A line that begins with white space goes on with the last one (RFC 3261 7.3.1). The line
        // break becomes two spaces, so that nobody after us has to know.
        while (end + 2 < bytes_.size() && is_wsp(bytes_[end + 2])) {
            const size_t next = TRY(line_end(end + 2));
            bytes_[end] = ' ';
            bytes_[end + 1] = ' ';
            end = next;
        }
        position_ = end + 2;
        auto line = header_line(begin, end);
        if (!line && mode_ == Mode::Strict) return line;
    }
}

Result<void> MessageParser::header_line(size_t begin, size_t end) {
    const std::string_view line = std::string_view(bytes_).substr(begin, end - begin);
    const size_t colon = line.find(':');
    std::string_view name = line.substr(0, colon);
    while (!name.empty() && is_wsp(name.back())) name.remove_suffix(1);
    if (colon == std::string_view::npos || name.size() > header_name_bytes_max || !is_token(name)) {
        return fault("", "header name and colon expected", begin);
    }
    if (message_.slots_.size() >= limits_.headers) {
        Error error = make_error(ErrorCode::TooLarge, name, "too many header fields", 413);
        error.offset = begin;
        return error;
    }
    const std::string_view value = trim_lws(line.substr(colon + 1));
    if (value.size() > limits_.header_value_bytes) {
        Error error = make_error(ErrorCode::TooLarge, name, "header value exceeds the limit", 413);
        error.offset = begin;
        return error;
    }
    Message::Slot slot;
    slot.id = header_id_from(name);
    slot.name = static_cast<uint32_t>(begin);
    slot.name_size = static_cast<uint16_t>(name.size());
    slot.value = static_cast<uint32_t>(value.empty() ? end : value.data() - bytes_.data());
    slot.value_size = static_cast<uint32_t>(value.size());
    if (slot.id == HeaderId::ContentLength) TRY(content_length(value, slot.value));
    message_.slots_.push_back(slot);
    return {};
}

Result<void> MessageParser::content_length(std::string_view value, size_t offset) {
    // Two lengths would let two parsers see two messages.
    if (has_length_) return fault("Content-Length", "stands in the message twice", offset);
    const auto length = parse_decimal(value);
    if (!length) return fault("Content-Length", "number expected", offset);
    has_length_ = true;
    length_ = *length;
    return {};
}

// A CR or LF other than in CRLF, or a NUL that no backslash quotes, is refused: it means different
// things to different parsers.
Result<void> MessageParser::characters() const {
    const std::string_view head =
        std::string_view(bytes_).substr(head_begin_, position_ - head_begin_);
    size_t at = head.find('\r');
    while (at != std::string_view::npos) {
        if (at + 1 >= head.size() || head[at + 1] != '\n') {
            return fault("", "a CR that ends no line", head_begin_ + at);
        }
        at = head.find('\r', at + 2);
    }
    at = head.find('\0');
    while (at != std::string_view::npos) {
        if (at == 0 || head[at - 1] != '\\') return fault("", "NUL", head_begin_ + at);
        at = head.find('\0', at + 1);
    }
    return {};
}

Result<void> MessageParser::body() {
    const size_t present = bytes_.size() - position_;
    if (has_length_ && length_ > present) {
        return fault("Content-Length", "the message is shorter than it says", position_);
    }
    const size_t size = has_length_ ? length_ : present;
    message_.body_ = {static_cast<uint32_t>(position_), static_cast<uint32_t>(size)};
    return {};
}

Result<Message> parse_message(std::string&& bytes, const ParserLimits& limits) {
    return MessageParser(bytes, limits, MessageParser::Mode::Strict).run();
}

Result<Message> parse_message(std::string_view bytes, const ParserLimits& limits) {
    std::string copy(bytes);
    return parse_message(std::move(copy), limits);
}

std::optional<Message> answer_to_rejected(std::string_view bytes, const Error& error) {
    if (error.sip_status == 0) return std::nullopt;
    std::string head(bytes.substr(0, head_bytes_max));
    const ParserLimits limits;
    auto salvaged = MessageParser(head, limits, MessageParser::Mode::Salvage).run();
    if (!salvaged || salvaged->is_response() || salvaged->method() == Method::Ack) {
        return std::nullopt;
    }
    // A Via that cannot be read goes back as it came: the answer goes to where the request came
    // from.
    if (!salvaged->has(HeaderId::Via) || !salvaged->has(HeaderId::CSeq)) return std::nullopt;
    return make_response(*salvaged, error.sip_status);
}

bool is_keep_alive(std::string_view datagram) {
    // Hundreds of blank bytes are no keep-alive, but cost no more to drop than one.
    return datagram.find_first_not_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace tandem::sip
