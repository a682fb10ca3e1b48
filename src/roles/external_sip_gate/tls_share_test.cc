#include "roles/external_sip_gate/tls_share.h"

#include <gtest/gtest.h>

namespace tandem::roles::external_sip_gate {
namespace {

constexpr DomainId kGreedy{{1, 1}}, kModest{{1, 2}}, kOther{{1, 3}};

std::vector<TlsKey> keys(uint64_t first, size_t count) {
    std::vector<TlsKey> made;
    for (uint64_t number = first; made.size() < count; ++number)
        made.push_back({*SocketAddress::parse("192.0.2.1:5061"), number});
    return made;
}

size_t count_of(const std::set<TlsKey>& taken, const std::vector<TlsKey>& keys) {
    size_t count = 0;
    for (const TlsKey& each : keys) count += taken.count(each);
    return count;
}

TEST(TlsShare, AllHaveWhatTheyWantWhileThereIsRoom) {
    EXPECT_EQ(shared_fairly({{kGreedy, keys(1, 7)}, {kModest, keys(100, 2)}}, {9, 8}).size(), 9u);
    EXPECT_TRUE(shared_fairly({}, {9, 8}).empty());
}

TEST(TlsShare, NoDomainTakesTheRoomOfOthers) {
    const auto greedy = keys(1, 5000);
    const auto modest = keys(10'000, 3);
    const auto other = keys(20'000, 5);
    const auto taken =
        shared_fairly({{kGreedy, greedy}, {kModest, modest}, {kOther, other}}, {20, 15});
    EXPECT_EQ(taken.size(), 20u);
    EXPECT_EQ(count_of(taken, modest), 3u);
    EXPECT_EQ(count_of(taken, other), 5u);
    EXPECT_EQ(count_of(taken, greedy), 12u);
}

TEST(TlsShare, ADomainHasABoundOfItsOwn) {
    EXPECT_EQ(shared_fairly({{kGreedy, keys(1, 5000)}}, {20, 15}).size(), 15u);
}

TEST(TlsShare, WhatSeveralWantTakesOnePlace) {
    const auto taken = shared_fairly({{kGreedy, keys(1, 4)}, {kModest, keys(1, 6)}}, {6, 6});
    EXPECT_EQ(taken.size(), 6u);
}

}  // namespace
}  // namespace tandem::roles::external_sip_gate
