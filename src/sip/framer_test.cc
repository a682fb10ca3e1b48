#include "sip/framer.h"

#include <gtest/gtest.h>

namespace tandem::sip {
namespace {

std::string message(std::string_view call_id, std::string_view body = "") {
    return "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: " +
           std::string(call_id) +
           "\r\nCSeq: 1 OPTIONS\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

// What comes out, one letter or word an item: "ping", "pong", "bad400", a Call-ID; "!" ends a
// broken one.
std::string drain(StreamFramer& framer) {
    std::string out;
    while (true) {
        auto item = framer.pop();
        if (!item) return out + "!" + std::to_string(item.error().sip_status);
        if (!item->has_value()) return out;
        if (!out.empty()) out += ' ';
        if (std::holds_alternative<StreamPing>(**item)) out += "ping";
        if (std::holds_alternative<StreamPong>(**item)) out += "pong";
        if (const auto* m = std::get_if<Message>(&**item)) {
            out += std::string(m->call_id()) + std::string(m->body());
        }
        if (const auto* bad = std::get_if<StreamRejected>(&**item)) {
            out += "bad" + std::to_string(bad->error.sip_status) + (bad->answer ? "answer" : "");
        }
    }
}

TEST(Framer, CutsMessagesAndKeepAlives) {
    StreamFramer framer;
    framer.push(message("a") + message("b", "body") + "\r\n\r\n" + message("c") + "\r\n");
    EXPECT_EQ(drain(framer), "a bbody ping c pong");
    EXPECT_FALSE(framer.mid_message());
    framer.push("\r\n\r\n\r\n\r\n");
    EXPECT_EQ(drain(framer), "ping");
}

TEST(Framer, ByteByByteIsTheSame) {
    const std::string stream = message("a", "x\r\n\r\ny") + message("b");
    StreamFramer framer;
    std::string out;
    for (const char c : stream) {
        framer.push(std::string_view(&c, 1));
        out += drain(framer);
    }
    EXPECT_EQ(out, "ax\r\n\r\nyb");
    EXPECT_EQ(framer.buffered(), 0u);
}

TEST(Framer, GoesOnAfterAMessageThatIsWrongWithin) {
    std::string bad = message("bad");
    bad.insert(bad.find("CSeq"), "no colon\r\n");
    StreamFramer framer;
    framer.push(bad + message("good"));
    EXPECT_EQ(drain(framer), "bad400answer good");
}

TEST(Framer, ALostFrameIsFinal) {
    struct Case {
        std::string bytes;
        std::string_view want;
    };
    const Case cases[] = {
        {"OPTIONS sip:a SIP/2.0\r\n\r\n", "!400"},
        {"OPTIONS sip:a SIP/2.0\r\nl: x\r\n\r\n", "!400"},
        {"OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 1\r\n\r\nx", "!400"},
        {"OPTIONS sip:a SIP/2.0\r\nl: 300000\r\n\r\n", "!413"},
        {std::string(40'000, 'x'), "!413"},
        {message("ok") + "x\r\n\r\n" + message("lost"), "ok!400"},
    };
    for (const Case& c : cases) {
        StreamFramer framer;
        framer.push(c.bytes);
        EXPECT_EQ(drain(framer), c.want) << c.bytes.substr(0, 60);
        framer.push(message("more"));
        EXPECT_FALSE(framer.pop().has_value());
    }
}

TEST(Framer, ReadsAFoldedLength) {
    StreamFramer framer;
    framer.push("OPTIONS sip:a SIP/2.0\r\nCall-ID: f\r\nCONTENT-LENGTH :\r\n  2\r\n\r\nhi");
    EXPECT_EQ(drain(framer), "fhi");
}

}  // namespace
}  // namespace tandem::sip
