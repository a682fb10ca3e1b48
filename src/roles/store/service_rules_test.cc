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
        {R"({"forward_always":"+49301234"})", "not_found forward_always"},
        {R"({"forward_always":"nobody"})", "not_found forward_always"},
        {R"({"forward_busy":"1999"})", "not_found forward_busy"},
        {R"({"forward_no_answer":"1999"})", "not_found forward_no_answer"},
        {R"({"forward_unregistered":"1999"})", "not_found forward_unregistered"},
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

TEST_F(ServicesDesk, RulesAreCheckedOneByOne) {
    ASSERT_EQ(create("schedule", "acme.test", R"({"name":"night"})"), "ok");
    const auto rules = [&](std::string_view last) {
        return set("user1", R"({"rules":[{"to":"1002"},{"caller":"10*","action":"ring"},)" +
                                std::string(last) + "]}");
    };
    struct Case {
        const char* rule;
        const char* outcome;
    };
    const Case cases[] = {
        {R"({"caller":"inner","action":"reject"})", "ok"},
        {R"({"caller":"anonymous","to":"user3","reason":"busy"})", "ok"},
        {R"({"caller":"X[","to":"1003"})", "malformed rules[2].caller"},
        {R"({"caller":"nobody","to":"1003"})", "malformed rules[2].caller"},
        {R"({"reason":"sometimes","to":"1003"})", "out_of_range rules[2].reason"},
        {R"({"schedule":"00000000000000050000000000000009","to":"1003"})",
         "not_found rules[2].schedule"},
        {R"({"schedule":"night","to":"1003"})", "malformed rules[2].schedule"},
        {R"({"to":""})", "missing rules[2].to"},
        {R"({"to":"1003","action":"ring"})", "out_of_range rules[2].to"},
        {R"({"to":"1001"})", "out_of_range rules[2].to"},
        {R"({"to":"user1"})", "out_of_range rules[2].to"},
        {R"({"to":"sip:x"})", "out_of_range rules[2].to"},
        {R"({"to":"1999"})", "not_found rules[2].to"},
        {R"({"to":"nobody"})", "not_found rules[2].to"},
    };
    for (const Case& c : cases) EXPECT_EQ(rules(c.rule), c.outcome) << c.rule;
}

TEST_F(ServicesDesk, WhoGoesLaterHoldsUpNoOtherChange) {
    EXPECT_EQ(set("user1", R"({"rules":[{"to":"1002"}]})"), "ok");
    EXPECT_EQ(remove("account", "acme.test", "user2"), "ok");
    EXPECT_EQ(set("user1", R"({"do_not_disturb":true})"), "ok");
    EXPECT_EQ(set("user1", R"({"rules":[{"to":"1002","caller":"inner"}]})"),
              "not_found rules[0].to");
    // Where rules or trunks may lead somewhere, nobody can tell.
    EXPECT_EQ(create("dial_rule", "acme.test", R"({"name":"out","dialled":"0*"})"), "ok");
    EXPECT_EQ(set("user1", R"({"rules":[{"to":"030123"}]})"), "ok");
}

TEST_F(ServicesDesk, SchedulesThatRulesNameStay) {
    ASSERT_EQ(create("schedule", "acme.test", R"({"name":"night"})"), "ok");
    const store::Catalog catalog = feed.snapshot();
    const DomainId domain = *resolve_domain(catalog, "acme.test");
    const std::string id = catalog.find_by_name<model::Schedule>(domain, "night")->id.text();
    ASSERT_EQ(set("user1", R"({"rules":[{"schedule":")" + id + R"(","to":"1002"}]})"), "ok");
    EXPECT_EQ(remove("schedule", "acme.test", "night"), "conflict id");
    ASSERT_EQ(set("user1", R"({"rules":[]})"), "ok");
    const std::string code = R"({"name":"n","prefix":"*72","action":"schedule-open")";
    EXPECT_EQ(create("feature_code", "acme.test", code + "}"), "missing schedule");
    EXPECT_EQ(create("feature_code", "acme.test",
                     R"({"name":"n","prefix":"*72","action":"calls-waiting-on","schedule":")" + id +
                         "\"}"),
              "out_of_range schedule");
    ASSERT_EQ(create("feature_code", "acme.test", code + R"(,"schedule":")" + id + "\"}"), "ok");
    EXPECT_EQ(remove("schedule", "acme.test", "night"), "conflict id");
    ASSERT_EQ(remove("feature_code", "acme.test", "n"), "ok");
    EXPECT_EQ(remove("schedule", "acme.test", "night"), "ok");
}

TEST_F(ServicesDesk, CirclesOfRulesAreRefusedWhereTheyAlwaysClose) {
    const auto rules = [&](const char* login, const char* list) {
        return set(login, std::string(R"({"rules":[)") + list + "]}");
    };
    ASSERT_EQ(rules("user1", R"({"to":"1002"})"), "ok");
    EXPECT_EQ(set("user2", R"({"forward_always":"1001"})"), "out_of_range forward_always");
    EXPECT_EQ(rules("user2", R"({"caller":"inner","to":"1001"})"), "out_of_range rules[0].to");
    EXPECT_EQ(rules("user2", R"({"reason":"busy","to":"1001"})"), "ok") << "not always";
    EXPECT_EQ(set("user2", R"({"do_not_disturb":true})"), "out_of_range rules[0].to");
    // Where a rule goes by who calls, the circle may be open for somebody.
    ASSERT_EQ(rules("user1", R"({"caller":"inner","to":"1002"})"), "ok");
    EXPECT_EQ(rules("user2", R"({"to":"1001"})"), "ok");
    // What an earlier rule takes for all never comes to the field.
    ASSERT_EQ(set("user3", R"({"forward_always":"1004"})"), "ok");
    EXPECT_EQ(set("user4", R"({"forward_always":"1003","rules":[{"action":"ring"}]})"), "ok");
    EXPECT_EQ(rules("user4", ""), "out_of_range forward_always");
}

TEST_F(ServicesDesk, SecretariesAreOthersAndEachOnce) {
    const auto id_of = [&](const char* login) {
        const store::Catalog catalog = feed.snapshot();
        const DomainId domain = *resolve_domain(catalog, "acme.test");
        return catalog.find_account_by_login(domain, login)->id.text();
    };
    const auto secretaries = [&](std::vector<std::string> ids) {
        std::string list;
        for (const std::string& each : ids) list += (list.empty() ? "\"" : ",\"") + each + '"';
        return set("user1", R"({"secretaries":[)" + list + "]}");
    };
    const std::string one = id_of("user1");
    const std::string two = id_of("user2");
    EXPECT_EQ(secretaries({two, two}), "out_of_range secretaries[1]");
    EXPECT_EQ(secretaries({two, one}), "out_of_range secretaries[1]");
    EXPECT_EQ(secretaries({std::string(32, 'f')}), "not_found secretaries[0]");
    EXPECT_EQ(secretaries({two}), "ok");
    EXPECT_EQ(set("user1", R"({"direct_callers":["10*","["]})"), "malformed direct_callers[1]");
    EXPECT_EQ(set("user1", R"({"direct_callers":["10*","inner"]})"), "ok");
    EXPECT_EQ(remove("account", "acme.test", "user2"), "conflict id");
    EXPECT_EQ(set("user2", R"({"secretary_away":true,"forward_always":"1001"})"), "ok");
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

// Whose number was nobody's when the others were written.
TEST_F(ServicesDesk, CirclesThatANewNumberClosesAreRefused) {
    const auto make = [&](const char* kind, std::string_view rest) {
        return create(kind, "acme.test", "{" + std::string(rest) + "}");
    };
    // A number that nobody has may lead somewhere by a rule.
    ASSERT_EQ(make("dial_rule", R"("name":"out","dialled":"0*")"), "ok");
    ASSERT_EQ(make("queue", R"("name":"a","number":"600","overflow":"601")"), "ok");
    EXPECT_EQ(make("queue", R"("name":"b","number":"601","overflow":"600")"),
              "out_of_range overflow");
    EXPECT_EQ(make("ring_group", R"("name":"b","number":"601","overflow":"600")"),
              "out_of_range overflow");
    ASSERT_EQ(make("queue", R"("name":"b","number":"602","overflow":"600")"), "ok");
    EXPECT_EQ(patch("queue", "acme.test", "b", R"({"number":"601"})"), "out_of_range overflow");
    ASSERT_EQ(patch("queue", "acme.test", "a", R"({"overflow":""})"), "ok");
    EXPECT_EQ(patch("queue", "acme.test", "b", R"({"number":"601"})"), "ok");
    // Its former number is nobody's any more.
    ASSERT_EQ(patch("queue", "acme.test", "a", R"({"number":"605","overflow":"600"})"), "ok");
}

TEST_F(ServicesDesk, CallsAreSentOnToSomebody) {
    const auto make = [&](const char* kind, std::string_view rest) {
        return create(kind, "acme.test", "{" + std::string(rest) + "}");
    };
    for (const char* kind : {"ring_group", "queue"}) {
        const std::string name =
            std::string(R"("name":"a","number":)") + (kind[0] == 'q' ? "\"600\"" : "\"300\"");
        EXPECT_EQ(make(kind, name + R"(,"overflow":"1999")"), "not_found overflow") << kind;
        EXPECT_EQ(make(kind, name + R"(,"overflow":"nobody")"), "not_found overflow") << kind;
        ASSERT_EQ(make(kind, name + R"(,"overflow":"user12")"), "ok") << kind;
        EXPECT_EQ(patch(kind, "acme.test", "a", R"({"overflow":"1998"})"), "not_found overflow");
    }
    ASSERT_EQ(set("user1", R"({"forward_busy":"600","forward_no_answer":"1012"})"), "ok");
    // Who goes later holds up no other change.
    ASSERT_EQ(remove("account", "acme.test", "user12"), "ok");
    EXPECT_EQ(set("user1", R"({"forward_busy":"300"})"), "ok");
    EXPECT_EQ(set("user1", R"({"forward_unregistered":"1012"})"), "not_found forward_unregistered");
    EXPECT_EQ(patch("queue", "acme.test", "a", R"({"ring_s":10})"), "ok");
    EXPECT_EQ(patch("ring_group", "acme.test", "a", R"({"overflow":"1012"})"),
              "not_found overflow");
    // Where rules or trunks may lead somewhere, nobody can tell.
    ASSERT_EQ(make("dial_rule", R"("name":"out","dialled":"0*")"), "ok");
    EXPECT_EQ(set("user1", R"({"forward_always":"030123"})"), "ok");
    EXPECT_EQ(patch("ring_group", "acme.test", "a", R"({"overflow":"030123"})"), "ok");
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

TEST_F(ServicesDesk, CodesThatArePressedHaveRulesOfTheirOwn) {
    const auto code = [&](const char* name, const char* prefix,
                          const char* action = "transfer-blind", const char* more = "") {
        return create("feature_code", "acme.test",
                      std::string(R"({"name":")") + name + R"(","prefix":")" + prefix +
                          R"(","action":")" + action + "\"" + more + "}");
    };
    for (const char* wrong : {"*", "12", "+12", "*23456789"})
        EXPECT_EQ(code("w", wrong), "out_of_range prefix") << wrong;
    EXPECT_EQ(code("w", "*2", "transfer-blind", R"(,"pause_s":1)"), "out_of_range pause_s");
    EXPECT_EQ(code("w", "*2", "transfer-blind", R"(,"pause_s":31)"), "out_of_range pause_s");
    EXPECT_EQ(code("dialled", "*2", "do-not-disturb-on"), "ok");
    EXPECT_EQ(code("a", "*2"), "ok") << "one is dialled, one is pressed";
    EXPECT_EQ(code("b", "*2"), "conflict prefix");
    EXPECT_EQ(code("b", "*21"), "conflict prefix") << "the other one would come first";
    EXPECT_EQ(code("b", "##", "transfer-blind", R"(,"pause_s":30)"), "ok");
    EXPECT_EQ(code("c", "##1"), "conflict prefix");
    EXPECT_EQ(code("c", "*21", "transfer-attended"), "conflict prefix");
    EXPECT_EQ(code("c", "3", "transfer-attended"), "out_of_range prefix");
    EXPECT_EQ(code("c", "*3", "transfer-attended"), "ok");
}

}  // namespace
}  // namespace tandem::roles::store_role
