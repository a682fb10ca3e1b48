// Frames, RFC 6455 5.2:
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-------+-+-------------+-------------------------------+
// |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
// |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
// |N|V|V|V|       |S|             |   (if payload len==126/127)   |
// | |1|2|3|       |K|             |                               |
// +-+-+-+-+-------+-+-------------+-------------------------------+
// |          Masking-key (0 or 4 bytes), then the payload         |
// +---------------------------------------------------------------+
#include "runtime/websocket/websocket.h"

namespace tandem::runtime {

namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kOpcode = 0x0f;
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kLength = 0x7f;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;
constexpr size_t kIdleCapacityMax = 16'384;

Error broken(std::string_view message) {
    return make_error(ErrorCode::Malformed, "frame", message);
}

uint64_t big_endian(std::string_view octets) {
    uint64_t value = 0;
    for (const char octet : octets) value = (value << 8) | static_cast<uint8_t>(octet);
    return value;
}

void append_big_endian(std::string& out, uint64_t value, int octets) {
    for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void append_head(std::string& out, WebSocketOpcode opcode, size_t size, uint8_t mask_bit) {
    out.push_back(static_cast<char>(kFinal | static_cast<uint8_t>(opcode)));
    if (size < kLength16) {
        out.push_back(static_cast<char>(mask_bit | size));
    } else if (size <= 0xffff) {
        out.push_back(static_cast<char>(mask_bit | kLength16));
        append_big_endian(out, size, 2);
    } else {
        out.push_back(static_cast<char>(mask_bit | kLength64));
        append_big_endian(out, size, 8);
    }
}

void apply_mask(std::string& payload, size_t begin, uint32_t mask) {
    const uint8_t octets[4] = {static_cast<uint8_t>(mask >> 24), static_cast<uint8_t>(mask >> 16),
                               static_cast<uint8_t>(mask >> 8), static_cast<uint8_t>(mask)};
    for (size_t i = begin; i < payload.size(); ++i) {
        payload[i] = static_cast<char>(payload[i] ^ octets[(i - begin) & 3]);
    }
}

bool is_known(uint8_t opcode) {
    return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}
uint16_t close_code_in(std::string_view payload) {
    if (payload.empty()) return WebSocketClose{}.code;
    return static_cast<uint16_t>(big_endian(payload.substr(0, 2)));
}
std::optional<WebSocketItem> item_of(WebSocketItem item) {
    return std::optional<WebSocketItem>(std::move(item));
}
bool is_control(WebSocketOpcode opcode) {
    return static_cast<uint8_t>(opcode) >= 8;
}

}  // namespace

void append_frame(std::string& out, WebSocketOpcode opcode, std::string_view payload) {
    append_head(out, opcode, payload.size(), 0);
    out.append(payload);
}

void append_masked_frame(std::string& out, WebSocketOpcode opcode, std::string_view payload,
                         uint32_t mask) {
    append_head(out, opcode, payload.size(), kMasked);
    append_big_endian(out, mask, 4);
    const size_t begin = out.size();
    out.append(payload);
    apply_mask(out, begin, mask);
}

void append_close(std::string& out, uint16_t code) {
    std::string payload;
    append_big_endian(payload, code, 2);
    append_frame(out, WebSocketOpcode::Close, payload);
}

uint16_t close_code_of(const Error& error) {
    return error.code == ErrorCode::TooLarge ? 1009 : 1002;
}

void WebSocketReader::push(std::string_view bytes) {
    if (consumed_ > 0) {
        buffer_.erase(0, consumed_);
        consumed_ = 0;
    }
    buffer_.append(bytes);
}

Result<std::optional<WebSocketReader::Frame>> WebSocketReader::read_frame() const {
    const std::string_view bytes = unread();
    if (bytes.size() < 2) return std::optional<Frame>();
    const auto first = static_cast<uint8_t>(bytes[0]);
    const auto second = static_cast<uint8_t>(bytes[1]);
    if ((first & kReserved) != 0) return broken("reserved bits are set");
    if (!is_known(first & kOpcode)) return broken("unknown opcode");
    const bool masked = (second & kMasked) != 0;
    // RFC 6455 5.1: clients mask, servers do not.
    if (masked != (side_ == WebSocketSide::Server)) return broken("wrong masking");
    Frame frame{static_cast<WebSocketOpcode>(first & kOpcode), (first & kFinal) != 0, 0, 2, 0};
    const uint8_t length = second & kLength;
    const size_t extended = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
    const size_t head = 2 + extended + (masked ? 4 : 0);
    if (bytes.size() < head) return std::optional<Frame>();
    const uint64_t size = extended == 0 ? length : big_endian(bytes.substr(2, extended));
    if (is_control(frame.opcode) && (size > websocket_control_bytes_max || !frame.final)) {
        return broken("a control frame is fragmented or too large");
    }
    if (size > message_bytes_max_ || message_.size() + size > message_bytes_max_) {
        return make_error(ErrorCode::TooLarge, "frame", "the message exceeds the limit");
    }
    if (masked) frame.mask = static_cast<uint32_t>(big_endian(bytes.substr(head - 4, 4)));
    frame.head = head;
    frame.payload = static_cast<size_t>(size);
    return std::optional<Frame>(frame);
}

Result<std::optional<WebSocketItem>> WebSocketReader::pop() {
    while (true) {
        const auto frame = TRY(read_frame());
        if (!frame || unread().size() < frame->head + frame->payload) {
            return std::optional<WebSocketItem>();
        }
        std::string payload(unread().substr(frame->head, frame->payload));
        apply_mask(payload, 0, frame->mask);
        consumed_ += frame->head + frame->payload;
        if (consumed_ == buffer_.size()) {
            buffer_.clear();
            consumed_ = 0;
            if (buffer_.capacity() > kIdleCapacityMax) buffer_.shrink_to_fit();
        }
        auto item = TRY(take(*frame, std::move(payload)));
        if (item) return item;
    }
}

Result<std::optional<WebSocketItem>> WebSocketReader::take(const Frame& frame,
                                                           std::string payload) {
    switch (frame.opcode) {
        case WebSocketOpcode::Ping:
            return item_of(WebSocketPing{std::move(payload)});
        case WebSocketOpcode::Pong:
            return item_of(WebSocketPong{});
        case WebSocketOpcode::Close:
            if (payload.size() == 1) return broken("a close frame holds half a code");
            return item_of(WebSocketClose{close_code_in(payload)});
        case WebSocketOpcode::Continuation:
        case WebSocketOpcode::Text:
        case WebSocketOpcode::Binary:
            break;
    }
    return take_data(frame, std::move(payload));
}

Result<std::optional<WebSocketItem>> WebSocketReader::take_data(const Frame& frame,
                                                                std::string payload) {
    const bool continues = frame.opcode == WebSocketOpcode::Continuation;
    if (continues != (fragments_ > 0)) return broken("a fragment is out of order");
    if (!continues) text_ = frame.opcode == WebSocketOpcode::Text;
    if (++fragments_ > websocket_fragments_max) {
        return make_error(ErrorCode::TooLarge, "frame", "the message has too many fragments");
    }
    if (!frame.final) {
        message_.append(payload);
        return std::optional<WebSocketItem>();
    }
    WebSocketMessage whole{message_.empty() ? std::move(payload) : message_ + payload, text_};
    message_.clear();
    fragments_ = 0;
    return item_of(std::move(whole));
}

}  // namespace tandem::runtime
