#include "runtime/websocket/websocket.h"

#include <gtest/gtest.h>

namespace tandem::runtime {
namespace {

constexpr std::string_view kGood =
    "GET /sip HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, "
    "Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
    "Sec-WebSocket-Protocol: chat, SIP\r\nSec-WebSocket-Version: 13\r\n\r\nrest";

TEST(WebSocketUpgrade, AcceptsAndAnswersTheExampleOfTheRfc) {
    const auto head = read_upgrade(kGood);
    ASSERT_TRUE(head.has_value() && head->has_value());
    EXPECT_EQ((*head)->request.path, "/sip");
    EXPECT_EQ((*head)->request.origin, "http://example.com");
    EXPECT_TRUE((*head)->request.offers("sip"));
    EXPECT_FALSE((*head)->request.offers("mqtt"));
    EXPECT_EQ(kGood.substr((*head)->bytes), "rest");
    // RFC 6455 1.3 gives this pair.
    EXPECT_NE(upgrade_answer((*head)->request, "sip")
                  .find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
              std::string::npos);
}

std::string with(std::string_view from, std::string_view to) {
    std::string text(kGood);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, from.size(), to);
}

TEST(WebSocketUpgrade, RefusesWhatIsNoUpgrade) {
    const struct {
        std::string head;
        int status;
    } cases[] = {
        {with("GET ", "POST "), 405},
        {with("HTTP/1.1", "HTTP/1.0"), 400},
        {with("Upgrade: websocket", "Upgrade: h2c"), 426},
        {with("keep-alive, Upgrade", "keep-alive"), 426},
        {with("Version: 13", "Version: 8"), 426},
        {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"), 400},
        {with("Host: example.com\r\n", ""), 400},
        {with("Origin:", "Ori\x01gin:"), 400},
        {with("/sip", "sip"), 400},
        {std::string(websocket_head_bytes_max, 'x'), 431},
    };
    for (const auto& [head, status] : cases) {
        const auto read = read_upgrade(head);
        ASSERT_FALSE(read.has_value()) << head;
        EXPECT_EQ(read.error().sip_status, status) << head;
    }
    const auto partial = read_upgrade(kGood.substr(0, 100));
    EXPECT_TRUE(partial.has_value() && !partial->has_value());
}

TEST(WebSocketFrames, RoundTripEverySizeClassByteByByte) {
    for (const size_t size :
         {size_t(0), size_t(125), size_t(126), size_t(65'535), size_t(65'536)}) {
        const std::string payload(size, 'p');
        std::string wire;
        append_masked_frame(wire, WebSocketOpcode::Text, payload, 0x01020304);
        WebSocketReader reader(WebSocketSide::Server, 100'000);
        for (size_t i = 0; i + 1 < wire.size(); ++i) {
            reader.push(wire.substr(i, 1));
            if (i < 20 || i > wire.size() - 5) {
                const auto item = reader.pop();
                ASSERT_TRUE(item.has_value() && !item->has_value()) << size << " " << i;
            }
        }
        EXPECT_TRUE(reader.mid_message());
        reader.push(wire.substr(wire.size() - 1));
        const auto item = reader.pop();
        ASSERT_TRUE(item.has_value() && item->has_value());
        EXPECT_EQ(std::get<WebSocketMessage>(**item).payload, payload);
        EXPECT_FALSE(reader.mid_message());
    }
}

TEST(WebSocketFrames, JoinsFragmentsAroundControlFrames) {
    std::string wire;
    append_frame(wire, WebSocketOpcode::Binary, "one ");
    wire[0] = 0x02;  // not final
    append_frame(wire, WebSocketOpcode::Ping, "?");
    const size_t last = wire.size();
    append_frame(wire, WebSocketOpcode::Continuation, "two");
    ASSERT_EQ(static_cast<uint8_t>(wire[last]), 0x80);
    WebSocketReader reader(WebSocketSide::Client, 100);
    reader.push(wire);
    EXPECT_EQ(std::get<WebSocketPing>(**reader.pop()).payload, "?");
    const auto whole = std::get<WebSocketMessage>(**reader.pop());
    EXPECT_EQ(whole.payload, "one two");
    EXPECT_FALSE(whole.text);
}

TEST(WebSocketFrames, RefusesWhatTheRfcForbids) {
    using namespace std::string_literals;
    const struct {
        std::string wire;
        ErrorCode code;
    } cases[] = {
        {"\x81\x01x"s, ErrorCode::Malformed},               // a client must mask
        {"\xc1\x80\0\0\0\0"s, ErrorCode::Malformed},        // reserved bit
        {"\x83\x80\0\0\0\0"s, ErrorCode::Malformed},        // unknown opcode
        {"\x09\x80\0\0\0\0"s, ErrorCode::Malformed},        // fragmented ping
        {"\x80\x80\0\0\0\0"s, ErrorCode::Malformed},        // continuation of nothing
        {"\x88\x81\0\0\0\0x"s, ErrorCode::Malformed},       // half a close code
        {"\x89\xfe\0\x7e\0\0\0\0"s, ErrorCode::Malformed},  // ping of 126 bytes
        {"\x81\xfe\0\x7e\0\0\0\0"s, ErrorCode::TooLarge},   // above the limit of 100
        {"\x81\xff\xff\0\0\0\0\0\0\1\0\0\0\0"s, ErrorCode::TooLarge},
    };
    for (const auto& [wire, code] : cases) {
        WebSocketReader reader(WebSocketSide::Server, 100);
        reader.push(wire);
        const auto item = reader.pop();
        ASSERT_FALSE(item.has_value()) << wire;
        EXPECT_EQ(item.error().code, code) << wire;
        EXPECT_EQ(close_code_of(item.error()), code == ErrorCode::TooLarge ? 1009 : 1002);
    }
}

TEST(WebSocketFrames, ReadsTheCloseCode) {
    std::string wire;
    append_close(wire, 1001);
    WebSocketReader reader(WebSocketSide::Client, 100);
    reader.push(wire);
    EXPECT_EQ(std::get<WebSocketClose>(**reader.pop()).code, 1001);
}

}  // namespace
}  // namespace tandem::runtime
