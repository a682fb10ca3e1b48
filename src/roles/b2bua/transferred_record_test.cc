// The record of a call whose caller has left it, after a restart.
#include <gtest/gtest.h>

#include "model/codec.h"
#include "model/generated/cdr.h"
#include "roles/b2bua/stage.h"

namespace tandem::roles::b2bua {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kAlice = 5001;
constexpr uint16_t kBob = 5002;
constexpr uint16_t kCarol = 5003;

TEST(TransferredRecord, NamesTheLegsThatAreLeftAfterARestart) {
    Stage stage;
    for (const auto& [number, port] :
         {std::pair{"1001", kAlice}, {"1002", kBob}, {"1003", kCarol}}) {
        stage.add_account(number);
        stage.register_phone(number, port);
    }
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.respond(kBob, stage.at(kBob).at(0), 200, Stage::sdp(4100));
    const auto alice = stage.at(kAlice).back();
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
    (void)stage.at(kBob);
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
    ASSERT_EQ(stage.records().size(), 1u);
    const auto cdr = model::decode<model::Cdr>(stage.records()[0], model::Source::Store);
    ASSERT_TRUE(cdr.has_value());
    EXPECT_EQ(cdr->caller.number, "1001");
    ASSERT_EQ(cdr->legs.size(), 2u);
    EXPECT_EQ(cdr->legs[0].party.number, "1002");
    EXPECT_EQ(cdr->legs[1].party.number, "1003");
}

}  // namespace
}  // namespace tandem::roles::b2bua
