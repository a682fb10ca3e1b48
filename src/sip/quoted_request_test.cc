#include "sip/quoted_request.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::sip {
namespace {

const std::string kInvite =
    "INVITE sip:a@b SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bKours\r\n"
    "Max-Forwards: 70\r\n"
    "From: <sip:c@d>;tag=1\r\n"
    "To: <sip:a@b;tag=of-the-uri>\r\n";

std::string changed(std::string_view from, std::string_view to) {
    std::string text = kInvite;
    text.replace(text.find(from), from.size(), to);
    return text;
}

TEST(QuotedRequest, NamesTheBranchOfARequestThatBeginsSomething) {
    EXPECT_EQ(branch_of_new_request(kInvite), "z9hG4bKours");
    EXPECT_EQ(branch_of_new_request(kInvite + "Call-ID: cut he"), "z9hG4bKours");
    EXPECT_EQ(branch_of_new_request(changed("INVITE", "REGISTER")), "z9hG4bKours");
    // Of two, the first is ours.
    EXPECT_EQ(branch_of_new_request(changed("Max-", "Via: SIP/2.0/UDP x;branch=z9hG4bKb\r\nMax-")),
              "z9hG4bKours");
}

TEST(QuotedRequest, IsSilentAboutWhatBelongsToADialogOrAnInvite) {
    for (const char* method : {"ACK", "CANCEL"})
        EXPECT_EQ(branch_of_new_request(changed("INVITE", method)), "") << method;
    EXPECT_EQ(branch_of_new_request(changed("of-the-uri>", "x>;tag=2")), "");
    EXPECT_EQ(branch_of_new_request(changed("INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK")), "");
}

TEST(QuotedRequest, IsSilentWhereverTheQuotationIsTooShort) {
    for (size_t size = 0; size < kInvite.size(); ++size)
        EXPECT_EQ(branch_of_new_request(std::string_view(kInvite).substr(0, size)), "") << size;
    EXPECT_EQ(branch_of_new_request(changed("To: ", "\r\nTo: ")), "");
    EXPECT_EQ(branch_of_new_request(changed("Max-Forwards: 70", "no header")), "");
    EXPECT_EQ(branch_of_new_request(changed("SIP/2.0/UDP 192.0.2.1:5070", "@")), "");
}

}  // namespace
}  // namespace tandem::sip
