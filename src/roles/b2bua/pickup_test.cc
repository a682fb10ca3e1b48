#include <gtest/gtest.h>

#include "roles/b2bua/stage.h"

namespace tandem::roles::b2bua {
namespace {

constexpr ports::Instance kOther{8};
constexpr uint16_t kAlice = 5001;
constexpr uint16_t kBob = 5002;
constexpr uint16_t kCarol = 5003;

struct PickupTest : testing::Test {
    PickupTest() {
        for (const auto& [number, port] :
             {std::pair{"1001", kAlice}, {"1002", kBob}, {"1003", kCarol}}) {
            stage.add_account(number);
            stage.register_phone(number, port);
        }
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
    Stage stage;
};

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
