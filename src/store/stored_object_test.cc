#include "store/stored_object.h"

#include <gtest/gtest.h>

namespace tandem::store {
namespace {

TEST(StoredObject, GivesWhatIsThere) {
    const auto read = StoredObject::parse(
        R"({"text":"a\"\u0418","number":-5,"large":18446744073709551610,"yes":true,)"
        R"("texts":["a",1,"b"],"objects":[{"n":1},"x",{"n":2}]})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->text("text"), "a\"\xd0\x98");
    EXPECT_EQ(read->number("number"), -5);
    EXPECT_EQ(read->unsigned_number("large"), ~uint64_t{0} - 5);
    EXPECT_EQ(read->flag("yes"), true);
    EXPECT_EQ(read->texts("texts"), (std::vector<std::string>{"a", "b"}));
    const auto objects = read->objects("objects");
    ASSERT_EQ(objects.size(), 2u);
    EXPECT_EQ(objects[1].number("n"), 2);
}

TEST(StoredObject, IsEmptyForWhatIsNot) {
    const auto read = StoredObject::parse(R"({"text":1,"number":"1","yes":"x","texts":{}})");
    ASSERT_TRUE(read);
    for (const char* name : {"text", "absent"}) EXPECT_EQ(read->text(name), "");
    for (const char* name : {"number", "absent"}) {
        EXPECT_EQ(read->number(name), 0);
        EXPECT_EQ(read->unsigned_number(name), 0u);
    }
    EXPECT_EQ(read->unsigned_number("text"), 1u);
    EXPECT_FALSE(read->flag("yes"));
    EXPECT_TRUE(read->texts("texts").empty());
    EXPECT_TRUE(read->objects("texts").empty());
    for (const char* bad : {"", "[]", "1", "{", "{\"a\":}"}) EXPECT_FALSE(StoredObject::parse(bad));
}

}  // namespace
}  // namespace tandem::store
