#include "model/number_mask.h"

#include <gtest/gtest.h>

namespace tandem::model {
namespace {

NumberMask mask(std::string_view text) {
    const auto parsed = NumberMask::parse(text);
    EXPECT_TRUE(parsed.has_value()) << text;
    return parsed ? *parsed : NumberMask();
}

TEST(NumberMask, FitsNumbers) {
    struct Case {
        const char* mask;
        const char* number;
        bool fits;
    };
    const Case cases[] = {
        {"", "", true},           {"", "1001", true},        {"", "alice", true},
        {"*", "", true},          {"*", "alice", true},      {"1001", "1001", true},
        {"1001", "10010", false}, {"1001", "100", false},    {"0*", "0", true},
        {"0*", "030", true},      {"0*", "1030", false},     {"1XXX", "1234", true},
        {"1XXX", "1*34", false},  {"1XXX", "12345", false},  {"ZX", "05", false},
        {"ZX", "10", true},       {"NX", "10", false},       {"NX", "29", true},
        {"[1-35]0", "30", true},  {"[1-35]0", "40", false},  {"[1-35]0", "50", true},
        {"[^0]*", "0", false},    {"[^0]*", "#1", true},     {"*72#", "*72#", true},
        {"*72*", "*72", true},    {"*72*", "*721001", true}, {"*72[*]", "*72*", true},
        {"*72[*]", "*72", false}, {"+49*", "+4930", true},   {"+49*", "4930", false},
        {"XXXX*", "bob", false},  {"X*", "1bob", true},      {"[+0]X", "+1", true}};
    for (const Case& c : cases)
        EXPECT_EQ(mask(c.mask).matches(c.number), c.fits) << c.mask << " " << c.number;
}

TEST(NumberMask, ErrorsNameThePosition) {
    struct Case {
        const char* mask;
        const char* begins;
    };
    const std::string long_one(33, '1');
    const Case cases[] = {{"12a", "at position 3: a mask consists"},
                          {"12[34", "at position 3: the '[' has no ']'"},
                          {"1[]", "at position 2: the set is empty"},
                          {"1[^0-9*#+]", "at position 2: the set is empty"},
                          {"[5-1]", "at position 2: a range goes upwards"},
                          {"[1-x]", "at position 2: a range goes from"},
                          {"[*-5]", "at position 2: a range goes from"},
                          {"[1-", "at position 2: a range goes from"},
                          {"[1b]", "at position 3: a set holds"},
                          {"1 2", "at position 2: a mask consists"},
                          {"]", "at position 1: a mask consists"},
                          {long_one.c_str(), "at position 33: a mask has at most 32"}};
    for (const Case& c : cases) {
        const auto parsed = NumberMask::parse(c.mask);
        ASSERT_FALSE(parsed.has_value()) << c.mask;
        EXPECT_TRUE(parsed.error().message.starts_with(c.begins)) << parsed.error().message;
    }
    EXPECT_TRUE(NumberMask::parse(std::string(32, 'X') + "*").has_value());
}

TEST(NumberMask, OverlapsAndCovers) {
    struct Case {
        const char* one;
        const char* other;
        bool overlap;
        bool covers;
    };
    const Case cases[] = {{"*", "1001", true, true},        {"1001", "*", true, false},
                          {"1*", "2*", false, false},       {"1XXX", "1001", true, true},
                          {"1001", "1XXX", true, false},    {"1X*", "1*", true, false},
                          {"1*", "1X*", true, true},        {"1*", "1", true, true},
                          {"1", "1*", true, false},         {"[1-5]X", "[4-9]0", true, false},
                          {"[1-5]X", "[4-5]0", true, true}, {"12", "123", false, false},
                          {"12*", "1", false, false},       {"XX", "XX", true, true}};
    for (const Case& c : cases) {
        const NumberMask one = mask(c.one);
        const NumberMask other = mask(c.other);
        EXPECT_EQ(one.overlaps(other), c.overlap) << c.one << " " << c.other;
        EXPECT_EQ(other.overlaps(one), c.overlap) << c.one << " " << c.other;
        EXPECT_EQ(one.covers(other), c.covers) << c.one << " " << c.other;
    }
}

TEST(NumberMask, KnowsItsOnlyNumber) {
    EXPECT_EQ(mask("1001").only_number(), "1001");
    EXPECT_EQ(mask("*7[*]").only_number(), "*7*");
    EXPECT_EQ(mask("100X").only_number(), "");
    EXPECT_EQ(mask("1001*").only_number(), "");
}

}  // namespace
}  // namespace tandem::model
