// WebSocket as a pure codec: the upgrade request and answer, and frames in both directions. RFC
// 6455. No extensions are offered: SIP messages over TLS gain little from compression, and a
// deflate window costs each connection more memory than all else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tandem::runtime {

// Of the upgrade request: browsers send about 600 bytes, with cookies 4 KiB.
inline constexpr size_t websocket_head_bytes_max = 16'384;
// RFC 6455 5.5: control frames carry at most 125 bytes.
inline constexpr size_t websocket_control_bytes_max = 125;
// Frames of one message: a browser sends one or a few.
inline constexpr size_t websocket_fragments_max = 1'024;

struct UpgradeRequest {
    std::string path;
    std::string key;  // Sec-WebSocket-Key
    std::string origin;
    std::vector<std::string> protocols;
    bool offers(std::string_view protocol) const;
};
struct UpgradeHead {
    UpgradeRequest request;
    size_t bytes = 0;  // of the head with its blank line
};
// The head of an upgrade at the start of `bytes`; nullopt: more are needed. The error's sip_status
// is the HTTP status that answers it: 400, 405, 426, 431.
Result<std::optional<UpgradeHead>> read_upgrade(std::string_view bytes);
// "HTTP/1.1 101 ..." RFC 6455 4.2.2.
std::string upgrade_answer(const UpgradeRequest& request, std::string_view protocol);
std::string upgrade_refusal(int status);

// Sec-WebSocket-Accept for a key. RFC 6455 1.3.
std::string websocket_accept(std::string_view key);

enum class WebSocketOpcode : uint8_t {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10
};

// Appends one unfragmented frame, unmasked as servers send it.
void append_frame(std::string& out, WebSocketOpcode opcode, std::string_view payload);
// Masked, as clients must (RFC 6455 5.3).
void append_masked_frame(std::string& out, WebSocketOpcode opcode, std::string_view payload,
                         uint32_t mask);
void append_close(std::string& out, uint16_t code);

struct WebSocketMessage {  // whole, joined of its fragments
    std::string payload;
    bool text = true;
};
struct WebSocketPing {
    std::string payload;
};
struct WebSocketPong {};
struct WebSocketClose {
    uint16_t code = 1005;  // RFC 6455 7.1.5: none was given
};
using WebSocketItem = std::variant<WebSocketMessage, WebSocketPing, WebSocketPong, WebSocketClose>;

enum class WebSocketSide { Server, Client };

// Owned by its connection. Holds at most one unfinished message.
class WebSocketReader {
 public:
    WebSocketReader(WebSocketSide side, size_t message_bytes_max)
        : side_(side), message_bytes_max_(message_bytes_max) {}

    void push(std::string_view bytes);
    // The next item; nullopt: more bytes are needed. An error is final; close_code_of() says how to
    // close.
    Result<std::optional<WebSocketItem>> pop();
    bool mid_message() const { return !unread().empty() || fragments_ > 0; }

 private:
    struct Frame {
        WebSocketOpcode opcode;
        bool final;
        uint32_t mask;
        size_t head;  // bytes before the payload
        size_t payload;
    };
    Result<std::optional<Frame>> read_frame() const;
    Result<std::optional<WebSocketItem>> take(const Frame& frame, std::string payload);
    Result<std::optional<WebSocketItem>> take_data(const Frame& frame, std::string payload);
    std::string_view unread() const { return std::string_view(buffer_).substr(consumed_); }

    WebSocketSide side_;
    size_t message_bytes_max_;
    std::string buffer_;
    size_t consumed_ = 0;
    std::string message_;  // of earlier fragments
    size_t fragments_ = 0;
    bool text_ = true;
};

// RFC 6455 7.4.1: 1009 for TooLarge, 1002 otherwise.
uint16_t close_code_of(const Error& error);

}  // namespace tandem::runtime
