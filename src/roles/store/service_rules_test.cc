// What accounts may set for their calls.
#include <gtest/gtest.h>

#include "model/generated/account_service.h"
#include "model/generated/queue.h"
#include "roles/store/entity_desk_test.h"

namespace tandem::roles::store_role {
namespace {

struct ServicesDesk : ::testing::Test, EntityDesk {
    void SetUp() override {
        ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
        for (int n = 1; n <= 12; ++n) {
            const std::string login = "user" + std::to_string(n);
            const std::string body =
                R"({"login":")" + login + R"(","number":")" + std::to_string(1000 + n) + "\"}";
            ASSERT_EQ(create("account", "acme.test", body), "ok");
        }
    }
    std::string account(std::string_view login) {
        const store::Catalog catalog = feed.snapshot();
        const DomainId domain = *resolve_domain(catalog, "acme.test");
        return catalog.find_account_by_login(domain, login)->id.text();
    }
    std::string set(std::string_view login, std::string body) {
        return patch("account_service", "acme.test", std::string(login), std::move(body));
    }
};

TEST_F(ServicesDesk, AreThereFromTheBeginningAndGoWithTheirAccount) {
    EXPECT_NE(read("account_service", "acme.test", "user1").find(R"("do_not_disturb":false)"),
              std::string::npos);
    EXPECT_EQ(read("account_service", "acme.test", "nobody"), "not_found");
    EXPECT_EQ(set("nobody", R"({"do_not_disturb":true})"), "not_found ");
    EXPECT_EQ(set("user1", R"({"do_not_disturb":true,"forward_busy":"1002"})"), "ok");
    EXPECT_NE(read("account_service", "acme.test", "user1").find(R"("do_not_disturb":true)"),
              std::string::npos);
    EXPECT_EQ(remove("account", "acme.test", "user1"), "ok");
    EXPECT_EQ(
        feed.snapshot().count<model::AccountService>(*resolve_domain(feed.snapshot(), "acme.test")),
        0u);
}

TEST_F(ServicesDesk, TargetsAreNumbersOrLoginsOfOthers) {
    struct Case {
        const char* body;
        const char* outcome;
    };
    const Case cases[] = {
        {R"({"forward_always":"1002"})", "ok"},
        {R"({"forward_always":"user2"})", "ok"},
        {R"({"forward_always":"+49301234"})", "ok"},
        {R"({"forward_always":""})", "ok"},
        {R"({"forward_always":"1001"})", "out_of_range forward_always"},
        {R"({"forward_always":"user1"})", "out_of_range forward_always"},
        {R"({"forward_busy":"1001"})", "out_of_range forward_busy"},
        {R"({"forward_no_answer":"1001"})", "out_of_range forward_no_answer"},
        {R"({"forward_unregistered":"user1"})", "out_of_range forward_unregistered"},
        {R"({"forward_busy":"sip:1002@acme.test"})", "out_of_range forward_busy"},
        {R"({"forward_no_answer_after_s":2})", "out_of_range forward_no_answer_after_s"},
    };
    for (const Case& c : cases) EXPECT_EQ(set("user1", c.body), c.outcome) << c.body;
}

TEST_F(ServicesDesk, CirclesOfWhatAlwaysHappensAreRefused) {
    EXPECT_EQ(set("user1", R"({"forward_always":"1002"})"), "ok");
    EXPECT_EQ(set("user2", R"({"forward_always":"1003"})"), "ok");
    EXPECT_EQ(set("user3", R"({"forward_always":"user1"})"), "out_of_range forward_always");
    // Who is busy may stand in for one another; who is never to be disturbed may not.
    EXPECT_EQ(set("user3", R"({"forward_busy":"1001"})"), "ok");
    EXPECT_EQ(set("user3", R"({"do_not_disturb":true})"), "out_of_range forward_busy");
    EXPECT_EQ(set("user3", R"({"do_not_disturb":true,"forward_busy":""})"), "ok");
}

TEST_F(ServicesDesk, ChainsHaveAnEnd) {
    for (int n = 1; n <= 9; ++n) {
        const std::string body = R"({"forward_always":")" + std::to_string(1000 + n + 1) + "\"}";
        EXPECT_EQ(set("user" + std::to_string(n), body), "ok") << n;
    }
    // By 1001 it would be ten times, by 1004 seven.
    EXPECT_EQ(set("user12", R"({"forward_always":"1001"})"), "out_of_range forward_always");
    EXPECT_EQ(set("user12", R"({"forward_always":"1004"})"), "ok");
}

TEST_F(ServicesDesk, QueuesHaveEachMemberOnceAndEndSomewhere) {
    const auto queue = [&](std::string_view name, std::string_view rest) {
        return create("queue", "acme.test",
                      R"({"name":")" + std::string(name) + "\"," + std::string(rest) + "}");
    };
    EXPECT_EQ(
        queue("a", R"("number":"600","overflow":"1002","members":[")" + account("user1") + "\"]"),
        "ok");
    EXPECT_EQ(queue("b", R"("number":"1001")"), "conflict number");
    EXPECT_EQ(queue("b", R"("number":"601","overflow":"601")"), "out_of_range overflow");
    EXPECT_EQ(queue("b", R"("number":"601","overflow":"600")"), "ok");
    EXPECT_EQ(patch("queue", "acme.test", "a", R"({"overflow":"601"})"), "out_of_range overflow");
    EXPECT_EQ(patch("queue", "acme.test", "a", R"({"ring_s":2})"), "out_of_range ring_s");
    EXPECT_EQ(patch("queue", "acme.test", "a", R"({"strategy":"loudest"})"),
              "out_of_range strategy");
    EXPECT_EQ(
        patch("queue", "acme.test", "a", R"({"members":["00000000000000000000000000000001"]})"),
        "not_found members[0]");
    EXPECT_EQ(create("ring_group", "acme.test", R"({"name":"g","number":"600"})"),
              "conflict number");
    EXPECT_EQ(remove("account", "acme.test", "user1"), "conflict id");
}

TEST_F(ServicesDesk, AgentsAreOfTheirQueues) {
    const auto queue = [&](std::string_view name, std::string_view number) {
        EXPECT_EQ(create("queue", "acme.test",
                         R"({"name":")" + std::string(name) + R"(","number":")" +
                             std::string(number) + R"(","members":[")" + account("user1") + "\"]}"),
                  "ok");
        const store::Catalog catalog = feed.snapshot();
        return catalog
            .find_by_name<model::Queue>(*resolve_domain(catalog, "acme.test"), std::string(name))
            ->id.text();
    };
    const std::string sales = queue("sales", "600");
    const std::string help = queue("help", "601");
    const auto agent = [&](std::string_view login, std::string body) {
        return patch("queue_agent", "acme.test", std::string(login), std::move(body));
    };
    const auto in = [](const std::string& ids) {
        return R"({"logged_in":true,"queues":[)" + ids + "]}";
    };
    EXPECT_EQ(agent("user1", in("\"" + sales + "\"")), "ok");
    EXPECT_EQ(agent("user1", in("\"" + sales + "\",\"" + sales + "\"")), "out_of_range queues[1]");
    EXPECT_EQ(agent("user2", in("\"" + sales + "\"")), "out_of_range queues[0]");
    EXPECT_EQ(agent("user1", R"({"paused_in":["00000000000000000000000000000001"]})"),
              "out_of_range paused_in[0]");
    EXPECT_EQ(agent("nobody", in("")), "not_found ");
    // A queue goes though somebody is logged in to it; then he is logged in to none.
    EXPECT_EQ(remove("queue", "acme.test", "sales"), "ok");
    EXPECT_EQ(agent("user1", R"({"paused":true})"), "ok");
    const std::string left = read("queue_agent", "acme.test", "user1");
    EXPECT_NE(left.find(R"("logged_in":false,"queues":[],"paused":true)"), std::string::npos)
        << left;
    EXPECT_EQ(agent("user1", in("\"" + help + "\"")), "ok");
}

TEST_F(ServicesDesk, GroupsHaveEachMemberOnceAndEndSomewhere) {
    const auto id_of = [&](const char* login) {
        const store::Catalog catalog = feed.snapshot();
        const DomainId domain = *resolve_domain(catalog, "acme.test");
        return catalog.find_account_by_login(domain, login)->id.text();
    };
    const std::string one = id_of("user1");
    const std::string two = id_of("user2");
    const auto group = [&](std::string_view name, std::string_view rest) {
        return create("ring_group", "acme.test",
                      R"({"name":")" + std::string(name) + "\"," + std::string(rest) + "}");
    };
    EXPECT_EQ(group("a", R"("number":"300","members":[")" + one + R"(",")" + two + "\"]"), "ok");
    EXPECT_EQ(group("b", R"("members":[")" + one + R"(",")" + one + "\"]"),
              "out_of_range members[1]");
    EXPECT_EQ(group("b", R"("number":"301","overflow":"301")"), "out_of_range overflow");
    EXPECT_EQ(group("b", R"("number":"301","overflow":"a b")"), "malformed overflow");
    EXPECT_EQ(group("b", R"("number":"301","overflow":"300")"), "ok");
    EXPECT_EQ(patch("ring_group", "acme.test", "a", R"({"overflow":"301"})"),
              "out_of_range overflow");
    // Over an account that sends all its calls to the group.
    EXPECT_EQ(set("user3", R"({"forward_always":"300"})"), "ok");
    EXPECT_EQ(patch("ring_group", "acme.test", "a", R"({"overflow":"1003"})"),
              "out_of_range overflow");
    EXPECT_EQ(remove("account", "acme.test", "user1"), "conflict id");
}

TEST_F(ServicesDesk, FeatureCodesAreToldApart) {
    const auto code = [&](const char* name, const char* prefix) {
        return create("feature_code", "acme.test",
                      std::string(R"({"name":")") + name + R"(","prefix":")" + prefix +
                          R"(","action":"do-not-disturb-on"})");
    };
    EXPECT_EQ(code("a", "*26"), "ok");
    EXPECT_EQ(code("b", "*26"), "conflict prefix");
    EXPECT_EQ(code("b", "1001"), "conflict prefix");
    EXPECT_EQ(code("b", "*2"), "ok");
    EXPECT_EQ(create("feature_code", "acme.test", R"({"name":"c","prefix":"*3"})"),
              "missing action");
    for (int n = 2; n < 100; ++n)
        ASSERT_EQ(code(("n" + std::to_string(n)).c_str(), ("#" + std::to_string(n)).c_str()), "ok");
    EXPECT_EQ(code("last", "*9"), "conflict ");
}

}  // namespace
}  // namespace tandem::roles::store_role
