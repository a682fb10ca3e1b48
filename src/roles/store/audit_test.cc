// The audit log, licences that are handed down, who may change what, and roll-backs.
#include "roles/store/audit.h"

#include <gtest/gtest.h>

#include "model/rights.h"
#include "roles/store/entity_desk_test.h"
#include "roles/store/roll_back.h"

namespace tandem::roles::store_role {
namespace {

struct AuditTest : testing::Test, EntityDesk {
    AuditTest() {
        EXPECT_EQ(create("domain", "", R"({"name":"top.test"})"), "ok");
        top = last_id;
        EXPECT_EQ(create("domain", "", R"({"name":"a.test","parent":")" + top + "\"}"), "ok");
        a = last_id;
        EXPECT_EQ(create("domain", "", R"({"name":"b.test","parent":")" + top + "\"}"), "ok");
    }
    // All records that wait for history, the oldest first.
    std::vector<std::string> records() {
        std::vector<std::string> all;
        const auto out =
            ask(store::RangeRequest{KeyRange::prefix(store::keys::audit_outbox_prefix)});
        for (const auto& each : std::get<store::RangeReply>(*out.replies[0].body).items)
            all.push_back(each.value);
        return all;
    }
    std::string as(ports::Actor actor, EntityRequest asked) {
        asked.actor = std::move(actor);
        return run(std::move(asked));
    }
    ports::Actor somebody(const std::string& domain, model::Rights own, model::Rights below = {}) {
        return {"ann", "192.0.2.1:5", *DomainId::parse(domain), own.bits(), below.bits()};
    }
    std::string licence(const std::string& domain, const std::string& body) {
        return patch("licence", domain, "", body);
    }
    std::string account(const std::string& domain, const std::string& login) {
        return create("account", domain, R"({"login":")" + login + "\"}");
    }
    // Rolls a.test back; "ok", or the error.
    std::string roll_back(int64_t at) {
        EntityRequest asked = request(EntityVerb::Create, std::string(configuration_kind), "a.test",
                                      std::to_string(at), "");
        const store::Catalog catalog = feed.snapshot();
        const WriteScope scope{catalog, now, rng, "st-1", key, licences};
        const auto change = prepare_roll_back(scope, asked, records());
        if (!change)
            return std::string(to_string(change.error().code)) + " " + change.error().message;
        last = change->reply;
        if (change->write.ops.empty()) return "same";
        return commit(change->write) ? "ok" : "lost";
    }
    std::string top;
    std::string a;
};

TEST_F(AuditTest, EachChangeHasItsRecordAndNoSecrets) {
    const size_t before = records().size();
    ASSERT_EQ(create("account", "a.test", R"({"login":"1001","password":"hidden"})"), "ok");
    ASSERT_EQ(patch("account", "a.test", "1001", R"({"display_name":"Ann"})"), "ok");
    ASSERT_EQ(remove("account", "a.test", "1001"), "ok");
    const auto all = records();
    ASSERT_EQ(all.size(), before + 3);
    std::string create_record, change, gone;
    for (const std::string& each : all) {
        if (each.find("\"action\":\"remove\"") != std::string::npos) gone = each;
        if (each.find("\"action\":\"change\"") != std::string::npos) change = each;
        if (each.find("\"name\":\"1001\"") != std::string::npos &&
            each.find("\"action\":\"create\"") != std::string::npos)
            create_record = each;
        EXPECT_EQ(each.find("hidden"), std::string::npos);
    }
    EXPECT_NE(change.find(R"("domain":")" + a), std::string::npos);
    EXPECT_EQ(create_record.find("\"before\""), std::string::npos);
    EXPECT_EQ(create_record.find("credentials"), std::string::npos);
    EXPECT_EQ(gone.find("\"after\""), std::string::npos);
    // What a roll-back needs is kept aside.
    EXPECT_GT(gone.find("credentials"), gone.find("\"kept\""));
}

TEST_F(AuditTest, ADomainHandsOnOnlyWhatItHas) {
    ASSERT_EQ(licence("top.test", R"({"accounts_max":10})"), "ok");
    EXPECT_EQ(licence("a.test", R"({"accounts_max":11})"), "forbidden accounts_max");
    ASSERT_EQ(licence("a.test", R"({"accounts_max":6})"), "ok");
    EXPECT_EQ(licence("b.test", R"({"accounts_max":5})"), "forbidden accounts_max");
    ASSERT_EQ(account("top.test", "1"), "ok");
    EXPECT_EQ(licence("b.test", R"({"accounts_max":4})"), "forbidden accounts_max");
    ASSERT_EQ(licence("b.test", R"({"accounts_max":3})"), "ok");
    EXPECT_EQ(account("top.test", "2"), "forbidden licence.accounts_max");
    EXPECT_EQ(licence("top.test", R"({"accounts_max":9})"), "conflict accounts_max");
    ASSERT_EQ(licence("b.test", R"({"accounts_max":2})"), "ok");
    EXPECT_EQ(account("top.test", "2"), "ok");
    for (int i = 0; i < 6; ++i) ASSERT_EQ(account("a.test", std::to_string(i)), "ok");
    EXPECT_EQ(account("a.test", "6"), "forbidden licence.accounts_max");
    EXPECT_EQ(licence("a.test", R"({"accounts_max":5})"), "conflict accounts_max");
    // Without a figure of its own it draws on the domain above.
    EXPECT_EQ(licence("a.test", R"({"accounts_max":null})"), "ok");
    EXPECT_EQ(account("a.test", "6"), "forbidden licence.accounts_max");
    EXPECT_EQ(licence("b.test", R"({"accounts_max":1})"), "ok");
    EXPECT_EQ(account("a.test", "6"), "ok");
}

TEST_F(AuditTest, WhatIsUnderWayCountsToo) {
    ASSERT_EQ(licence("a.test", R"({"accounts_max":2})"), "ok");
    const auto wanted = [&](const std::string& login) {
        return prepare(
            request(EntityVerb::Create, "account", "a.test", "", R"({"login":")" + login + "\"}"));
    };
    const auto one = wanted("1");
    ASSERT_TRUE(one);
    licences.hold(one->claims);
    const auto two = wanted("2");
    ASSERT_TRUE(two);
    licences.hold(two->claims);
    EXPECT_FALSE(wanted("3"));
    licences.release(two->claims);
    EXPECT_TRUE(wanted("3"));
}

TEST_F(AuditTest, ADomainMovesWithWhatItHas) {
    ASSERT_EQ(create("domain", "", R"({"name":"other.test"})"), "ok");
    const std::string other = last_id;
    ASSERT_EQ(licence("other.test", R"({"accounts_max":1})"), "ok");
    ASSERT_EQ(account("a.test", "1"), "ok");
    ASSERT_EQ(account("a.test", "2"), "ok");
    const std::string move = R"({"parent":")" + other + "\"}";
    EXPECT_EQ(patch("domain", "", "a.test", move), "forbidden licence.accounts_max");
    ASSERT_EQ(licence("other.test", R"({"accounts_max":2})"), "ok");
    EXPECT_EQ(patch("domain", "", "a.test", move), "ok");
    EXPECT_EQ(account("other.test", "3"), "forbidden licence.accounts_max");
}

TEST_F(AuditTest, NobodyGivesWhatHeHasNotGot) {
    ASSERT_EQ(create("user", "a.test", R"({"login":"ann"})"), "ok");
    const std::string ann = R"("user":")" + last_id + "\"";
    const auto grant = [&](ports::Actor actor, const std::string& rest) {
        return as(std::move(actor),
                  request(EntityVerb::Create, "grant", "a.test", "", "{" + ann + rest + "}"));
    };
    const model::Rights some = *model::parse_right("accounts:write");
    EXPECT_EQ(grant(somebody(a, some), R"(,"rights":["accounts:read"])"), "ok");
    EXPECT_EQ(grant(somebody(a, some), R"(,"rights":["users:read"])"), "forbidden rights");
    EXPECT_EQ(grant(somebody(a, some), R"(,"role":"administrator")"), "forbidden role");
    EXPECT_EQ(grant(somebody(a, some), R"(,"rights":["accounts:read"],"scope":"subtree")"),
              "forbidden scope");
    EXPECT_EQ(grant(somebody(top, {}, model::Rights::all()), R"(,"role":"administrator")"), "ok");
    const std::string admin = last_id;
    EXPECT_EQ(as(somebody(a, some), request(EntityVerb::Remove, "grant", "a.test", admin, "")),
              "forbidden role");
}

TEST_F(AuditTest, WhatIsAboveIsNotChangedFromBelow) {
    const auto change = [&](ports::Actor actor, const std::string& body) {
        return as(std::move(actor), request(EntityVerb::Patch, "domain", "", "a.test", body));
    };
    const model::Rights all = model::Rights::all();
    EXPECT_EQ(change(somebody(a, all), R"({"name":"z.test"})"), "forbidden name");
    EXPECT_EQ(change(somebody(a, all), R"({"parent":null})"), "forbidden parent");
    EXPECT_EQ(change(somebody(a, all, all), R"({"settings":{"blocked":true}})"),
              "forbidden settings.blocked");
    EXPECT_EQ(change(somebody(a, all), R"({"settings":{"ring_timeout_s":20}})"), "ok");
    EXPECT_EQ(change(somebody(top, all, all), R"({"settings":{"blocked":true}})"), "ok");
    EXPECT_EQ(change(somebody(top, all, all), R"({"parent":null})"), "missing parent");
}

TEST_F(AuditTest, ARollBackMakesItWhatItWas) {
    ASSERT_EQ(create("account", "a.test", R"({"login":"1","number":"100","password":"x"})"), "ok");
    const std::string one = last_id;
    ASSERT_EQ(create("account", "a.test", R"({"login":"2","number":"200"})"), "ok");
    const std::string as_it_was = read("account", "a.test", "1") + read("account", "a.test", "2");
    const auto credentials = [&] {
        const store::Catalog catalog = feed.snapshot();
        const auto view = catalog.find_account_by_login(*DomainId::parse(a), "1")->credentials();
        return Bytes(view.begin(), view.end());
    };
    const Bytes secret = credentials();
    const int64_t then = now.unix_ms;
    now.unix_ms += 1000;
    EXPECT_EQ(roll_back(then), "same");
    // Numbers change hands, one goes, one comes.
    ASSERT_EQ(patch("account", "a.test", "2", R"({"number":"300"})"), "ok");
    ASSERT_EQ(remove("account", "a.test", "1"), "ok");
    ASSERT_EQ(create("account", "a.test", R"({"login":"3","number":"100"})"), "ok");
    now.unix_ms += 1000;
    ASSERT_EQ(roll_back(then), "ok");
    EXPECT_EQ(read("account", "a.test", "1") + read("account", "a.test", "2"), as_it_was);
    EXPECT_EQ(read("account", "a.test", "3"), "not_found");
    EXPECT_EQ(read("account", "a.test", "1").find(one), 7u);  // the same identity
    EXPECT_EQ(credentials(), secret);
    EXPECT_NE(last.json.find(R"("action":"remove")"), std::string::npos);
    // And back again: a roll-back is a change like others.
    const int64_t between = then + 1500;
    ASSERT_EQ(roll_back(between), "ok");
    EXPECT_EQ(read("account", "a.test", "1"), "not_found");
    EXPECT_NE(read("account", "a.test", "3"), "not_found");
}

TEST_F(AuditTest, ARollBackThatWouldBreakSomethingChangesNothing) {
    ASSERT_EQ(create("user", "a.test", R"({"login":"ann"})"), "ok");
    const std::string ann = last_id;
    const int64_t before_user = now.unix_ms - 1;
    now.unix_ms += 1000;
    // The licence above has become smaller: the accounts of before do not fit any more.
    ASSERT_EQ(account("a.test", "1"), "ok");
    ASSERT_EQ(account("a.test", "2"), "ok");
    const int64_t then = now.unix_ms;
    now.unix_ms += 1000;
    ASSERT_EQ(remove("account", "a.test", "1"), "ok");
    ASSERT_EQ(licence("a.test", R"({"accounts_max":1})"), "ok");
    EXPECT_TRUE(roll_back(then).starts_with("forbidden")) << roll_back(then);
    EXPECT_EQ(read("account", "a.test", "1"), "not_found");
    // An account that was made elsewhere refers to what would go.
    ASSERT_EQ(patch("account", "a.test", "2", R"({"user":")" + ann + "\"}"), "ok");
    EXPECT_EQ(roll_back(before_user), "ok");  // both go together
    EXPECT_EQ(read("user", "a.test", "ann"), "not_found");
}

}  // namespace
}  // namespace tandem::roles::store_role
