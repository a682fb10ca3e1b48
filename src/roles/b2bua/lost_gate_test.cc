// A SIP gate dies, and the connections of phones with it, while something is under way over one.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

using sip::Method;

constexpr uint16_t kBobsNewPort = 5999;

// Bob's phone has a connection; Alice's needs none.
struct LostGateTest : B2buaTest {
    LostGateTest() {
        stage.change_domain([](model::Domain& domain) {
            domain.settings.session_expires = std::chrono::seconds(90);
        });
        stage.moved("1002", kBob, ports::Transport::Tls);
        bob_invite = ring();
        stage.respond(kBob, bob_invite, 200, Stage::sdp(4100), "Allow: INVITE, ACK, BYE, UPDATE\n");
        EXPECT_EQ(stage.one_at(kBob).message.method(), Method::Ack);
        alices = stage.one_at(kAlice);
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", alices.message, 2));
        gate(1, true);
    }
    void gate(uint32_t epoch, bool reachable) {
        std::vector<ports::DirectoryEntry> all(stage.directory.entries().begin(),
                                               stage.directory.entries().end());
        for (ports::DirectoryEntry& each : all) {
            if (each.instance != kGate) continue;
            each.epoch = epoch;
            each.reachable = reachable;
        }
        stage.directory.replace(std::move(all));
        stage.advance(1ms);
    }
    // Alice's phone answers the refresh that is due at the same time, and Bob's has got his.
    ports::SipOutbound refresh() {
        stage.advance(45s);
        const auto hers = stage.one_at(kAlice);
        stage.respond(kAlice, hers, 200, Stage::sdp(4000));
        EXPECT_EQ(count(stage.at(kAlice), Method::Ack), 1u);
        return stage.one_at(kBob);
    }
    ports::SipOutbound alices;  // her 200
};

TEST_F(LostGateTest, ARefreshThatGotLostWithItIsSentAgainInTime) {
    ASSERT_EQ(refresh().message.method(), Method::Update);
    gate(1, false);
    gate(2, true);
    stage.advance(10s);
    const auto again = stage.one_at(kBob);
    ASSERT_EQ(again.message.method(), Method::Update) << "the phone has not registered anew yet";
    stage.moved("1002", kBobsNewPort, ports::Transport::Tls);
    stage.give(ports::SipUndeliverable{again.branch, 430}, kGate);
    stage.advance(1ms);
    const auto over_new = stage.one_at(kBobsNewPort);
    ASSERT_EQ(over_new.message.method(), Method::Update);
    stage.respond(kBobsNewPort, over_new, 200);
    stage.advance(20s);
    EXPECT_EQ(count(stage.at(kAlice), Method::Bye), 0u);
}

// It dies and is back between two looks.
TEST_F(LostGateTest, AGateThatBeganAnewHasLostItsConnectionsToo) {
    ASSERT_EQ(refresh().message.method(), Method::Update);
    stage.moved("1002", kBobsNewPort, ports::Transport::Tls);
    gate(2, true);
    EXPECT_EQ(stage.one_at(kBobsNewPort).message.method(), Method::Update);
}

TEST_F(LostGateTest, AnOfferThatGotLostWithItIsMadeAgain) {
    stage.lose_media(40000);
    const auto offer = stage.one_at(kBob);
    ASSERT_EQ(offer.message.method(), Method::Invite);
    stage.moved("1002", kBobsNewPort, ports::Transport::Tls);
    gate(1, false);
    stage.advance(1ms);
    EXPECT_EQ(stage.one_at(kBobsNewPort).message.method(), Method::Invite);
}

// The phone needs a while to connect and register again.
TEST_F(LostGateTest, AByeThatGotLostWithItFollowsThePhone) {
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alices.message, 3));
    ASSERT_EQ(stage.one_at(kBob).message.method(), Method::Bye);
    gate(2, true);
    stage.advance(4s);
    EXPECT_TRUE(stage.at(kBob).empty()) << "nobody is there any more";
    stage.moved("1002", kBobsNewPort, ports::Transport::Tls);
    stage.advance(3s);
    const auto bye = stage.one_at(kBobsNewPort);
    ASSERT_EQ(bye.message.method(), Method::Bye);
    stage.respond(kBobsNewPort, bye, 200);
    stage.advance(60s);
    EXPECT_TRUE(stage.at(kBobsNewPort).empty());
}

TEST_F(LostGateTest, AByeForAPhoneThatStaysAwayIsGivenUp) {
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alices.message, 3));
    gate(2, true);
    stage.advance(90s);
    const auto figures = stage.role().figures();
    const auto kept =
        std::ranges::find(figures, "calls_ended_and_kept", &std::pair<std::string, double>::first);
    ASSERT_NE(kept, figures.end());
    EXPECT_EQ(kept->second, 0);
    EXPECT_EQ(stage.records().size(), 1u);
}

}  // namespace
}  // namespace tandem::roles::b2bua
