// Credentials and challenges of any shape are read without harm; a challenge that we can read we
// can write, and answer rightly.
#include <string>

#include "base/check.h"
#include "sip/digest.h"
#include "sip/digest_verifier.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

void check_credentials(const AuthValue& value) {
    const auto credentials = DigestCredentials::parse(value);
    if (!credentials) return;
    const NonceSource nonces(Bytes(32, 1), std::chrono::minutes(5));
    NonceCounts counts(SipHashKey{1, 2}, 32);
    const DigestQuestion question{
        .realm = "pbx", .method = "INVITE", .uri = "sip:1002@pbx;user=phone", .ha1 = "0123"};
    const auto outcome = verify_digest(*credentials, question, nonces, counts, UtcTime{1});
    CHECK(outcome != DigestOutcome::Ok);
}

void check_challenge(const AuthValue& value) {
    const auto challenge = DigestChallenge::parse(value);
    if (!challenge || !challenge->algorithm) return;
    const std::string text = challenge->text();
    const auto again_value = AuthValue::parse(text);
    CHECK(again_value.has_value());
    const auto again = DigestChallenge::parse(*again_value);
    CHECK(again.has_value());
    CHECK(again->realm == challenge->realm && again->nonce == challenge->nonce);
    CHECK(again->opaque == challenge->opaque && again->algorithm == challenge->algorithm);

    const std::string answer =
        answer_challenge(*challenge, {"us\"er", "secret"}, {"INVITE", "sip:pbx", "c0", 1});
    const auto answer_value = AuthValue::parse(answer);
    CHECK(answer_value.has_value());
    const auto credentials = DigestCredentials::parse(*answer_value);
    CHECK(credentials.has_value());
    const std::string secret =
        ha1(*challenge->algorithm, "us\"er", unquote(challenge->realm), "secret");
    CHECK(response_matches(*credentials, secret, "INVITE"));
}

}  // namespace
}  // namespace tandem::sip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::sip;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto value = AuthValue::parse(text);
    if (!value) return 0;
    check_credentials(*value);
    check_challenge(*value);
    return 0;
}
