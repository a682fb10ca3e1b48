#include "roles/store/entity_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "model/secret.h"
#include "roles/store/entity_desk_test.h"
#include "roles/store/entity_rules.h"

namespace tandem::roles::store_role {
namespace {

struct Desk : testing::Test, EntityDesk {};

TEST_F(Desk, TheFirstStartFillsAnEmptyStoreOnce) {
    const store::Catalog catalog = feed.snapshot();
    EXPECT_EQ(feed.unreadable_count(), 0u) << feed.last_unreadable().message;
    std::string roles;
    catalog.visit_role_instances([&](const model::RoleInstance& role) {
        roles += std::to_string(role.number) + std::string(to_string(role.role)) + " ";
        EXPECT_TRUE(check_rules(catalog, role, Fresh::No)) << role.number;
        EXPECT_EQ(role.node, 1);
        return true;
    });
    EXPECT_EQ(roles, "1ST 2CS 3MGC 4MG 5SR 6B2B 7SG 8WS 9ESG ");
    EXPECT_EQ(catalog.find_role_instance(7)->sip_gate->udp_port, 5060);
    EXPECT_FALSE(commit(first_start({}, now, rng))) << "the store is not empty any more";
}

TEST_F(Desk, CreatesDomainsAndAccounts) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    EXPECT_EQ(last.etag, "1");
    ASSERT_EQ(
        create("account", "acme.test", R"({"login":"1001","number":"1001","password":"secret"})"),
        "ok");
    EXPECT_EQ(last.json.find("secret"), std::string::npos);
    EXPECT_EQ(last.json.find("credentials"), std::string::npos);
    const store::Catalog catalog = feed.snapshot();
    const auto* domain = catalog.find_domain("acme.test");
    ASSERT_NE(domain, nullptr);
    EXPECT_EQ(domain->realm, "acme.test");
    const auto* account = catalog.find_account_by_number(domain->id, "1001");
    ASSERT_NE(account, nullptr);
    EXPECT_EQ(account->id.text(), last_id);
    EXPECT_EQ(model::unseal_ha1(account->credentials(), key),
              model::compute_ha1("1001", "acme.test", "secret"));
    EXPECT_EQ(stored(store::keys::login(domain->id, "1001"))->value, last_id);
    EXPECT_EQ(read("account", domain->id.text(), "1001"), read("account", "acme.test", last_id));
}

TEST_F(Desk, RefusesWithTheFieldsName) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    ASSERT_EQ(create("account", "acme.test", R"({"login":"a","number":"1"})"), "ok");
    const std::string nobody(32, 'f');
    const std::string server = server_id();
    const struct {
        const char* kind;
        const char* domain;
        std::string body;
        const char* outcome;
    } cases[] = {
        {"domain", "", R"({"name":"acme.test"})", "conflict name"},
        {"domain", "", R"({"name":"b.test","id":")" + nobody + "\"}", "forbidden id"},
        {"domain", "", R"({"name":"b.test","parent":")" + nobody + "\"}", "not_found parent"},
        {"domain", "", R"({"name":"b.test","settings":{"expires_min_s":700}})",
         "out_of_range settings.expires_default_s"},
        {"domain", "", R"({"name":"b.test","settings":{"digest_algorithms":["MD5","MD5"]}})",
         "out_of_range settings.digest_algorithms"},
        {"account", "none.test", R"({"login":"b"})", "not_found domain"},
        {"account", "acme.test", R"({"login":"a"})", "conflict login"},
        {"account", "acme.test", R"({"login":"b","number":"1"})", "conflict number"},
        {"account", "acme.test", R"({"login":"b","user":")" + nobody + "\"}", "not_found user"},
        {"account", "acme.test", R"({"login":"b","credentials":"AAAA"})", "forbidden credentials"},
        {"account", "acme.test", R"({"login":"b","pasword":"x"})", "unknown_field pasword"},
        {"number_range", "acme.test", "{}", "missing prefix"},
        {"number_range", "acme.test", R"({"prefix":"1","from":"2","to":"3"})",
         "out_of_range prefix"},
        {"number_range", "acme.test", R"({"from":"10","to":"9"})", "out_of_range to"},
        {"licence", "acme.test", "{}", "unsupported "},
        {"site", "", R"({"name":"main"})", "conflict name"},
        {"server", "", R"({"name":"s2","site":")" + nobody + "\"}", "not_found site"},
        {"interface", "",
         R"({"name":"x","address":"::1","family":"ipv4","server":")" + server + "\"}",
         "out_of_range address"},
        {"role_instance", "", R"({"role":"SG","number":7,"server":")" + server + "\"}",
         "conflict number"},
        {"role_instance", "", R"({"role":"SG","number":19,"b2bua":{},"server":")" + server + "\"}",
         "out_of_range b2bua"},
        {"role_instance", "", R"({"role":"MG","number":19,"server":")" + server + "\"}",
         "conflict media_gate.rtp_port_min"},
        {"nonsense", "", "{}", "not_found "},
    };
    for (const auto& c : cases) EXPECT_EQ(create(c.kind, c.domain, c.body), c.outcome) << c.body;
    EXPECT_EQ(create("role_instance", "",
                     R"({"role":"MG","number":19,"server":")" + server +
                         R"(","media_gate":{"rtp_port_min":40000,"rtp_port_max":40999}})"),
              "ok");
}

TEST_F(Desk, PatchesKeepWhatTheyDoNotName) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    ASSERT_EQ(create("account", "acme.test", R"({"login":"a","number":"1","password":"x"})"), "ok");
    ASSERT_EQ(patch("account", "acme.test", "a", R"({"number":"2","display_name":"Al"})"), "ok");
    EXPECT_EQ(last.etag, "2");
    const store::Catalog catalog = feed.snapshot();
    const auto domain = catalog.find_domain("acme.test")->id;
    const auto* account = catalog.find_account_by_number(domain, "2");
    ASSERT_NE(account, nullptr);
    EXPECT_EQ(account->credentials().size(), 108u);
    EXPECT_FALSE(stored(store::keys::number(domain, "1"))) << "the old name is free";
    EXPECT_TRUE(stored(store::keys::number(domain, "2")));
    EXPECT_EQ(patch("account", "acme.test", "a", R"({"login":"b"})"), "missing password");
    EXPECT_EQ(patch("account", "acme.test", "a", R"({"login":"b","password":"y"})"), "ok");
    EXPECT_EQ(patch("account", "acme.test", "a", "{}"), "not_found ");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"realm":"other"})"), "forbidden realm");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"name":"new.test"})"), "ok");
    EXPECT_EQ(feed.snapshot().find_domain("new.test")->realm, "acme.test");
    const auto replaced =
        request(EntityVerb::Replace, "account", "new.test", "b", R"({"login":"b"})");
    EXPECT_EQ(run(replaced), "ok");
    const store::Catalog after = feed.snapshot();
    EXPECT_EQ(after.find_account_by_login(domain, "b")->number(), "");
    EXPECT_EQ(after.find_account_by_login(domain, "b")->credentials().size(), 108u);
}

TEST_F(Desk, VersionsGuardAgainstLostUpdates) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"settings":{"blocked":true}})", "1"), "ok");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"settings":{"blocked":false}})", "1"),
              "conflict if_match");
    // Two that were judged by the same state: the second loses at the store.
    const auto one =
        prepare(request(EntityVerb::Patch, "domain", "", "acme.test", R"({"name":"one.test"})"));
    const auto two =
        prepare(request(EntityVerb::Patch, "domain", "", "acme.test", R"({"name":"two.test"})"));
    ASSERT_TRUE(one && two);
    EXPECT_TRUE(commit(one->write));
    EXPECT_FALSE(commit(two->write));
    const auto third =
        prepare(request(EntityVerb::Create, "domain", "", "", R"({"name":"x.test"})"));
    const auto fourth =
        prepare(request(EntityVerb::Create, "domain", "", "", R"({"name":"x.test"})"));
    ASSERT_TRUE(third && fourth);
    EXPECT_TRUE(commit(third->write));
    EXPECT_FALSE(commit(fourth->write)) << "the index guards the name";
}

TEST_F(Desk, LicencesBoundADomain) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    ASSERT_EQ(patch("licence", "acme.test", "", R"({"accounts_max":1,"child_domains_max":0})"),
              "ok");
    EXPECT_EQ(create("account", "acme.test", R"({"login":"a"})"), "ok");
    EXPECT_EQ(create("account", "acme.test", R"({"login":"b"})"), "forbidden licence.accounts_max");
    EXPECT_EQ(patch("account", "acme.test", "a", R"({"enabled":false})"), "ok");
    const std::string acme = feed.snapshot().find_domain("acme.test")->id.text();
    EXPECT_EQ(create("domain", "", R"({"name":"sub.test","parent":")" + acme + "\"}"),
              "forbidden licence.child_domains_max");
    EXPECT_EQ(patch("licence", "acme.test", "", R"({"accounts_max":null})"), "ok");
    EXPECT_EQ(create("account", "acme.test", R"({"login":"b"})"), "ok");
}

TEST_F(Desk, RemovesOnlyWhatNobodyNeeds) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    const std::string acme = last_id;
    ASSERT_EQ(create("domain", "", R"({"name":"sub.test","parent":")" + acme + "\"}"), "ok");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"parent":")" + last_id + "\"}"),
              "out_of_range parent");
    EXPECT_EQ(remove("domain", "", "acme.test"), "conflict id");
    EXPECT_EQ(remove("domain", "", "sub.test"), "ok");
    ASSERT_EQ(create("user", "acme.test", R"({"login":"u"})"), "ok");
    ASSERT_EQ(create("account", "acme.test", R"({"login":"a","user":")" + last_id + "\"}"), "ok");
    EXPECT_EQ(remove("user", "acme.test", "u"), "conflict id");
    EXPECT_EQ(remove("account", "acme.test", "a"), "ok");
    EXPECT_EQ(create("account", "acme.test", R"({"login":"a"})"), "ok") << "the name is free";
    EXPECT_EQ(remove("site", "", "main"), "conflict id");
    EXPECT_EQ(remove("server", "", "server-1"), "conflict id");
    EXPECT_EQ(remove("domain", "", "acme.test"), "conflict id");
    EXPECT_EQ(remove("account", "acme.test", "a"), "ok");
    EXPECT_EQ(remove("user", "acme.test", "u"), "ok");
    EXPECT_EQ(patch("licence", "acme.test", "", R"({"accounts_max":1})"), "ok");
    EXPECT_EQ(remove("domain", "", "acme.test"), "ok");
    EXPECT_EQ(read("domain", "", "acme.test"), "not_found");
    const auto rest = ask(store::RangeRequest{KeyRange::prefix("/d/"), 0, store::Want::Count, {}});
    EXPECT_EQ(std::get<store::RangeReply>(*rest.replies[0].body).count, 0u);
}

TEST_F(Desk, ADomainMayHaveACertificateOfItsOwn) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"certificate":"x"})"),
              "missing certificate_key");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"certificate_key":"y"})"),
              "missing certificate");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"certificate":"x","certificate_key":"y"})"),
              "out_of_range certificate");
    EXPECT_EQ(create("domain", "", R"({"name":"b.test","certificate":"x","certificate_key":"y"})"),
              "out_of_range certificate");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"certificate_key_sealed":"eA=="})"),
              "forbidden certificate_key_sealed");
    EXPECT_EQ(patch("domain", "", "acme.test", R"({"certificate":""})"), "ok");
}

TEST_F(Desk, SaysWhatIsStillInADomain) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    const std::string acme = last_id;
    for (const char* login : {"a", "b"})
        ASSERT_EQ(create("account", "acme.test", std::string(R"({"login":")") + login + "\"}"),
                  "ok");
    ASSERT_EQ(create("user", "acme.test", R"({"login":"u"})"), "ok");
    ASSERT_EQ(create("number_range", "acme.test", R"({"prefix":"12"})"), "ok");
    ASSERT_EQ(create("domain", "", R"({"name":"sub.test","parent":")" + acme + "\"}"), "ok");
    const auto refused = prepare(request(EntityVerb::Remove, "domain", "", "acme.test", ""));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "the domain still has 2 accounts, 1 user, 1 number range, 1 child domain");
}

// What is put into a domain while it is being removed keeps it, and nothing is put into one that
// has gone.
TEST_F(Desk, ADomainIsRemovedOnlyAsEmptyAsItWasJudged) {
    const struct {
        const char* kind;
        const char* body;
    } children[] = {{"account", R"({"login":"a"})"},
                    {"user", R"({"login":"u"})"},
                    {"number_range", R"({"prefix":"12"})"},
                    {"domain", R"({"name":"sub.test","parent":"PARENT"})"}};
    for (const auto& [kind, body] : children) {
        ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok") << kind;
        std::string text = body;
        if (const size_t at = text.find("PARENT"); at != text.npos) text.replace(at, 6, last_id);
        const std::string domain = std::string_view(kind) == "domain" ? "" : "acme.test";
        const auto removal = prepare(request(EntityVerb::Remove, "domain", "", "acme.test", ""));
        const auto child = prepare(request(EntityVerb::Create, kind, domain, "", text));
        ASSERT_TRUE(removal && child) << kind;
        EXPECT_TRUE(commit(child->write)) << kind;
        EXPECT_FALSE(commit(removal->write)) << kind;
        const std::string id = std::string_view(kind) == "domain" ? "sub.test" : child->id;
        EXPECT_EQ(remove(kind, domain, id), "ok") << kind;
        const auto again = prepare(request(EntityVerb::Create, kind, domain, "", text));
        EXPECT_EQ(remove("domain", "", "acme.test"), "ok") << kind;
        EXPECT_FALSE(commit(again->write)) << kind;
    }
}

TEST_F(Desk, ListsInPages) {
    ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
    for (int i = 5; i > 0; --i)
        ASSERT_EQ(create("account", "acme.test", R"({"login":"u)" + std::to_string(i) + "\"}"),
                  "ok");
    auto ask_for = request(EntityVerb::List, "account", "acme.test", "", "");
    ask_for.limit = 3;
    const store::Catalog catalog = feed.snapshot();
    auto page = list_entities(catalog, ask_for);
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->json.ends_with(R"("next":"u3"})")) << page->json;
    ask_for.after = "u3";
    page = list_entities(catalog, ask_for);
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->json.ends_with(R"("next":null})")) << page->json;
    EXPECT_EQ(page->json.find("\"u3\""), std::string::npos);
    EXPECT_NE(page->json.find("\"u5\""), std::string::npos);
    for (const char* kind : {"site", "server", "interface", "role_instance", "system", "domain"}) {
        const auto all = list_entities(catalog, request(EntityVerb::List, kind, "", "", ""));
        ASSERT_TRUE(all) << kind;
        EXPECT_GT(all->json.size(), 50u) << kind;
    }
    ask_for.limit = 0;
    EXPECT_FALSE(list_entities(catalog, ask_for));
}

TEST_F(Desk, SettingsAreChangedInPlace) {
    EXPECT_EQ(patch("system", "", "", R"({"log_level":"debug"})"), "ok");
    EXPECT_EQ(feed.snapshot().system().log_level, model::LogLevel::Debug);
    EXPECT_EQ(patch("system", "", "", R"({"certificate_source":"file"})"),
              "missing certificate_file");
    EXPECT_EQ(patch("system", "", "", R"({"certificate_source":"stored"})"), "missing certificate");
    EXPECT_EQ(patch("system", "", "", R"({"certificate_source":"stored","certificate":"x"})"),
              "missing certificate_key");
    EXPECT_EQ(patch("system", "", "",
                    R"({"certificate_source":"stored","certificate":"x","certificate_key":"y"})"),
              "out_of_range certificate");
    // Kept for later, and sealed.
    EXPECT_EQ(patch("system", "", "", R"({"certificate_key":"y"})"), "ok");
    const Bytes sealed = feed.snapshot().system().certificate_key_sealed;
    EXPECT_EQ(model::unseal_text(sealed, key), "y");
    EXPECT_EQ(patch("role_instance", "", "6", R"({"b2bua":{"survival":"none"}})"), "ok");
    EXPECT_EQ(feed.snapshot().find_role_instance(6)->b2bua->survival, model::Survival::None);
    EXPECT_EQ(patch("role_instance", "", "6", R"({"number":60})"), "forbidden number");
}

}  // namespace
}  // namespace tandem::roles::store_role
