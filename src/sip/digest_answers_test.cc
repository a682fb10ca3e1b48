#include "sip/digest_answers.h"

#include <gtest/gtest.h>

#include "base/crypto.h"

namespace tandem::sip {
namespace {

const DigestSecrets kWho{"4930100", "secret"};

struct DigestAnswersTest : testing::Test {
    static Message request() {
        Message made = Message::request(Method::Register, "sip:provider.test");
        made.append(HeaderId::Via, "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1");
        made.append(HeaderId::From, "<sip:4930100@provider.test>;tag=f");
        made.append(HeaderId::To, "<sip:4930100@provider.test>");
        made.append(HeaderId::CallId, "c");
        made.append(HeaderId::CSeq, "1 REGISTER");
        return made;
    }
    static Message refusal(int status, std::string_view realm, std::string_view nonce,
                           std::string_view more = {}) {
        Message made = make_response(request(), status, {}, "t");
        made.append(status == 407 ? HeaderId::ProxyAuthenticate : HeaderId::WwwAuthenticate,
                    "Digest realm=\"" + std::string(realm) + "\", nonce=\"" + std::string(nonce) +
                        "\", qop=\"auth\"" + std::string(more));
        return made;
    }
    // "realm nonce nc" of each proof, those for proxies last.
    static std::string proofs(const Message& of) {
        std::string text;
        for (const HeaderId id : {HeaderId::Authorization, HeaderId::ProxyAuthorization}) {
            for (const Result<AuthValue> value : of.auth_values(id)) {
                const auto proof = DigestCredentials::parse(*value);
                EXPECT_TRUE(proof);
                if (!proof) continue;
                text += std::string(proof->realm) + " " + std::string(proof->nonce) + " " +
                        std::to_string(proof->nonce_count) + "\n";
            }
        }
        return text;
    }
    Message next() {
        Message made = request();
        answers.prove(kWho, rng, made);
        return made;
    }

    SeededRng rng{7};
    DigestAnswers answers;
};

TEST_F(DigestAnswersTest, ProvesItToEachRealmOnTheWay) {
    EXPECT_EQ(proofs(next()), "");
    EXPECT_TRUE(answers.take(refusal(407, "edge", "n1")));
    EXPECT_EQ(proofs(next()), "edge n1 1\n");
    EXPECT_TRUE(answers.take(refusal(401, "core", "n2")));
    EXPECT_EQ(proofs(next()), "core n2 1\nedge n1 2\n");
    EXPECT_TRUE(answers.take(refusal(407, "second", "n3")));
    EXPECT_EQ(proofs(next()), "core n2 2\nedge n1 3\nsecond n3 1\n");
    // A realm that asks again replaces what it asked; what a request said before is not doubled.
    EXPECT_TRUE(answers.take(refusal(407, "edge", "n4")));
    Message again = next();
    EXPECT_EQ(proofs(again), "core n2 3\nsecond n3 2\nedge n4 1\n");
    answers.prove(kWho, rng, again);
    EXPECT_EQ(proofs(again), "core n2 4\nsecond n3 3\nedge n4 2\n");
    answers.forget();
    EXPECT_EQ(proofs(next()), "");
}

TEST_F(DigestAnswersTest, ARealmMayHaveAUserAndAPasswordOfItsOwn) {
    const DigestSecrets who{"us",
                            "default",
                            {{"edge", "gate", "edge-secret"},
                             {"edge", "second", "never"},
                             {"The \"core\"", "4930100", "core-secret"}}};
    answers.take(refusal(407, "edge", "n1"));
    answers.take(refusal(401, "The \\\"core\\\"", "n2"));
    answers.take(refusal(407, "other", "n3"));
    Message made = request();
    answers.prove(who, rng, made);
    const auto is_proved = [&](HeaderId id, size_t index, const std::string& identity) {
        size_t at = 0;
        for (const Result<AuthValue> value : made.auth_values(id)) {
            if (at++ != index) continue;
            const auto proof = DigestCredentials::parse(*value);
            const auto hash = [](const std::string& text) {
                return hash_hex(HashAlgorithm::Md5, text);
            };
            const std::string user = identity.substr(0, identity.find(':'));
            return proof && proof->username == user &&
                   proof->response == hash(hash(identity) + ":" + std::string(proof->nonce) +
                                           ":00000001:" + std::string(proof->cnonce) +
                                           ":auth:" + hash("REGISTER:sip:provider.test"));
        }
        return false;
    };
    EXPECT_TRUE(is_proved(HeaderId::ProxyAuthorization, 0, "gate:edge:edge-secret"));
    EXPECT_TRUE(is_proved(HeaderId::ProxyAuthorization, 1, "us:other:default"));
    EXPECT_TRUE(is_proved(HeaderId::Authorization, 0, "4930100:The \"core\":core-secret"));
}

TEST_F(DigestAnswersTest, TellsAWrongPasswordFromANonceThatIsWornOut) {
    const auto asks = [](const Message& of, const Message& response) {
        return DigestAnswers::asks_anew(of, response);
    };
    EXPECT_TRUE(asks(request(), refusal(401, "core", "n1")));
    answers.take(refusal(401, "core", "n1"));
    const Message first = next();
    EXPECT_FALSE(asks(first, refusal(401, "core", "n2")));
    EXPECT_TRUE(asks(first, refusal(401, "core", "n2", ", stale=true")));
    EXPECT_TRUE(asks(first, refusal(407, "core", "n2")));   // a proxy's is another matter
    EXPECT_TRUE(asks(first, refusal(401, "other", "n2")));  // another realm, too
    EXPECT_TRUE(asks(next(), refusal(401, "core", "n2")));
    EXPECT_FALSE(asks(request(), refusal(401, "core", "n1", ", algorithm=X")));
    EXPECT_FALSE(asks(request(), make_response(request(), 401, {}, "t")));
}

TEST_F(DigestAnswersTest, APeerWithEverNewRealmsMakesNothingGrow) {
    for (int i = 0; i < 100; ++i) answers.take(refusal(407, "r" + std::to_string(i), "n"));
    EXPECT_EQ(proofs(next()), "r96 n 1\nr97 n 1\nr98 n 1\nr99 n 1\n");
    EXPECT_FALSE(answers.take(make_response(request(), 407, {}, "t")));
}

}  // namespace
}  // namespace tandem::sip
