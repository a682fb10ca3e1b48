// The kinds of messages of RFC 4475 and RFC 5118, written anew with names and values of our own,
// under tests/corpus/sip. Each file's name starts with the section that it follows.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "sip/date.h"
#include "sip/parser.h"
#include "sip/validate.h"

namespace tandem::sip {
namespace {

const std::filesystem::path corpus = "tests/corpus/sip";

std::string load(std::string_view name) {
    std::ifstream in(corpus / name, std::ios::binary);
    EXPECT_TRUE(in.good()) << name;
    return {std::istreambuf_iterator<char>(in), {}};
}

Message parsed(std::string_view name) {
    auto message = parse_message(load(name));
    EXPECT_TRUE(message.has_value()) << name << ": " << message.error().message;
    return message ? std::move(*message) : Message();
}

struct Case {
    std::string_view file;
    int status;               // that answers it; 0: valid for the parser
    std::string_view header;  // that the error names
};

constexpr Case cases[] = {
    {"4475_3_1_1_1_folded_invite.sip", 0, ""},
    {"4475_3_1_1_2_odd_characters.sip", 0, ""},
    {"4475_3_1_1_3_escapes.sip", 0, ""},
    {"4475_3_1_1_4_escaped_nul.sip", 0, ""},
    {"4475_3_1_1_5_percent_is_no_escape.sip", 0, ""},
    {"4475_3_1_1_6_no_space_before_bracket.sip", 0, ""},
    {"4475_3_1_1_7_long_values.sip", 0, ""},
    {"4475_3_1_1_8_bytes_behind.sip", 0, ""},
    {"4475_3_1_1_9_semicolon_in_user.sip", 0, ""},
    {"4475_3_1_1_10_transports.sip", 0, ""},
    {"4475_3_1_1_11_binary_multipart.sip", 0, ""},
    {"4475_3_1_1_12_unusual_reason.sip", 0, ""},
    {"4475_3_1_1_13_empty_reason.sip", 0, ""},
    {"4475_3_1_2_1_stray_separators.sip", 400, "Via"},
    {"4475_3_1_2_2_length_too_large.sip", 400, "Content-Length"},
    {"4475_3_1_2_3_length_negative.sip", 400, "Content-Length"},
    {"4475_3_1_2_4_scalars_in_request.sip", 400, "CSeq"},
    {"4475_3_1_2_5_scalars_in_response.sip", 400, "CSeq"},
    {"4475_3_1_2_6_open_quote.sip", 400, "To"},
    {"4475_3_1_2_7_uri_in_brackets.sip", 400, "Request-URI"},
    {"4475_3_1_2_8_space_in_uri.sip", 400, "Request-URI"},
    {"4475_3_1_2_9_spaces_in_start_line.sip", 400, "Request-URI"},
    {"4475_3_1_2_10_space_behind_version.sip", 400, "start-line"},
    {"4475_3_1_2_11_headers_in_uri.sip", 400, "Request-URI"},
    // Nobody acts on the Date, so that a bad one is no reason to refuse a call: the RFC allows
    // both.
    {"4475_3_1_2_12_date_not_gmt.sip", 0, ""},
    {"4475_3_1_2_13_contact_needs_brackets.sip", 400, "Contact"},
    {"4475_3_1_2_14_space_in_addr_spec.sip", 400, "To"},
    {"4475_3_1_2_15_bare_display_name.sip", 400, "From"},
    {"4475_3_1_2_16_version_7.sip", 505, "start-line"},
    {"4475_3_1_2_17_cseq_method.sip", 400, "CSeq"},
    {"4475_3_1_2_18_unknown_method_cseq.sip", 501, "CSeq"},
    {"4475_3_1_2_19_big_status.sip", 400, "start-line"},
    // Falls back to the transaction matching of RFC 2543, as the RFC allows.
    {"4475_3_2_1_cookie_only_branch.sip", 0, ""},
    {"4475_3_3_1_insufficient.sip", 400, "From"},
    {"4475_3_3_2_unknown_scheme.sip", 416, "Request-URI"},
    {"4475_3_3_3_known_foreign_scheme.sip", 416, "Request-URI"},
    // From here on it is the transaction user that refuses: 404, 420, 415, 401, 483...
    {"4475_3_3_4_foreign_schemes_in_headers.sip", 0, ""},
    {"4475_3_3_5_require.sip", 0, ""},
    {"4475_3_3_6_unknown_body_type.sip", 0, ""},
    {"4475_3_3_7_unknown_auth_scheme.sip", 0, ""},
    {"4475_3_3_8_single_headers_twice.sip", 400, "CSeq"},
    {"4475_3_3_9_two_lengths.sip", 400, "Content-Length"},
    {"4475_3_3_10_broadcast_via.sip", 0, ""},
    {"4475_3_3_11_zero_max_forwards.sip", 0, ""},
    {"4475_3_3_12_contact_header_param.sip", 0, ""},
    {"4475_3_3_13_contact_uri_param.sip", 0, ""},
    {"4475_3_3_14_escaped_headers_in_contact.sip", 0, ""},
    {"4475_3_3_15_unacceptable_offer.sip", 0, ""},
    {"4475_3_4_1_rfc2543_invite.sip", 0, ""},
    {"5118_4_1_reference.sip", 0, ""},
    {"5118_4_2_no_brackets.sip", 400, "Request-URI"},
    {"5118_4_3_port_ambiguous.sip", 0, ""},
    {"5118_4_4_port_unambiguous.sip", 0, ""},
    {"5118_4_5_received_with_brackets.sip", 0, ""},
    {"5118_4_5_received_without_brackets.sip", 0, ""},
    {"5118_4_6_ipv6_in_sdp.sip", 0, ""},
    {"5118_4_7_mixed_addresses.sip", 0, ""},
    {"5118_4_8_mixed_sdp.sip", 0, ""},
    {"5118_4_9_ipv4_mapped.sip", 0, ""},
    {"5118_4_10_three_colons.sip", 0, ""},
    {"5118_4_10_two_colons.sip", 0, ""},
};

std::optional<Error> fault_of(const std::string& bytes) {
    auto message = parse_message(std::string_view(bytes));
    if (!message) return message.error();
    const auto valid = validate(*message);
    if (!valid) return valid.error();
    return std::nullopt;
}

TEST(Torture, EveryMessageMeetsItsVerdict) {
    for (const Case& c : cases) {
        const auto fault = fault_of(load(c.file));
        EXPECT_EQ(fault ? fault->sip_status : 0, c.status)
            << c.file << ": " << (fault ? fault->field + ": " + fault->message : "accepted");
        if (fault) {
            EXPECT_EQ(fault->field, c.header) << c.file << ": " << fault->message;
        }
    }
}

TEST(Torture, NoFileOfTheRfcsIsLeftOut) {
    std::set<std::string> listed;
    for (const Case& c : cases) listed.emplace(c.file);
    EXPECT_EQ(listed.size(), 61u);
    for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
        const std::string name = entry.path().filename();
        if (!name.starts_with("4475_") && !name.starts_with("5118_")) continue;
        EXPECT_TRUE(listed.contains(name)) << name;
    }
}

TEST(Torture, ValidMessagesSurviveAReserialisation) {
    for (const Case& c : cases) {
        if (c.status != 0) continue;
        const Message first = parsed(c.file);
        auto second = parse_message(first.to_text());
        ASSERT_TRUE(second.has_value()) << c.file;
        EXPECT_TRUE(validate(*second).has_value()) << c.file;
        EXPECT_EQ(second->body(), first.body()) << c.file;
        EXPECT_EQ(second->to_text(), first.to_text()) << c.file;
    }
}

TEST(Torture, RefusedRequestsCanBeAnswered) {
    for (const Case& c : cases) {
        const std::string bytes = load(c.file);
        const auto message = parse_message(std::string_view(bytes));
        if (message) continue;
        const auto answer = answer_to_rejected(bytes, message.error());
        const bool response = bytes.starts_with("SIP/");
        EXPECT_EQ(answer.has_value(), !response) << c.file;
        if (!answer) continue;
        EXPECT_EQ(answer->status(), c.status) << c.file;
        EXPECT_TRUE(answer->has(HeaderId::Via) && answer->has(HeaderId::CallId)) << c.file;
    }
}

TEST(Torture, FoldedInvite) {
    const Message m = parsed("4475_3_1_1_1_folded_invite.sip");
    EXPECT_TRUE(m.parsed_request_uri()->params.has("oddparam"));
    EXPECT_EQ(m.to()->tag(), "88211x");
    EXPECT_EQ(unquote(m.from()->display_name), "B \\\" Quoter");
    EXPECT_EQ(m.from()->tag(), "17fold");
    EXPECT_EQ(m.max_forwards()->value(), 70u);
    EXPECT_EQ(m.cseq()->number, 11u);
    EXPECT_EQ(m.cseq()->method, Method::Invite);
    EXPECT_EQ(m.header(HeaderId::Subject), "");
    EXPECT_EQ(m.header("inventedheader"), "first half   second half");
    EXPECT_EQ(m.header("OddHeaderWithOddValue"), ",,;;,;;,");
    std::vector<std::string> hops;
    for (const Result<Via> via : m.vias()) {
        ASSERT_TRUE(via.has_value());
        hops.push_back(std::string(via->transport) + " " + std::string(via->sent_by.host) + " " +
                       std::string(via->branch()));
    }
    EXPECT_EQ(hops, (std::vector<std::string>{"UDP 198.51.100.2 oldstyle42",
                                              "TCP relay.example.net z9hG4bKfold2",
                                              "UDP 203.0.113.111 z9hG4bKfold3"}));
    EXPECT_FALSE(m.top_via()->has_magic_cookie());
    const auto contact = *m.contacts().begin();
    EXPECT_EQ(unquote(contact->display_name), "In \"\" quotes");
    EXPECT_EQ(contact->params.get("extra"), "thing");
    EXPECT_EQ(contact->params.get("flag"), "");
    EXPECT_EQ(contact->q_thousandths(), 250u);
    const auto route = m.address(HeaderId::Route);
    EXPECT_TRUE((*route)->parsed_uri()->params.has("without-value"));
}

TEST(Torture, OddCharacters) {
    const Message m = parsed("4475_3_1_1_2_odd_characters.sip");
    EXPECT_EQ(m.method(), Method::Other);
    EXPECT_EQ(m.method_token(), "!odd-Verb0123456789_*+`.%stays'~");
    const auto uri = m.parsed_request_uri();
    ASSERT_TRUE(uri.has_value());
    EXPECT_EQ(uri->user, "9_strange.User~(it-is!so)&won't+we$/mad?,/;;*");
    EXPECT_EQ(uri->password, "&pw+was=2,odd!*sec$re~t_a.(wasn't-it)");
    EXPECT_EQ(unquote(m.to()->display_name), std::string("A:\x07 B:\0 C:\x7f", 11));
    EXPECT_EQ(m.from()->display_name, "one~` two'+_ three*%!.-");
    EXPECT_EQ(m.from()->tag(), "_one~1'+`*%!-.");
    EXPECT_TRUE(m.from()->params.has("fp''~+*_!.-%"));
    EXPECT_EQ(m.call_id(), "odd.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
}

TEST(Torture, Escapes) {
    const Message m = parsed("4475_3_1_1_3_escapes.sip");
    EXPECT_EQ(m.parsed_request_uri()->decoded_user(), "sips:guest@hotel.example.net");
    EXPECT_EQ(m.parsed_request_uri()->host(), "example.org");
    EXPECT_EQ(m.from()->parsed_uri()->decoded_user(), "Mind the gap");
    // Decoding happens once: %25%34%32 is "%42", not "B".
    const auto contact = *m.contacts().begin();
    const auto uri = contact->parsed_uri();
    EXPECT_EQ(percent_decode(*uri->params.get("k%65y")), "val%42");

    const Message nul = parsed("4475_3_1_1_4_escaped_nul.sip");
    EXPECT_EQ(nul.to()->parsed_uri()->decoded_user(), std::string("nul-\0-nul", 9));
    std::vector<UriView> contacts;
    for (const Result<NameAddr> c : nul.contacts()) contacts.push_back(*c->parsed_uri());
    ASSERT_EQ(contacts.size(), 2u);
    EXPECT_FALSE(equivalent(contacts[0], contacts[1]));
}

TEST(Torture, PercentIsNoEscapeInTokens) {
    const Message m = parsed("4475_3_1_1_5_percent_is_no_escape.sip");
    EXPECT_EQ(m.method(), Method::Other);
    EXPECT_EQ(m.count(HeaderId::Contact), 2u);
    EXPECT_EQ(m.to()->display_name, "%Y%46");
    EXPECT_EQ(m.header("C%6fntact"), "<sip:two@h2.example.net>");
}

TEST(Torture, Framing) {
    EXPECT_EQ(parsed("4475_3_1_1_8_bytes_behind.sip").method(), Method::Register);
    EXPECT_EQ(parsed("4475_3_1_1_8_bytes_behind.sip").body(), "");
    const Message binary = parsed("4475_3_1_1_11_binary_multipart.sip");
    EXPECT_TRUE(binary.body().ends_with("--cut7--\r\n"));
    EXPECT_EQ(binary.content_type()->value().params.get("boundary"), "cut7");
    EXPECT_EQ(parsed("4475_3_1_1_13_empty_reason.sip").reason(), "");
    EXPECT_EQ(parsed("4475_3_1_1_9_semicolon_in_user.sip").parsed_request_uri()->decoded_user(),
              "guest;room=7@hotel.example");
    int vias = 0;
    const Message many = parsed("4475_3_1_1_7_long_values.sip");
    for (const Result<Via> via : many.vias()) {
        vias += via.has_value() ? 1 : 0;
    }
    EXPECT_EQ(vias, 34);
}

TEST(Torture, WhatIsLeftToOthers) {
    EXPECT_FALSE(parsed("4475_3_2_1_cookie_only_branch.sip").top_via()->has_magic_cookie());
    EXPECT_FALSE(parse_date(*parsed("4475_3_1_2_12_date_not_gmt.sip").header("Date")).has_value());
    EXPECT_TRUE(parsed("4475_3_3_5_require.sip").has_value(HeaderId::Require, "northisone"));
    EXPECT_EQ(parsed("4475_3_3_11_zero_max_forwards.sip").max_forwards()->value(), 0u);
    const Message scheme = parsed("4475_3_3_7_unknown_auth_scheme.sip");
    EXPECT_FALSE((*scheme.auth_values(HeaderId::Authorization).begin())->is_digest());
    const auto header_param = parsed("4475_3_3_12_contact_header_param.sip").to_text();
    EXPECT_NE(header_param.find("org;unheardof\r\n"), std::string::npos);
    const Message uri_param = parsed("4475_3_3_13_contact_uri_param.sip");
    EXPECT_TRUE((*uri_param.contacts().begin())->params.empty());
    EXPECT_EQ(parsed("4475_3_4_1_rfc2543_invite.sip").from()->tag(), "");
}

TEST(Torture, Ipv6) {
    const Message ambiguous = parsed("5118_4_3_port_ambiguous.sip");
    EXPECT_EQ(ambiguous.parsed_request_uri()->host(), "2001:db8::10:5070");
    EXPECT_EQ(ambiguous.parsed_request_uri()->port(), std::nullopt);
    const Message port = parsed("5118_4_4_port_unambiguous.sip");
    EXPECT_EQ(port.parsed_request_uri()->host(), "2001:db8::10");
    EXPECT_EQ(port.parsed_request_uri()->port(), 5070);
    EXPECT_EQ(parsed("5118_4_5_received_with_brackets.sip").top_via()->received(),
              "[2001:db8::9:255]");
    EXPECT_EQ(parsed("5118_4_5_received_without_brackets.sip").top_via()->received(),
              "2001:db8::9:255");
    const Message mapped = parsed("5118_4_9_ipv4_mapped.sip");
    EXPECT_EQ(mapped.top_via()->sent_by.host, "::ffff:198.51.100.10");
    EXPECT_EQ(mapped.top_via()->sent_by.port, 19823);
}

}  // namespace
}  // namespace tandem::sip
