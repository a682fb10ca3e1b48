#include "runtime/tls/site_authority.h"

#include <gtest/gtest.h>

#include "base/certificate.h"

namespace tandem::runtime {
namespace {

constexpr UtcTime kNow{1'790'000'000'000};
constexpr int64_t kDayMs = 86'400'000;

struct SiteAuthority : testing::Test {
    const Certificate authority = *make_site_authority(kNow);
    const std::string key = *make_link_key();
    const std::string request = *make_certificate_request(key);
    const LinkSubject subject{"server2", {*IpAddress::parse("192.0.2.7")}};
};

TEST_F(SiteAuthority, SignsWhatTheSiteKnowsOfAServer) {
    const auto made = sign_request(authority, request, subject, kNow);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_TRUE(check_certificate(*made, key, kNow).has_value());
    const auto shown =
        check_shown_by({*made, authority.chain_pem}, fingerprint_of(authority.chain_pem));
    ASSERT_TRUE(shown.has_value()) << shown.error().message;
    EXPECT_EQ(*shown, authority.chain_pem);
    EXPECT_TRUE(make_link_contexts(authority.chain_pem, {*made, key}).has_value());
    EXPECT_EQ(fingerprint_of(authority.chain_pem).size(), 64u);
    EXPECT_NE(fingerprint_of(authority.chain_pem), fingerprint_of(*made));
    EXPECT_EQ(fingerprint_of("none"), "");
}

TEST_F(SiteAuthority, RefusesWhatIsNotItsOwn) {
    const auto other = *make_site_authority(kNow);
    const auto made = *sign_request(authority, request, subject, kNow);
    const std::string fingerprint = fingerprint_of(authority.chain_pem);
    const struct {
        std::vector<std::string> chain;
        ErrorCode code;
    } cases[] = {
        {{}, ErrorCode::Unauthorized},
        {{made}, ErrorCode::Forbidden},
        {{made, other.chain_pem}, ErrorCode::Forbidden},
        {{authority.chain_pem}, ErrorCode::Unauthorized},
        {{*sign_request(other, request, subject, kNow), authority.chain_pem},
         ErrorCode::Unauthorized},
    };
    for (const auto& [chain, code] : cases) {
        const auto shown = check_shown_by(chain, fingerprint);
        ASSERT_FALSE(shown.has_value()) << chain.size();
        EXPECT_EQ(shown.error().code, code) << chain.size();
    }
    EXPECT_EQ(sign_request(authority, "none", subject, kNow).error().code, ErrorCode::Malformed);
    EXPECT_EQ(
        sign_request({authority.chain_pem, other.key_pem}, request, subject, kNow).error().code,
        ErrorCode::Internal);
    EXPECT_FALSE(make_link_contexts(authority.chain_pem, {made, other.key_pem}).has_value());
    EXPECT_FALSE(make_link_contexts("none", {made, key}).has_value());
}

TEST_F(SiteAuthority, CertificatesAreRenewedAfterTwoThirdsOrWithOtherNames) {
    const auto made = *sign_request(authority, request, subject, kNow);
    EXPECT_FALSE(wants_renewal(made, subject, kNow));
    EXPECT_FALSE(wants_renewal(made, subject, {kNow.unix_ms + 59 * kDayMs}));
    EXPECT_TRUE(wants_renewal(made, subject, {kNow.unix_ms + 61 * kDayMs}));
    EXPECT_TRUE(wants_renewal(made, {"server3", subject.addresses}, kNow));
    EXPECT_TRUE(wants_renewal(made, {"server2", {*IpAddress::parse("2001:db8::7")}}, kNow));
    EXPECT_TRUE(wants_renewal("none", subject, kNow));
}

}  // namespace
}  // namespace tandem::runtime
