#include "model/rights.h"

#include <gtest/gtest.h>

namespace tandem::model {
namespace {

TEST(Rights, AreReadAndWritten) {
    const auto read = parse_right("accounts:read");
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->has(Resource::Accounts, Verb::Read));
    EXPECT_FALSE(read->has(Resource::Accounts, Verb::Write));
    EXPECT_EQ(read->text(), std::vector<std::string>{"accounts:read"});
    for (const char* both : {"calls:write", "calls:*"}) {
        const auto rights = parse_right(both);
        ASSERT_TRUE(rights) << both;
        EXPECT_EQ(rights->text(), std::vector<std::string>{"calls:write"}) << both;
        EXPECT_TRUE(rights->has(Resource::Calls, Verb::Read)) << both;
    }
    EXPECT_EQ(*parse_right("*:*"), Rights::all());
    EXPECT_EQ(parse_right("*:read")->text().size(), resource_count);
    EXPECT_FALSE(parse_right("*:read")->has_all_of(*parse_right("cdr:write")));
}

TEST(Rights, WrongOnesAreRefused) {
    for (const char* wrong : {"", "accounts", "accounts:", ":read", "accounts:fly", "cars:read",
                              "accounts:read:write", "*", "Accounts:read"}) {
        EXPECT_FALSE(parse_right(wrong)) << wrong;
    }
}

TEST(Rights, EachResourceHasANameOfItsOwn) {
    for (size_t i = 0; i < resource_count; ++i) {
        const auto resource = static_cast<Resource>(i);
        EXPECT_EQ(parse_resource(to_string(resource)), resource);
    }
}

TEST(Rights, ReadyMadeSetsGrow) {
    const Rights user = rights_of(GrantRole::User);
    const Rights supervisor = rights_of(GrantRole::Supervisor);
    EXPECT_TRUE(rights_of(GrantRole::Custom).empty());
    EXPECT_TRUE(supervisor.has_all_of(user));
    EXPECT_FALSE(user.has_all_of(supervisor));
    EXPECT_TRUE(rights_of(GrantRole::Administrator).has_all_of(supervisor));
    EXPECT_FALSE(supervisor.has(Resource::Grants, Verb::Read));
    EXPECT_FALSE(supervisor.has(Resource::Accounts, Verb::Write));
    Grant grant;
    grant.role = GrantRole::User;
    grant.rights = {"cdr:read", "nonsense"};
    EXPECT_TRUE(rights_of(grant).has(Resource::Cdr, Verb::Read));
    EXPECT_TRUE(rights_of(grant).has_all_of(user));
}

}  // namespace
}  // namespace tandem::model
