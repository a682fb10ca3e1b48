#include "rtp/key_presses.h"

#include <gtest/gtest.h>

#include <string>

namespace tandem::rtp {
namespace {

class KeyPressesTest : public ::testing::Test {
 protected:
    void packet(char key, uint32_t timestamp, uint16_t duration, bool end = false,
                uint32_t ssrc = 7) {
        Header header;
        header.ssrc = ssrc;
        header.timestamp = timestamp;
        const auto pressed = presses_.on_event(header, {*dtmf_event(key), end, 10, duration});
        if (pressed) keys_ += *pressed;
    }
    KeyPresses presses_;
    std::string keys_;
};

TEST_F(KeyPressesTest, OnePressIsOneKey) {
    packet('5', 1000, 160);
    packet('5', 1000, 320);
    for (int i = 0; i < 3; ++i) packet('5', 1000, 480, true);
    packet('5', 3000, 160);
    EXPECT_EQ(keys_, "55");
}

TEST_F(KeyPressesTest, OnlyItsEndHasCome) {
    packet('*', 1000, 800, true);
    packet('2', 2000, 800, true);
    EXPECT_EQ(keys_, "*2");
}

TEST_F(KeyPressesTest, PacketsOfAnEarlierPressAreNoNewOne) {
    packet('1', 1000, 160);
    packet('2', 3000, 160);
    packet('1', 1000, 400, true);
    packet('2', 3000, 320, true);
    EXPECT_EQ(keys_, "12");
}

TEST_F(KeyPressesTest, ALongPressHasSegments) {
    packet('9', 1000, 0xffff);
    packet('9', 1000 + 0xffff, 160);
    packet('9', 1000 + 0xffff, 320, true);
    packet('9', 1000 + 0xffff + 320, 160);  // at once after the end: another press
    EXPECT_EQ(keys_, "99");
}

TEST_F(KeyPressesTest, AnotherSourceBeginsAnew) {
    packet('3', 90000, 160, true);
    packet('3', 1000, 160, true, 8);
    EXPECT_EQ(keys_, "33");
}

TEST_F(KeyPressesTest, TimestampsWrap) {
    packet('3', 0xfffffff0, 160, true);
    packet('4', 800, 160, true);
    EXPECT_EQ(keys_, "34");
}

TEST_F(KeyPressesTest, FlashIsNoKey) {
    Header header;
    EXPECT_FALSE(presses_.on_event(header, {16, false, 10, 160}));
}

}  // namespace
}  // namespace tandem::rtp
