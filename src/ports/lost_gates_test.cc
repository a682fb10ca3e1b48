#include "ports/lost_gates.h"

#include <gtest/gtest.h>

namespace tandem::ports {
namespace {

constexpr Instance kGate{1}, kTrunkGate{2}, kOther{3};

std::vector<DirectoryEntry> members(uint32_t epoch, bool reachable) {
    return {{kGate, RoleKind::SipGate, epoch, 100, reachable},
            {kTrunkGate, RoleKind::ExternalSipGate, 1, 100, reachable},
            {kOther, RoleKind::MediaGate, epoch, 100, reachable}};
}

TEST(LostGates, AGateThatCannotBeReachedIsFoundOnce) {
    Directory directory;
    LostGates lost;
    directory.replace(members(1, true));
    EXPECT_FALSE(lost.look(directory));
    directory.replace(members(1, false));
    EXPECT_TRUE(lost.look(directory));
    EXPECT_TRUE(lost.contains(kGate));
    EXPECT_TRUE(lost.contains(kTrunkGate));
    EXPECT_FALSE(lost.contains(kOther)) << "it has no connections of phones";
    EXPECT_FALSE(lost.look(directory));
    EXPECT_FALSE(lost.contains(kGate));
    directory.replace(members(2, true));
    EXPECT_FALSE(lost.look(directory)) << "what was sent meanwhile went another way";
}

TEST(LostGates, OneThatBeganAnewBetweenTwoLooksOrIsNoMemberAnyMoreIsLost) {
    Directory directory;
    LostGates lost;
    directory.replace(members(1, true));
    EXPECT_FALSE(lost.look(directory));
    directory.replace(members(2, true));
    EXPECT_TRUE(lost.look(directory));
    EXPECT_TRUE(lost.contains(kGate));
    EXPECT_FALSE(lost.contains(kTrunkGate));
    directory.replace({});
    EXPECT_TRUE(lost.look(directory));
    EXPECT_TRUE(lost.contains(kGate));
}

}  // namespace
}  // namespace tandem::ports
