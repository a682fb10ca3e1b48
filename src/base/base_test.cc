#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/timer_queue.h"

namespace tandem {
namespace {

Result<int> half(int value) {
    if (value % 2 != 0) return make_error(ErrorCode::OutOfRange, "value", "must be even");
    return value / 2;
}

Result<int> quarter(int value) {
    const int halved = TRY(half(value));
    return TRY(half(halved));
}

TEST(Result, TryReturnsTheError) {
    EXPECT_EQ(*quarter(8), 2);
    ASSERT_FALSE(quarter(6).has_value());
    EXPECT_EQ(quarter(6).error().field, "value");
}

TEST(Bytes, Base64FollowsRfc4648) {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : vectors) {
        EXPECT_EQ(base64_encode(as_bytes(plain)), coded);
        EXPECT_EQ(as_text(*base64_decode(coded)), plain);
    }
    EXPECT_FALSE(base64_decode("Zg=").has_value());
    EXPECT_FALSE(base64_decode("Z*==").has_value());
    EXPECT_FALSE(base64_decode("====").has_value());
}

TEST(Bytes, Hex) {
    EXPECT_EQ(hex_encode(*hex_decode("00ffA1")), "00ffa1");
    EXPECT_FALSE(hex_decode("0").has_value());
    EXPECT_FALSE(hex_decode("0g").has_value());
}

TEST(Crypto, KnownDigests) {
    EXPECT_EQ(hash_hex(HashAlgorithm::Md5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(hash_hex(HashAlgorithm::Sha256, "abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hash_hex(HashAlgorithm::Sha512_256, "abc"),
              "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
}

TEST(Crypto, SipHashReferenceVector) {  // the vector of the SipHash paper, appendix A
    Bytes data;
    for (uint8_t i = 0; i < 15; ++i) data.push_back(i);
    EXPECT_EQ(siphash({0x0706050403020100, 0x0f0e0d0c0b0a0908}, data), 0xa129ca6149be45e5u);
}

TEST(Crypto, SealedBoxOpensOnlyUnchanged) {
    SealKey key{};
    key[3] = 9;
    Bytes box = seal(key, {1, 2, 3}, as_bytes("secret"));
    EXPECT_EQ(as_text(*unseal(key, box)), "secret");
    box[14] ^= 1;
    EXPECT_FALSE(unseal(key, box).has_value());
    EXPECT_FALSE(unseal(key, Bytes(5)).has_value());
}

TEST(Id, TextRoundTripAndOrder) {
    SeededRng rng(1);
    const DomainId a = DomainId::mint({1000}, rng);
    const DomainId b = DomainId::mint({1001}, rng);
    EXPECT_LT(a, b);
    EXPECT_EQ(DomainId::parse(a.text()), a);
    EXPECT_FALSE(DomainId::parse("xyz").has_value());
}

TEST(TimerQueue, PopsInOrderAndOnlyDue) {
    TimerQueue<int> timers;
    timers.add(Instant{30ms}, 3);
    timers.add(Instant{10ms}, 1);
    EXPECT_EQ(timers.next_deadline(), Instant{10ms});
    EXPECT_FALSE(timers.pop_due(Instant{5ms}).has_value());
    EXPECT_EQ(timers.pop_due(Instant{40ms}), 1);
    EXPECT_EQ(timers.pop_due(Instant{40ms}), 3);
    EXPECT_FALSE(timers.pop_due(Instant{40ms}).has_value());
}

// Over many seconds, with deadlines in the past, beside a sorted list.
TEST(TimerQueue, KeepsTheOrderOfAllTimes) {
    SeededRng rng{5};
    TimerQueue<int64_t> timers;
    std::multiset<int64_t> expected;
    Instant now{100s};
    for (int step = 0; step < 5'000; ++step) {
        const uint64_t spread_ms = rng.below(4) == 0 ? 40'000 : 1'500;
        const Instant deadline = now + std::chrono::milliseconds(rng.below(spread_ms)) - 200ms;
        timers.add(deadline, deadline.since_epoch.count());
        expected.insert(deadline.since_epoch.count());
        if (rng.below(3) != 0) continue;
        now = now + std::chrono::milliseconds(rng.below(30));
        while (const auto due = timers.pop_due(now)) {
            ASSERT_EQ(*due, *expected.begin());
            expected.erase(expected.begin());
        }
        ASSERT_EQ(timers.size(), expected.size());
        ASSERT_EQ(timers.next_deadline()->since_epoch.count(), *expected.begin());
        ASSERT_GT(*timers.next_deadline(), now);
    }
}

TEST(UtcTime, Rfc3339) {
    EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339({1795383852123}), "2026-11-22T21:44:12.123Z");
}

}  // namespace
}  // namespace tandem
