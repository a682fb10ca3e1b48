#include <gtest/gtest.h>

#include "call/call_snapshot.h"
#include "call/identity.h"
#include "sip/parser.h"

namespace tandem::call {
namespace {

// The least that is read again: a call that rings, with its caller.
CallSnapshot some_call() {
    CallSnapshot call;
    call.facts.call = CallId{{1, 2}};
    call.facts.domain_name = "acme.test";
    call.facts.caller_number = "1001";
    call.ringing = true;
    PartySnapshot& caller = call.parties.emplace_back();
    caller.flow = *ports::Flow::parse("1;UDP;1;0;192.0.2.1:5060");
    auto invite = sip::parse_message(std::string_view(
        "INVITE sip:1002@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        "From: <sip:1001@acme.test>;tag=a\r\nTo: <sip:1002@acme.test>\r\nCall-ID: 1\r\n"
        "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_TRUE(invite.has_value());
    if (invite) caller.leg.invite = std::move(*invite);
    return call;
}

TEST(SnapshotCodec, KeepsWhatIsShownOfTheCaller) {
    CallSnapshot call = some_call();
    const auto plain = decode(encode(call));
    ASSERT_TRUE(plain.has_value());
    EXPECT_FALSE(plain->facts.shown);
    call.facts.shown = ShownCaller{"771001", "Reception"};
    const auto changed = decode(encode(call));
    ASSERT_TRUE(changed.has_value());
    EXPECT_EQ(shown_caller(changed->facts), shown_caller(call.facts));
    EXPECT_NE(shown_caller(changed->facts), shown_caller(plain->facts));
}

}  // namespace
}  // namespace tandem::call
