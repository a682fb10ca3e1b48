// What goes on just now: calls and bindings, from whoever has them.
#include "roles/web_gate/limits.h"
#include "roles/web_gate/web_gate_fixture_test.h"

namespace tandem::roles::web_gate {
namespace {

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

}  // namespace
}  // namespace tandem::roles::web_gate
