#include "roles/external_sip_gate/registration.h"

#include <gtest/gtest.h>

#include "roles/external_sip_gate/limits.h"
#include "sip/digest.h"
#include "sip/parser.h"

namespace tandem::roles::external_sip_gate {
namespace {

using Outcome = Registration::Outcome;
using State = Registration::State;
using sip::HeaderId;
using sip::Message;

struct RegistrationTest : testing::Test {
    static RegistrationSettings settings() {
        return {"provider.test", "4930100", "", "secret", 600, "Tandem"};
    }
    Message next() {
        auto request = registration.next_request(now, rng);
        EXPECT_TRUE(request);
        if (!request) return {};
        last = *request;
        return *request;
    }
    Outcome answer(int status, HeaderId id = HeaderId::Server, std::string_view value = "x") {
        last.prepend(HeaderId::Via, "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1");
        Message response = sip::make_response(last, status, {}, "r1");
        response.append(id, value);
        return registration.on_response(now, response, rng);
    }
    Outcome challenge(int status = 401, bool stale = false, std::string_view nonce = "n1") {
        std::string value =
            "Digest realm=\"provider.test\", nonce=\"" + std::string(nonce) + "\", qop=\"auth\"";
        if (stale) value += ", stale=true";
        return answer(
            status, status == 401 ? HeaderId::WwwAuthenticate : HeaderId::ProxyAuthenticate, value);
    }
    Outcome accept(int expires_s = 600) {
        return answer(200, HeaderId::Contact,
                      "<sip:ktoken@192.0.2.1:5070>;expires=" + std::to_string(expires_s));
    }
    void let_pass(Duration time) {
        now = now + time;
        registration.on_timeout(now);
    }

    Instant now{1000s};
    SeededRng rng{7};
    Registration registration{settings(), "ktoken", rng};
    Message last;
};

TEST_F(RegistrationTest, ProvesItselfAndRefreshesInTime) {
    const Message first = next();
    EXPECT_EQ(first.request_uri(), "sip:provider.test");
    EXPECT_EQ(*first.header(HeaderId::To), "<sip:4930100@provider.test>");
    EXPECT_FALSE(first.has(HeaderId::Authorization));
    EXPECT_EQ(challenge(), Outcome::Again);
    const Message second = next();
    EXPECT_EQ(second.call_id(), first.call_id());
    EXPECT_EQ(second.cseq()->number, first.cseq()->number + 1);
    ASSERT_TRUE(second.has(HeaderId::Authorization));
    EXPECT_NE(second.header(HeaderId::Authorization)->find("username=\"4930100\""),
              std::string_view::npos);
    EXPECT_EQ(accept(600), Outcome::Done);
    EXPECT_TRUE(registration.is_registered(now));
    const Duration wait = *registration.next_deadline() - now;
    EXPECT_GE(wait, 480s);
    EXPECT_LE(wait, 540s);
    EXPECT_FALSE(registration.next_request(now, rng));
    let_pass(wait);
    // The next one answers the same challenge unasked.
    EXPECT_NE(next().header(HeaderId::Authorization)->find("nc=00000002"), std::string_view::npos);
}

TEST_F(RegistrationTest, TakesWhatTheRegistrarGrants) {
    next();
    EXPECT_EQ(accept(60), Outcome::Done);
    EXPECT_EQ(*registration.until(), now + 60s);
    EXPECT_LE(*registration.next_deadline(), now + 54s);
    EXPECT_FALSE(registration.is_registered(now + 61s));
}

TEST_F(RegistrationTest, AsksForMoreAfter423) {
    next();
    EXPECT_EQ(answer(423, HeaderId::MinExpires, "1800"), Outcome::Again);
    EXPECT_EQ(*next().header(HeaderId::Expires), "1800");
    // One that asks for less than we did is not to be followed.
    EXPECT_EQ(answer(423, HeaderId::MinExpires, "60"), Outcome::TryNext);
}

TEST_F(RegistrationTest, GivesUpWithAWrongPassword) {
    next();
    EXPECT_EQ(challenge(), Outcome::Again);
    next();
    EXPECT_EQ(challenge(401, false, "n2"), Outcome::TryNext);
    registration.wait(now, rng);
    EXPECT_GE(*registration.next_deadline() - now, backoff_refused / 2);
    EXPECT_NE(registration.failure().find("refuses user or password"), std::string::npos);
    EXPECT_FALSE(registration.next_request(now, rng));
}

TEST_F(RegistrationTest, AnswersAStaleNonceAndAProxysChallenge) {
    next();
    EXPECT_EQ(challenge(), Outcome::Again);
    next();
    EXPECT_EQ(challenge(401, true, "n2"), Outcome::Again);
    EXPECT_NE(next().header(HeaderId::Authorization)->find("nonce=\"n2\""), std::string_view::npos);
    EXPECT_EQ(challenge(407), Outcome::Again);
    EXPECT_TRUE(next().has(HeaderId::ProxyAuthorization));
    EXPECT_EQ(challenge(401), Outcome::TryNext);  // for ever, if we let it
}

// RFC 3261 22.3: a proxy in front and the registrar behind it, each with a realm of its own.
TEST_F(RegistrationTest, ProvesItselfToAProxyAndTheRegistrarAtOnce) {
    next();
    EXPECT_EQ(challenge(407, false, "p1"), Outcome::Again);
    EXPECT_TRUE(next().has(HeaderId::ProxyAuthorization));
    EXPECT_EQ(challenge(401, false, "r1"), Outcome::Again);
    const Message both = next();
    EXPECT_TRUE(both.has(HeaderId::ProxyAuthorization) && both.has(HeaderId::Authorization));
    EXPECT_EQ(accept(600), Outcome::Done);
    // A refresh whose nonces are worn out, though nobody says so.
    let_pass(*registration.next_deadline() - now);
    next();
    EXPECT_EQ(challenge(407, false, "p2"), Outcome::Again);
    next();
    EXPECT_EQ(challenge(401, false, "r2"), Outcome::Again);
    next();
    EXPECT_EQ(accept(600), Outcome::Done);
}

TEST_F(RegistrationTest, ARefreshMayBeChallengedAnew) {
    next();
    challenge();
    next();
    accept(600);
    let_pass(*registration.next_deadline() - now);
    next();
    EXPECT_EQ(challenge(401, false, "n9"), Outcome::Again);
    next();
    EXPECT_EQ(accept(600), Outcome::Done);
}

TEST_F(RegistrationTest, PausesLongerWithEachFailure) {
    Duration before{0};
    for (int i = 0; i < 12; ++i) {
        next();
        EXPECT_EQ(registration.on_unanswered(now, "nobody"), Outcome::TryNext);
        registration.wait(now, rng);
        const Duration pause = *registration.next_deadline() - now;
        EXPECT_LE(pause, backoff_most);
        if (i == 4) before = pause;
        let_pass(pause);
        EXPECT_EQ(registration.state(), State::Due);
    }
    EXPECT_GT(before, backoff_first);
    next();
    accept();
    let_pass(*registration.next_deadline() - now);
    next();
    registration.on_unanswered(now, "nobody");
    registration.wait(now, rng);
    EXPECT_LE(*registration.next_deadline() - now, backoff_first);
}

TEST_F(RegistrationTest, KeepsToRetryAfter) {
    next();
    EXPECT_EQ(answer(503, HeaderId::RetryAfter, "120"), Outcome::TryNext);
    registration.wait(now, rng);
    EXPECT_GE(*registration.next_deadline() - now, 60s);
}

TEST_F(RegistrationTest, IsDeafToLateAndForeignAnswers) {
    next();
    const Message first = last;
    registration.on_unanswered(now, "nobody");
    registration.move_on();
    next();
    Message late = first;
    late.prepend(HeaderId::Via, "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1");
    EXPECT_EQ(registration.on_response(now, sip::make_response(late, 200, {}, "r"), rng),
              Outcome::Pending);
    EXPECT_EQ(answer(100), Outcome::Pending);
    EXPECT_EQ(registration.state(), State::Asking);
}

TEST_F(RegistrationTest, TakesItsContactBack) {
    next();
    challenge();
    next();
    accept();
    registration.leave(now);
    EXPECT_EQ(*next().header(HeaderId::Expires), "0");
    EXPECT_EQ(challenge(401, true, "n3"), Outcome::Again);
    next();
    EXPECT_EQ(answer(200), Outcome::Done);
    EXPECT_EQ(registration.state(), State::Gone);
    EXPECT_FALSE(registration.is_registered(now));
}

TEST_F(RegistrationTest, LeavesWithoutAWordWhenItNeverRegistered) {
    next();
    registration.leave(now);
    EXPECT_EQ(registration.state(), State::Gone);
}

TEST_F(RegistrationTest, DoesNotWaitForEverToLeave) {
    next();
    accept();
    registration.leave(now);
    next();
    let_pass(unregister_deadline);
    EXPECT_EQ(registration.state(), State::Gone);
}

TEST_F(RegistrationTest, ARegistrarThatTakesNoContactHasFailed) {
    next();
    EXPECT_EQ(accept(0), Outcome::TryNext);
    EXPECT_FALSE(registration.is_registered(now));
}

}  // namespace
}  // namespace tandem::roles::external_sip_gate
