#include "sip/message.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "sip/parser.h"
#include "sip/status.h"
#include "sip/tag.h"
#include "sip/validate.h"

namespace tandem::sip {
namespace {

constexpr std::string_view invite =
    "INVITE sip:200@pbx.example SIP/2.0\r\n"
    "v: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKa1;rport, SIP/2.0/TCP "
    "far.example;branch=z9hG4bKb2\r\n"
    "Via: SIP/2.0/WS x.invalid;branch=z9hG4bKc3\r\n"
    "Max-Forwards: 68\r\n"
    "f: \"Ann \\\"A\\\" Lee\" <sip:100@pbx.example>;tag=f1\r\n"
    "t: <sip:200@pbx.example>\r\n"
    "i: call-1@10.0.0.7\r\n"
    "CSeq: 314 INVITE\r\n"
    "m: <sip:100@10.0.0.7:5062;transport=udp>;expires=60;q=0.25\r\n"
    "k: timer, 100rel,\r\n  replaces\r\n"
    "Supported: path\r\n"
    "x: 1800;refresher=uac\r\n"
    "X-Trace: one, two\r\n"
    "c: application/sdp\r\n"
    "l: 5\r\n"
    "\r\n"
    "v=0\r\n"
    "bytes behind the body";

Message parsed(std::string_view text) {
    auto message = parse_message(text);
    EXPECT_TRUE(message.has_value()) << message.error().field << ": " << message.error().message;
    return message ? std::move(*message) : Message();
}

std::vector<std::string> all(Message::Values values) {
    std::vector<std::string> out;
    for (const std::string_view value : values) out.emplace_back(value);
    return out;
}

TEST(Message, ReadsWhatAnInviteHolds) {
    const Message message = parsed(invite);
    ASSERT_TRUE(validate_request(message).has_value());
    EXPECT_EQ(message.method(), Method::Invite);
    EXPECT_EQ(message.request_uri(), "sip:200@pbx.example");
    EXPECT_EQ(message.top_via()->branch(), "z9hG4bKa1");
    EXPECT_EQ(message.top_via()->sent_by.port, 5062);
    EXPECT_TRUE(message.top_via()->wants_rport());
    EXPECT_EQ(message.from()->tag(), "f1");
    EXPECT_EQ(unquote(message.from()->display_name), "Ann \"A\" Lee");
    EXPECT_EQ(message.to()->tag(), "");
    EXPECT_EQ(message.call_id(), "call-1@10.0.0.7");
    EXPECT_EQ(message.cseq()->number, 314u);
    EXPECT_EQ(message.max_forwards()->value(), 68u);
    EXPECT_EQ(message.body(), "v=0\r\n");
    EXPECT_TRUE(message.content_type()->value().is("Application", "SDP"));
    EXPECT_EQ(message.session_expires()->value().refresher, Refresher::Uac);
    EXPECT_FALSE(message.rack()->has_value());
    EXPECT_FALSE(message.expires()->has_value());
    EXPECT_EQ(message.header("x-trace"), "one, two");
    EXPECT_EQ(message.header("supported"), "timer, 100rel,    replaces");
    int contacts = 0;
    for (const Result<NameAddr> contact : message.contacts()) {
        ASSERT_TRUE(contact.has_value());
        EXPECT_EQ(contact->expires(), 60u);
        EXPECT_EQ(contact->q_thousandths(), 250u);
        EXPECT_EQ(contact->parsed_uri()->port(), 5062);
        ++contacts;
    }
    EXPECT_EQ(contacts, 1);
}

TEST(Message, WalksListsAcrossFieldsAndCommas) {
    const Message message = parsed(invite);
    EXPECT_EQ(all(message.values(HeaderId::Supported)),
              (std::vector<std::string>{"timer", "100rel", "replaces", "path"}));
    EXPECT_TRUE(message.has_value(HeaderId::Supported, "PATH"));
    EXPECT_FALSE(message.has_value(HeaderId::Supported, "tim"));
    std::vector<std::string> branches;
    for (const Result<Via> via : message.vias()) branches.emplace_back(via->branch());
    EXPECT_EQ(branches, (std::vector<std::string>{"z9hG4bKa1", "z9hG4bKb2", "z9hG4bKc3"}));
    EXPECT_TRUE(message.values(HeaderId::Allow).empty());
    EXPECT_TRUE(message.contacts().empty() == false && message.addresses(HeaderId::Route).empty());
}

TEST(Message, SerialisesToWhatParsesTheSame) {
    const Message message = parsed(invite);
    const std::string text = message.to_text();
    EXPECT_EQ(text.size(), message.serialized_size());
    EXPECT_NE(text.find("\r\nVia: SIP/2.0/UDP 10.0.0.7:5062"), std::string::npos);
    EXPECT_NE(text.find("\r\nContent-Length: 5\r\n\r\nv=0\r\n"), std::string::npos);
    EXPECT_EQ(text.find("behind"), std::string::npos);
    EXPECT_EQ(parsed(text).to_text(), text);
}

TEST(Message, CopiesAndMovesKeepEverything) {
    Message message = parsed(invite);
    const Message copy = message;
    const std::string text = message.to_text();
    const Message moved = std::move(message);
    EXPECT_EQ(copy.to_text(), text);
    EXPECT_EQ(moved.to_text(), text);
}

TEST(Message, EditsHeaders) {
    Message message = Message::request(Method::Options, "sip:a.example");
    message.append(HeaderId::Via, "SIP/2.0/UDP one;branch=z9hG4bK1");
    message.append(HeaderId::CallId, "x");
    message.append(HeaderId::Via, "SIP/2.0/UDP two;branch=z9hG4bK2");
    message.prepend(HeaderId::Via, "SIP/2.0/UDP zero;branch=z9hG4bK0, SIP/2.0/UDP half");
    message.prepend(HeaderId::Route, "<sip:r.example;lr>");
    message.append("X-One", "1");
    message.append("call-info", "<http://a>");
    EXPECT_EQ(message.field(0).name, "Route");
    EXPECT_EQ(message.count(HeaderId::Via), 3u);
    message.replace_first_value(HeaderId::Via, "SIP/2.0/TCP nought");
    EXPECT_EQ(*message.values(HeaderId::Via).begin(), "SIP/2.0/TCP nought");
    EXPECT_TRUE(message.remove_first_value(HeaderId::Via));
    EXPECT_EQ(all(message.values(HeaderId::Via)),
              (std::vector<std::string>{"SIP/2.0/UDP half", "SIP/2.0/UDP one;branch=z9hG4bK1",
                                        "SIP/2.0/UDP two;branch=z9hG4bK2"}));
    message.replace(HeaderId::Via, "SIP/2.0/UDP last");
    EXPECT_EQ(message.count(HeaderId::Via), 1u);
    EXPECT_EQ(message.remove("x-one"), 1u);
    EXPECT_EQ(message.remove(HeaderId::CallInfo), 1u);
    EXPECT_FALSE(message.remove_first_value(HeaderId::CallInfo));
    message.set_request_uri("sip:b.example");
    message.set_body("text/plain", "hello");
    EXPECT_EQ(
        message.to_text(),
        "OPTIONS sip:b.example SIP/2.0\r\nRoute: <sip:r.example;lr>\r\nVia: SIP/2.0/UDP last\r\n"
        "Call-ID: x\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    message.clear_body();
    EXPECT_FALSE(message.has(HeaderId::ContentType));
    EXPECT_EQ(message.body(), "");
}

TEST(Message, ValuesFromItselfMayBeAppended) {
    Message message = parsed(invite);
    for (int i = 0; i < 100; ++i) {
        message.append("X-Copy", message.call_id());
        message.append(HeaderId::Subject, *message.header("X-Copy"));
        message.set_body(*message.header(HeaderId::ContentType), message.body());
    }
    EXPECT_EQ(message.header("X-Copy"), "call-1@10.0.0.7");
    EXPECT_EQ(message.body(), "v=0\r\n");
    EXPECT_EQ(message.header(HeaderId::ContentType), "application/sdp");
}

TEST(Message, AValueCannotStartAnotherHeader) {
    Message message = Message::request(Method::Message, "sip:a\r\nX: y");
    message.append(HeaderId::Subject, "a\r\nEvil: 1\r\n\r\nbody");
    message.append("X-A\r\nB", "b\nc");
    message.append("X-Nul", std::string_view("a\0b\\\0c", 6));
    const std::string text = message.to_text();
    EXPECT_EQ(text.find("\nEvil"), std::string::npos);
    EXPECT_EQ(message.header(HeaderId::Subject), "a  Evil: 1    body");
    EXPECT_EQ(message.header("X-Nul"), std::string_view("a b\\\0c", 6));
    EXPECT_EQ(std::ranges::count(text, '\n'), 6);
}

TEST(Message, MakesResponses) {
    const Message request = parsed(invite);
    const Message ringing = make_response(request, 180, {}, "t9");
    EXPECT_EQ(ringing.to_text(),
              "SIP/2.0 180 Ringing\r\n"
              "Via: SIP/2.0/UDP 10.0.0.7:5062;branch=z9hG4bKa1;rport, SIP/2.0/TCP "
              "far.example;branch=z9hG4bKb2\r\n"
              "Via: SIP/2.0/WS x.invalid;branch=z9hG4bKc3\r\n"
              "From: \"Ann \\\"A\\\" Lee\" <sip:100@pbx.example>;tag=f1\r\n"
              "To: <sip:200@pbx.example>;tag=t9\r\n"
              "Call-ID: call-1@10.0.0.7\r\nCSeq: 314 INVITE\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(validate_response(ringing).has_value());
    EXPECT_EQ(make_response(ringing, 100, "Wait").to()->tag(), "t9");
    EXPECT_EQ(make_response(ringing, 200, {}, "other").to()->tag(), "t9");
    EXPECT_EQ(make_response(request, 100).to()->tag(), "");
}

TEST(Message, MakesAckAndCancel) {
    Message request = parsed(invite);
    request.append(HeaderId::Route, "<sip:p1;lr>, <sip:p2;lr>");
    const Message failure = make_response(request, 486, {}, "t9");
    const Message ack = make_ack_for_failure(request, failure);
    ASSERT_TRUE(validate_request(ack).has_value());
    EXPECT_EQ(ack.method(), Method::Ack);
    EXPECT_EQ(ack.cseq()->number, 314u);
    EXPECT_EQ(ack.to()->tag(), "t9");
    EXPECT_EQ(all(ack.values(HeaderId::Via)).size(), 1u);
    EXPECT_EQ(ack.header(HeaderId::Route), "<sip:p1;lr>, <sip:p2;lr>");
    const Message cancel = make_cancel(request);
    ASSERT_TRUE(validate_request(cancel).has_value());
    EXPECT_EQ(cancel.cseq()->method, Method::Cancel);
    EXPECT_EQ(cancel.request_uri(), request.request_uri());
    EXPECT_EQ(cancel.to()->tag(), "");
    EXPECT_EQ(cancel.top_via()->branch(), "z9hG4bKa1");
}

TEST(Message, NotesTheSource) {
    struct Case {
        std::string_view via;
        std::string_view want;
    };
    const Case cases[] = {
        {"SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1",
         "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"},
        {"SIP/2.0/UDP h.example;branch=z9hG4bK1",
         "SIP/2.0/UDP h.example;branch=z9hG4bK1;received=192.0.2.9"},
        {"SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK1",
         "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;received=192.0.2.9;rport=1024"},
        {"SIP/2.0/UDP h.example ;received=6.6.6.6;rport=7;x=\"q\";y, SIP/2.0/UDP next",
         "SIP/2.0/UDP h.example ;x=\"q\";y;received=192.0.2.9;rport=1024"},
        {"SIP/2.0/UDP h.example", "SIP/2.0/UDP h.example;received=192.0.2.9"},
    };
    for (const Case& c : cases) {
        Message message = Message::request(Method::Options, "sip:a");
        message.append(HeaderId::Via, c.via);
        note_source(message, "192.0.2.9", 1024);
        EXPECT_EQ(*message.values(HeaderId::Via).begin(), c.want) << c.via;
    }
}

TEST(Message, MissingHeadersAreErrorsThatNameThem) {
    const Message message = Message::request(Method::Bye, "sip:a");
    EXPECT_EQ(message.top_via().error().field, "Via");
    EXPECT_EQ(message.to().error().code, ErrorCode::Missing);
    EXPECT_EQ(message.cseq().error().sip_status, 400);
    EXPECT_EQ(message.call_id(), "");
}

TEST(Tag, AreFreshAndLongEnough) {
    SeededRng rng(7);
    EXPECT_NE(make_tag(rng), make_tag(rng));
    EXPECT_TRUE(make_branch(rng).starts_with("z9hG4bK"));
    EXPECT_EQ(make_call_id(rng).size(), 24u);
}

TEST(Status, HasPhrases) {
    EXPECT_EQ(default_reason(200), "OK");
    EXPECT_EQ(default_reason(481), "Call/Transaction Does Not Exist");
    EXPECT_EQ(default_reason(499), "Client Error");
    EXPECT_EQ(default_reason(42), "Unknown");
}

}  // namespace
}  // namespace tandem::sip
