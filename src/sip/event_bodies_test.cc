#include "sip/event_bodies.h"

#include <gtest/gtest.h>

#include "sip/xml_text.h"

namespace tandem::sip {
namespace {

TEST(XmlText, HoldsWhatXmlCan) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"plain", "plain"},
        {"<a & \"b\">", "&lt;a &amp; &quot;b&quot;&gt;"},
        {"\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd", "\xd0\x98\xd0\xb2\xd0\xb0\xd0\xbd"},
        {"a\nb\x01", "a?b?"},
        {"\xff\xc0\x80\xed\xa0\x80z", "??????z"},
        {"\xd0", "?"},
    };
    for (const auto& [text, expected] : cases) {
        std::string out;
        append_xml(out, text);
        EXPECT_EQ(out, expected);
    }
}

TEST(EventBodies, DialogInfoNamesEachDialog) {
    const std::string body =
        dialog_info("sip:1002@acme.test", 7,
                    {{"c1", false, DialogInfo::State::Early, "sip:1001@acme.test", "Alice \"A\""},
                     {"c2", true, DialogInfo::State::Confirmed, "sip:1003@acme.test", ""}});
    EXPECT_EQ(body,
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
              "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\""
              " state=\"full\" entity=\"sip:1002@acme.test\">\r\n"
              "<dialog id=\"c1\" direction=\"recipient\"><state>early</state><remote>"
              "<identity display=\"Alice &quot;A&quot;\">sip:1001@acme.test</identity>"
              "<target uri=\"sip:1001@acme.test\"/></remote></dialog>\r\n"
              "<dialog id=\"c2\" direction=\"initiator\"><state>confirmed</state><remote>"
              "<identity>sip:1003@acme.test</identity><target uri=\"sip:1003@acme.test\"/>"
              "</remote></dialog>\r\n"
              "</dialog-info>\r\n");
    EXPECT_NE(dialog_info("sip:a@b", 1, {}).find("<state>terminated</state>"), std::string::npos);
}

}  // namespace
}  // namespace tandem::sip
