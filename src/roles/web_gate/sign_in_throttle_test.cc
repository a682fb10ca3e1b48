#include "roles/web_gate/sign_in_throttle.h"

#include <gtest/gtest.h>

#include "roles/web_gate/limits.h"

namespace tandem::roles::web_gate {
namespace {

constexpr Instant kStart{1000s};

TEST(SignInThrottle, ANameMayBeMistypedSomeTimes) {
    SignInThrottle throttle;
    for (int i = 0; i < failures_of_name_max; ++i) {
        EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", "ann@acme.test"), 0s) << i;
        throttle.on_try(kStart, "192.0.2.1", "ann@acme.test");
    }
    EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", "ann@acme.test"), failures_of_name_pause);
    EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", "bob@acme.test"), 0s);
    EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.2", "ann@acme.test"), 0s)
        << "nobody is locked out from elsewhere";
}

TEST(SignInThrottle, OneMoreTryAfterAPause) {
    SignInThrottle throttle;
    for (int i = 0; i < failures_of_name_max + 3; ++i)
        throttle.on_try(kStart, "192.0.2.1", "ann@acme.test");
    const Instant later = kStart + failures_of_name_pause;
    EXPECT_EQ(throttle.wait_for(later - 1ms, "192.0.2.1", "ann@acme.test"), 1s);
    EXPECT_EQ(throttle.wait_for(later, "192.0.2.1", "ann@acme.test"), 0s)
        << "tries that were refused make nothing worse";
    throttle.on_try(later, "192.0.2.1", "ann@acme.test");
    EXPECT_GT(throttle.wait_for(later, "192.0.2.1", "ann@acme.test"), 0s);
}

TEST(SignInThrottle, ARightPasswordForgivesTheName) {
    SignInThrottle throttle;
    for (int i = 0; i + 1 < failures_of_name_max; ++i)
        throttle.on_try(kStart, "192.0.2.1", "ann@acme.test");
    throttle.on_success("192.0.2.1", "ann@acme.test");
    for (int i = 0; i + 1 < failures_of_name_max; ++i)
        throttle.on_try(kStart, "192.0.2.1", "ann@acme.test");
    EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", "ann@acme.test"), 0s);
}

TEST(SignInThrottle, AnAddressThatTriesManyNamesIsHeldBack) {
    SignInThrottle throttle;
    for (int i = 0; i < failures_of_address_max; ++i) {
        const std::string name = std::to_string(i) + "@acme.test";
        EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", name), 0s) << i;
        throttle.on_try(kStart, "192.0.2.1", name);
    }
    EXPECT_GT(throttle.wait_for(kStart, "192.0.2.1", "ann@acme.test"), 0s);
}

TEST(SignInThrottle, AnOfficeSignsInFromBehindOneAddress) {
    SignInThrottle throttle;
    for (int i = 0; i < 10 * failures_of_address_max; ++i) {
        const std::string name = std::to_string(i) + "@acme.test";
        EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", name), 0s) << i;
        throttle.on_try(kStart, "192.0.2.1", name);
        throttle.on_success("192.0.2.1", name);
    }
}

TEST(SignInThrottle, ATryThatWasNotLookedAtDoesNotCount) {
    SignInThrottle throttle;
    for (int i = 0; i < 10 * failures_of_address_max; ++i) {
        EXPECT_EQ(throttle.wait_for(kStart, "192.0.2.1", "ann@acme.test"), 0s) << i;
        throttle.on_try(kStart, "192.0.2.1", "ann@acme.test");
        throttle.take_back("192.0.2.1", "ann@acme.test");
    }
}

TEST(SignInThrottle, ItsTableIsBounded) {
    SignInThrottle throttle;
    for (size_t i = 0; i < failures_counted_max + 1000; ++i)
        throttle.on_try(kStart, "192.0.2.1", std::to_string(i));
    EXPECT_LE(throttle.size(), failures_counted_max);
    EXPECT_GT(throttle.wait_for(kStart, "192.0.2.1", "ann"), 0s) << "it was not crowded out";
    for (size_t i = 0; i < failures_counted_max + 1000; ++i)
        throttle.on_try(kStart, std::to_string(i), "ann");
    EXPECT_LE(throttle.size(), failures_counted_max);
}

}  // namespace
}  // namespace tandem::roles::web_gate
