#include "sip/parser.h"

#include <gtest/gtest.h>

#include "sip/validate.h"

namespace tandem::sip {
namespace {

constexpr std::string_view head = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n";

std::string with(std::string_view rest) {
    return std::string(head) + std::string(rest);
}

TEST(Parser, NamesTheFaultItsPlaceAndItsStatus) {
    struct Case {
        std::string bytes;
        int status;
        std::string_view field;
        size_t offset;
    };
    const Case cases[] = {
        {"", 400, "", 0},
        {"\r\n\r\n", 400, "", 4},
        {"OPTIONS", 400, "", 7},
        {"OPTIONS\r\n\r\n", 400, "start-line", 0},
        {"OPTIONS sip:a\r\n\r\n", 400, "start-line", 0},
        {" OPTIONS sip:a SIP/2.0\r\n\r\n", 400, "start-line", 0},
        {"OPT{ONS sip:a SIP/2.0\r\n\r\n", 400, "start-line", 0},
        {"OPTIONS sip:a SIP/3.0\r\n\r\n", 505, "start-line", 14},
        {"OPTIONS sip:a HTTP/1.1\r\n\r\n", 400, "start-line", 14},
        {"OPTIONS sip:a SIP/2.\r\n\r\n", 400, "start-line", 14},
        {"OPTIONS sip:a b SIP/2.0\r\n\r\n", 400, "Request-URI", 13},
        {"OPTIONS sip:" + std::string(3000, 'a') + " SIP/2.0\r\n\r\n", 414, "Request-URI", 8},
        {"SIP/3.0 200 OK\r\n\r\n", 505, "start-line", 0},
        {"SIP/2.0 99 Low\r\n\r\n", 400, "start-line", 8},
        {"SIP/2.0 0200 OK\r\n\r\n", 400, "start-line", 8},
        {"SIP/2.0 700 High\r\n\r\n", 400, "start-line", 8},
        {with("no colon here\r\n\r\n"), 400, "", head.size()},
        {with(": no name\r\n\r\n"), 400, "", head.size()},
        {with("Bad Name: x\r\n\r\n"), 400, "", head.size()},
        {with("A: x\n\r\n"), 400, "", head.size() + 4},
        {with("A: x\ry\r\n\r\n"), 400, "", head.size() + 4},
        {with(std::string("A: x\0y\r\n\r\n", 10)), 400, "", head.size() + 4},
        {with("A: x\r\n"), 400, "", head.size() + 6},
        {with("l: 5\r\n\r\nfour"), 400, "Content-Length", head.size() + 8},
        {with("l: five\r\n\r\n"), 400, "Content-Length", head.size() + 3},
        {with("l: 99999999999\r\n\r\n"), 400, "Content-Length", head.size() + 3},
        {with("l: 0\r\nContent-Length: 0\r\n\r\n"), 400, "Content-Length", head.size() + 22},
        {with("A: " + std::string(9000, 'x') + "\r\n\r\n"), 413, "A", head.size()},
        {std::string(70'000, 'x'), 413, "start-line", 0},
        {std::string(40'000, 'x'), 413, "", 32'768},
    };
    for (const Case& c : cases) {
        const auto message = parse_message(std::string_view(c.bytes));
        ASSERT_FALSE(message.has_value()) << c.bytes.substr(0, 99);
        const Error& error = message.error();
        EXPECT_EQ(error.sip_status, c.status) << c.bytes.substr(0, 99);
        EXPECT_EQ(error.field, c.field) << c.bytes.substr(0, 99) << error.message;
        EXPECT_EQ(error.offset, c.offset) << c.bytes.substr(0, 99) << error.message;
    }
}

TEST(Parser, CountsHeaders) {
    std::string many(head);
    for (size_t i = 1; i < headers_max; ++i) many += "A: b\r\n";
    EXPECT_EQ(parse_message(many + "\r\n")->field_count(), headers_max);
    EXPECT_EQ(parse_message(many + "A: b\r\n\r\n").error().sip_status, 413);
    ParserLimits tight;
    tight.headers = 2;
    EXPECT_FALSE(parse_message(std::string_view(many), tight).has_value());
}

TEST(Parser, IsLenientWhereTheRfcSaysSo) {
    struct Case {
        std::string bytes;
        std::string_view body;
    };
    const Case cases[] = {
        {"\r\n\r\n" + with("\r\n"), ""},       // blank lines before the start line
        {with("\r\nall of it"), "all of it"},  // no Content-Length in a datagram
        {with("l: 3\r\n\r\nall of it"), "all"},
        {with("l\t :\r\n  3 \r\n\r\nall"), "all"},
        {with("Empty:\r\nl:0\r\n\r\nx"), ""},
        {"OPTIONS sip:a sip/2.0\r\n\r\n", ""},
        {"SIP/2.0 200\r\n\r\n", ""},
    };
    for (const Case& c : cases) {
        const auto message = parse_message(std::string_view(c.bytes));
        ASSERT_TRUE(message.has_value()) << c.bytes << message.error().message;
        EXPECT_EQ(message->body(), c.body) << c.bytes;
    }
}

TEST(Parser, TakesTheBytesOnSuccessOnly) {
    std::string good = with("\r\n");
    std::string bad = with("x\r\n\r\n");
    const char* const place = good.data();
    const auto message = parse_message(std::move(good));
    EXPECT_EQ(message->header(HeaderId::Via)->data(), place + head.size() - 15);
    EXPECT_FALSE(parse_message(std::move(bad)).has_value());
    EXPECT_EQ(bad, with("x\r\n\r\n"));  // NOLINT: still there, as documented
}

TEST(Parser, AnswersWhatItRefused) {
    const std::string bytes =
        "INVITE sip:a b SIP/2.0\r\nbroken line\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
        "f: <sip:x>;tag=1\r\nt: <sip:y>\r\ni: c\r\nCSeq: 1 INVITE\r\nl: nonsense\r\n\r\n";
    const auto error = parse_message(std::string_view(bytes)).error();
    const auto answer = answer_to_rejected(bytes, error);
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(validate_response(*answer).has_value());
    EXPECT_EQ(answer->to_text(),
              "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
              "From: <sip:x>;tag=1\r\nTo: <sip:y>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
              "Content-Length: 0\r\n\r\n");
    // A Via that cannot be read is given back as it came.
    std::string odd = bytes;
    odd.replace(odd.find(";branch=z9hG4bK1"), 16, ";;,;,,");
    const auto back = answer_to_rejected(odd, error);
    ASSERT_TRUE(back.has_value());
    EXPECT_NE(back->to_text().find("Via: SIP/2.0/UDP h;;,;,,\r\n"), std::string::npos);
    // An ACK is never answered, nor a response, nor what has no way back.
    std::string ack = bytes;
    ack.replace(0, 6, "ACK");
    EXPECT_FALSE(answer_to_rejected(ack, error).has_value());
    EXPECT_FALSE(answer_to_rejected("SIP/2.0 9 x\r\n\r\n", error).has_value());
    EXPECT_FALSE(answer_to_rejected("INVITE\r\nCSeq: 1 INVITE\r\n\r\n", error).has_value());
    EXPECT_FALSE(answer_to_rejected("\x16\x03\x01", error).has_value());
}

TEST(Parser, KnowsKeepAlives) {
    EXPECT_TRUE(is_keep_alive(""));
    EXPECT_TRUE(is_keep_alive("\r\n\r\n"));
    EXPECT_TRUE(is_keep_alive(std::string_view("\0\0\0\0", 4)));
    EXPECT_FALSE(is_keep_alive("OPTIONS"));
}

TEST(Validate, NamesTheHeader) {
    const std::string good =
        "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:x>;tag=1\r\nTo: <sip:y>\r\n"
        "Call-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:x>\r\n\r\n";
    struct Case {
        std::string_view from, to, field;
        int status;
    };
    const Case cases[] = {
        {"", "", "", 0},
        {"Call-ID: c\r\n", "", "Call-ID", 400},
        {"Call-ID: c\r\n", "Call-ID: c d\r\n", "Call-ID", 400},
        {"Via: SIP/2.0/UDP h\r\n", "", "Via", 400},
        {"SIP/2.0/UDP h", "SIP/2.0/UDP h;a=1;a=2", "Via", 400},
        {"SIP/2.0/UDP h", "SIP/2.0/UDP", "Via", 400},
        {"SIP/2.0/UDP h", "SIP/2.0/UDP h, SIP/2.0/UDP", "Via", 400},
        {"<sip:y>", "<sip:y", "To", 400},
        {"<sip:y>", "<sip:y y>", "To", 400},
        {"<sip:y>", "*", "To", 400},
        {"To: <sip:y>", "To: <sip:y>\r\nt: <sip:y>", "To", 400},
        {"CSeq: 1 INVITE", "CSeq: 1 BYE", "CSeq", 400},
        {"CSeq: 1 INVITE", "CSeq: 2147483648 INVITE", "CSeq", 400},
        {"CSeq: 1 INVITE", "CSeq: INVITE", "CSeq", 400},
        {"Contact: <sip:x>", "Contact: *", "Contact", 400},
        {"Contact: <sip:x>", "Contact: <sip:x>, <sip:y]>", "Contact", 400},
        {"Contact: <sip:x>", "Route: <sip:x;lr>,<sip:a:b:c>", "Route", 400},
        {"Contact: <sip:x>", "Max-Forwards: 256", "Max-Forwards", 400},
        {"Contact: <sip:x>", "Max-Forwards: -1", "Max-Forwards", 400},
        {"Contact: <sip:x>", "c: text", "Content-Type", 400},
        {"Contact: <sip:x>", "Refer-To: x", "Refer-To", 400},
        {"sip:a SIP", "mailto:a@b SIP", "Request-URI", 416},
        {"sip:a SIP", "sip: SIP", "Request-URI", 400},
        {"sip:a SIP", "tel:+1 SIP", "", 0},
    };
    for (const Case& c : cases) {
        std::string text = good;
        text.replace(text.find(c.from), c.from.size(), c.to);
        const auto message = parse_message(std::string_view(text));
        ASSERT_TRUE(message.has_value()) << c.to;
        const auto valid = validate(*message);
        EXPECT_EQ(valid.has_value(), c.status == 0) << c.from << c.to;
        if (valid.has_value()) continue;
        EXPECT_EQ(valid.error().sip_status, c.status) << c.to;
        EXPECT_EQ(valid.error().field, c.field) << c.to;
    }
}

}  // namespace
}  // namespace tandem::sip
