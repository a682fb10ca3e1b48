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

}  // namespace
}  // namespace tandem::roles::b2bua
