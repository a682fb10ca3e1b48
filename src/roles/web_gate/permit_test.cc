#include "roles/web_gate/permit.h"

#include <gtest/gtest.h>

#include "roles/web_gate/bulk.h"
#include "roles/web_gate/limits.h"
#include "roles/web_gate/refusals.h"
#include "store/domain_kinds.h"
#include "store/keys.h"

namespace tandem::roles::web_gate {
namespace {

// Whoever adds a kind or a path says which right it needs; without one it is the operator's.
TEST(Permit, WhatIsInADomainHasAResource) {
    for (const Route& route : all_routes()) {
        const bool in_domain = route.pattern.find("{domain}") != std::string_view::npos;
        const bool is_open = route.access != Access::Granted;
        if (in_domain && !is_open) {
            EXPECT_TRUE(needed_for(route, kGet)) << route.pattern;
        }
    }
    store::DomainKinds::each([]<typename T>() {
        const Route route{"/x", kGet, Action::EntityItem, store::DomainKind<T>::name};
        EXPECT_TRUE(needed_for(route, kGet)) << store::DomainKind<T>::name;
    });
}

struct PermitTest : testing::Test {
    static DomainId id(uint64_t n) { return DomainId{{1, n}}; }
    PermitTest() {
        for (const auto& [n, parent] : {std::pair{1u, 0u}, {2u, 1u}, {3u, 1u}}) {
            model::Domain value;
            value.id = id(n);
            value.name = "d" + std::to_string(n) + ".test";
            if (parent != 0) value.parent = id(parent);
            feed.load({store::keys::domain(value.id),
                       model::encode_stored(value, {}),
                       {1, 1},
                       {1, 1},
                       0});
        }
        catalog = feed.snapshot();
    }
    // The status of a request by somebody of domain `of`.
    int ask(uint64_t of, std::string_view method, std::string path, model::Rights own,
            model::Rights below = {}) {
        Principal principal;
        principal.kind = Principal::Kind::User;
        principal.domain = id(of);
        principal.user = user;
        principal.own = own;
        principal.below = below;
        ports::HttpRequest request;
        request.path = path;
        auto match = match_route(path);
        EXPECT_TRUE(match) << path;
        const auto may = permit(catalog, principal, method_bit(method), request, *match);
        if (may) return 200;
        return may.error().code == ErrorCode::NotFound ? 404 : 403;
    }
    UserId user;  // that asks
    store::CatalogFeed feed;
    store::Catalog catalog;
};

// What his own account does with its calls is for a user to say, if he may look at services at all.
TEST_F(PermitTest, ServicesOfOnesOwnAccountAreOnesOwn) {
    model::Account account;
    account.id = AccountId{{2, 1}};
    account.domain = id(2);
    account.login = "1001";
    account.user = UserId{{2, 7}};
    feed.load({store::keys::account(id(2), account.id),
               model::encode_stored(account, {}),
               {1, 1},
               {1, 1},
               0});
    catalog = feed.snapshot();
    const model::Rights reads = *model::parse_right("services:read");
    const std::string own = "/api/v1/domains/d2.test/accounts/1001/services";
    user = UserId{{2, 7}};
    for (const std::string& path : {own, own.substr(0, 33) + account.id.text() + "/services"}) {
        EXPECT_EQ(ask(2, "GET", path, reads), 200);
        EXPECT_EQ(ask(2, "PATCH", path, reads), 200);
        EXPECT_EQ(ask(2, "PATCH", path, {}), 403);
        EXPECT_EQ(ask(1, "PATCH", path, {}, reads), 403);
    }
    EXPECT_EQ(ask(2, "PATCH", "/api/v1/domains/d2.test/accounts/1001", reads), 403);
    EXPECT_EQ(ask(2, "PATCH", "/api/v1/domains/d2.test/accounts/1002/services", reads), 403);
    user = UserId{{2, 8}};
    EXPECT_EQ(ask(2, "PATCH", own, reads), 403);
    EXPECT_EQ(ask(2, "PATCH", own, *model::parse_right("services:write")), 200);
}

TEST_F(PermitTest, OnlyWhatIsGrantedAndOnlyThere) {
    const model::Rights reads = *model::parse_right("accounts:read");
    const model::Rights all = model::Rights::all();
    const std::string in = "/api/v1/domains/";
    EXPECT_EQ(ask(2, "GET", in + "d2.test/accounts", reads), 200);
    EXPECT_EQ(ask(2, "POST", in + "d2.test/accounts", reads), 403);
    EXPECT_EQ(ask(2, "GET", in + "d2.test/users", reads), 403);
    EXPECT_EQ(ask(2, "GET", in + "d3.test/accounts", all), 404);
    EXPECT_EQ(ask(2, "GET", in + "d1.test/accounts", all), 404);
    EXPECT_EQ(ask(2, "GET", in + "none.test/accounts", all), 404);
    EXPECT_EQ(ask(1, "GET", in + "d2.test/accounts", all), 404);
    EXPECT_EQ(ask(1, "GET", in + "d2.test/accounts", {}, reads), 200);
    EXPECT_EQ(ask(1, "GET", in + "d1.test/accounts", {}, reads), 403);
    EXPECT_EQ(ask(1, "GET", "/api/v1/servers", all, all), 403);
    EXPECT_EQ(ask(1, "GET", "/api/v1/status", all, all), 403);
}

TEST_F(PermitTest, WhatIsForAboveIsNotForOneself) {
    const model::Rights all = model::Rights::all();
    const std::string in = "/api/v1/domains/";
    EXPECT_EQ(ask(2, "PATCH", in + "d2.test/licence", all, all), 403);
    EXPECT_EQ(ask(2, "GET", in + "d2.test/licence", all, all), 200);
    EXPECT_EQ(ask(1, "PATCH", in + "d2.test/licence", all, all), 200);
    EXPECT_EQ(ask(2, "DELETE", in + "d2.test", all, all), 403);
    EXPECT_EQ(ask(1, "DELETE", in + "d2.test", all, all), 200);
    EXPECT_EQ(ask(1, "DELETE", in + "d2.test", all), 404);
    EXPECT_EQ(ask(2, "PATCH", in + "d2.test", all), 200);
    EXPECT_EQ(ask(1, "POST", "/api/v1/domains", all), 403);
    EXPECT_EQ(ask(1, "POST", "/api/v1/domains", all, all), 200);
    // A roll-back touches everything.
    EXPECT_EQ(ask(2, "POST", in + "d2.test/configuration", *model::parse_right("audit:write")),
              403);
    EXPECT_EQ(ask(2, "POST", in + "d2.test/configuration", all), 200);
}

TEST_F(PermitTest, AListOfAllDomainsIsOfOnesOwn) {
    ports::HttpRequest request;
    request.path = "/api/v1/calls";
    Principal principal;
    principal.kind = Principal::Kind::User;
    principal.domain = id(2);
    principal.own = model::Rights::all();
    auto match = match_route(request.path);
    ASSERT_TRUE(permit(catalog, principal, kGet, request, *match));
    EXPECT_EQ(match->domain, id(2).text());
    request.query = {{"domain", "d3.test"}};
    match = match_route(request.path);
    EXPECT_FALSE(permit(catalog, principal, kGet, request, *match));
}

TEST(Gatekeeper, SessionsAreKnownByTheirSignature) {
    store::CatalogFeed feed;
    model::Domain domain;
    domain.id = DomainId{{1, 1}};
    domain.name = "a.test";
    model::User user;
    user.id = UserId{{2, 2}};
    user.domain = domain.id;
    user.login = "ann";
    const auto load = [&](const std::string& key, const std::string& value) {
        feed.load({key, value, {1, 1}, {1, 1}, 0});
    };
    load(store::keys::domain(domain.id), model::encode_stored(domain, {}));
    load(store::keys::user(domain.id, user.id), model::encode_stored(user, {}));
    const Gatekeeper gate("the-admin", Bytes(32, 1));
    const Gatekeeper other("the-admin", Bytes(32, 2));
    const UtcTime now{1000};
    const std::string session = gate.session_of(user, UtcTime{2000});
    const auto who = gate.identify(feed.snapshot(), session, now);
    ASSERT_TRUE(who);
    EXPECT_EQ(who->name, "ann@a.test");
    EXPECT_FALSE(gate.identify(feed.snapshot(), session, UtcTime{2000}));
    EXPECT_FALSE(other.identify(feed.snapshot(), session, now));
    for (size_t at = 9; at < session.size(); at += 7) {
        std::string forged = session;
        forged[at] = forged[at] == '1' ? '2' : '1';
        EXPECT_FALSE(gate.identify(feed.snapshot(), forged, now)) << at;
    }
    user.sign_ins_from = 1;
    load(store::keys::user(domain.id, user.id), model::encode_stored(user, {}));
    EXPECT_FALSE(gate.identify(feed.snapshot(), session, now));
    EXPECT_TRUE(gate.identify(feed.snapshot(), "the-admin", now)->is_operator());
    for (const char* wrong : {"", "the-admi", "the-admins", "tandem_s_", "tandem_t_", "tandem_t_x"})
        EXPECT_FALSE(gate.identify(feed.snapshot(), wrong, now)) << wrong;
    EXPECT_FALSE(Gatekeeper("", {}).identify(feed.snapshot(), "", now));
}

TEST(Refusals, AlikeOnesBecomeOneAndTheSurplusIsCounted) {
    Refusals refusals;
    Now now{{1000s}, {5}};
    const auto note = [](std::string what) {
        ports::AuditNote note;
        note.actor.name = "ann";
        note.what = std::move(what);
        return note;
    };
    for (int i = 0; i < 5; ++i) refusals.add(now, note("GET /a"));
    EXPECT_TRUE(refusals.take(now).empty());
    now.mono = now.mono + refusals_gathering;
    auto told = refusals.take(now);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].count, 5u);
    for (size_t i = 0; i < refusals_different_max + 7; ++i)
        refusals.add(now, note("GET /" + std::to_string(i)));
    now.mono = now.mono + refusals_gathering;
    told = refusals.take(now);
    ASSERT_EQ(told.size(), refusals_different_max + 1);
    EXPECT_EQ(told.back().count, 7u);
    EXPECT_FALSE(refusals.next_deadline());
}

TEST(Bulk, LinesAreReadOneByOne) {
    EXPECT_EQ(bulk_lines_of("a\r\n\n  \nb").size(), 2u);
    const auto line = bulk_line_of(R"({"kind":"account","domain":"a.test","value":{"login":"1"}})");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->value, R"({"login":"1"})");
    for (const char* wrong : {"", "[]", "{}", R"({"kind":"x"})", R"({"kind":1,"value":{}})",
                              R"({"kind":"x","value":{},"more":1})", R"({"kind":"x","value":[]})"})
        EXPECT_FALSE(bulk_line_of(wrong)) << wrong;
}

}  // namespace
}  // namespace tandem::roles::web_gate
