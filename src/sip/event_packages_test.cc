// Bodies of the packages message-summary and reg.
#include <gtest/gtest.h>

#include "sip/message_summary.h"
#include "sip/reginfo.h"

namespace tandem::sip {
namespace {

TEST(MessageSummary, CountsWhatWaits) {
    EXPECT_EQ(message_summary({"sip:1001@acme.test", {}, {2, 0}}),
              "Messages-Waiting: yes\r\nMessage-Account: sip:1001@acme.test\r\n"
              "Voice-Message: 0/0\r\nText-Message: 2/0\r\n");
    EXPECT_TRUE(message_summary({"sip:a@b", {0, 3}, {}}).starts_with("Messages-Waiting: no\r\n"))
        << "what was heard waits no more";
    EXPECT_TRUE(message_summary({"sip:a@b", {1, 0}, {}}).starts_with("Messages-Waiting: yes\r\n"));
}

TEST(Reginfo, NamesEachContact) {
    RegisteredContact desk{"a1", {}, "sip:1001@192.0.2.1:5060", "urn:uuid:1", 750, 60, 3600};
    RegisteredContact gone{
        "b2", RegisteredContact::Event::Expired, "sip:1001@192.0.2.2", "", 1000, 7, 0};
    EXPECT_EQ(reginfo({"sip:1001@acme.test", "r", {desk, gone}}, 5),
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
              "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"5\" state=\"full\">\r\n"
              "<registration aor=\"sip:1001@acme.test\" id=\"r\" state=\"active\">\r\n"
              "<contact id=\"a1\" state=\"active\" event=\"registered\""
              " duration-registered=\"60\" expires=\"3600\" q=\"0.75\">"
              "<uri>sip:1001@192.0.2.1:5060</uri><unknown-param name=\"+sip.instance\">"
              "&quot;&lt;urn:uuid:1&gt;&quot;</unknown-param></contact>\r\n"
              "<contact id=\"b2\" state=\"terminated\" event=\"expired\""
              " duration-registered=\"7\"><uri>sip:1001@192.0.2.2</uri></contact>\r\n"
              "</registration>\r\n</reginfo>\r\n");
    EXPECT_NE(reginfo({"sip:a@b", "r", {gone}}, 1).find("\" state=\"terminated\">"),
              std::string::npos);
    EXPECT_NE(reginfo({"sip:a@b", "r", {}}, 1).find(" state=\"init\">"), std::string::npos);
}

}  // namespace
}  // namespace tandem::sip
