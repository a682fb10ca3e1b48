#include "roles/web_gate/web_gate.h"

#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <map>

#include "roles/web_gate/limits.h"
#include "roles/web_gate/views.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::web_gate {
namespace {

using ports::HttpRequest;
using ports::HttpResponse;
using ports::RoleKind;

constexpr ports::Instance kSelf{1}, kStore{2}, kCallState{3}, kRegistrar{4}, kB2b{5}, kGate{6};
constexpr Bits128 kDomain{1, 1}, kAlice{2, 2}, kCall{3, 3};
const std::string kToken = "let-me-in";

struct WebTest : testing::Test {
    WebTest() {
        model::Domain domain;
        domain.id = {kDomain};
        domain.name = "acme.test";
        load(store::keys::domain(domain.id), domain);
        model::Account alice;
        alice.id = {kAlice};
        alice.domain = domain.id;
        alice.login = "alice";
        load(store::keys::account(domain.id, alice.id), alice);
        catalog = feed.snapshot();
        directory.replace({{kSelf, RoleKind::WebGate, 0, 100, true, 1},
                           {kStore, RoleKind::Store, 0, 100, true, 1},
                           {kCallState, RoleKind::CallState, 0, 100, true, 1},
                           {kRegistrar, RoleKind::Registrar, 0, 100, true, 1},
                           {kGate, RoleKind::SipGate, 0, 100, true, 1},
                           {kB2b, RoleKind::B2bua, 0, 100, true, 2}});
    }
    template <typename T>
    void load(std::string key, const T& value) {
        feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    static HttpRequest get(std::string path) {
        HttpRequest request;
        request.method = "GET";
        request.path = std::move(path);
        request.headers = {{"authorization", "Bearer " + kToken}};
        request.remote = "192.0.2.50:1234";
        return request;
    }
    static HttpRequest with_body(std::string method, std::string path, std::string body) {
        HttpRequest request = get(std::move(path));
        request.method = std::move(method);
        request.headers.emplace_back("content-type", "application/json");
        request.body = std::move(body);
        return request;
    }
    // The letters that a request causes.
    std::vector<ports::Letter> ask(HttpRequest request) {
        ports::Outbox out;
        web.on_letter(now, {ports::kHttp, kSelf, ++asked, std::move(request)}, out);
        return out.take();
    }
    static const HttpResponse* response_in(const std::vector<ports::Letter>& letters) {
        return letters.size() == 1 ? get_if<HttpResponse>(&letters[0].payload) : nullptr;
    }
    std::vector<ports::Letter> answer(const ports::Letter& question, ports::Payload payload) {
        ports::Outbox out;
        web.on_letter(now, {question.to, kSelf, question.request, std::move(payload)}, out);
        return out.take();
    }
    // A request that is answered without asking anybody.
    HttpResponse at_once(HttpRequest request) {
        const auto letters = ask(std::move(request));
        const HttpResponse* response = response_in(letters);
        EXPECT_TRUE(response);
        return response ? *response : HttpResponse{};
    }
    // A request, the one question that it causes, and what its answer makes of it.
    template <typename Question>
    HttpResponse through(HttpRequest request, ports::Instance whom, ports::Payload reply,
                         Question* asked_question = nullptr) {
        const auto letters = ask(std::move(request));
        EXPECT_EQ(letters.size(), 1u);
        if (letters.size() != 1) return {};
        EXPECT_EQ(letters[0].to, whom);
        const auto* question = get_if<Question>(&letters[0].payload);
        EXPECT_TRUE(question);
        if (question && asked_question) *asked_question = *question;
        const auto answered = answer(letters[0], std::move(reply));
        const HttpResponse* response = response_in(answered);
        EXPECT_TRUE(response);
        if (response) {
            EXPECT_EQ(answered[0].request, asked);
        }
        return response ? *response : HttpResponse{};
    }

    Now now{{1000s}, {1'790'000'000'000}};
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{5};
    ports::Surroundings around{kSelf, directory, catalog, tokens, rng};
    WebGate web{around, Gatekeeper(kToken, Bytes(32, 7))};
    uint64_t asked = 100;
};

TEST(Router, EveryRouteIsFoundByItsOwnPattern) {
    for (const Route& route : all_routes()) {
        std::string path(route.pattern);
        for (const char* hole : {"{domain}", "{id}"}) {
            if (const size_t at = path.find(hole); at != std::string::npos) {
                path.replace(at, std::string_view(hole).size(), "x");
            }
        }
        const auto match = match_route(path);
        ASSERT_TRUE(match) << path;
        EXPECT_EQ(match->route, &route) << path;
    }
    for (const char* none :
         {"", "/", "/api", "/api/v1", "/api/v1/domains/", "/api/v1/domains//accounts",
          "/api/v1/calls/x/trace/y", "api/v1/health"}) {
        EXPECT_FALSE(match_route(none)) << none;
    }
}

// The contract names exactly what the router has.
TEST(Router, OpenApiIsInStep) {
    std::ifstream file("api/openapi.yaml");
    ASSERT_TRUE(file) << "run from the checkout";
    std::map<std::string, uint8_t> described;
    std::string path;
    for (std::string line; std::getline(file, line) && line != "components:";) {
        if (line.starts_with("  /") && line.find("paths.json#/") != std::string::npos) {
            // Kinds that are all alike: their operations are in the generated file.
            const bool is_item = line.find("/{id}:") != std::string::npos;
            const bool is_of_account = line.find("#/account-") != std::string::npos;
            EXPECT_EQ(is_item, line.ends_with("-item\"}")) << line;
            described[line.substr(2, line.find(": ") - 2)] = is_of_account ? kGet | kPut | kPatch
                                                             : is_item
                                                                 ? kGet | kPut | kPatch | kDelete
                                                                 : kGet | kPost;
        } else if (line.starts_with("  /") && line.ends_with(":")) {
            path = line.substr(2, line.size() - 3);
        } else if (!path.empty() && line.size() > 4 && line.starts_with("    ") && line[4] != ' ') {
            std::string method = line.substr(4, line.find(':') - 4);
            for (char& c : method) c = static_cast<char>(std::toupper(c));
            described[path] |= method_bit(method);
        }
    }
    for (const Route& route : all_routes()) {
        EXPECT_EQ(described[std::string(route.pattern)], route.methods) << route.pattern;
    }
    EXPECT_EQ(described.size(), all_routes().size());
}

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

TEST_F(WebTest, LiveThingsComeFromWhoKnowsThem) {
    ports::CallsPage calls;
    ports::CallSummary call;
    call.call = {kCall};
    call.domain = {kDomain};
    call.owner = kB2b;
    call.caller = "1001";
    calls.calls.push_back(call);
    calls.total = 1;
    ports::CallsQuery query;
    const HttpResponse list = through<ports::CallsQuery>(get("/api/v1/domains/acme.test/calls"),
                                                         kCallState, calls, &query);
    EXPECT_EQ(list.status, 200);
    EXPECT_EQ(query.domain, DomainId{kDomain});
    EXPECT_NE(list.body.find("\"caller\":\"1001\""), std::string::npos);

    ports::BindingsPage page;
    page.items.push_back({{kAlice}, "alice", {}});
    page.items[0].binding.contact = "sip:alice@192.0.2.9";
    const HttpResponse bindings =
        through<ports::BindingsList>(get("/api/v1/domains/acme.test/bindings"), kRegistrar, page);
    EXPECT_NE(bindings.body.find("\"contact\":\"sip:alice@192.0.2.9\""), std::string::npos);
    EXPECT_NE(bindings.body.find("\"next\":null"), std::string::npos);

    HttpRequest remove = get("/api/v1/domains/acme.test/bindings/alice");
    remove.method = "DELETE";
    EXPECT_EQ(through<ports::BindingRemove>(remove, kRegistrar, ports::BindingRemoved{1}).status,
              204);
    EXPECT_EQ(through<ports::BindingRemove>(remove, kRegistrar, ports::BindingRemoved{0}).status,
              404);

    HttpRequest history = get("/api/v1/domains/acme.test/cdr");
    history.query = {{"from", "2026-09-21T14:13:20Z"}, {"number", "1001"}, {"limit", "5"}};
    ports::HistoryQuery wanted;
    const HttpResponse cdr = through<ports::HistoryQuery>(
        history, ports::kHistory, ports::HistoryPage{{}, "{\"items\":[]}"}, &wanted);
    EXPECT_EQ(cdr.body, "{\"items\":[]}");
    EXPECT_EQ(wanted.from_ms, 1'790'000'000'000);
    EXPECT_EQ(wanted.number, "1001");
    EXPECT_EQ(wanted.limit, 5u);
}

// Two groups of CS and of SR: 3 and 13, 4 and 14.
struct GroupsTest : WebTest {
    GroupsTest() {
        std::vector<ports::DirectoryEntry> all(directory.entries().begin(),
                                               directory.entries().end());
        all.push_back({{13}, RoleKind::CallState, 0, 100, true, 1});
        all.back().group = 2;
        all.push_back({{14}, RoleKind::Registrar, 0, 100, true, 1});
        all.back().group = 2;
        directory.replace(std::move(all));
        give_domain_to(2);
    }
    void give_domain_to(int group) {
        ports::DomainGroups groups;
        groups.registrar = {{1, 2}, {{DomainId{kDomain}, group}}};
        groups.call_state = groups.registrar;
        directory.set_groups(std::move(groups));
    }
    static ports::CallsPage page_of(std::vector<uint64_t> ids, bool more) {
        ports::CallsPage page;
        for (const uint64_t id : ids) {
            page.calls.emplace_back();
            page.calls.back().call = {{3, id}};
            page.calls.back().owner = kB2b;
        }
        page.total = 10;
        if (more) page.next = page.calls.back().call.text();
        return page;
    }
};

TEST_F(GroupsTest, CallsOfADomainAreItsGroups) {
    (void)through<ports::CallsQuery>(get("/api/v1/domains/acme.test/calls"), {13}, page_of({}, 0));
    (void)through<ports::BindingsList>(get("/api/v1/domains/acme.test/bindings"), {14},
                                       ports::BindingsPage{});
    give_domain_to(1);
    (void)through<ports::CallsQuery>(get("/api/v1/domains/acme.test/calls"), kCallState,
                                     page_of({}, 0));
}

TEST_F(GroupsTest, AllCallsComeFromAllGroupsInOnePage) {
    HttpRequest request = get("/api/v1/calls");
    request.query = {{"limit", "3"}};
    const auto asked = ask(std::move(request));
    ASSERT_EQ(asked.size(), 2u);
    EXPECT_TRUE(answer(asked[0], page_of({1, 4, 6}, true)).empty());
    const auto answered = answer(asked[1], page_of({2, 4, 5}, true));
    const HttpResponse* response = response_in(answered);
    ASSERT_TRUE(response);
    std::vector<size_t> at;
    for (const uint64_t id : {1, 2, 4})
        at.push_back(response->body.find("\"" + CallId{{3, id}}.text() + "\""));
    EXPECT_LT(at[0], at[1]);
    EXPECT_LT(at[1], at[2]);
    EXPECT_LT(at[2], response->body.size());
    EXPECT_EQ(response->body.find(CallId{{3, 5}}.text()), std::string::npos);
    EXPECT_NE(response->body.find("\"next\":\"" + CallId{{3, 4}}.text() + "\""), std::string::npos)
        << response->body;
}

TEST_F(GroupsTest, ACallIsFoundInWhicheverGroupHasIt) {
    for (const size_t which : {0, 1}) {
        const auto asked = ask(get("/api/v1/calls/" + CallId{{3, 7}}.text()));
        ASSERT_EQ(asked.size(), 2u);
        EXPECT_TRUE(answer(asked[which], page_of({7}, false)).empty());
        const auto found = answer(asked[1 - which], page_of({}, false));
        ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found[0].to, kB2b);
    }
    std::vector<ports::DirectoryEntry> all(directory.entries().begin(), directory.entries().end());
    all[2].is_active = false;  // the first group has no active copy
    directory.replace(std::move(all));
    EXPECT_EQ(at_once(get("/api/v1/calls")).status, 503) << "half of the calls are not all";
}

TEST_F(GroupsTest, WhoHasLostADomainIsNotTheLastWord) {
    auto asked = ask(get("/api/v1/domains/acme.test/bindings"));
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_TRUE(answer(asked[0], ports::Unreachable{{14}}).empty());
    give_domain_to(1);
    now.mono = now.mono + ask_again_pause;
    ports::Outbox out;
    ASSERT_TRUE(web.next_deadline() && *web.next_deadline() <= now.mono);
    web.on_timeout(now, out);
    asked = out.take();
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].to, kRegistrar);
    const auto answered = answer(asked[0], ports::BindingsPage{});
    ASSERT_TRUE(response_in(answered));
    EXPECT_EQ(response_in(answered)->status, 200);
}

TEST_F(WebTest, ACallIsFoundThenAskedItself) {
    const std::string path = "/api/v1/calls/" + CallId{kCall}.text();
    ports::CallsPage found;
    found.calls.emplace_back();
    found.calls[0].call = {kCall};
    found.calls[0].owner = kB2b;
    const auto find = [&](std::string method, std::string_view suffix) {
        HttpRequest request = get(path + std::string(suffix));
        request.method = std::move(method);
        const auto query = ask(request);
        EXPECT_EQ(query.size(), 1u);
        return answer(query.at(0), found);
    };
    auto letters = find("GET", "");
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].to, kB2b);
    EXPECT_TRUE(holds_alternative<ports::CallDetailQuery>(letters[0].payload));
    auto answered = answer(letters[0], ports::CallDetail{{}, "{\"id\":1}"});
    ASSERT_TRUE(response_in(answered));
    EXPECT_EQ(response_in(answered)->body, "{\"id\":1}");

    letters = find("DELETE", "");
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_TRUE(holds_alternative<ports::CallHangup>(letters[0].payload));
    answered = answer(letters[0], ports::CallHangupDone{});
    EXPECT_EQ(response_in(answered)->status, 204);

    letters = find("GET", "/trace");
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_TRUE(holds_alternative<ports::CallTraceQuery>(letters[0].payload));

    found.calls.clear();
    letters = find("GET", "");
    ASSERT_TRUE(response_in(letters));
    EXPECT_EQ(response_in(letters)->status, 404);
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

struct ExportTest : WebTest {
    static HttpRequest csv() {
        HttpRequest request = get("/api/v1/domains/acme.test/cdr");
        request.query = {{"format", "csv"}, {"number", "100*"}};
        return request;
    }
    std::vector<ports::Letter> taken(bool gone = false) {
        ports::Outbox out;
        web.on_letter(now, {ports::kHttp, kSelf, asked, ports::HttpTaken{gone}}, out);
        return out.take();
    }
    static ports::HistoryPage page(std::string lines, std::string next) {
        return {{}, std::move(lines), std::move(next)};
    }
};

TEST_F(ExportTest, TakesAPageWhenTheClientHasTakenTheOneBefore) {
    auto letters = ask(csv());
    ASSERT_EQ(letters.size(), 1u);
    const auto& query = ports::get<ports::HistoryQuery>(letters[0].payload);
    EXPECT_TRUE(query.csv);
    EXPECT_EQ(query.number, "100*");
    EXPECT_EQ(query.limit, page_limit_max);
    auto answered = answer(letters[0], page("head\r\na\r\n", "7"));
    const HttpResponse* response = response_in(answered);
    ASSERT_TRUE(response);
    EXPECT_TRUE(response->streamed);
    EXPECT_EQ(response->body, "head\r\na\r\n");
    EXPECT_TRUE(response->content_type.starts_with("text/csv"));

    letters = taken();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(ports::get<ports::HistoryQuery>(letters[0].payload).after, "7");
    EXPECT_TRUE(taken().empty()) << "one page at a time";
    auto empty = answer(letters[0], page("", "6"));
    ASSERT_EQ(empty.size(), 1u) << "a search that has found nothing yet goes on by itself";
    EXPECT_EQ(ports::get<ports::HistoryQuery>(empty[0].payload).after, "6");
    auto last = answer(empty[0], page("b\r\n", ""));
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(ports::get<ports::HttpPart>(last[0].payload).bytes, "b\r\n");
    EXPECT_TRUE(ports::get<ports::HttpPart>(last[0].payload).last);
    EXPECT_EQ(last[0].request, asked);
    EXPECT_TRUE(taken().empty());
    ports::Outbox out;
    web.drain(now, out);
    EXPECT_TRUE(web.is_idle());
}

TEST_F(ExportTest, OnePageIsAWholeAnswer) {
    const auto letters = ask(csv());
    const auto answered = answer(letters.at(0), page("head\r\n", ""));
    ASSERT_EQ(answered.size(), 2u);
    EXPECT_TRUE(ports::get<HttpResponse>(answered[0].payload).streamed);
    EXPECT_TRUE(ports::get<ports::HttpPart>(answered[1].payload).last);
}

TEST_F(ExportTest, AnErrorComesAsOneWhileItCan) {
    auto letters = ask(csv());
    const Error bad = make_error(ErrorCode::OutOfRange, "result", "must be one of answered, ...");
    auto answered = answer(letters.at(0), ports::HistoryPage{bad, {}});
    ASSERT_TRUE(response_in(answered));
    EXPECT_EQ(response_in(answered)->status, 422);
    EXPECT_NE(response_in(answered)->body.find("\"field\":\"result\""), std::string::npos);

    letters = ask(csv());
    (void)answer(letters.at(0), page("head\r\n", "7"));
    letters = taken();
    answered = answer(letters.at(0), ports::Unreachable{ports::kHistory});
    ASSERT_EQ(answered.size(), 1u);
    EXPECT_TRUE(ports::get<ports::HttpPart>(answered[0].payload).broken)
        << "no end that looks like one";
}

TEST_F(ExportTest, IsForgottenWhenItsClientLeavesOrHistorySaysNothing) {
    for (size_t i = 0; i < exports_max; ++i) EXPECT_EQ(ask(csv()).size(), 1u);
    EXPECT_EQ(at_once(csv()).status, 503) << "so many at once";
    now.mono = now.mono + reply_deadline;
    ports::Outbox out;
    ASSERT_LE(*web.next_deadline(), now.mono);
    web.on_timeout(now, out);
    EXPECT_EQ(out.letters().size(), exports_max);
    const auto letters = ask(csv());
    EXPECT_EQ(letters.size(), 1u);
    EXPECT_TRUE(taken(true).empty());
    EXPECT_TRUE(answer(letters.at(0), page("late", "")).empty());
}

TEST_F(WebTest, QuestionsAboutCallsNameWhatIsWrong) {
    const struct {
        const char* name;
        const char* value;
    } cases[] = {{"status", "700"},     {"status", "ok"},  {"duration_min_s", "-1"},
                 {"number", "1*2"},     {"format", "xml"}, {"call", "7"},
                 {"account", "nobody"}, {"limit", "0"},    {"from", "yesterday"}};
    for (const auto& [name, value] : cases) {
        HttpRequest request = get("/api/v1/domains/acme.test/cdr");
        request.query = {{name, value}};
        const HttpResponse refused = at_once(std::move(request));
        EXPECT_EQ(refused.status, 422) << name << "=" << value;
        EXPECT_NE(refused.body.find("\"field\":\"" + std::string(name) + "\""), std::string::npos)
            << refused.body;
    }
    HttpRequest all = get("/api/v1/domains/acme.test/cdr");
    all.query = {{"account", "alice"},
                 {"direction", "internal"},
                 {"result", "busy"},
                 {"status", "486"},
                 {"duration_min_s", "60"}};
    ports::HistoryQuery query;
    (void)through<ports::HistoryQuery>(all, ports::kHistory, ports::HistoryPage{{}, "{}"}, &query);
    EXPECT_EQ(query.account_id, AccountId{kAlice}.text());
    EXPECT_EQ(query.direction, "internal");
    EXPECT_EQ(query.result, "busy");
    EXPECT_EQ(query.sip_status, 486);
    EXPECT_EQ(query.duration_min_ms, 60'000);
    EXPECT_FALSE(query.csv);
}

struct EventsTest : WebTest {
    using Kind = ports::CallEvent::Kind;
    std::vector<ports::Letter> begin() {
        HttpRequest request = get("/api/v1/domains/acme.test/events");
        request.headers.emplace_back("accept", "text/event-stream");
        return ask(std::move(request));
    }
    std::vector<ports::Letter> give(ports::Payload payload, ports::Instance from = kCallState) {
        ports::Outbox out;
        web.on_letter(now, {from, kSelf, from == ports::kHttp ? asked : 0, std::move(payload)},
                      out);
        return out.take();
    }
    std::vector<ports::Letter> wait(Duration time) {
        now.mono = now.mono + time;
        ports::Outbox out;
        if (web.next_deadline() && *web.next_deadline() <= now.mono) web.on_timeout(now, out);
        return out.take();
    }
    ports::CallEvents events(uint64_t after, uint64_t number, ports::CallEvent::Kind kind) {
        ports::CallEvents all{asked, after, number, true, {}};
        all.events.push_back({kind, now.utc, {}});
        all.events.back().call.call = {kCall};
        all.events.back().call.domain = {kDomain};
        return all;
    }
    static ports::CallEvents numbered(ports::CallEvents events, uint64_t at) {
        events.tenure = 0xabc1;
        events.at = at;
        for (ports::CallEvent& each : events.events)
            if (each.kind != Kind::State) each.number = at;
        return events;
    }
    static const ports::CallEventsFollow* follow_in(const std::vector<ports::Letter>& letters) {
        for (const ports::Letter& each : letters)
            if (const auto* follow = get_if<ports::CallEventsFollow>(&each.payload)) return follow;
        return nullptr;
    }
    static std::string said(const std::vector<ports::Letter>& letters) {
        std::string text;
        for (const ports::Letter& each : letters)
            if (const auto* part = get_if<ports::HttpPart>(&each.payload)) text += part->bytes;
        return text;
    }
};

TEST_F(EventsTest, PassesOnWhatCallStateTellsAsTheClientTakesIt) {
    const auto begun = begin();
    ASSERT_EQ(begun.size(), 2u);
    EXPECT_TRUE(ports::get<HttpResponse>(begun[0].payload).streamed);
    EXPECT_EQ(begun[1].to, kCallState);
    EXPECT_EQ(follow_in(begun)->domain, DomainId{kDomain});
    EXPECT_TRUE(give(events(0, 1, Kind::State)).empty()) << "no room yet";
    std::string text = said(give(ports::HttpTaken{}, ports::kHttp));
    EXPECT_TRUE(text.starts_with("event: state\ndata: {\"begins\":true,\"complete\":true,"))
        << text;
    EXPECT_NE(text.find("\"domain_name\":\"acme.test\""), std::string::npos);
    EXPECT_TRUE(give(events(1, 2, Kind::Answered)).empty());
    EXPECT_TRUE(give(events(2, 3, Kind::Ended)).empty());
    text = said(give(ports::HttpTaken{}, ports::kHttp));
    EXPECT_TRUE(text.starts_with("event: answered\ndata: {\"at\":")) << text;
    EXPECT_NE(text.find("\n\nevent: ended\n"), std::string::npos);
    EXPECT_TRUE(give(ports::HttpTaken{}, ports::kHttp).empty());
    EXPECT_FALSE(said(give(events(3, 4, Kind::Begun))).empty()) << "at once where there is room";
}

TEST_F(EventsTest, WhoeverHasMissedSomethingIsToldAll) {
    (void)begin();
    (void)give(events(0, 1, Kind::State));
    const auto again = give(events(2, 3, Kind::Answered));
    ASSERT_TRUE(follow_in(again));
    EXPECT_EQ(follow_in(again)->known, 0u);
    EXPECT_TRUE(give(events(3, 4, Kind::Ended)).empty()) << "asked once";
    (void)give(events(0, 5, Kind::State));
    (void)give(ports::HttpTaken{}, ports::kHttp);
    const auto renewed = wait(event_renewal);
    ASSERT_TRUE(follow_in(renewed));
    EXPECT_EQ(follow_in(renewed)->known, 5u);
    EXPECT_TRUE(give(events(5, 6, Kind::Ended), {77}).empty()) << "somebody else's";
}

TEST_F(EventsTest, SaysWhatItsClientHasSeenLast) {
    HttpRequest request = get("/api/v1/domains/acme.test/events");
    request.headers.emplace_back("last-event-id", "000000000000abc1-7");
    auto begun = ask(std::move(request));
    ASSERT_TRUE(follow_in(begun));
    EXPECT_EQ(follow_in(begun)->known, 0u);
    EXPECT_EQ(follow_in(begun)->tenure, 0xabc1u);
    EXPECT_EQ(follow_in(begun)->seen, 7u);
    (void)give(ports::HttpTaken{}, ports::kHttp);
    auto missed = numbered(events(0, 1, Kind::Answered), 9);
    missed.resumed = true;
    const std::string text = said(give(std::move(missed)));
    EXPECT_TRUE(text.starts_with("event: answered\n")) << "no state: it goes on";
    EXPECT_TRUE(text.ends_with("\nid: 000000000000abc1-9\n\n")) << text;
    // A lost letter: it goes on after what the client has got.
    const auto again = give(numbered(events(2, 3, Kind::Ended), 11));
    ASSERT_TRUE(follow_in(again));
    EXPECT_EQ(follow_in(again)->known, 0u);
    EXPECT_EQ(follow_in(again)->seen, 9u);
}

TEST_F(EventsTest, TellsOfAGap) {
    HttpRequest request = get("/api/v1/domains/acme.test/events");
    request.headers.emplace_back("last-event-id", "what \"is\" this");
    const auto begun = ask(std::move(request));
    ASSERT_TRUE(follow_in(begun));
    EXPECT_NE(follow_in(begun)->tenure, 0u) << "it has seen something, and nobody knows what";
    auto part = numbered(events(0, 1, Kind::State), 20);
    part.gap = true;
    part.complete = false;
    (void)give(ports::HttpTaken{}, ports::kHttp);
    std::string text = said(give(std::move(part)));
    EXPECT_TRUE(
        text.starts_with("event: gap\ndata: {\"after\":\"what \\\"is\\\" this\"}\n\n"
                         "event: state\n"))
        << text;
    EXPECT_EQ(text.find("\nid: "), std::string::npos) << "half a state is no place to go on from";
    EXPECT_EQ(follow_in(wait(event_renewal))->tenure, 0u);
    (void)give(ports::HttpTaken{}, ports::kHttp);
    text = said(give(numbered(events(1, 2, Kind::State), 20)));
    EXPECT_NE(text.find("\nid: 000000000000abc1-20\n"), std::string::npos) << text;
}

TEST_F(EventsTest, GoesToWhoeverHasThePost) {
    (void)begin();
    (void)give(events(0, 1, Kind::State));
    directory.replace({{{13}, RoleKind::CallState, 0, 100, true, 1}});
    ports::Outbox out;
    web.on_directory(now, out);
    const auto letters = out.take();
    ASSERT_TRUE(follow_in(letters));
    EXPECT_EQ(letters.back().to, ports::Instance{13});
    EXPECT_EQ(follow_in(letters)->known, 0u);
    EXPECT_TRUE(give(events(1, 2, Kind::Ended)).empty()) << "of the former one";
    (void)give(ports::HttpTaken{}, ports::kHttp);
    (void)give(ports::HttpTaken{}, ports::kHttp);
    EXPECT_NE(said(give(events(0, 1, Kind::State), {13})).find("\"begins\":true"),
              std::string::npos);
}

TEST_F(EventsTest, EndsWithTheClientTheRightOrTheGate) {
    (void)begin();
    auto letters = give(ports::HttpTaken{true}, ports::kHttp);
    ASSERT_TRUE(follow_in(letters));
    EXPECT_TRUE(follow_in(letters)->over);
    letters = give(events(1, 2, Kind::Ended));
    ASSERT_TRUE(follow_in(letters)) << "CS hears that nobody listens";
    EXPECT_TRUE(follow_in(letters)->over);

    (void)begin();
    std::string huge(event_bytes_max, 'x');
    auto much = events(0, 1, Kind::State);
    much.events[0].call.caller = huge;
    letters = give(std::move(much));
    EXPECT_TRUE(ports::get<ports::HttpPart>(letters.at(0).payload).last)
        << "a client that takes nothing";

    (void)begin();
    (void)give(ports::HttpTaken{}, ports::kHttp);
    (void)wait(event_renewal);
    (void)wait(event_renewal);
    EXPECT_EQ(said(wait(event_renewal)), ":\n\n") << "a word into the silence";
    feed.reset();
    catalog = feed.snapshot();
    letters = wait(event_renewal);
    ASSERT_FALSE(letters.empty());
    EXPECT_TRUE(ports::get<ports::HttpPart>(letters.at(0).payload).last) << "the domain is gone";
    EXPECT_EQ(at_once(get("/api/v1/domains/acme.test/events")).status, 404);
}

TEST_F(EventsTest, ADrainingGateEndsThem) {
    (void)begin();
    ports::Outbox out;
    web.drain(now, out);
    EXPECT_TRUE(ports::get<ports::HttpPart>(out.letters().at(0).payload).last);
    EXPECT_TRUE(web.is_idle());
}

}  // namespace
}  // namespace tandem::roles::web_gate
