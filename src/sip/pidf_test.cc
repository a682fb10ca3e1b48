#include "sip/pidf.h"

#include <gtest/gtest.h>

#include "sip/body_limits.h"

namespace tandem::sip {
namespace {

constexpr std::string_view kBegin =
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    "<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf'"
    " xmlns:d='urn:ietf:params:xml:ns:pidf:data-model'"
    " xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' entity='pres:a@b'>";

std::string with(std::string_view inside) {
    return std::string(kBegin).append(inside).append("</p:presence>");
}

TEST(Pidf, IsReadDownToWhatWatchersAreShown) {
    const auto read = read_pidf(
        with("<p:tuple id='x'><p:status><p:basic> open </p:basic></p:status>"
             "<p:contact>sip:a@192.0.2.1</p:contact><p:note>at the <![CDATA[<desk>]]></p:note>"
             "</p:tuple><p:tuple id='y'><p:status/></p:tuple><p:note xml:lang='en'>hello</p:note>"
             "<d:person id='z'><r:activities><r:away/><r:away/><r:flying/><r:meal/>"
             "<r:note>not this</r:note></r:activities><d:note>nor this</d:note></d:person>"));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    ASSERT_EQ(read->tuples.size(), 2u);
    EXPECT_EQ(read->tuples[0], (PresenceTuple{true, "at the <desk>"}));
    EXPECT_EQ(read->tuples[1], (PresenceTuple{std::nullopt, ""}));
    EXPECT_EQ(read->activities, (std::vector<std::string>{"away", "meal"}));
    EXPECT_EQ(read->note, "hello");
}

TEST(Pidf, AsPhonesPublishIt) {
    const auto read = read_pidf(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:1001@acme.test\""
        " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
        " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\">"
        "<tuple id=\"t4109\"><status><basic>closed</basic></status><note>Out &#x26; about</note>"
        "</tuple><dm:person id=\"p1\"><rpid:activities><rpid:busy /></rpid:activities>"
        "<dm:note>back at 5</dm:note></dm:person></presence>\n");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->tuples.at(0), (PresenceTuple{false, "Out & about"}));
    EXPECT_EQ(read->activities, std::vector<std::string>{"busy"});
    EXPECT_EQ(read->note, "back at 5");
}

TEST(Pidf, WhatIsWrittenIsRead) {
    PresenceDocument document;
    document.tuples = {{true, ""}, {false, "<away> & \"gone\""}, {std::nullopt, "?"}};
    document.activities = {"on-the-phone", "away"};
    document.note = "\xd0\x98";
    const auto read = read_pidf(write_pidf("sip:a&b@c", document));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, document);
}

TEST(Pidf, SaysWhatIsWrong) {
    const std::pair<std::string, std::string_view> cases[] = {
        {"", "no element"},
        {"hello", "outside"},
        {"<presence/>", "no presence"},
        {"<a:presence xmlns:a='urn:x'/>", "no presence"},
        {with("<p:tuple><p:status><p:basic>maybe</p:basic></p:status></p:tuple>"), "basic"},
        {with("<p:tuple>"), "not the last"},
        {std::string(kBegin), "ends inside"},
        {"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><presence/>", "document types"},
        {with("&lol;"), "entity"},
        {with("&#0;"), "character"},
        {with("<q:x/>"), "no namespace"},
        {with("<p:x a='1' a='2'/>"), "twice"},
        {with("<p:x a=1/>"), "quote"},
        {with("") + "<more/>", "more than one"},
    };
    for (const auto& [body, expected] : cases) {
        const auto read = read_pidf(body);
        ASSERT_FALSE(read.has_value()) << body;
        EXPECT_NE(read.error().message.find(expected), std::string::npos)
            << body << ": " << read.error().message;
    }
}

TEST(Pidf, HasBounds) {
    std::string tuples;
    for (size_t i = 0; i <= presence_tuples_max; ++i) tuples += "<p:tuple id='t'/>";
    EXPECT_FALSE(read_pidf(with(tuples)).has_value());
    std::string deep;
    for (size_t i = 0; i <= xml_depth_max; ++i) deep += "<p:x>";
    EXPECT_FALSE(read_pidf(with(deep)).has_value());
    std::string attributes = "<p:x";
    for (size_t i = 0; i <= xml_attributes_max; ++i) attributes += " a" + std::to_string(i) + "=''";
    EXPECT_FALSE(read_pidf(with(attributes + "/>")).has_value());
    std::string note;
    for (size_t i = 0; i < presence_note_bytes_max; ++i) note += "\xd0\x98";
    const auto read = read_pidf(with("<p:note>" + note + "</p:note>"));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->note, note.substr(0, presence_note_bytes_max)) << "whole characters";
}

}  // namespace
}  // namespace tandem::sip
