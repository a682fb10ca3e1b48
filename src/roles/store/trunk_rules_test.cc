// What must hold in trunks, their groups, and the domain that uses them.
#include <gtest/gtest.h>

#include "model/secret.h"
#include "model/trunk_credentials.h"
#include "roles/store/entity_desk_test.h"

namespace tandem::roles::store_role {
namespace {

struct TrunkDesk : ::testing::Test, EntityDesk {
    void SetUp() override {
        ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
        ASSERT_EQ(create("domain", "", R"({"name":"other.test"})"), "ok");
    }
    std::string make(std::string_view body) {
        return create("trunk", "acme.test", std::string(body));
    }
};

TEST_F(TrunkDesk, NamesTheFieldThatIsWrong) {
    EXPECT_EQ(make(R"({"name":"a","proxies":["h"],"user":"u","password":"p"})"), "ok");
    EXPECT_EQ(make(R"({"name":"b","proxies":["h"],"user":"u"})"), "missing password");
    EXPECT_EQ(make(R"({"name":"b","proxies":["h"],"password":"p"})"), "missing user");
    EXPECT_EQ(make(R"({"name":"b","user":"u","password":"p"})"), "missing proxies");
    EXPECT_EQ(make(R"({"name":"b","mode":"peer","proxies":["h","h;sctp"]})"),
              "malformed proxies[1]");
    EXPECT_EQ(make(R"({"name":"b","mode":"peer","proxies":["h"],"addresses":["192.0.2.1/33"]})"),
              "malformed addresses[0]");
    EXPECT_EQ(make(R"({"name":"b","mode":"peer","proxies":["h"],"addresses":["192.0.2.1"]})"),
              "ok");
}

TEST_F(TrunkDesk, ProxiesAreWhereAServerCanBe) {
    for (const char* host : {"0.0.0.0", "0.0.0.7:5060", "255.255.255.255", "224.0.1.75:5060;udp",
                             "[::]:5060", "[ff02::1]"}) {
        const std::string body = R"({"name":"b","mode":"peer","proxies":["h",")";
        EXPECT_EQ(make(body + host + R"("]})"), "out_of_range proxies[1]") << host;
    }
    EXPECT_EQ(make(R"({"name":"b","mode":"peer","proxies":["127.0.0.1","[::1]"]})"), "ok");
}

TEST_F(TrunkDesk, RealmsHaveCredentialsOfTheirOwn) {
    const auto with = [&](const std::string& list, const std::string& password = "p") {
        return make(R"({"name":"a","proxies":["h"],"user":"u","password":")" + password +
                    R"(","credentials":[)" + list + "]}");
    };
    const std::string edge = R"({"realm":"edge","user":"gate","password":"one"})";
    EXPECT_EQ(with(R"({"realm":"edge","user":"gate"})"), "missing credentials[0].password");
    EXPECT_EQ(with(R"({"user":"gate","password":"x"})"), "missing credentials[0].realm");
    EXPECT_EQ(with(edge + R"(,{"realm":"core","password":"x"})"), "missing credentials[1].user");
    EXPECT_EQ(with(edge + R"(,{"realm":"edge","user":"b","password":"x"})"),
              "out_of_range credentials[1].realm");
    EXPECT_EQ(with(R"({"realm":"edge","user":"gate","password":""})"),
              "out_of_range credentials[0].password");
    EXPECT_EQ(with(R"({"realm":"edge","user":"gate","password":7})"),
              "malformed credentials[0].password");
    EXPECT_EQ(make(R"({"name":"a","mode":"peer","proxies":["h"],"credentials":[)" + edge + "]}"),
              "missing password");
    EXPECT_EQ(make(R"({"name":"a","proxies":["h"],"user":"u","password":"p",)"
                   R"("credential_passwords_sealed":"AAAA"})"),
              "forbidden credential_passwords_sealed");
    ASSERT_EQ(with(edge + R"(,{"realm":"core","user":"u","password":"two"})"), "ok");

    const auto passwords = [&] {
        const auto asked = request(EntityVerb::Read, "trunk", "acme.test", "a", "");
        const auto value = stored(*locate(feed.snapshot(), asked));
        const auto trunk = model::decode_stored<model::Trunk>(value->value)->value;
        std::string all;
        for (const std::string& each : model::passwords_of(trunk, key)) all += each + " ";
        return all;
    };
    const auto change = [&](const std::string& body) {
        return patch("trunk", "acme.test", "a", body);
    };
    EXPECT_EQ(passwords(), "one two ");
    EXPECT_EQ(change(R"({"ping_s":60})"), "ok");
    EXPECT_EQ(passwords(), "one two ");
    // Read, and written back with what has changed.
    EXPECT_EQ(change(R"({"credentials":[{"realm":"core","user":"u"},{"realm":"new","user":"n",)"
                     R"("password":"three"},{"realm":"edge","user":"gate"}]})"),
              "ok");
    EXPECT_EQ(passwords(), "two three one ");
    EXPECT_EQ(change(R"({"credentials":[{"realm":"core","user":"another"}]})"),
              "missing credentials[0].password");
    EXPECT_EQ(passwords(), "two three one ");
    EXPECT_EQ(change(R"({"credentials":[]})"), "ok");
    EXPECT_EQ(passwords(), "");
    EXPECT_EQ(change(R"({"credentials":[{"realm":"core","user":"u"}]})"),
              "missing credentials[0].password");
}

TEST_F(TrunkDesk, NamesTheEntryThatIsWrong) {
    const auto with = [&](const std::string& more) {
        return make(R"({"name":"b","mode":"peer","proxies":["h"],)" + more + "}");
    };
    EXPECT_EQ(with(R"("called_out":[{"mask":"0*"},{"mask":"0["}])"),
              "malformed called_out[1].mask");
    EXPECT_EQ(with(R"("caller_in":[{"mask":"12","strip":2}])"), "out_of_range caller_in[0].strip");
    EXPECT_EQ(with(R"("rates":["+49;1","xx"])"), "malformed rates[1]");
    EXPECT_EQ(with(R"("codecs":["PCMA","pcma"])"), "out_of_range codecs[1]");
    EXPECT_EQ(with(R"("codecs":["telephone-event"])"), "out_of_range codecs[0]");
    EXPECT_EQ(with(R"("codecs":["opus","PCMB"])"), "out_of_range codecs[1]");
    EXPECT_EQ(with(R"("channels_max":-1)"), "out_of_range channels_max");
    EXPECT_EQ(with(R"("dtmf":"loud")"), "out_of_range dtmf");
    EXPECT_EQ(with(R"("tls_ca":"no certificate")"), "out_of_range tls_ca");
    EXPECT_EQ(with(R"("channels_max":2,"rates":[";1"],"codecs":["PCMA"])"), "ok");
}

// An earlier version took any word for a codec, and any text for authorities.
TEST_F(TrunkDesk, WhatWasTakenOnceHoldsUpNoOtherChange) {
    ASSERT_EQ(make(R"({"name":"a","mode":"peer","proxies":["h"]})"), "ok");
    const auto asked = request(EntityVerb::Read, "trunk", "acme.test", "a", "");
    const auto value = stored(*locate(feed.snapshot(), asked));
    ASSERT_TRUE(value);
    auto trunk = model::decode_stored<model::Trunk>(value->value)->value;
    trunk.codecs = {"EVS", "PCMA"};
    trunk.tls_ca = "no certificate";
    ASSERT_TRUE(commit({{}, {store::Put{value->key, model::encode_stored(trunk, {}), 0}}}));
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"ping_s":60})"), "ok");
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"codecs":["EVS","PCMA"]})"), "ok");
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"codecs":["PCMA","EVS"]})"),
              "out_of_range codecs[1]");
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"tls_ca":"none"})"), "out_of_range tls_ca");
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"codecs":["PCMA"],"tls_ca":""})"), "ok");
}

TEST_F(TrunkDesk, SharesAreOfMembers) {
    ASSERT_EQ(make(R"({"name":"a","mode":"peer","proxies":["h"]})"), "ok");
    const std::string trunk = last_id;
    const auto with = [&](const std::string& more) {
        return create("trunk_group", "acme.test", R"({"name":"g",)" + more + "}");
    };
    const std::string share = R"("shares":[{"trunk":")" + trunk + R"(","weight":3}])";
    EXPECT_EQ(with(share), "out_of_range shares[0].trunk");
    EXPECT_EQ(with(R"("failover_on":["486","3xx"])"), "malformed failover_on[1]");
    EXPECT_EQ(with(R"("failover_on":["6xxx"])"), "malformed failover_on[0]");
    EXPECT_EQ(with(R"("members":[")" + trunk + "\"]," + share), "ok");
}

TEST_F(TrunkDesk, ATrunkThatARuleNamesIsNotRemoved) {
    ASSERT_EQ(make(R"({"name":"a","mode":"peer","proxies":["h"]})"), "ok");
    const std::string trunk = last_id;
    const std::string rule = R"({"name":"out","action":"trunk","to_trunk":")";
    EXPECT_EQ(create("dial_rule", "acme.test", rule + std::string(32, '0') + "\"}"),
              "not_found to_trunk");
    EXPECT_EQ(create("dial_rule", "other.test", rule + trunk + "\"}"), "not_found to_trunk");
    ASSERT_EQ(create("dial_rule", "acme.test", rule + trunk + "\"}"), "ok");
    EXPECT_EQ(remove("trunk", "acme.test", "a"), "conflict id");
}

TEST_F(TrunkDesk, KeepsAPasswordSealedWhenOtherFieldsChange) {
    ASSERT_EQ(make(R"({"name":"a","proxies":["h"],"user":"u","password":"p"})"), "ok");
    ASSERT_EQ(patch("trunk", "acme.test", "a", R"({"expires_s":120})"), "ok");
    const auto catalog = feed.snapshot();
    const auto* domain = catalog.find_domain("acme.test");
    const auto* trunk = catalog.find_by_name<model::Trunk>(domain->id, "a");
    ASSERT_NE(trunk, nullptr);
    EXPECT_EQ(model::unseal_text(trunk->password_sealed, key), "p");
    EXPECT_EQ(catalog.find_trunk(trunk->id), trunk);
}

TEST_F(TrunkDesk, WhatTheDomainUsesIsNotRemoved) {
    ASSERT_EQ(make(R"({"name":"a","mode":"peer","proxies":["h"]})"), "ok");
    const std::string trunk = last_id;
    ASSERT_EQ(create("trunk_group", "acme.test", R"({"name":"g","members":[")" + trunk + "\"]}"),
              "ok");
    const std::string group = last_id;
    EXPECT_EQ(create("trunk_group", "acme.test",
                     R"({"name":"h","members":[")" + trunk + "\",\"" + trunk + "\"]}"),
              "out_of_range members[1]");
    EXPECT_EQ(create("trunk_group", "other.test", R"({"name":"g","members":[")" + trunk + "\"]}"),
              "not_found members[0]");
    const auto use = [&](std::string_view domain, std::string settings) {
        return patch("domain", "", std::string(domain), R"({"settings":{)" + settings + "}}");
    };
    EXPECT_EQ(use("other.test", R"("default_trunk":")" + trunk + "\""),
              "not_found settings.default_trunk");
    EXPECT_EQ(use("acme.test",
                  R"("default_trunk":")" + trunk + R"(","default_trunk_group":")" + group + "\""),
              "out_of_range settings.default_trunk_group");
    EXPECT_EQ(use("acme.test", R"("default_trunk_group":")" + group + "\""), "ok");
    EXPECT_EQ(remove("trunk_group", "acme.test", "g"), "conflict id");
    EXPECT_EQ(remove("trunk", "acme.test", "a"), "conflict id");
    EXPECT_EQ(use("acme.test", R"("default_trunk_group":null,"default_trunk":")" + trunk + "\""),
              "ok");
    EXPECT_EQ(remove("trunk_group", "acme.test", "g"), "ok");
    EXPECT_EQ(remove("trunk", "acme.test", "a"), "conflict id");
    EXPECT_EQ(use("acme.test", R"("default_trunk":null)"), "ok");
    EXPECT_EQ(remove("trunk", "acme.test", "a"), "ok");
}

}  // namespace
}  // namespace tandem::roles::store_role
