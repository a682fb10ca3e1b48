// The record of a call whose caller has left it, after a restart.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

struct TransferredRecord : B2buaTest {
    TransferredRecord() : B2buaTest(3) {}
};

TEST_F(TransferredRecord, NamesTheLegsThatAreLeftAfterARestart) {
    const auto alice = establish();
    stage.from_phone(kAlice, stage.request_in_dialog("REFER", alice.message, 3) +
                                 "Refer-To: <sip:1003@acme.test>\n");
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    stage.respond(kBob, stage.at(kBob).back(), 200, Stage::sdp(4100));
    for (const auto& each : stage.at(kAlice)) {
        if (each.message.is_request()) stage.respond(kAlice, each, 200);
    }
    for (const auto& each : stage.at(kAlice)) {
        if (each.message.is_request()) stage.respond(kAlice, each, 200);
    }
    stage.advance(100ms);
    ASSERT_EQ(stage.stored_calls(), 1u);
    stage.restart();
    stage.advance(1s);
    ASSERT_EQ(stage.role().counters().restored, 1u);
    stage.give(ports::CallHangup{stage.reports.back().summary.call, "over"}, kIndex, 1);
    stage.advance(1s);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.caller.number, "1001");
    ASSERT_EQ(cdr.legs.size(), 2u);
    EXPECT_EQ(cdr.legs[0].party.number, "1002");
    EXPECT_EQ(cdr.legs[1].party.number, "1003");
}

// One of another domain transfers to somebody there, and his leg is not restored: the caller's
// domain sees nothing of it, before and after.
TEST_F(TransferredRecord, IsOfTheDomainOfWhoTransferredAfterARestart) {
    for (const auto& [number, port] : {std::pair("2002", kBob), std::pair("2003", kCarol)}) {
        stage.add_account_elsewhere(number);
        stage.register_phone(number, port);
    }
    stage.call(kAlice, "1001", "72002", Stage::sdp(4000));
    bob_invite = stage.one_at(kBob);
    stage.respond(kBob, bob_invite, 200, Stage::sdp(4100));
    const auto alice = stage.at(kAlice).back();
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
    stage.from_phone(kBob, stage.request_in_dialog("REFER", bob_dialog(), 3) +
                               "Refer-To: <sip:2003@other.test>\n");
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    stage.respond(kAlice, stage.at(kAlice).back(), 200, Stage::sdp(4000));
    stage.restart();
    stage.advance(100ms);
    const auto* call = stage.role().find_call(stage.reports.back().summary.whole);
    ASSERT_NE(call, nullptr);
    const std::string_view by = R"("by":"2002")";
    EXPECT_EQ(call->detail_json(call->facts().domain).find(by), std::string::npos);
    EXPECT_NE(call->detail_json(kOther).find(by), std::string::npos);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    stage.advance(1s);
    for (const model::Cdr& each : records())
        EXPECT_EQ(each.transfers.size(), each.domain == kOther ? 1u : 0u);
}

}  // namespace
}  // namespace tandem::roles::b2bua
