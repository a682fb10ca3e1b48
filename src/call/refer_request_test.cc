#include "call/refer_request.h"

#include <gtest/gtest.h>

#include "sip/parser.h"

namespace tandem::call {
namespace {

Result<ReferRequest> read(std::string_view lines) {
    std::string text = "REFER sip:us@192.0.2.1 SIP/2.0\r\nCSeq: 7 REFER\r\n";
    text.append(lines).append("Content-Length: 0\r\n\r\n");
    const auto message = sip::parse_message(std::string_view(text));
    if (!message) return message.error();
    return refer_request_of(*message);
}

int status_of(std::string_view lines) {
    const auto request = read(lines);
    return request ? 0 : request.error().sip_status;
}

TEST(ReferRequestTest, NamesWhoIsToBeCalled) {
    const auto request = read("Refer-To: \"Carol\" <sip:10%303@acme.test;user=phone>\r\n");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->dialled, "1003");
    EXPECT_EQ(request->host, "acme.test");
    EXPECT_FALSE(request->by_address);
    EXPECT_FALSE(request->replaces);
    EXPECT_TRUE(request->is_reported);
    EXPECT_EQ(request->event, "refer;id=7");
    const auto number = read("Refer-To: <tel:+4930123>\r\n");
    ASSERT_TRUE(number);
    EXPECT_EQ(number->dialled, "+4930123");
    EXPECT_EQ(number->host, "");
    const auto address = read("r: sip:1003@192.0.2.9:5060\r\n");
    ASSERT_TRUE(address);
    EXPECT_TRUE(address->by_address);
}

// RFC 3891 6.1, escaped as a header of a URI is (RFC 3261 19.1.1).
TEST(ReferRequestTest, NamesTheDialogThatIsReplaced) {
    const auto request =
        read("Refer-To: <sip:c@192.0.2.1?Replaces=a%40b%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>\r\n");
    ASSERT_TRUE(request && request->replaces);
    EXPECT_EQ(request->replaces->call_id, "a@b");
    EXPECT_EQ(request->replaces->to_tag, "t1");
    EXPECT_EQ(request->replaces->from_tag, "f1");
}

TEST(ReferRequestTest, MayWantNoReports) {
    const auto silent = read("Refer-To: <sip:1003@acme.test>\r\nRefer-Sub: false\r\n");
    ASSERT_TRUE(silent);
    EXPECT_FALSE(silent->is_reported);
    const auto with_parameter = read("Refer-To: <sip:1003@acme.test>\r\nRefer-Sub: FALSE;x=1\r\n");
    ASSERT_TRUE(with_parameter);
    EXPECT_FALSE(with_parameter->is_reported);
    const auto told = read("Refer-To: <sip:1003@acme.test>\r\nRefer-Sub: true\r\n");
    ASSERT_TRUE(told);
    EXPECT_TRUE(told->is_reported);
}

TEST(ReferRequestTest, RefusesWhatIsNoCall) {
    EXPECT_EQ(status_of(""), 400);
    EXPECT_EQ(status_of("Refer-To: <sip:acme.test>\r\n"), 400);
    EXPECT_EQ(status_of("Refer-To: <mailto:carol@acme.test>\r\n"), 416);
    EXPECT_EQ(status_of("Refer-To: <sip:1003@acme.test;method=BYE>\r\n"), 501);
    EXPECT_EQ(status_of("Refer-To: <sip:1003@acme.test;method=invite>\r\n"), 0);
    EXPECT_EQ(status_of("Refer-To: <sip:1003@acme.test?Replaces=x>\r\n"), 400);
    EXPECT_EQ(status_of("Refer-To: <sip:1003@acme.test?Replaces=>\r\n"), 400);
}

}  // namespace
}  // namespace tandem::call
