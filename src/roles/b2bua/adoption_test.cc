// Calls and requests of another instance: what falls to us, what is passed on, what may be left.
#include "roles/b2bua/b2bua_fixture_test.h"
#include "sip/parser.h"

namespace tandem::roles::b2bua {
namespace {

constexpr ports::Instance kOtherB2b{90};
constexpr std::string_view kByeOfAStranger =
    "BYE sip:x@198.51.100.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:4000;branch=z9hG4bK-9\n"
    "Max-Forwards: 70\nFrom: <sip:a@acme.test>;tag=f\nTo: <sip:b@acme.test>;tag=t\n"
    "Call-ID: c\nCSeq: 1 BYE\n";
constexpr uint64_t kLegOfAnother = 0x1234'5601;

std::vector<ports::DirectoryEntry> with_other_b2b(const ports::Directory& directory,
                                                  bool reachable) {
    std::vector<ports::DirectoryEntry> all(directory.entries().begin(), directory.entries().end());
    std::erase_if(all, [](const auto& each) { return each.instance == kOtherB2b; });
    all.push_back({kOtherB2b, ports::RoleKind::B2bua, 1, 100, reachable});
    return all;
}

// Our former life had the call, and the other B2B took it over.
TEST_F(B2buaTest, WhatNamesAnUnknownCallGoesOnceToWhomItFell) {
    std::string other(kByeOfAStranger);
    other.replace(other.find("z9hG4bK-9"), 9, "z9hG4bK-8");
    stage.from_phone(kAlice, other, kLegOfAnother);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481) << "there is nobody else";
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.from_phone(kAlice, kByeOfAStranger, kLegOfAnother + (1 << 8));
    EXPECT_TRUE(stage.at(kAlice).empty());
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOtherB2b);
    // It comes from the other one: it is not sent back.
    stage.give(stage.passed_on[0].payload, kOtherB2b);
    EXPECT_EQ(stage.passed_on.size(), 1u);
}

// The INVITE within the call was its former owner's.
TEST_F(B2buaTest, AnAnswerToTheFormerOwnerIsAcknowledgedByTheHeir) {
    const auto answer = establish();
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4002)));
    stage.at(kAlice);
    const auto reinvite = stage.one_at(kBob);
    ASSERT_EQ(reinvite.message.method(), sip::Method::Invite);
    stage.adopt_as(kOtherB2b);
    ASSERT_EQ(stage.role().counters().adopted, 1u);
    stage.at(kBob);
    stage.respond(kBob, reinvite, 200, Stage::sdp(4100));
    const auto at_bob = stage.at(kBob);
    ASSERT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(at_bob[0].message.cseq()->number, reinvite.message.cseq()->number);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 0u);
}

// Our former life asked; meanwhile the other one has the call.
TEST_F(B2buaTest, AnAnswerToOurFormerLifeGoesToTheHeirAndEndsNothing) {
    const auto answer = establish();
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", answer.message, 3, Stage::sdp(4002)));
    const auto reinvite = stage.one_at(kBob);
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.forget_calls();
    stage.restart();
    stage.at(kBob);
    stage.respond(kBob, reinvite, 200, Stage::sdp(4100));
    EXPECT_TRUE(stage.at(kBob).empty());
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOtherB2b);
    // The other one sees it as we do here: it waits for a call that is being taken over.
    stage.give(stage.passed_on[0].payload, kOtherB2b);
    stage.advance(1s);
    EXPECT_EQ(stage.passed_on.size(), 1u);
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.advance(1100ms);
    const auto at_bob = stage.at(kBob);
    EXPECT_EQ(count(at_bob, sip::Method::Ack), 1u);
    EXPECT_EQ(count(at_bob, sip::Method::Bye), 0u) << "it may go on elsewhere";
}

// It has just begun again, and has no link yet to the other one, which took its calls over: a
// phone hangs up.
struct FormerLife : B2buaTest {
    FormerLife() {
        const auto answer = establish();
        const std::string bye = stage.request_in_dialog("BYE", answer.message, 3);
        const uint64_t key = stage.owner_key(answer.message.to()->tag());
        stage.directory.replace(with_other_b2b(stage.directory, false));
        stage.forget_calls();
        stage.restart();
        stage.from_phone(kAlice, bye, key);
    }
};

TEST_F(FormerLife, ARequestWaitsUntilTheHeirCanBeReached) {
    stage.advance(300ms);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.passed_on.empty());
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.advance(10ms);
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kOtherB2b);
    EXPECT_TRUE(stage.at(kAlice).empty());
}

TEST_F(FormerLife, ARequestIsRefusedWhenTheHeirDoesNotCome) {
    stage.advance(2100ms);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481);
}

TEST_F(B2buaTest, AnswersOfACallThatHasEndedAreRepeatedHere) {
    stage.directory.replace(with_other_b2b(stage.directory, true));
    const auto answer = establish();
    const std::string bye = stage.request_in_dialog("BYE", answer.message, 3);
    const uint64_t key = stage.owner_key(answer.message.to()->tag());
    ASSERT_NE(key, 0u);
    stage.advance(40s);  // the 200 of the callee does not come again any more
    stage.from_phone(kAlice, bye, key);
    stage.respond(kBob, stage.one_at(kBob), 200);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
    stage.advance(500ms);
    EXPECT_EQ(stage.records().size(), 1u);
    stage.from_phone(kAlice, bye, key);  // the 200 was lost
    EXPECT_TRUE(stage.passed_on.empty()) << "nobody else knows of it";
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
}

TEST_F(B2buaTest, ADrainingOneReturnsWhatIsNewWhereAnotherServes) {
    stage.directory.replace(with_other_b2b(stage.directory, true));
    ports::Outbox out;
    stage.role().drain(stage.now, out);
    std::string bye(kByeOfAStranger);
    std::string options = bye;
    for (size_t at = options.find("BYE"); at != options.npos; at = options.find("BYE"))
        options.replace(at, 3, "OPTIONS");
    options.replace(options.find(";tag=t"), 6, "");
    stage.from_phone(kAlice, options);
    ASSERT_EQ(stage.passed_on.size(), 1u);
    EXPECT_EQ(stage.passed_on[0].to, kGate) << "which knows the others";
    stage.from_phone(kAlice, bye);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481) << "what is within a dialog is answered";
}

TEST_F(B2buaTest, ADrainingOneMayLeaveItsCallsWhenAllAreAtRest) {
    establish();
    const auto may_leave = [&] {
        for (int i = 0; i < 200 && !stage.role().is_flushed(); ++i) stage.advance(10ms);
        return stage.role().is_flushed();
    };
    EXPECT_FALSE(may_leave()) << "it does not drain";
    ports::Outbox out;
    stage.role().drain(stage.now, out);
    EXPECT_FALSE(may_leave()) << "answers may still be repeated";
    stage.advance(4s);
    EXPECT_TRUE(may_leave());
    EXPECT_FALSE(stage.role().is_idle());
    stage.hold_store = true;
    stage.from_phone(kAlice, stage.request_in_dialog("INFO", bob_dialog(), 30));
    EXPECT_FALSE(stage.role().is_flushed()) << "something happens";
}

TEST_F(B2buaTest, ARequestOfACallWhoseOwnerIsAwayWaitsForIt) {
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.from_phone(kAlice, kByeOfAStranger, kLegOfAnother);
    ASSERT_EQ(stage.passed_on.size(), 1u);
    auto orphan = get<ports::SipInbound>(stage.passed_on[0].payload);
    orphan.previous_owner = kOtherB2b;
    stage.directory.replace(with_other_b2b(stage.directory, false));
    stage.give(orphan, kGate);
    stage.advance(1s);
    EXPECT_EQ(stage.passed_on.size(), 1u);
    EXPECT_TRUE(stage.at(kAlice).empty());
    stage.directory.replace(with_other_b2b(stage.directory, true));
    stage.advance(10ms);
    ASSERT_EQ(stage.passed_on.size(), 2u) << "it is back";
    EXPECT_EQ(get<ports::SipInbound>(stage.passed_on[1].payload).previous_owner, ports::Instance{});
    // It stays away, and nobody has the call.
    stage.directory.replace(with_other_b2b(stage.directory, false));
    stage.give(orphan, kGate);
    stage.advance(2100ms);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 481);
}

// The caller has given up, and says so before his call is here. Over a connection he says it once.
TEST_F(B2buaTest, ACancelWaitsForItsCall) {
    stage.change_survival(model::Survival::All);
    const auto invite = ring();
    stage.respond(kBob, invite, 180);
    stage.at(kAlice);
    stage.directory.replace(with_other_b2b(stage.directory, false));
    stage.adopt_as(ports::Instance{kSelf.number + 100}, [&] {
        ports::SipInbound cancel;
        cancel.flow = invite.flow;
        cancel.flow.remote.port = kAlice;
        std::string text;
        for (const char c : stage.cancel_of_last_call() + "Content-Length: 0\n\n")
            text += c == '\n' ? std::string("\r\n") : std::string(1, c);
        cancel.message = std::move(*sip::parse_message(std::string_view(text)));
        cancel.previous_owner = kOtherB2b;
        stage.give(cancel, kGate);
    });
    stage.advance(2500ms);
    EXPECT_TRUE(has_status(stage.at(kAlice), 487));
}

}  // namespace
}  // namespace tandem::roles::b2bua
