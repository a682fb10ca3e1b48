#include "roles/media_gate_controller/placement.h"

#include <gtest/gtest.h>

#include "roles/media_gate_controller/limits.h"

namespace tandem::roles::media_gate_controller {
namespace {

using ports::DirectoryEntry;
using ports::Instance;
using ports::RoleKind;

DirectoryEntry gate(uint16_t number, uint16_t weight = 100, bool reachable = true) {
    return {Instance{number}, RoleKind::MediaGate, 1, weight, reachable, 1};
}
CallId call(uint64_t n) {
    return CallId{{n, n}};
}
ports::MediaLoad load(uint16_t number, uint32_t used, uint32_t total = 100) {
    return {Instance{number}, used / 4, used, total};
}

struct Fixture : testing::Test {
    void gates(std::vector<DirectoryEntry> entries) { directory.replace(std::move(entries)); }
    uint16_t place(uint64_t n) {
        const auto gate = placement.place(now, call(n), directory);
        return gate ? gate->number : 0;
    }
    Instant now{100s};
    ports::Directory directory;
    Placement placement;
};
using PlacementTest = Fixture;

TEST_F(PlacementTest, ChoosesTheGateWithTheSmallestShareInUse) {
    struct Case {
        uint32_t used_1, total_1, used_2, total_2;
        uint16_t weight_2, expected;
    };
    const Case cases[] = {
        {50, 100, 40, 100, 100, 2}, {50, 200, 40, 100, 100, 1}, {30, 100, 40, 100, 100, 1},
        {30, 100, 40, 100, 200, 2}, {98, 100, 99, 100, 100, 0}, {98, 100, 90, 100, 100, 2},
        {10, 100, 0, 100, 0, 1},
    };
    gates({});
    for (const Case& c : cases) {
        Placement fresh;
        gates({gate(1), gate(2, c.weight_2)});
        fresh.on_load(now, load(1, c.used_1, c.total_1));
        fresh.on_load(now, load(2, c.used_2, c.total_2));
        const auto placed = fresh.place(now, call(1), directory);
        EXPECT_EQ(placed ? placed->number : 0, c.expected) << c.used_1 << " " << c.used_2;
    }
}

TEST_F(PlacementTest, ABurstBetweenReportsIsSpread) {
    gates({gate(1), gate(2)});
    placement.on_load(now, load(1, 0));
    placement.on_load(now, load(2, 8));
    int on_1 = 0;
    for (uint64_t n = 1; n <= 10; ++n) on_1 += place(n) == 1;
    EXPECT_EQ(on_1, 6);  // 6 * 4 ports on the first, 8 + 4 * 4 on the second
}

TEST_F(PlacementTest, TheSameCallMeetsTheSameGateUntilThatIsGone) {
    gates({gate(1), gate(2)});
    placement.on_load(now, load(1, 0));
    placement.on_load(now, load(2, 10));
    ASSERT_EQ(place(7), 1);
    placement.on_load(now, load(1, 90));
    EXPECT_EQ(place(7), 1);
    Placement restored = Placement::restore(now, placement.snapshot());
    EXPECT_EQ(restored.place(now, call(7), directory)->number, 1);
    gates({gate(1, 100, false), gate(2)});
    EXPECT_EQ(place(7), 2);
}

TEST_F(PlacementTest, ASilentGateIsTheLastChoice) {
    gates({gate(1), gate(2)});
    placement.on_load(now, load(1, 0));
    now = now + kLoadFresh + 1ms;
    placement.on_load(now, load(2, 80));
    EXPECT_EQ(place(1), 2);
    gates({gate(1)});
    EXPECT_EQ(place(2), 1);
    gates({});
    EXPECT_EQ(place(3), 0);
}

TEST_F(PlacementTest, MemoryIsBounded) {
    gates({gate(1)});
    for (uint64_t n = 1; n <= kRemembered + 10; ++n) ASSERT_EQ(place(n), 1);
    EXPECT_EQ(placement.remembered(), kRemembered);
}

}  // namespace
}  // namespace tandem::roles::media_gate_controller
