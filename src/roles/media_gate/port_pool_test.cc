#include "roles/media_gate/port_pool.h"

#include <gtest/gtest.h>

#include <set>

#include "roles/media_gate/limits.h"

namespace tandem::roles::media_gate {
namespace {

TEST(PortPool, FollowsAnotherRange) {
    PortPool pool(30000, 30003);
    EXPECT_EQ(pool.take(), 30000);
    pool.set_range(40000, 40003);  // 30000 is in use, 30002 was free
    EXPECT_EQ(pool.free_pairs(), 2u);
    EXPECT_EQ(pool.pairs(), 3u);
    EXPECT_FALSE(pool.take_this(30002));
    EXPECT_EQ(pool.take(), 40000);
    pool.give_back(30000);
    EXPECT_EQ(pool.pairs(), 2u);
    EXPECT_EQ(pool.take(), 40002);
    EXPECT_EQ(pool.take(), std::nullopt);
    pool.set_range(30000, 40003);  // overlaps: what is taken stays taken
    EXPECT_FALSE(pool.take_this(40000));
    EXPECT_EQ(pool.take(), 30000);
}

// Phones of the lives before still send to ports that were in use then.
TEST(PortPool, EachLifeBeginsFarFromThoseBefore) {
    for (uint32_t life = 4; life < 1000; ++life) {
        const int port = PortPool(30000, 39999, life).take().value();
        for (uint32_t back = 1; back < 4; ++back) {
            const int former = PortPool(30000, 39999, life - back).take().value();
            const int apart = std::abs(port - former) / 2;
            EXPECT_GE(std::min(apart, 5000 - apart), static_cast<int>(kPairsResting)) << life;
        }
    }
    PortPool pool(30000, 39999, 7);  // all of them are there, all the same
    std::set<uint16_t> all;
    while (const auto port = pool.take()) all.insert(*port);
    EXPECT_EQ(all.size(), 5'000u);
}

TEST(PortPool, UsesFewPortsAgainAndAgain) {
    PortPool pool(30000, 39999);
    std::set<uint16_t> used;
    for (int i = 0; i < 20'000; ++i) {
        const auto port = pool.take();
        ASSERT_TRUE(port);
        used.insert(*port);
        pool.give_back(*port);
    }
    EXPECT_LE(used.size(), kPairsResting + 1);
    std::vector<uint16_t> all;
    while (const auto port = pool.take()) all.push_back(*port);
    EXPECT_EQ(all.size(), 5'000u);
    EXPECT_EQ(std::set<uint16_t>(all.begin(), all.end()).size(), 5'000u);
}

TEST(PortPool, HandsOutTheLongestFree) {
    PortPool pool(30001, 30008);  // 30002/3, 30004/5, 30006/7
    EXPECT_EQ(pool.pairs(), 3u);
    EXPECT_EQ(pool.take(), 30002);
    pool.give_back(30002);
    EXPECT_EQ(pool.take(), 30004);
    EXPECT_TRUE(pool.take_this(30006));
    EXPECT_FALSE(pool.take_this(30006));
    EXPECT_FALSE(pool.take_this(30003));
    EXPECT_EQ(pool.take(), 30002);
    EXPECT_EQ(pool.take(), std::nullopt);
    pool.set_aside(30004);
    pool.give_back(30004);
    EXPECT_EQ(pool.free_pairs(), 0u);
}

}  // namespace
}  // namespace tandem::roles::media_gate
