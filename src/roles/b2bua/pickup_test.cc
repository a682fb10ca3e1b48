#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

constexpr ports::Instance kOther{8};
struct PickupTest : B2buaTest {
    PickupTest() : B2buaTest(3) {
        std::vector<ports::DirectoryEntry> entries(stage.directory.entries().begin(),
                                                   stage.directory.entries().end());
        entries.push_back({kOther, ports::RoleKind::B2bua});
        stage.directory.replace(std::move(entries));
    }
    void pick_up(std::string_view dialled = "*81002") {
        stage.call(kCarol, "1003", dialled, Stage::sdp(4200));
    }
    int status_at_carol() {
        int status = 0;
        for (const auto& sip : stage.at(kCarol)) {
            if (sip.message.is_response()) status = sip.message.status();
        }
        return status;
    }
    // Alice calls bob, whose phone rings; what it got.
    ports::SipOutbound ring() {
        stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
        auto invite = stage.at(kBob).at(0);
        stage.respond(kBob, invite, 180);
        return invite;
    }
    // Carol's phone wants the place of bob's, as a lamp has told it the names of his dialog.
    int take_place(const ports::SipOutbound& invite, std::string_view more = {}) {
        const auto from = invite.message.from();
        stage.call(kCarol, "1003", "1002", Stage::sdp(4200),
                   "Replaces: " + std::string(invite.message.call_id()) + ";to-tag=" +
                       std::string(from->tag()) + ";from-tag=phone5002" + std::string(more) + "\n");
        return status_at_carol();
    }
};

// RFC 3891 3.
TEST_F(PickupTest, APhoneTakesThePlaceOfOneThatRings) {
    const auto invite = ring();
    EXPECT_EQ(take_place(invite, ";early-only"), 200);
    EXPECT_EQ(stage.at(kBob).at(0).message.method(), sip::Method::Cancel);
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 200);
}

TEST_F(PickupTest, EarlyOnlyIsNotForOneThatTalks) {
    const auto invite = ring();
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    EXPECT_EQ(take_place(invite, ";early-only"), 486);
    EXPECT_EQ(take_place(invite), 200);
}

TEST_F(PickupTest, WhatHasEndedIsDeclined) {
    const auto invite = ring();
    stage.respond(kBob, invite, 200, Stage::sdp(4100));
    stage.give(ports::CallHangup{stage.reports.back().summary.call, "over"}, kIndex, 1);
    EXPECT_EQ(take_place(invite), 603);
}

TEST_F(PickupTest, NobodyTakesThePlaceOfACallerWhoWaits) {
    ring();
    const auto ringing = stage.at(kAlice).back();
    const auto to = ringing.message.to();
    stage.call(kCarol, "1003", "1002", Stage::sdp(4200),
               "Replaces: call-of-1001;from-tag=caller;to-tag=" + std::string(to->tag()) + "\n");
    EXPECT_EQ(status_at_carol(), 481);
}

TEST_F(PickupTest, BadAndUnknownNamesAreRefused) {
    const auto invite = ring();
    EXPECT_EQ(take_place(invite, "0"), 481);
    EXPECT_EQ(take_place(invite, "\nJoin: a;to-tag=b;from-tag=c"), 400);
    EXPECT_EQ(stage.at(kBob).size(), 0u);
}

TEST_F(PickupTest, NothingRingsAnywhere) {
    pick_up();
    EXPECT_EQ(status_at_carol(), 480);
    EXPECT_TRUE(stage.passed_on.empty());
}

TEST_F(PickupTest, NobodyHasTheNumber) {
    pick_up("*81009");
    EXPECT_EQ(status_at_carol(), 404);
}

TEST_F(PickupTest, WithoutAPrefixItIsANumberLikeAnyOther) {
    stage.change_domain([](model::Domain& domain) { domain.settings.pickup_prefix.clear(); });
    pick_up();
    EXPECT_EQ(status_at_carol(), 404);
}

// The phone's INVITE goes to the owner of the call that rings, and what belongs to it follows.
TEST_F(PickupTest, ACallOfAnotherInstanceIsPickedUpThere) {
    stage.rings_at = kOther;
    pick_up();
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOther);
    EXPECT_LT(status_at_carol(), 200);
    stage.from_phone(kCarol, stage.cancel_of_last_call());
    ASSERT_EQ(stage.passed_on.size(), 2u);
    EXPECT_EQ(get<ports::SipInbound>(stage.passed_on[1].payload).message.method(),
              sip::Method::Cancel);
    stage.advance(40s);
    stage.from_phone(kCarol, stage.cancel_of_last_call());
    EXPECT_EQ(stage.passed_on.size(), 2u);
    EXPECT_EQ(status_at_carol(), 481);
}

// There it finds the call, as if the phone had come to it at once; it is not passed on again.
TEST_F(PickupTest, WhatIsHandedOverFindsItsCall) {
    stage.rings_at = kOther;
    pick_up();
    ASSERT_EQ(stage.passed_on.size(), 1u);
    ports::SipInbound in = get<ports::SipInbound>(stage.passed_on[0].payload);
    stage.restart();
    ports::SipInbound again = in;
    stage.give(std::move(again), kOther);
    EXPECT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(status_at_carol(), 480);
    stage.restart();
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.respond(kBob, stage.at(kBob).at(0), 180);
    stage.give(std::move(in), kOther);
    EXPECT_EQ(status_at_carol(), 200);
    EXPECT_EQ(stage.at(kBob).at(0).message.method(), sip::Method::Cancel);
}

TEST_F(PickupTest, ASilentIndexDoesNotKeepThePhoneWaiting) {
    std::vector<ports::DirectoryEntry> entries;
    for (const ports::DirectoryEntry& each : stage.directory.entries()) {
        if (each.kind != ports::RoleKind::CallState) entries.push_back(each);
    }
    stage.directory.replace(std::move(entries));
    pick_up();
    EXPECT_EQ(status_at_carol(), 480);
}

}  // namespace
}  // namespace tandem::roles::b2bua
