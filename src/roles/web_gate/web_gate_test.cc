#include "roles/web_gate/limits.h"
#include "roles/web_gate/views.h"
#include "roles/web_gate/web_gate_fixture_test.h"

namespace tandem::roles::web_gate {
namespace {

TEST_F(WebTest, RefusesWhatMustNotBeCarriedOut) {
    struct Case {
        const char* what;
        HttpRequest request;
        int status;
    };
    std::vector<Case> cases;
    const auto add = [&](const char* what, int status, HttpRequest request) {
        cases.push_back({what, std::move(request), status});
    };
    HttpRequest request = get("/api/v1/domains");
    request.headers.clear();
    add("no token", 401, request);
    request.headers = {{"authorization", "Bearer let-me-out"}};
    add("wrong token", 401, request);
    request.headers = {{"authorization", "Basic " + kToken}};
    add("wrong scheme", 401, request);
    add("no such path", 404, get("/api/v1/nothing"));
    request = get("/api/v1/domains");
    request.method = "DELETE";
    add("method", 405, request);
    request = get("/api/v1/domains");
    request.headers.emplace_back("accept", "text/html");
    add("accept", 406, request);
    add("body", 413, with_body("POST", "/api/v1/domains", std::string((1 << 20) + 1, ' ')));
    add("path", 414, get("/api/v1/domains/" + std::string(2000, 'x')));
    request = with_body("POST", "/api/v1/domains", "{}");
    request.headers.back().second = "text/plain";
    add("media type", 415, request);
    request = get("/api/v1/domains");
    request.query = {{"limit", "0"}};
    add("limit", 422, request);
    request.query = {{"limit", "12x"}};
    add("limit", 422, request);
    add("domain", 404, get("/api/v1/domains/other.test/bindings"));
    add("account", 404, get("/api/v1/domains/acme.test/bindings/bob"));
    add("call", 404, get("/api/v1/calls/nonsense"));
    request = get("/api/v1/cdr");
    request.query = {{"from", "yesterday"}};
    add("time", 422, request);
    for (const Case& each : cases) {
        const HttpResponse response = at_once(each.request);
        EXPECT_EQ(response.status, each.status) << each.what;
        EXPECT_EQ(response.content_type, "application/problem+json") << each.what;
        EXPECT_NE(response.body.find("\"status\":" + std::to_string(each.status)),
                  std::string::npos);
    }
}

TEST_F(WebTest, HealthNeedsNoTokenAndTellsTheTruth) {
    HttpRequest request = get("/api/v1/health");
    request.headers.clear();
    EXPECT_EQ(at_once(request).status, 200);
    directory.replace({{kSelf, RoleKind::WebGate}});
    const HttpResponse down = at_once(request);
    EXPECT_EQ(down.status, 503);
    EXPECT_NE(down.body.find("\"SR\":\"down\""), std::string::npos);
}

TEST_F(WebTest, EventsOfAllNodesComeInOneOrder) {
    const std::vector<std::string> nodes = {
        R"({"items":[{"id":5,"node":1},{"id":9,"node":1}]})", "nonsense", R"({"items":7})",
        R"({"items":[{"id":7,"node":2},{"id":8,"node":2},{"node":2},5]})"};
    const auto numbers = [&](uint32_t limit, std::string after) {
        return events_json(nodes, {limit, std::move(after)});
    };
    EXPECT_EQ(numbers(2, ""), R"({"items":[{"id":8,"node":2},{"id":9,"node":1}],"next":9})");
    EXPECT_EQ(numbers(2, "4"), R"({"items":[{"id":5,"node":1},{"id":7,"node":2}],"next":7})");
    EXPECT_EQ(events_json({}, {100, "12"}), R"({"items":[],"next":12})");

    HttpRequest request = get("/api/v1/events");
    request.query = {{"since", "1x"}};
    EXPECT_EQ(at_once(request).status, 422);
}

TEST_F(WebTest, PlansAreJudgedAndApplied) {
    ports::EntityRequest asked_for;
    const HttpResponse judged = through<ports::EntityRequest>(
        with_body("POST", "/api/v1/plan", "{\"roles\":[]}"), kStore,
        ports::EntityReply{std::nullopt, "{\"changes\":[]}", "v1"}, &asked_for);
    EXPECT_EQ(judged.status, 200) << "nothing was created";
    ASSERT_EQ(judged.headers.size(), 1u) << "ETag, and no Location";
    EXPECT_EQ(judged.headers[0].second, "\"v1\"");
    EXPECT_EQ(asked_for.kind, "plan");
    EXPECT_EQ(asked_for.verb, ports::EntityVerb::Create);

    HttpRequest apply = with_body("PUT", "/api/v1/plan", "{\"roles\":[]}");
    apply.headers.emplace_back("if-match", "\"v1\"");
    const HttpResponse other = through<ports::EntityRequest>(
        apply, kStore,
        ports::EntityReply{make_error(ErrorCode::Conflict, "if_match", "is another"), "", ""},
        &asked_for);
    EXPECT_EQ(other.status, 412);
    EXPECT_EQ(asked_for.verb, ports::EntityVerb::Replace);
    const HttpResponse clash = through<ports::EntityRequest>(
        apply, kStore,
        ports::EntityReply{make_error(ErrorCode::Conflict, "roles[3].number", "twice"), "", ""});
    EXPECT_EQ(clash.status, 409);
    EXPECT_NE(clash.body.find("\"field\":\"roles[3].number\""), std::string::npos);
}

TEST_F(WebTest, EntitiesGoToTheStore) {
    ports::EntityRequest asked_for;
    const HttpResponse created = through<ports::EntityRequest>(
        with_body("POST", "/api/v1/domains/acme.test/accounts", "{\"login\":\"1001\"}"), kStore,
        ports::EntityReply{std::nullopt, "{\"id\":\"abc\",\"login\":\"1001\"}", "1"}, &asked_for);
    EXPECT_EQ(created.status, 201);
    EXPECT_EQ(asked_for.verb, ports::EntityVerb::Create);
    EXPECT_EQ(asked_for.kind, "account");
    EXPECT_EQ(asked_for.domain, "acme.test");
    EXPECT_EQ(asked_for.body, "{\"login\":\"1001\"}");
    ASSERT_EQ(created.headers.size(), 2u);
    EXPECT_EQ(created.headers[0].second, "\"1\"");
    EXPECT_EQ(created.headers[1].second, "/api/v1/domains/acme.test/accounts/abc");

    HttpRequest replace = with_body("PUT", "/api/v1/domains/acme.test", "{}");
    replace.headers.emplace_back("if-match", "\"7\"");
    const HttpResponse clash = through<ports::EntityRequest>(
        replace, kStore,
        ports::EntityReply{make_error(ErrorCode::Conflict, "", "changed meanwhile"), "", ""},
        &asked_for);
    EXPECT_EQ(clash.status, 412);
    EXPECT_EQ(asked_for.if_match, "7");
    EXPECT_EQ(asked_for.id, "acme.test");

    const HttpResponse invalid = through<ports::EntityRequest>(
        with_body("PATCH", "/api/v1/roles/3", "{\"weigth\":1}"), kStore,
        ports::EntityReply{make_error(ErrorCode::UnknownField, "weigth", "no such field"), "", ""});
    EXPECT_EQ(invalid.status, 422);
    EXPECT_NE(invalid.body.find("\"field\":\"weigth\""), std::string::npos);

    const HttpResponse dangling = through<ports::EntityRequest>(
        with_body("POST", "/api/v1/servers", "{\"site\":\"0\"}"), kStore,
        ports::EntityReply{make_error(ErrorCode::NotFound, "site", "no such site"), "", ""});
    EXPECT_EQ(dangling.status, 422);
    EXPECT_EQ(through<ports::EntityRequest>(
                  with_body("POST", "/api/v1/domains/b.test/users", "{}"), kStore,
                  ports::EntityReply{make_error(ErrorCode::NotFound, "domain", "none"), "", ""})
                  .status,
              404);

    Error bad_json = make_error(ErrorCode::Malformed, "", "expected a comma");
    bad_json.offset = 17;
    const HttpResponse malformed = through<ports::EntityRequest>(
        with_body("POST", "/api/v1/domains", "{"), kStore, ports::EntityReply{bad_json, "", ""});
    EXPECT_EQ(malformed.status, 400);
    EXPECT_NE(malformed.body.find("\"position\":17"), std::string::npos);

    HttpRequest remove = get("/api/v1/domains/acme.test/users/u1");
    remove.method = "DELETE";
    EXPECT_EQ(through<ports::EntityRequest>(remove, kStore, ports::EntityReply{}).status, 204);

    ports::JoinTokenQuery token_asked;
    const HttpResponse token = through<ports::JoinTokenQuery>(
        with_body("POST", "/api/v1/servers/tokens", R"({"server":"s2","valid_s":60})"), kStore,
        ports::JoinTokenReply{std::nullopt, "{}"}, &token_asked);
    EXPECT_EQ(token.status, 201);
    EXPECT_EQ(token_asked.server, "s2");
    EXPECT_EQ(token_asked.valid_s, 60u);

    HttpRequest unchanged = get("/api/v1/domains/acme.test");
    unchanged.headers.emplace_back("if-none-match", "\"5\"");
    EXPECT_EQ(
        through<ports::EntityRequest>(unchanged, kStore, ports::EntityReply{{}, "{}", "5"}).status,
        304);
}

TEST_F(WebTest, LateAnswersAre504AndForgotten) {
    const auto letters = ask(get("/api/v1/domains"));
    ASSERT_EQ(letters.size(), 1u);
    ASSERT_TRUE(web.next_deadline());
    now.mono = *web.next_deadline();
    ports::Outbox out;
    web.on_timeout(now, out);
    auto sent = out.take();
    ASSERT_TRUE(response_in(sent));
    EXPECT_EQ(response_in(sent)->status, 504);
    EXPECT_TRUE(answer(letters[0], ports::EntityReply{{}, "{}", ""}).empty());
    EXPECT_FALSE(web.next_deadline());
    const auto again = ask(get("/api/v1/domains"));
    sent = answer(again.at(0), ports::Unreachable{kStore});
    EXPECT_EQ(response_in(sent)->status, 503);
    directory.replace({{kSelf, RoleKind::WebGate}});
    EXPECT_EQ(at_once(get("/api/v1/domains")).status, 503);
}

TEST_F(WebTest, OpenQuestionsAreBounded) {
    for (size_t i = 0; i < pending_max; ++i) ASSERT_EQ(ask(get("/api/v1/domains")).size(), 1u);
    EXPECT_EQ(at_once(get("/api/v1/domains")).status, 503);
}

TEST_F(WebTest, MetricsGatherAllNodes) {
    HttpRequest request = get("/metrics");
    request.headers.clear();
    EXPECT_EQ(at_once(request).status, 401);
    request.remote = "127.0.0.1:999";
    const auto letters = ask(request);
    ASSERT_EQ(letters.size(), 2u);  // two nodes
    EXPECT_TRUE(
        answer(letters[0],
               ports::StatusReply{"{\"node\":1,\"figures\":{\"letters\":5},\"instances\":[{"
                                  "\"instance\":6,\"role\":\"SG\",\"figures\":{\"sip_sent\":7}}]}"})
            .empty());
    const auto sent = answer(letters[1], ports::StatusReply{"broken"});
    const HttpResponse* response = response_in(sent);
    ASSERT_TRUE(response);
    EXPECT_NE(response->body.find("tandem_letters{node=\"1\"} 5\n"), std::string::npos);
    EXPECT_NE(
        response->body.find("tandem_sip_sent_total{node=\"1\",role=\"SG\",instance=\"6\"} 7\n"),
        std::string::npos);
}

TEST_F(WebTest, ANodeThatIsLateIsLeftOut) {
    const auto letters = ask(get("/api/v1/status"));
    ASSERT_EQ(letters.size(), 2u);
    EXPECT_TRUE(answer(letters[0], ports::StatusReply{"{\"node\":1}"}).empty());
    now.mono = *web.next_deadline();
    ports::Outbox out;
    web.on_timeout(now, out);
    const auto sent = out.take();
    ASSERT_TRUE(response_in(sent));
    EXPECT_EQ(response_in(sent)->status, 200);
    EXPECT_EQ(response_in(sent)->body, "{\"nodes\":[{\"node\":1}]}");
}

TEST_F(WebTest, TheShardOfAMediaGateIsAskedTooAndShownWithItsNode) {
    directory.replace({{kSelf, RoleKind::WebGate, 0, 100, true, 1},
                       {kGate, RoleKind::MediaGate, 0, 100, true, 1}});
    const auto letters = ask(get("/api/v1/status"));
    ASSERT_EQ(letters.size(), 2u);
    EXPECT_EQ(letters[0].to, ports::host_of(1, 0));
    EXPECT_EQ(letters[1].to, ports::host_of(1, 1));
    const auto status = [](int shard, std::string role) {
        return ports::StatusReply{"{\"node\":1,\"shard\":" + std::to_string(shard) +
                                  ",\"instances\":[{\"role\":\"" + role + "\"}]}"};
    };
    EXPECT_TRUE(answer(letters[1], status(1, "MG")).empty());
    const auto sent = answer(letters[0], status(0, "WS"));
    ASSERT_TRUE(response_in(sent));
    EXPECT_EQ(response_in(sent)->body,
              "{\"nodes\":[{\"node\":1,\"shard\":0,\"instances\":[{\"role\":\"WS\"},"
              "{\"role\":\"MG\"}]}]}");
}

TEST_F(WebTest, HarmGoesToTheHostOfTheNode) {
    const std::string path = "/api/v1/nodes/2/harm";
    ports::HarmRequest harm;
    const HttpResponse accepted = through<ports::HarmRequest>(
        with_body("POST", path, "{\"kind\":\"pause\",\"seconds\":5,\"scope\":\"server\"}"),
        ports::host_of(2), ports::HarmReply{{}, 20}, &harm);
    EXPECT_EQ(accepted.status, 202);
    EXPECT_EQ(accepted.body, "{\"in_ms\":20}");
    EXPECT_EQ(harm.kind, ports::HarmRequest::Kind::Pause);
    EXPECT_EQ(harm.scope, ports::HarmRequest::Scope::Server);
    EXPECT_EQ(harm.seconds, 5u);
    const Error no = make_error(ErrorCode::Forbidden, "", "drills are not allowed");
    const HttpResponse refused =
        through<ports::HarmRequest>(with_body("POST", path, "{\"kind\":\"kill\"}"),
                                    ports::host_of(2), ports::HarmReply{no, 0}, &harm);
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(harm.scope, ports::HarmRequest::Scope::Node);
}

TEST_F(WebTest, HarmChecksItsFields) {
    EXPECT_EQ(at_once(with_body("POST", "/api/v1/nodes/9/harm", "{\"kind\":\"kill\"}")).status,
              404);
    for (const char* bad :
         {"{}", "{\"kind\":\"hug\"}", "{\"kind\":\"kill\",\"seconds\":1}", "{\"kind\":\"pause\"}",
          "{\"kind\":\"pause\",\"seconds\":0}", "{\"kind\":\"pause\",\"seconds\":\"5\"}",
          "{\"kind\":\"pause\",\"seconds\":3601}", "{\"kind\":5}",
          "{\"kind\":\"kill\",\"scope\":\"site\"}", "{\"kind\":\"kill\",\"node\":2}"}) {
        EXPECT_EQ(at_once(with_body("POST", "/api/v1/nodes/2/harm", bad)).status, 422) << bad;
    }
}

TEST_F(WebTest, RouteTestAndLogLevelCheckTheirFields) {
    EXPECT_EQ(at_once(with_body("POST", "/api/v1/log-level", "{\"level\":\"loud\"}")).status, 422);
    EXPECT_EQ(at_once(with_body("POST", "/api/v1/log-level", "{\"level\":\"info\"} x")).status,
              400);
    EXPECT_EQ(at_once(with_body("POST", "/api/v1/log-level", "{\"leven\":\"info\"}")).status, 422);
    const auto told = ask(with_body("POST", "/api/v1/log-level", "{\"level\":\"debug\"}"));
    EXPECT_EQ(told.size(), 3u);  // two nodes and the answer
    EXPECT_EQ(at_once(with_body("POST", "/api/v1/route-test", "{\"domain\":\"acme.test\"}")).status,
              422);
    ports::RouteTest test;
    const HttpResponse routed =
        through<ports::RouteTest>(with_body("POST", "/api/v1/domains/acme.test/route-test",
                                            "{\"caller\":\"1001\",\"dialled\":\"1002\"}"),
                                  kB2b, ports::RouteTestReply{{}, "{\"steps\":[]}"}, &test);
    EXPECT_EQ(routed.body, "{\"steps\":[]}");
    EXPECT_EQ(test.domain, "acme.test");
}

}  // namespace
}  // namespace tandem::roles::web_gate
