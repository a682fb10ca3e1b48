#include "routing/numbering.h"

#include <gtest/gtest.h>

namespace tandem::routing {
namespace {

model::NumberingSettings berlin() {
    model::NumberingSettings numbering;
    numbering.country_code = "49";
    numbering.area_code = "30";
    return numbering;
}

TEST(Numbering, InternationalForms) {
    model::NumberingSettings closed = berlin();  // numbers of the country are always whole
    closed.country_code = "45";
    closed.trunk_prefix.clear();
    model::NumberingSettings no_area = berlin();
    no_area.area_code.clear();
    struct Case {
        model::NumberingSettings numbering;
        const char* number;
        const char* form;  // empty: none
    };
    const Case cases[] = {{berlin(), "0301234", "+49301234"},
                          {berlin(), "0049301234", "+49301234"},
                          {berlin(), "+49301234", "+49301234"},
                          {berlin(), "123456", "+4930123456"},
                          {berlin(), "1001", ""},
                          {berlin(), "*72", ""},
                          {berlin(), "0*72", ""},
                          {berlin(), "alice", ""},
                          {berlin(), "", ""},
                          {berlin(), "00", ""},
                          {berlin(), "0", ""},
                          {berlin(), "+", ""},
                          {berlin(), "+49*", ""},
                          {berlin(), "001234567890123456", ""},
                          {closed, "33123456", "+4533123456"},
                          {closed, "0033123456", "+33123456"},
                          {no_area, "123456", ""},
                          {no_area, "0301234", "+49301234"},
                          {{}, "0301234", ""},
                          {{}, "+49301234", "+49301234"}};
    for (const Case& c : cases)
        EXPECT_EQ(international(c.numbering, c.number).value_or(""), c.form) << c.number;
}

TEST(Numbering, ShortNumbersStandForWholeOnes) {
    model::NumberingSettings numbering = berlin();
    EXPECT_FALSE(whole_number(numbering, ""));
    numbering.short_length = 3;
    numbering.short_prefix = "+49301234";
    EXPECT_EQ(whole_number(numbering, "567"), "+49301234567");
    EXPECT_FALSE(whole_number(numbering, "5678"));
    EXPECT_FALSE(whole_number(numbering, "*12"));
    EXPECT_EQ(forms_of(numbering, "567"), (std::vector<std::string>{"567", "+49301234567"}));
    EXPECT_EQ(forms_of(numbering, "+49301234567").size(), 1u);
}

TEST(Numbering, SettingsMustFit) {
    struct Case {
        void (*spoil)(model::NumberingSettings&);
        const char* field;
    };
    const Case cases[] = {
        {[](model::NumberingSettings& n) { n.country_code = "049"; }, "country_code"},
        {[](model::NumberingSettings& n) { n.country_code = "+49"; }, "country_code"},
        {[](model::NumberingSettings& n) { n.trunk_prefix = "*"; }, "trunk_prefix"},
        {[](model::NumberingSettings& n) { n.short_length = 2; }, "short_prefix"},
        {[](model::NumberingSettings& n) { n.short_prefix = "1"; }, "short_length"}};
    EXPECT_TRUE(check_numbering(berlin()).has_value());
    for (const Case& c : cases) {
        model::NumberingSettings numbering = berlin();
        c.spoil(numbering);
        const auto checked = check_numbering(numbering);
        ASSERT_FALSE(checked.has_value()) << c.field;
        EXPECT_EQ(checked.error().field, c.field);
    }
}

}  // namespace
}  // namespace tandem::routing
