#include "sip/digest.h"

#include <gtest/gtest.h>

#include "sip/digest_verifier.h"
#include "sip/message.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

// RFC 7616 3.9.1, 3.9.2 (as its erratum 4897 corrects it); RFC 2617 3.5; RFC 2069 2.4 (corrected).
TEST(Digest, ResponsesOfTheRfcs) {
    struct Case {
        DigestAlgorithm algorithm;
        std::string_view user, realm, password, nonce, qop, cnonce, uri, want;
    };
    constexpr std::string_view nonce7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    constexpr std::string_view cnonce7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    const Case cases[] = {
        {DigestAlgorithm::Md5, "Mufasa", "http-auth@example.org", "Circle of Life", nonce7616,
         "auth", cnonce7616, "/dir/index.html", "8ca523f5e9506fed4657c9700eebdbec"},
        {DigestAlgorithm::Sha256, "Mufasa", "http-auth@example.org", "Circle of Life", nonce7616,
         "auth", cnonce7616, "/dir/index.html",
         "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
        {DigestAlgorithm::Sha512_256, "J\xc3\xa4s\xc3\xb8n Doe", "api@example.org",
         "Secret, or not?", "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", "auth",
         "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", "/doe.json",
         "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"},
        {DigestAlgorithm::Md5, "Mufasa", "testrealm@host.com", "Circle Of Life",
         "dcd98b7102dd2f0e8b11d0f600bfb0c093", "auth", "0a4f113b", "/dir/index.html",
         "6629fae49393a05397450978507c4ef1"},
        {DigestAlgorithm::Md5, "Mufasa", "testrealm@host.com", "CircleOfLife",
         "dcd98b7102dd2f0e8b11d0f600bfb0c093", "", "", "/dir/index.html",
         "1949323746fe6a43ef61f9606e7febea"},
    };
    for (const Case& c : cases) {
        const std::string secret = ha1(c.algorithm, c.user, c.realm, c.password);
        const DigestInput input{.algorithm = c.algorithm,
                                .ha1 = secret,
                                .nonce = c.nonce,
                                .qop = c.qop,
                                .nc = "00000001",
                                .cnonce = c.cnonce,
                                .method = "GET",
                                .uri = c.uri};
        EXPECT_EQ(digest_response(input), c.want) << c.user << to_string(c.algorithm);
    }
}

TEST(Digest, ReadsChallenges) {
    // RFC 8760 2.4: one header an algorithm, the preferred one first.
    Message response = Message::response(401);
    response.append(HeaderId::WwwAuthenticate,
                    "Digest realm=\"r\", nonce=\"n0\", algorithm=SHA-999");
    response.append(HeaderId::WwwAuthenticate,
                    "Digest realm=\"r, \\\"x\\\"\", domain=\"sip:a\", qop=\"auth-int, auth\", "
                    "nonce=\"n1\", opaque=\"o\", stale=TRUE, algorithm=sha-256");
    response.append(HeaderId::WwwAuthenticate, "Digest realm=\"r\", nonce=\"n2\"");
    const auto challenge = first_known_challenge(response, HeaderId::WwwAuthenticate);
    ASSERT_TRUE(challenge.has_value());
    EXPECT_EQ(challenge->nonce, "n1");
    EXPECT_EQ(challenge->realm, "r, \\\"x\\\"");
    EXPECT_EQ(challenge->algorithm, DigestAlgorithm::Sha256);
    EXPECT_TRUE(challenge->stale && challenge->qop_auth);
    EXPECT_EQ(challenge->text(),
              "Digest realm=\"r, \\\"x\\\"\", nonce=\"n1\", opaque=\"o\", stale=true, "
              "algorithm=SHA-256, qop=\"auth\"");
    EXPECT_FALSE(first_known_challenge(response, HeaderId::ProxyAuthenticate).has_value());
}

TEST(Digest, RefusesBrokenCredentials) {
    const std::string_view cases[] = {
        "Basic QWxhZGRpbg==",
        "Digest",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\"",
        "Digest username=\"u\", realm=\"r\", nonce=\"\", uri=\"sip:a\", response=\"0\"",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0\", qop=auth",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0\", qop=auth, "
        "cnonce=\"c\", nc=1",
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0\", "
        "qop=auth-int, "
        "cnonce=\"c\", nc=00000001",
        "Digest username=\"u\", username=\"v\", realm=\"r\", nonce=\"n\", uri=\"a\", "
        "response=\"0\"",
        "Digest username=\"u",
    };
    for (const std::string_view text : cases) {
        const auto value = AuthValue::parse(text);
        if (!value) continue;
        const auto credentials = DigestCredentials::parse(*value);
        EXPECT_FALSE(credentials.has_value()) << text;
        if (!credentials) {
            EXPECT_EQ(credentials.error().sip_status, 400) << text;
        }
    }
}

class Verifier : public ::testing::Test {
 protected:
    static constexpr UtcTime start{1'790'000'000'000};

    std::string answer(std::string_view password, uint32_t nc, bool qop = true) {
        const DigestChallenge challenge{.realm = "pbx",
                                        .nonce = nonce_,
                                        .opaque = {},
                                        .algorithm = algorithm_,
                                        .stale = false,
                                        .qop_auth = qop};
        return answer_challenge(challenge, {"10\"0", password},
                                {"REGISTER", "sip:pbx", "c0ffee", nc});
    }
    DigestOutcome verify(const std::string& text, UtcTime now = start,
                         LegacyDigest legacy = LegacyDigest::Accepted) {
        const auto value = AuthValue::parse(text);
        const auto credentials = DigestCredentials::parse(*value);
        EXPECT_TRUE(credentials.has_value()) << text;
        EXPECT_EQ(unquote(credentials->username), "10\"0");
        const std::string secret = ha1(algorithm_, "10\"0", "pbx", "secret");
        return verify_digest(*credentials, {"pbx", "REGISTER", "sip:pbx", secret, legacy}, nonces_,
                             counts_, now);
    }

    SeededRng rng_{1};
    DigestAlgorithm algorithm_ = DigestAlgorithm::Sha256;
    NonceSource nonces_{Bytes(32, 7), std::chrono::minutes(5)};
    NonceCounts counts_{SipHashKey{1, 2}, 64};
    std::string nonce_ = nonces_.make("pbx", start, rng_);
};

TEST_F(Verifier, AcceptsTheRightAnswerOnceACount) {
    EXPECT_EQ(verify(answer("secret", 1)), DigestOutcome::Ok);
    EXPECT_EQ(verify(answer("secret", 1)), DigestOutcome::Replayed);
    EXPECT_EQ(verify(answer("secret", 2)), DigestOutcome::Ok);
    EXPECT_EQ(verify(answer("secret", 9)), DigestOutcome::Ok);
    EXPECT_EQ(verify(answer("secret", 8)), DigestOutcome::Replayed);
    EXPECT_EQ(verify(answer("secret", 0)), DigestOutcome::Malformed);
}

TEST_F(Verifier, WorksWithEveryAlgorithm) {
    for (const auto algorithm :
         {DigestAlgorithm::Md5, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512_256}) {
        algorithm_ = algorithm;
        nonce_ = nonces_.make("pbx", start, rng_);
        EXPECT_EQ(verify(answer("secret", 1)), DigestOutcome::Ok);
        EXPECT_EQ(verify(answer("guess", 2)), DigestOutcome::Wrong);
    }
}

TEST_F(Verifier, AWrongAnswerCountsNothing) {
    EXPECT_EQ(verify(answer("guess", 1)), DigestOutcome::Wrong);
    EXPECT_EQ(counts_.size(), 0u);
    EXPECT_EQ(verify(answer("secret", 1)), DigestOutcome::Ok);
}

TEST_F(Verifier, KnowsOldAndForeignNonces) {
    const UtcTime later{start.unix_ms + 300'001};
    EXPECT_EQ(nonces_.check(nonce_, "pbx", start), NonceState::Fresh);
    EXPECT_EQ(nonces_.check(nonce_, "other", start), NonceState::Forged);
    EXPECT_EQ(nonces_.check(nonce_, "pbx", later), NonceState::Stale);
    EXPECT_EQ(nonces_.check(nonce_, "pbx", {start.unix_ms - 6'000}), NonceState::Stale);
    EXPECT_EQ(nonces_.check("", "pbx", start), NonceState::Forged);
    EXPECT_EQ(verify(answer("secret", 1), later), DigestOutcome::Stale);
    EXPECT_EQ(verify(answer("guess", 1), later), DigestOutcome::Wrong);
    nonce_.front() = nonce_.front() == '0' ? '1' : '0';
    EXPECT_EQ(nonces_.check(nonce_, "pbx", start), NonceState::Forged);
    EXPECT_EQ(verify(answer("secret", 1)), DigestOutcome::Stale);
}

TEST_F(Verifier, LegacyAnswersAreGoodOnce) {
    EXPECT_EQ(verify(answer("secret", 1, false), start, LegacyDigest::Refused),
              DigestOutcome::Malformed);
    EXPECT_EQ(verify(answer("secret", 1, false)), DigestOutcome::Ok);
    EXPECT_EQ(verify(answer("secret", 1, false)), DigestOutcome::Replayed);
}

TEST_F(Verifier, UnknownAlgorithms) {
    std::string text = answer("secret", 1);
    text.replace(text.find("SHA-256"), 7, "SHA-1");
    EXPECT_EQ(verify(text), DigestOutcome::UnknownAlgorithm);
}

TEST_F(Verifier, AnswersForAnotherResourceAreMalformed) {
    for (const std::string_view password : {"secret", "guess"}) {
        std::string text = answer(password, 1);
        text.replace(text.find("sip:pbx"), 7, "sip:pub");
        EXPECT_EQ(verify(text), DigestOutcome::Malformed) << password;
    }
    EXPECT_EQ(counts_.size(), 0u);
}

TEST(Digest, TheUriMustNameWhatIsAskedFor) {
    const struct {
        const char* uri;
        const char* request;
        bool same;
    } cases[] = {
        {"sip:1002@acme.test", "sip:1002@acme.test", true},
        {"sip:1002@acme.test", "sip:1003@acme.test", false},
        {"sip:1002@acme.test", "sip:1002@other.test", false},
        {"sip:1002@acme.test", "sip:%31002@ACME.test", true},
        {"sip:a@acme.test", "sip:A@acme.test", false},
        {"sip:acme.test", "sip:acme.test:5060;transport=tcp", true},
        {"sip:1002@acme.test;user=phone", "sips:1002@acme.test:5061", true},
        {"sip:1002@acme.test?Subject=x", "sip:1002:word@acme.test", true},
        // The server's address for its domain.
        {"sip:1002@acme.test", "sip:1002@192.0.2.10", true},
        {"sip:1002@[2001:db8::1]", "sip:1002@acme.test", true},
        {"sip:1003@192.0.2.10", "sip:1002@acme.test", false},
        // The server itself, for all that is asked of it.
        {"sip:192.0.2.10:5060", "sip:1002@acme.test", true},
        {"sip:acme.test", "sip:1002@acme.test", true},
        {"sip:other.test", "sip:1002@acme.test", false},
        {"sip:1002@acme.test", "sip:acme.test", false},
        {"tel:+1-202-555-0100", "tel:+12025550100", true},
        {"tel:+12025550100", "tel:+12025550101", false},
        {"tel:+12025550100", "sip:+12025550100@acme.test", false},
        {"", "sip:acme.test", false},
        {"1002@acme.test", "sip:1002@acme.test", false},
        {"/", "sip:acme.test", false},
    };
    for (const auto& [uri, request, same] : cases) {
        EXPECT_EQ(names_resource(uri, request), same) << uri << " for " << request;
    }
}

TEST(NonceCounts, ForgettingLetsNothingBeReplayed) {
    NonceCounts counts(SipHashKey{3, 4}, 64);
    const auto nonce = [](int i) { return "nonce" + std::to_string(i); };
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(counts.use(nonce(i), UtcTime{i}, 1), NonceCounts::Verdict::Accepted);
        EXPECT_EQ(counts.use(nonce(i), UtcTime{i}, 2), NonceCounts::Verdict::Accepted);
        EXPECT_LE(counts.size(), 64u);
    }
    int replayed = 0;
    int stale = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto verdict = counts.use(nonce(i), UtcTime{i}, 1);
        replayed += verdict == NonceCounts::Verdict::Replayed ? 1 : 0;
        stale += verdict == NonceCounts::Verdict::Stale ? 1 : 0;
    }
    EXPECT_EQ(replayed + stale, 1000);
    EXPECT_GT(replayed, 20);
    // Not seen before, with a count above one: another instance had it.
    EXPECT_EQ(counts.use("new", UtcTime{2000}, 2), NonceCounts::Verdict::Stale);
}

}  // namespace
}  // namespace tandem::sip
