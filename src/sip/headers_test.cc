#include "sip/headers.h"

#include <gtest/gtest.h>

#include "sip/date.h"
#include "sip/header_id.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

TEST(HeaderId, KnowsEveryNameInAnyCase) {
    for (size_t i = 1; i < static_cast<size_t>(HeaderId::Count); ++i) {
        const auto id = static_cast<HeaderId>(i);
        std::string name(to_string(id));
        ASSERT_FALSE(name.empty());
        EXPECT_EQ(header_id_from(name), id);
        for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c | 32);
        EXPECT_EQ(header_id_from(name), id) << name;
        EXPECT_EQ(header_id_from(name + "x"), HeaderId::Other) << name;
    }
    constexpr std::pair<char, HeaderId> compact[] = {
        {'v', HeaderId::Via},
        {'F', HeaderId::From},
        {'t', HeaderId::To},
        {'I', HeaderId::CallId},
        {'m', HeaderId::Contact},
        {'k', HeaderId::Supported},
        {'l', HeaderId::ContentLength},
        {'c', HeaderId::ContentType},
        {'e', HeaderId::ContentEncoding},
        {'s', HeaderId::Subject},
        {'o', HeaderId::Event},
        {'u', HeaderId::AllowEvents},
        {'r', HeaderId::ReferTo},
        {'b', HeaderId::ReferredBy},
        {'x', HeaderId::SessionExpires},
        {'a', HeaderId::AcceptContact},
        {'j', HeaderId::RejectContact},
        {'d', HeaderId::RequestDisposition},
        {'y', HeaderId::Identity},
        {'z', HeaderId::Other},
    };
    for (const auto& [letter, id] : compact) {
        EXPECT_EQ(header_id_from(std::string_view(&letter, 1)), id) << letter;
    }
    EXPECT_EQ(header_id_from(""), HeaderId::Other);
    EXPECT_TRUE(is_single_valued(HeaderId::CSeq));
    EXPECT_FALSE(is_single_valued(HeaderId::Via));
}

TEST(Method, IsCaseSensitive) {
    for (size_t i = 0; i < static_cast<size_t>(Method::Other); ++i) {
        EXPECT_EQ(method_from(to_string(static_cast<Method>(i))), static_cast<Method>(i));
    }
    EXPECT_EQ(method_from("invite"), Method::Other);
    EXPECT_EQ(method_from(""), Method::Other);
}

TEST(Scanner, SplitsLists) {
    std::string_view rest = "a , \"b,\\\"c\" <x,y> ;z,,<open , d";
    EXPECT_EQ(next_list_value(rest), "a");
    EXPECT_EQ(next_list_value(rest), "\"b,\\\"c\" <x,y> ;z");
    EXPECT_EQ(next_list_value(rest), "");
    EXPECT_EQ(next_list_value(rest), "<open , d");
    EXPECT_EQ(rest, "");
}

TEST(Scanner, Quotes) {
    EXPECT_EQ(unquote("a\\\"b\\\\c\\"), "a\"b\\c\\");
    EXPECT_EQ(quote("a\"b\\"), "\"a\\\"b\\\\\"");
    EXPECT_EQ(parse_decimal("0042"), 42u);
    for (const auto* text : {"", "-1", "+1", " 1", "1 ", "4294967296", "0x1"}) {
        EXPECT_FALSE(parse_decimal(text).has_value()) << text;
    }
}

TEST(Params, AreFoundAndChecked) {
    const Params params(" ; a = 1;B;c = \"x;\\\"y\" ; d=[::1] ;;e=");
    EXPECT_EQ(params.get("A"), "1");
    EXPECT_EQ(params.get("b"), "");
    EXPECT_EQ(params.get("c"), "x;\\\"y");
    EXPECT_EQ(params.get("d"), "[::1]");
    EXPECT_FALSE(params.has("f"));
    EXPECT_EQ(params.number("a"), 1u);
    EXPECT_FALSE(params.well_formed());
    for (const auto* text : {"", ";a", ";a=b;c", "a=b", ";a=\"\\\"\"", ";a=1.2.3.4:5"}) {
        EXPECT_TRUE(Params(text).well_formed()) << text;
    }
    for (const auto* text :
         {";", ";a;", ";a=", ";=b", ";a=\"b", ";a=b c", ";a;A", ";a=\"b\"c", ";(=1"}) {
        EXPECT_FALSE(Params(text).well_formed()) << text;
    }
    std::string many;
    for (int i = 0; i < 65; ++i) many += ";p" + std::to_string(i);
    EXPECT_FALSE(Params(many).well_formed());
    EXPECT_TRUE(Params("a=1, b=\"x, y\"", ',').well_formed());
    EXPECT_EQ(Params("a=1, b=\"x, y\"", ',').get("b"), "x, y");
}

TEST(Via, Parses) {
    const auto via =
        Via::parse("SIP / 2.0 / TLS  [2001:db8::1] : 5061 ; branch=z9hG4bKx;rport=99;ttl=1");
    ASSERT_TRUE(via.has_value());
    EXPECT_EQ(via->transport, "TLS");
    EXPECT_EQ(via->sent_by.host, "2001:db8::1");
    EXPECT_EQ(via->sent_by.port, 5061);
    EXPECT_EQ(via->rport(), 99);
    EXPECT_TRUE(via->has_magic_cookie());
    EXPECT_EQ(Via::parse("SIP/2.0/UDP first.example: 4000;ttl=16")->sent_by.port, 4000);
    EXPECT_EQ(Via::parse("SIP/2.0/UDP h;rport")->rport(), std::nullopt);
    for (const auto* text :
         {"", "SIP", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDPh",
          "SIP/2.0/UDP h:", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h h", "SIP/2.0/ h", "SIP/2.0/UDP h;",
          "SIP/2.0/UDP h:1:2", "SIP/2.0/UDP h: 1: 2", "SIP//UDP h", "SIP/2.0/UDP [::1"}) {
        EXPECT_FALSE(Via::parse(text).has_value()) << text;
    }
}

TEST(NameAddr, Parses) {
    struct Case {
        std::string_view text, name, uri, tag;
    };
    const Case cases[] = {
        {"<sip:a@b>", "", "sip:a@b", ""},
        {"sip:a@b;tag=1", "", "sip:a@b", "1"},
        {"<sip:a@b;tag=2>;tag=1", "", "sip:a@b;tag=2", "1"},
        {"\"A, <B>\"<sip:a@b> ; tag = x", "A, <B>", "sip:a@b", "x"},
        {"Ann B. <tel:+1>", "Ann B.", "tel:+1", ""},
        {"J\xc3\xb6rg (home) <sip:a@b>", "J\xc3\xb6rg (home)", "sip:a@b", ""},
        {"<sip:a@b?x=y,z>", "", "sip:a@b?x=y,z", ""},
    };
    for (const Case& c : cases) {
        const auto address = NameAddr::parse(c.text);
        ASSERT_TRUE(address.has_value()) << c.text;
        EXPECT_EQ(address->display_name, c.name) << c.text;
        EXPECT_EQ(address->uri, c.uri) << c.text;
        EXPECT_EQ(address->tag(), c.tag) << c.text;
    }
    EXPECT_TRUE(NameAddr::parse(" * ")->star);
    for (const auto* text : {"", "a", "<>", "<a>", "<sip:a", "\"x <sip:a>", "\"x\" sip:a",
                             "x, y <sip:a>", "<sip:a> x", "<sip:a>;", "sip:a?b", "sip:a,b",
                             "sip:a;x=<y>", "<sip:>", "< sip:a>", "<sip:a>>", "**"}) {
        EXPECT_FALSE(NameAddr::parse(text).has_value()) << text;
    }
    constexpr std::pair<std::string_view, uint32_t> weights[] = {
        {"", 1000},       {";q=1", 1000},   {";q=0", 0},    {";q=0.5", 500}, {";q=0.123", 123},
        {";q=1.0", 1000}, {";q=1.9", 1000}, {";q=x", 1000}, {";q=0.", 0},    {";q=0.12345", 123},
    };
    for (const auto& [text, want] : weights) {
        EXPECT_EQ(NameAddr::parse("<sip:a>" + std::string(text))->q_thousandths(), want) << text;
    }
}

TEST(Headers, OtherValues) {
    EXPECT_EQ(CSeq::parse("4711\t INVITE ")->number, 4711u);
    EXPECT_FALSE(CSeq::parse("1 INVITE x").has_value());
    const auto rack = RAck::parse("776656 1 INVITE");
    EXPECT_EQ(rack->rseq, 776656u);
    EXPECT_EQ(rack->cseq.method, Method::Invite);
    EXPECT_FALSE(RAck::parse("1 INVITE").has_value());
    EXPECT_EQ(SessionExpires::parse("90 ;refresher=UAS")->refresher, Refresher::Uas);
    EXPECT_FALSE(SessionExpires::parse("soon").has_value());
    EXPECT_EQ(TokenParams::parse("presence;id=4")->params.number("id"), 4u);
    EXPECT_FALSE(TokenParams::parse(";id=4").has_value());
    const auto replaces = Replaces::parse("a@b;from-tag=f ; to-tag=t;early-only");
    EXPECT_EQ(replaces->call_id, "a@b");
    EXPECT_EQ(replaces->to_tag, "t");
    EXPECT_EQ(replaces->from_tag, "f");
    EXPECT_TRUE(replaces->early_only);
    EXPECT_EQ(Replaces::parse("a;local-tag=l;remote-tag=r")->from_tag, "r");
    EXPECT_FALSE(Replaces::parse("a;to-tag=t").has_value());
    EXPECT_EQ(MediaType::parse("multipart/mixed; boundary=\"a b\"")->params.get("boundary"), "a b");
    EXPECT_FALSE(MediaType::parse("text").has_value());
    EXPECT_EQ(RetryAfter::parse("120 (in (a) \\) meeting);duration=60")->params.number("duration"),
              60u);
    EXPECT_EQ(RetryAfter::parse("5")->seconds, 5u);
    EXPECT_FALSE(RetryAfter::parse("5 (open").has_value());
    EXPECT_TRUE(AuthValue::parse("digest a=b")->is_digest());
    EXPECT_FALSE(AuthValue::parse("").has_value());
}

TEST(Date, ReadsOneFormOnly) {
    EXPECT_EQ(parse_date("Sat, 13 Nov 2010 23:29:00 GMT")->unix_ms, 1'289'690'940'000);
    EXPECT_EQ(format_date(UtcTime{1'289'690'940'123}), "Sat, 13 Nov 2010 23:29:00 GMT");
    EXPECT_EQ(format_date(UtcTime{0}), "Thu, 01 Jan 1970 00:00:00 GMT");
    for (const auto* text : {"", "Sat, 13 Nov 2010 23:29:00 UTC", "Sat, 31 Feb 2010 23:29:00 GMT",
                             "Sat, 13 Nov 2010 24:29:00 GMT", "13 Nov 2010 23:29:00 GMT"}) {
        EXPECT_FALSE(parse_date(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace tandem::sip
