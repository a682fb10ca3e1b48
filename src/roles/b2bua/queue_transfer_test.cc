// Who was answered, and is transferred into a queue: what CS sees of him, his media, his survival.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

constexpr ports::Instance kOtherB2b{90};

struct QueueTransfer : B2buaTest {
    QueueTransfer() : B2buaTest(3) {
        EXPECT_TRUE(stage.add_queue("600", R"({"name":"help"})", {"1002", "1003"}));
    }
    // Alice has called bob, who has answered.
    void answer(std::string_view offer = Stage::sdp(4000)) {
        stage.call(kAlice, "1001", "1002", offer);
        stage.respond(kBob, stage.at(kBob).at(0), 200, Stage::sdp(4100));
        alice = stage.at(kAlice).back();
        ASSERT_EQ(alice.message.status(), 200);
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
    }
    // Alice has called bob, and transfers him to 600.
    void transfer_callee() {
        answer();
        stage.from_phone(kAlice, stage.request_in_dialog("REFER", alice.message, 3) +
                                     "Refer-To: <sip:600@acme.test>\n");
    }
    // Alice has called bob, who has transferred her to 600; she waits there, and he has gone.
    void transfer(std::string_view offer = Stage::sdp(4000)) {
        answer(offer);
        const auto ack = stage.one_at(kBob);
        stage.from_phone(
            kBob,
            stage.request_in_dialog("REFER", ack.message, 3) + "Refer-To: <sip:600@acme.test>\n",
            stage.owner_key(ack.message.from()->tag()));
        place(0);
        answer_all(kBob);  // NOTIFY 100
        answer_all(kBob);  // NOTIFY 200
        answer_all(kBob);  // BYE
        (void)stage.at(kBob);
        stage.media.clear();
    }
    void answer_all(uint16_t port) {
        for (const auto& each : stage.at(port))
            if (each.message.is_request() && each.message.method() != sip::Method::Ack)
                stage.respond(port, each, 200);
    }
    void place(uint32_t ahead) { stage.advise(ports::QueueAdvice::Kind::Place, ahead, {}); }
    void turn(uint32_t number) { stage.advise(ports::QueueAdvice::Kind::Turn, number, {"1003"}); }
    const ports::CallSummary& last() const { return stage.reports.back().summary; }

    ports::SipOutbound alice;
};

std::vector<ports::MediaPlay> played(const std::vector<ports::MediaRequest>& requests) {
    std::vector<ports::MediaPlay> all;
    for (const auto& each : requests) all.insert(all.end(), each.play.begin(), each.play.end());
    return all;
}

// Nobody is at his other end, and whoever transferred him is free for other calls.
TEST_F(QueueTransfer, CallStateSeesWhoWaitsAndThenHisAgent) {
    transfer();
    EXPECT_EQ(last().caller, "1001");
    EXPECT_EQ(last().callee, "600");
    EXPECT_EQ(last().caller_account, stage.id_of("1001"));
    EXPECT_TRUE(last().callee_account.is_nil());
    EXPECT_EQ(last().phase, ports::CallPhase::Answered);
    ASSERT_TRUE(last().queue.has_value());
    EXPECT_TRUE(last().queue->waits);
    turn(1);
    EXPECT_EQ(last().queue->offered, std::vector<AccountId>{stage.id_of("1003")});
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    EXPECT_FALSE(last().queue->waits);
    EXPECT_EQ(last().queue->agent, stage.id_of("1003"));
    EXPECT_EQ(last().callee_account, stage.id_of("1003"));
}

// The caller has transferred whom he called: that one waits, and is shown as who calls.
TEST_F(QueueTransfer, WhoWasCalledMayWait) {
    transfer_callee();
    place(0);
    // Until he has been told he is not free, though who waits is seen as who calls.
    EXPECT_EQ(last().caller_account, stage.id_of("1002"));
    EXPECT_EQ(last().callee_account, stage.id_of("1001"));
    answer_all(kAlice);
    answer_all(kAlice);
    EXPECT_EQ(last().caller, "1002");
    EXPECT_EQ(last().caller_account, stage.id_of("1002"));
    EXPECT_TRUE(last().callee_account.is_nil());
    turn(1);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    EXPECT_EQ(last().queue->agent, stage.id_of("1003"));
    EXPECT_EQ(last().caller_account, stage.id_of("1003"));
    EXPECT_EQ(last().callee_account, stage.id_of("1002"));
    // It is known after a restart, too.
    answer_all(kBob);
    stage.advance(100ms);
    stage.restart();
    EXPECT_EQ(last().queue->agent, stage.id_of("1003"));
}

TEST_F(QueueTransfer, WhoTransferredIsSentNothingMore) {
    transfer();
    stage.restart();  // he is told again, as nobody knows whether he has heard it
    answer_all(kBob);
    stage.media.clear();
    turn(1);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    for (const auto& each : stage.media)
        for (const auto& set : each.set) EXPECT_NE(set.termination, 2u);
    const auto joined = std::ranges::find_if(stage.media, [](const auto& each) {
        return each.joined && *each.joined == std::vector<std::pair<uint32_t, uint32_t>>{{1, 3}};
    });
    EXPECT_NE(joined, stage.media.end());
}

// Its next incarnation gives other ports: she is told of them, hears music on, and nobody is joined
// with her.
TEST_F(QueueTransfer, SheHearsMusicAfterTheDeathOfTheGate) {
    transfer();
    stage.lose_media(31000);
    stage.advance(100ms);
    auto offer = stage.at(kAlice);
    ASSERT_EQ(offer.size(), 1u);
    EXPECT_NE(offer[0].message.body().find("m=audio 31"), std::string_view::npos);
    for (const auto& each : stage.media) EXPECT_TRUE(!each.joined || each.joined->empty());
    const auto plays = played(stage.media);
    ASSERT_FALSE(plays.empty());
    EXPECT_EQ(plays.back().termination, 1u);
    EXPECT_EQ(plays.back().sound, ports::MediaSound::Music);
    stage.respond(kAlice, offer[0], 200, Stage::sdp(4000));
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.advance(40s);  // longer than a move may last
    turn(1);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    EXPECT_EQ(last().queue->agent, stage.id_of("1003"));
}

TEST_F(QueueTransfer, TheGateDiesWhileAnAgentsPhoneRings) {
    transfer();
    turn(1);
    const auto invite = stage.at(kCarol).at(0);
    stage.lose_media(31000);
    stage.advance(100ms);
    for (const auto& each : stage.media) EXPECT_TRUE(!each.joined || each.joined->empty());
    for (const auto& each : stage.at(kAlice)) stage.respond(kAlice, each, 200, Stage::sdp(4000));
    stage.respond(kCarol, invite, 200, Stage::sdp(4200));
    EXPECT_EQ(last().queue->agent, stage.id_of("1003"));
    stage.advance(100ms);
    ASSERT_TRUE(stage.media.back().context == last().call);
    const auto joins = std::ranges::any_of(stage.media, [](const auto& each) {
        return each.joined && *each.joined == std::vector<std::pair<uint32_t, uint32_t>>{{1, 3}};
    });
    EXPECT_TRUE(joins);
}

// As it is told to the phone of the agent: her address, and who has transferred her.
TEST_F(QueueTransfer, TheAgentSeesWhoWaits) {
    transfer();
    turn(1);
    const auto invite = stage.at(kCarol).at(0).message;
    EXPECT_NE(invite.header(HeaderId::From)->find("1001"), std::string_view::npos);
    EXPECT_NE(invite.header("Referred-By")->find("1002"), std::string_view::npos);
}

TEST_F(QueueTransfer, NoPortsForAnAgentAreNoEnd) {
    transfer();
    stage.media_refuses = true;
    turn(1);
    stage.advance(100ms);
    stage.media_refuses = false;
    EXPECT_TRUE(last().queue->waits);
    EXPECT_TRUE(last().queue->offered.empty());
    turn(2);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    EXPECT_FALSE(last().queue->waits);
}

// His phone cannot be made to ring.
TEST_F(QueueTransfer, WhereNothingIsPlayedTheGateMakesARingingTone) {
    stage.change_domain([](model::Domain& domain) { domain.settings.music_on_hold = false; });
    transfer_callee();
    stage.media.clear();
    place(0);
    const auto plays = played(stage.media);
    ASSERT_EQ(plays.size(), 1u);
    EXPECT_EQ(plays[0].sound, ports::MediaSound::Ringback);
    EXPECT_EQ(plays[0].termination, 2u);
}

// RFC 3261 9.2: a CANCEL that comes after the answer has been decided on changes nothing; she
// hangs up when she has it.
TEST_F(QueueTransfer, AQueueThatAnswersAgainstHerGivingUp) {
    ASSERT_TRUE(stage.add_queue("601", R"({"name":"answers","answers":true})", {"1003"}));
    stage.hold_store = true;
    stage.call(kAlice, "1001", "601", Stage::sdp(4000));
    turn(1);
    stage.from_phone(kAlice, stage.cancel_of_last_call());
    stage.hold_store = false;
    stage.advance(1s);
    const auto all = stage.at(kAlice);
    const auto answer = std::ranges::find_if(all, [](const auto& each) {
        return each.message.is_response() && each.message.status() == 200 &&
               each.message.cseq()->method == sip::Method::Invite;
    });
    ASSERT_NE(answer, all.end());
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer->message, 2));
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", answer->message, 3));
    stage.advance(40s);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.queues.at(0).outcome, model::QueueOutcome::Abandoned);
    EXPECT_TRUE(cdr.transfers.empty());
}

// Its ports are refused: she waits unanswered, and is put through.
TEST_F(QueueTransfer, AQueueThatCannotAnswerWithoutPorts) {
    ASSERT_TRUE(stage.add_queue("601", R"({"name":"answers","answers":true})", {"1003"}));
    stage.call(kAlice, "1001", "601", Stage::sdp(4000));
    stage.media_refuses = true;
    place(0);
    stage.media_refuses = false;
    EXPECT_TRUE(last().queue->waits);
    EXPECT_EQ(last().phase, ports::CallPhase::Ringing);
    turn(1);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    EXPECT_EQ(last().queue->agent, stage.id_of("1003"));
}

// Without a format that the gate can make she waits in silence, and is put through all the same.
TEST_F(QueueTransfer, SheMaySpeakWhatTheGateCannot) {
    const std::string opus =
        "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
        "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n";
    transfer(opus);
    EXPECT_TRUE(played(stage.media).empty());
    turn(1);
    EXPECT_FALSE(stage.at(kCarol).empty());
}

TEST_F(QueueTransfer, ItsRecordHasTheWaitAndTheTransfer) {
    transfer();
    stage.advance(7s);
    turn(1);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200, Stage::sdp(4200));
    answer_all(kAlice);
    stage.advance(5s);
    stage.give(ports::CallHangup{last().call, "over"}, kIndex, 1);
    stage.advance(1s);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.callee.number, "1002");
    ASSERT_EQ(cdr.queues.size(), 1u);
    EXPECT_EQ(cdr.queues[0].outcome, model::QueueOutcome::Answered);
    EXPECT_EQ(cdr.queues[0].wait, 7s);
    ASSERT_EQ(cdr.transfers.size(), 1u);
    EXPECT_EQ(cdr.transfers[0].by.number, "1002");
    EXPECT_EQ(cdr.transfers[0].to.number, "1003");
}

TEST_F(QueueTransfer, ItsRecordSaysThatSheGaveUp) {
    transfer();
    stage.advance(7s);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    stage.advance(1s);
    const model::Cdr cdr = record();
    ASSERT_EQ(cdr.queues.size(), 1u);
    EXPECT_EQ(cdr.queues[0].outcome, model::QueueOutcome::Abandoned);
    EXPECT_EQ(cdr.queues[0].wait, 7s);
    ASSERT_EQ(cdr.transfers.size(), 1u);
    EXPECT_EQ(cdr.transfers[0].to.number, "600");
    EXPECT_EQ(cdr.transfers[0].to.display_name, "help");
}

// An heir takes the call over, with its place.
TEST_F(QueueTransfer, SheWaitsOnAtAnotherB2b) {
    transfer();
    const UtcTime since = last().queue->since;
    stage.advance(5s);
    stage.adopt_as(kOtherB2b);
    EXPECT_TRUE(last().queue->waits);
    EXPECT_EQ(last().queue->since, since);
    EXPECT_EQ(last().owner, kOtherB2b);
}

}  // namespace
}  // namespace tandem::roles::b2bua
