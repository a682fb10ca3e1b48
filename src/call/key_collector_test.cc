#include "call/key_collector.h"

#include <gtest/gtest.h>

namespace tandem::call {
namespace {

class KeyCollectorTest : public ::testing::Test {
 protected:
    // What comes of the last of the keys.
    KeyCollector::Outcome press(std::string_view keys) {
        KeyCollector::Outcome last;
        passed_ = 0;
        for (const char key : keys) {
            last = collector_.on_key(now_, key, codes_);
            passed_ += last.passes;
            now_ = now_ + 200ms;
        }
        return last;
    }
    KeyCollector::Outcome wait(Duration time) {
        now_ = now_ + time;
        return collector_.on_timeout(now_);
    }
    std::vector<KeyCode> codes_{{"*2", 4s}, {"##", 6s}};
    KeyCollector collector_;
    Instant now_{100s};
    size_t passed_ = 0;
};

TEST_F(KeyCollectorTest, CodeNumberAndHash) {
    const auto outcome = press("*21003#");
    EXPECT_TRUE(outcome.is_over);
    EXPECT_EQ(outcome.number, "1003");
    EXPECT_EQ(passed_, 0u);
    EXPECT_FALSE(collector_.next_deadline());
    EXPECT_EQ(collector_.held(), 0u);
}

TEST_F(KeyCollectorTest, APauseEndsTheNumber) {
    EXPECT_FALSE(press("##10").is_over);
    EXPECT_FALSE(wait(5s).is_over);
    const auto outcome = wait(1s);
    EXPECT_TRUE(outcome.is_over);
    EXPECT_EQ(outcome.number, "10");
}

TEST_F(KeyCollectorTest, EachKeyBeginsThePauseAnew) {
    press("*21");
    EXPECT_FALSE(wait(3s).is_over);
    press("0");
    EXPECT_FALSE(wait(3s).is_over);
    EXPECT_EQ(wait(1s).number, "10");
}

TEST_F(KeyCollectorTest, GivenUpWithoutANumber) {
    EXPECT_TRUE(press("*2#").is_over);
    EXPECT_FALSE(press("*2").is_over);
    const auto outcome = wait(4s);
    EXPECT_TRUE(outcome.is_over);
    EXPECT_FALSE(outcome.number);
}

TEST_F(KeyCollectorTest, OtherKeysPass) {
    EXPECT_FALSE(press("1234").is_over);
    EXPECT_EQ(passed_, 4u);
    EXPECT_FALSE(collector_.next_deadline());
}

TEST_F(KeyCollectorTest, WhatBeginsLikeACodeIsHeldUntilItIsNone) {
    press("*");
    EXPECT_EQ(passed_, 0u);
    EXPECT_EQ(collector_.held(), 1u);
    press("7");
    EXPECT_EQ(passed_, 2u);
    press("#");
    EXPECT_EQ(wait(5s).passes, 0u);
    EXPECT_EQ(wait(1s).passes, 1u);
    EXPECT_EQ(collector_.held(), 0u);
}

TEST_F(KeyCollectorTest, ACodeMayBeginWithinWhatWasNone) {
    EXPECT_FALSE(press("**2").is_over);
    EXPECT_EQ(passed_, 1u);
    EXPECT_EQ(press("5#").number, "5");
    EXPECT_FALSE(press("*##").is_over);
    EXPECT_EQ(passed_, 1u);
    EXPECT_EQ(press("*71#").number, "*71");
}

TEST_F(KeyCollectorTest, WhatIsTooLongIsGivenUp) {
    press("*2" + std::string(32, '1'));
    const auto outcome = press("1");
    EXPECT_TRUE(outcome.is_over);
    EXPECT_FALSE(outcome.number);
    press("*21");
    EXPECT_FALSE(press("A").number);
    EXPECT_EQ(collector_.held(), 0u);
}

TEST_F(KeyCollectorTest, SaysWhichCodeItWas) {
    EXPECT_EQ(press("##5#").code, "##");
    EXPECT_EQ(press("*25#").code, "*2");
}

TEST_F(KeyCollectorTest, ACodeAloneIsWholeAtOnce) {
    codes_ = {{"*2", 4s}, {"*3", 4s, true, true}};
    const auto outcome = press("*3");
    EXPECT_TRUE(outcome.is_over);
    EXPECT_EQ(outcome.number, "");
    EXPECT_EQ(outcome.code, "*3");
    EXPECT_FALSE(collector_.next_deadline());
    EXPECT_TRUE(press("**3").is_over);
    EXPECT_EQ(passed_, 1u);
    EXPECT_EQ(press("*25#").number, "5") << "others are as before";
}

TEST_F(KeyCollectorTest, WithoutCodesAllPasses) {
    codes_.clear();
    press("*2#");
    EXPECT_EQ(passed_, 3u);
}

}  // namespace
}  // namespace tandem::call
