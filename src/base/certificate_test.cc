#include "base/certificate.h"

#include <gtest/gtest.h>

#include <string>

#include "base/certificate_fixture_test.h"

namespace tandem {
namespace {

// The public half of kKey, which anybody can read in the certificate, beside the secret of
// kOtherKey.
const char* const kForgedKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgR9ErJPgV/GrHkCu5
1VIwy8HB/K7OOXwrpkh7LIe8WYOhRANCAATJdcdzPzSILn8o/ScLy+wG5baKxBE+
fkFI3xy7MY1gAMHL07lN8G6Vljo6gJnw/YGJAy5g+/TpT5rKYwNxq7vv
-----END PRIVATE KEY-----
)";

constexpr UtcTime kNow{1'790'000'000'000};    // in 2026
constexpr UtcTime kLater{5'000'000'000'000};  // in 2128

std::string judged(std::string_view chain, std::string_view key, UtcTime now = kNow) {
    const auto result = check_certificate(chain, key, now);
    return result ? "ok" : result.error().field + ": " + result.error().message;
}

TEST(Certificate, IsJudgedWithItsKey) {
    const std::string chain = std::string(kCertificate) + kCertificate;
    std::string broken(kCertificate);
    broken[60] = '*';
    const struct {
        const char* name;
        std::string got;
        std::string wanted;
    } cases[] = {
        {"a pair", judged(kCertificate, kKey), "ok"},
        {"a chain", judged(chain, kKey), "ok"},
        {"text around", judged("subject: a\n" + chain, std::string("\n") + kKey), "ok"},
        {"nothing", judged("", kKey), "certificate: holds no PEM certificate"},
        {"no PEM", judged("abc", kKey), "certificate: holds no PEM certificate"},
        {"a key for a certificate", judged(kKey, kKey), "certificate: holds no PEM certificate"},
        {"no key", judged(kCertificate, "abc"),
         "certificate_key: holds no PEM private key without passphrase"},
        {"a certificate for a key", judged(kCertificate, kCertificate),
         "certificate_key: holds no PEM private key without passphrase"},
        {"another key", judged(kCertificate, kOtherKey),
         "certificate_key: does not belong to the certificate"},
        {"a forged key", judged(kCertificate, kForgedKey),
         "certificate_key: does not belong to the certificate"},
        {"a key among the certificates", judged(chain + kKey, kKey),
         "certificate: holds a private key, and is shown to whoever may read this"},
        {"a broken issuer", judged(kCertificate + broken, kKey),
         "certificate: certificate 2 of it can't be read"},
        {"too late", judged(kCertificate, kKey, kLater), "certificate: has expired"},
    };
    for (const auto& each : cases) EXPECT_EQ(each.got, each.wanted) << each.name;
}

TEST(Certificate, SaysWhenItEnds) {
    const auto end = certificate_end(std::string("subject: a\n") + kCertificate + kCertificate);
    ASSERT_TRUE(end);
    EXPECT_EQ(to_rfc3339(*end), "2126-11-01T21:39:49.000Z");
    EXPECT_FALSE(certificate_end(kKey));
    EXPECT_FALSE(certificate_end(""));
}

TEST(Certificate, AuthoritiesAreJudged) {
    const auto of = [](std::string_view pem) {
        const auto result = check_authorities(pem, "tls_ca");
        return result ? "ok" : result.error().field + ": " + result.error().message;
    };
    const std::string one(kCertificate);
    std::string broken = one;
    broken[60] = '*';
    EXPECT_EQ(of(one), "ok");
    EXPECT_EQ(of("subject: a\n" + one + "\n" + one), "ok");
    EXPECT_EQ(of("ca"), "tls_ca: holds no PEM certificate");
    EXPECT_EQ(of(kKey), "tls_ca: holds no PEM certificate");
    EXPECT_EQ(of(broken), "tls_ca: holds no PEM certificate");
    EXPECT_EQ(of(one + broken), "tls_ca: certificate 2 of it can't be read");
}

}  // namespace
}  // namespace tandem
