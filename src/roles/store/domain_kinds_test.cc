// What all kinds of which a domain has many have in common.
#include <gtest/gtest.h>

#include "roles/store/entity_desk_test.h"

namespace tandem::roles::store_role {
namespace {

struct KindsDesk : ::testing::Test, EntityDesk {
    void SetUp() override {
        ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
        ASSERT_EQ(create("domain", "", R"({"name":"other.test"})"), "ok");
    }
    static std::string trunk_named(std::string_view name) {
        return R"({"mode":"peer","proxies":["192.0.2.7"],"name":")" + std::string(name) + "\"}";
    }
    std::string make(std::string_view kind, std::string_view body) {
        EXPECT_EQ(create(std::string(kind), "acme.test", std::string(body)), "ok") << body;
        return last_id;
    }
};

TEST_F(KindsDesk, NamesAreOneOfAKindAndFoundByIt) {
    make("trunk", trunk_named("line"));
    EXPECT_EQ(create("trunk", "acme.test", trunk_named("line")), "conflict name");
    EXPECT_EQ(create("trunk", "other.test", trunk_named("line")), "ok");
    EXPECT_EQ(create("trunk_group", "acme.test", R"({"name":"line"})"), "ok");
    const store::Catalog catalog = feed.snapshot();
    EXPECT_TRUE(read_entity(catalog, request(EntityVerb::Read, "trunk", "acme.test", "line", "")));
    EXPECT_FALSE(read_entity(catalog, request(EntityVerb::Read, "trunk", "acme.test", "no", "")));
    // A name that has become free is free.
    EXPECT_EQ(patch("trunk", "acme.test", "line", R"({"name":"main"})"), "ok");
    EXPECT_EQ(create("trunk", "acme.test", trunk_named("line")), "ok");
    EXPECT_EQ(remove("trunk", "acme.test", "main"), "ok");
    EXPECT_EQ(create("trunk", "acme.test", trunk_named("main")), "ok");
}

TEST_F(KindsDesk, ANumberReachesOneThingOfTheDomain) {
    ASSERT_EQ(create("account", "acme.test", R"({"login":"a","number":"100"})"), "ok");
    EXPECT_EQ(create("ring_group", "acme.test", R"({"name":"g","number":"100"})"),
              "conflict number");
    make("ring_group", R"({"name":"g","number":"200"})");
    EXPECT_EQ(create("account", "acme.test", R"({"login":"b","number":"200"})"), "conflict number");
    EXPECT_EQ(create("ring_group", "other.test", R"({"name":"g","number":"200"})"), "ok");
    EXPECT_EQ(patch("ring_group", "acme.test", "g", R"({"number":""})"), "ok");
    EXPECT_EQ(create("account", "acme.test", R"({"login":"b","number":"200"})"), "ok");
}

// Two that were judged side by side: the store lets only one of them in.
TEST_F(KindsDesk, AnAccountAndAGroupCantTakeANumberAtOnce) {
    const auto group = prepare(
        request(EntityVerb::Create, "ring_group", "acme.test", "", R"({"name":"g","number":"7"})"));
    const auto account = prepare(
        request(EntityVerb::Create, "account", "acme.test", "", R"({"login":"a","number":"7"})"));
    ASSERT_TRUE(group && account);
    EXPECT_TRUE(commit(group->write));
    EXPECT_FALSE(commit(account->write));
}

TEST_F(KindsDesk, WhatIsReferredToIsThereAndStays) {
    const std::string trunk = make("trunk", trunk_named("line"));
    ASSERT_EQ(create("trunk", "other.test", trunk_named("theirs")), "ok");
    const std::string theirs = last_id;
    const auto group_of = [](const std::string& first, const std::string& second) {
        return R"({"name":"lines","members":[")" + first + R"(",")" + second + "\"]}";
    };
    for (const std::string& wrong : {std::string(32, '1'), theirs}) {
        EXPECT_EQ(create("trunk_group", "acme.test", group_of(trunk, wrong)),
                  "not_found members[1]");
    }
    make("trunk_group", R"({"name":"lines","members":[")" + trunk + "\"]}");
    const auto refused = prepare(request(EntityVerb::Remove, "trunk", "acme.test", "line", ""));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "the trunk group 'lines' still uses it (members[0])");
    EXPECT_EQ(patch("trunk_group", "acme.test", "lines", R"({"members":[]})"), "ok");
    // Also when both were judged side by side.
    const auto use = prepare(request(EntityVerb::Patch, "trunk_group", "acme.test", "lines",
                                     R"({"members":[")" + trunk + "\"]}"));
    const auto removal = prepare(request(EntityVerb::Remove, "trunk", "acme.test", "line", ""));
    ASSERT_TRUE(use && removal);
    EXPECT_TRUE(commit(removal->write));
    EXPECT_FALSE(commit(use->write));
}

TEST_F(KindsDesk, WhatMayNotChangeIsKeptByAReplacement) {
    std::string site;
    feed.snapshot().visit_sites([&](const model::Site& each) {
        site = each.id.text();
        return false;
    });
    const std::string body = R"("name":"third","site":")" + site + '"';
    ASSERT_EQ(create("server", "", "{" + body + R"(,"witness":true})"), "ok");
    const auto replaced =
        prepare(request(EntityVerb::Replace, "server", "", last_id, "{" + body + "}"));
    ASSERT_TRUE(replaced) << replaced.error().message;
    EXPECT_NE(replaced->reply.json.find(R"("witness":true)"), std::string::npos);
    EXPECT_EQ(patch("server", "", last_id, R"({"witness":false})"), "forbidden witness");
}

}  // namespace
}  // namespace tandem::roles::store_role
