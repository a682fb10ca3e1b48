// Certificates that entities keep with their keys, as the API takes them.
#include "roles/store/certificate_pair.h"

#include <gtest/gtest.h>

#include "base/certificate_fixture_test.h"
#include "model/generated/trunk.h"
#include "model/secret.h"
#include "roles/store/entity_desk_test.h"

namespace tandem::roles::store_role {
namespace {

std::string member(std::string_view name, std::string_view text) {
    std::string out = "\"" + std::string(name) + "\":\"";
    for (const char c : text) out += c == '\n' ? std::string("\\n") : std::string(1, c);
    return out + "\"";
}

struct CertificatePairTest : ::testing::Test, EntityDesk {
    void SetUp() override {
        ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok");
        ASSERT_EQ(create("trunk", "acme.test", R"({"name":"a","mode":"peer","proxies":["h;tls"]})"),
                  "ok");
    }
    std::string with(std::string_view certificate, std::string_view key) {
        std::string body;
        if (certificate != "-") body = member("tls_certificate", certificate);
        if (key != "-") body += (body.empty() ? "" : ",") + member("tls_certificate_key", key);
        return patch("trunk", "acme.test", "a", "{" + body + "}");
    }
    model::Trunk trunk() {
        const auto catalog = feed.snapshot();
        const auto* domain = catalog.find_domain("acme.test");
        return *catalog.find_by_name<model::Trunk>(domain->id, "a");
    }
};

TEST_F(CertificatePairTest, OfATrunkIsJudgedAndItsKeySealed) {
    EXPECT_EQ(with("x", kKey), "out_of_range tls_certificate");
    EXPECT_EQ(with(kCertificate, "x"), "out_of_range tls_certificate_key");
    EXPECT_EQ(with(kCertificate, kOtherKey), "out_of_range tls_certificate_key");
    EXPECT_EQ(with(kCertificate, "-"), "missing tls_certificate_key");
    EXPECT_EQ(with("-", kKey), "missing tls_certificate");
    EXPECT_TRUE(trunk().tls_certificate_key_sealed.empty());
    EXPECT_EQ(with(kCertificate, kKey), "ok");
    EXPECT_EQ(model::unseal_text(trunk().tls_certificate_key_sealed, key), kKey);
    EXPECT_EQ(with("-", kOtherKey), "out_of_range tls_certificate_key");
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"tls_certificate_key_sealed":"eA=="})"),
              "forbidden tls_certificate_key_sealed");
    // Nothing is left of the key without its certificate.
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"tls_certificate":null})"), "ok");
    EXPECT_TRUE(trunk().tls_certificate_key_sealed.empty());
}

TEST_F(CertificatePairTest, ThatHasExpiredHoldsUpNothingElse) {
    ASSERT_EQ(with(kCertificate, kKey), "ok");
    now = UtcTime{5'000'000'000'000};  // in 2128
    EXPECT_EQ(patch("trunk", "acme.test", "a", R"({"ping_s":7})"), "ok");
    EXPECT_EQ(with(kCertificate, kKey), "out_of_range tls_certificate");
    EXPECT_EQ(model::unseal_text(trunk().tls_certificate_key_sealed, key), kKey);
}

}  // namespace
}  // namespace tandem::roles::store_role
