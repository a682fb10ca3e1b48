#include "roles/store/plan_desk.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>

#include "roles/store/entity_desk_test.h"
#include "roles/store/limits.h"
#include "roles/store/plan_document.h"

namespace tandem::roles::store_role {
namespace {

namespace json = boost::json;

struct PlanDesk : testing::Test, EntityDesk {
    // The present layout as a document.
    json::object document() {
        const json::value shown = json::parse(show_plan(feed.snapshot()).json);
        return {{"roles", shown.at("roles")}};
    }
    static json::object& role(json::object& document, size_t index) {
        return document["roles"].as_array().at(index).as_object();
    }
    static json::object b2b(int number) {
        return {{"role", "B2B"}, {"server", "server-1"}, {"number", number}};
    }
    Result<EntityReply> judge(const std::string& body) {
        const store::Catalog catalog = feed.snapshot();
        const WriteScope scope{catalog, now, rng, "st-1", key, licences};
        return judge_plan(scope, request(EntityVerb::Create, "plan", "", "", body));
    }
    std::vector<KeyValue> stored_roles() {
        const auto out = ask(store::RangeRequest{plan_range()});
        return std::get<store::RangeReply>(*out.replies[0].body).items;
    }
    Result<EntityChange> prepare_plan_of(const json::object& document, std::string if_match = {}) {
        const store::Catalog catalog = feed.snapshot();
        const WriteScope scope{catalog, now, rng, "st-1", key, licences};
        auto asked = request(EntityVerb::Replace, "plan", "", "", json::serialize(document));
        asked.if_match = std::move(if_match);
        const auto roles = stored_roles();
        return prepare_plan(scope, asked, roles);
    }
    // "ok", "lost" or "code field"
    std::string apply(const json::object& document, std::string if_match = {}) {
        const auto change = prepare_plan_of(document, std::move(if_match));
        if (!change)
            return std::string(to_string(change.error().code)) + " " + change.error().field;
        last = change->reply;
        if (change->write.ops.empty()) return "nothing";
        return commit(change->write) ? "ok" : "lost";
    }
    std::string changes(const json::object& document) {
        const auto reply = judge(json::serialize(document));
        if (!reply) return std::string(to_string(reply.error().code)) + " " + reply.error().field;
        std::string text;
        const json::value plan = json::parse(reply->json);
        for (const auto& each : plan.at("changes").as_array())
            text += json::value_to<std::string>(each.at("kind")) + " " +
                    json::serialize(each.at("number")) + "\n";
        return text;
    }
    std::string numbers() {
        std::string all;
        feed.snapshot().visit_role_instances([&](const model::RoleInstance& each) {
            all += std::to_string(each.number) + std::string(to_string(each.role)) + " ";
            return true;
        });
        return all;
    }
    std::string version() {
        return json::value_to<std::string>(
            json::parse(show_plan(feed.snapshot()).json).at("version"));
    }
};

constexpr const char* kElementary = "1ST 2CS 3MGC 4MG 5SR 6B2B 7SG 8WS 9ESG ";

TEST_F(PlanDesk, ShowsTheLayoutAsADocument) {
    const EntityReply shown = show_plan(feed.snapshot());
    const json::value plan = json::parse(shown.json);
    EXPECT_EQ(json::value_to<std::string>(plan.at("version")), shown.etag);
    ASSERT_EQ(plan.at("findings").as_array().size(), 1u) << "it is on one server";
    EXPECT_EQ(plan.at("findings").at(0).at("code").as_string(), "one-server");
    EXPECT_EQ(plan.at("losses").as_array().size(), 10u) << "of the server and of each instance";
    EXPECT_EQ(plan.at("losses").at(0).at("server").as_string(), "server-1");
    const json::object& gate = plan.at("roles").at(6).as_object();
    EXPECT_EQ(gate.at("server").as_string(), "server-1") << "by name";
    EXPECT_FALSE(gate.contains("id"));
    EXPECT_EQ(changes(document()), "") << "what is exported changes nothing";
    EXPECT_EQ(apply(document()), "nothing");
    EXPECT_EQ(last.etag, version());
}

TEST_F(PlanDesk, AppliesAllAtOnce) {
    json::object plan = document();
    json::object second = b2b(20);
    second["interfaces"] = json::array{"default"};
    plan["roles"].as_array().push_back(second);
    role(plan, 6)["weight"] = 50;
    role(plan, 5)["node"] = 2;
    plan["roles"].as_array().erase(plan["roles"].as_array().begin() + 1);
    EXPECT_EQ(changes(plan), "start 20\nchange 7\nmove 6\nstop 2\n");
    EXPECT_EQ(numbers(), kElementary) << "judging writes nothing";
    const std::string before = version();
    ASSERT_EQ(apply(plan, before), "ok");
    EXPECT_EQ(numbers(), "1ST 3MGC 4MG 5SR 6B2B 7SG 8WS 9ESG 20B2B ");
    const store::Catalog catalog = feed.snapshot();
    EXPECT_EQ(catalog.find_role_instance(6)->node, 2);
    EXPECT_EQ(catalog.find_role_instance(7)->weight, 50);
    EXPECT_EQ(catalog.find_role_instance(20)->node, 1) << "the home node of its server";
    EXPECT_EQ(catalog.find_role_instance(20)->interfaces.size(), 1u);
    EXPECT_EQ(catalog.find_role_instance(7)->version, 2u);
    EXPECT_EQ(last.etag, version());
    EXPECT_NE(version(), before);
    EXPECT_EQ(
        create("role_instance", "", R"({"role":"CS","number":2,"server":")" + server_id() + "\"}"),
        "ok")
        << "the number is free again";
    EXPECT_EQ(create("role_instance", "",
                     R"({"role":"B2B","number":20,"server":")" + server_id() + "\"}"),
              "conflict number");
}

TEST_F(PlanDesk, RefusesWhatIsWrongAndNamesTheField) {
    struct Case {
        std::function<void(json::object&)> spoil;
        std::string outcome;
    };
    const Case cases[] = {
        {[](json::object& d) { d.erase("roles"); }, "missing roles"},
        {[](json::object& d) { d["roles"] = 5; }, "malformed roles"},
        {[](json::object& d) { d["rolls"] = 5; }, "unknown_field rolls"},
        {[](json::object& d) { d["roles"].as_array().emplace_back(5); }, "malformed roles[9]"},
        {[](json::object& d) { role(d, 6)["weigth"] = 5; }, "unknown_field roles[6].weigth"},
        {[](json::object& d) { role(d, 6)["weight"] = 5000; }, "out_of_range roles[6].weight"},
        {[](json::object& d) { role(d, 6)["role"] = "XX"; }, "out_of_range roles[6].role"},
        {[](json::object& d) {
             role(d, 6)["role"] = "WS";
             role(d, 6).erase("sip_gate");
         },
         "forbidden roles[6].role"},
        {[](json::object& d) { role(d, 6).erase("server"); }, "missing roles[6].server"},
        {[](json::object& d) { role(d, 6)["server"] = "nowhere"; }, "not_found roles[6].server"},
        {[](json::object& d) { role(d, 6)["server"] = std::string(32, '1'); },
         "not_found roles[6].server"},
        {[](json::object& d) {
             role(d, 6)["interfaces"] = {"default", "eth9"};
         },
         "not_found roles[6].interfaces[1]"},
        {[](json::object& d) { role(d, 6)["interfaces"] = {std::string(32, '1')}; },
         "out_of_range roles[6].interfaces[0]"},
        {[](json::object& d) { role(d, 6)["id"] = std::string(32, '1'); }, "forbidden roles[6].id"},
        {[](json::object& d) { role(d, 5)["sip_gate"] = json::object{}; },
         "out_of_range roles[5].sip_gate"},
        {[](json::object& d) {
             role(d, 6)["sip_gate"] = {{"udp_port", 70000}};
         },
         "out_of_range roles[6].sip_gate.udp_port"},
        {[](json::object& d) {
             role(d, 6)["sip_gate"] = {{"tcp_port", 8080}};
         },
         "conflict roles[6].sip_gate.tcp_port"},
        {[](json::object& d) {
             role(d, 3)["media_gate"] = {{"rtp_port_min", 30001}};
         },
         "out_of_range roles[3].media_gate.rtp_port_min"},
        {[](json::object& d) { d["roles"].as_array().push_back(b2b(6)); },
         "conflict roles[9].number"},
        {[](json::object& d) {
             json::object gate = role(d, 6);
             gate["number"] = 19;
             d["roles"].as_array().insert(d["roles"].as_array().begin(), gate);
         },
         "conflict roles[0].sip_gate.udp_port"},
        {[](json::object& d) { d["roles"].as_array().erase(d["roles"].as_array().begin() + 5); },
         "conflict roles"},
    };
    for (const Case& each : cases) {
        json::object plan = document();
        plan["roles"].as_array().at(0).as_object()["weight"] = 1;  // would be written
        each.spoil(plan);
        EXPECT_EQ(apply(plan), each.outcome) << json::serialize(plan);
    }
    EXPECT_EQ(feed.snapshot().find_role_instance(1)->weight, 100) << "nothing was written";
    EXPECT_EQ(judge("{\"roles\":[").error().offset, 10u);
}

TEST_F(PlanDesk, TellsOfErrorsWithoutRefusingToJudge) {
    json::object plan = document();
    plan["roles"].as_array().push_back(b2b(6));
    role(plan, 7)["web_gate"] = {{"http_port", 5060}};
    const auto reply = judge(json::serialize(plan));
    ASSERT_TRUE(reply);
    const json::value judged = json::parse(reply->json);
    EXPECT_EQ(judged.at("findings").at(0).at("code").as_string(), "number-twice");
    EXPECT_EQ(judged.at("findings").at(0).at("fields").as_array(),
              (json::array{"roles[5].number", "roles[9].number"}));
    EXPECT_EQ(judged.at("findings").at(1).at("code").as_string(), "port-clash");
    const auto refused = prepare_plan_of(plan);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("have the same number. SG 7"), std::string::npos)
        << refused.error().message;
}

TEST_F(PlanDesk, StandsOnWhatItWasJudgedBy) {
    json::object plan = document();
    plan["roles"].as_array().push_back(b2b(20));
    const std::string seen = version();
    const auto change = prepare_plan_of(plan, seen);
    ASSERT_TRUE(change);
    ASSERT_EQ(patch("role_instance", "", "7", R"({"weight":10})"), "ok");
    EXPECT_FALSE(commit(change->write)) << "one that stays as it is has changed meanwhile";
    EXPECT_EQ(apply(plan, seen), "conflict if_match");
    EXPECT_EQ(apply(plan), "ok") << "who names no version wants what is in the document";
    EXPECT_EQ(feed.snapshot().find_role_instance(7)->weight, 100);
}

TEST_F(PlanDesk, ChangesNoMoreThanOneWriteHolds) {
    json::object plan = document();
    for (int number = 100; number < 140; ++number) plan["roles"].as_array().push_back(b2b(number));
    EXPECT_EQ(apply(plan), "ok");
    for (int number = 140; number < 240; ++number) plan["roles"].as_array().push_back(b2b(number));
    EXPECT_EQ(apply(plan), "too_large roles");
    for (int number = 240; number < 400; ++number) plan["roles"].as_array().push_back(b2b(number));
    EXPECT_EQ(apply(plan), "out_of_range roles") << "more than plan_roles_max";
}

TEST_F(PlanDesk, FieldsOfANewerVersionSurvive) {
    const KeyValue old = stored_roles().at(0);
    std::string value = old.value;
    value.insert(value.find("\"value\":{") + 9, "\"newer\":7,");
    ask(store::Txn{{}, {store::Put{old.key, value, 0}}, {}});
    json::object plan = document();
    role(plan, 0)["weight"] = 7;
    ASSERT_EQ(apply(plan), "ok");
    EXPECT_NE(stored(old.key)->value.find("\"newer\":7"), std::string::npos);
}

TEST_F(PlanDesk, SingleEditsAreRefusedForErrorsThatTheyBring) {
    const std::string server = server_id();
    EXPECT_EQ(
        create("role_instance", "", R"({"role":"SG","number":19,"server":")" + server + "\"}"),
        "conflict sip_gate.udp_port");
    EXPECT_EQ(create("role_instance", "",
                     R"({"role":"SG","number":19,"enabled":false,"server":")" + server + "\"}"),
              "ok");
    EXPECT_EQ(patch("role_instance", "", "19", R"({"enabled":true})"),
              "conflict sip_gate.udp_port");
    EXPECT_EQ(patch("role_instance", "", "8", R"({"web_gate":{"https_port":5061}})"),
              "conflict web_gate.https_port");
    EXPECT_EQ(patch("role_instance", "", "8", R"({"enabled":false})"), "ok") << "a role may rest";
    EXPECT_EQ(remove("role_instance", "", "5"), "ok");
}

}  // namespace
}  // namespace tandem::roles::store_role
