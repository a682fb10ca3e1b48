// A transfer by keys whose sender asks first: three in one call.
#include <gtest/gtest.h>

#include <algorithm>

#include "model/codec.h"
#include "model/generated/cdr.h"
#include "roles/b2bua/stage.h"

namespace tandem::roles::b2bua {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kAlice = 5001;
constexpr uint16_t kBob = 5002;
constexpr uint16_t kCarol = 5003;

struct Consultation : testing::Test {
    Consultation() {
        for (const auto& [number, port] :
             {std::pair{"1001", kAlice}, {"1002", kBob}, {"1003", kCarol}}) {
            stage.add_account(number);
            stage.register_phone(number, port);
        }
        stage.add_feature_code(R"({"name":"t","prefix":"*3","action":"transfer-attended"})");
    }
    void establish() {
        stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
        stage.respond(kBob, stage.at(kBob).at(0), 200, Stage::sdp(4100));
        (void)stage.at(kBob);
        alice = stage.at(kAlice).back();
        ASSERT_EQ(alice.message.status(), 200);
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
    }
    // Alice presses them.
    void press(std::string_view keys) {
        ports::MediaEvent event{told().call, ports::MediaEvent::Kind::Key, 1};
        for (const char key : keys) {
            event.key = static_cast<uint8_t>(key);
            stage.give(event, kMedia);
        }
    }
    // Carol talks with alice, and bob waits.
    void consult() {
        establish();
        press("*31003#");
        const auto invited = stage.at(kCarol);
        ASSERT_EQ(invited.size(), 1u);
        stage.respond(kCarol, invited[0], 200, Stage::sdp(4200));
        (void)stage.at(kCarol);
        answer_offers(kAlice, 4000);
    }
    // How many there were.
    size_t answer_offers(uint16_t port, uint16_t media) {
        size_t count = 0;
        for (const auto& each : stage.at(port)) {
            if (each.message.method() != sip::Method::Invite) continue;
            stage.respond(port, each, 200, Stage::sdp(media));
            ++count;
        }
        return count;
    }
    std::vector<ports::MediaPlay> played() const {
        std::vector<ports::MediaPlay> all;
        for (const auto& each : stage.media)
            all.insert(all.end(), each.play.begin(), each.play.end());
        return all;
    }
    const ports::CallSummary& told() const { return stage.reports.back().summary; }
    Stage stage;
    ports::SipOutbound alice;
};

TEST_F(Consultation, TheIndexKnowsAllThree) {
    consult();
    EXPECT_EQ(told().caller_account, stage.id_of("1001"));
    EXPECT_EQ(told().callee_account, stage.id_of("1002"));
    EXPECT_EQ(told().consulted, stage.id_of("1003"));
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    EXPECT_EQ(told().caller_account, stage.id_of("1003"));
    EXPECT_EQ(told().callee_account, stage.id_of("1002"));
    EXPECT_TRUE(told().consulted.is_nil());
}

// A gate that was restarted is to have all three: two who talk, and one who hears music.
TEST_F(Consultation, AllThreeMoveToAnotherContext) {
    consult();
    stage.media.clear();
    stage.lose_media(31000);
    const auto opened = std::ranges::find_if(
        stage.media, [](const auto& request) { return request.set.size() == 3; });
    ASSERT_NE(opened, stage.media.end());
    ASSERT_TRUE(opened->joined.has_value());
    EXPECT_EQ(*opened->joined, (std::vector<std::pair<uint32_t, uint32_t>>{{1, 3}}));
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].termination, 2u);
    EXPECT_EQ(answer_offers(kAlice, 4000), 1u);
    EXPECT_EQ(answer_offers(kBob, 4100), 1u);
    EXPECT_EQ(answer_offers(kCarol, 4200), 1u);
    stage.advance(1s);
    EXPECT_EQ(answer_offers(kBob, 4100), 0u);
    // And the transfer comes to its end.
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    EXPECT_EQ(answer_offers(kBob, 4100), 1u);
    ASSERT_TRUE(stage.media.back().joined || !stage.media.back().set.empty());
}

TEST_F(Consultation, WhoWaitsAndRefusesTheNewPortsLeavesAlone) {
    consult();
    stage.lose_media(31000);
    const auto at_bob = stage.at(kBob);
    ASSERT_EQ(at_bob.size(), 1u);
    EXPECT_EQ(answer_offers(kAlice, 4000), 1u);
    EXPECT_EQ(answer_offers(kCarol, 4200), 1u);
    stage.respond(kBob, at_bob[0], 488);
    const auto last = stage.at(kBob);
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last.back().message.method(), sip::Method::Bye);
    EXPECT_EQ(told().phase, ports::CallPhase::Answered);
    EXPECT_EQ(told().caller_account, stage.id_of("1001"));
    EXPECT_EQ(told().callee_account, stage.id_of("1003"));
}

// Who waits must not hear what is said, music or not.
TEST_F(Consultation, TheyAreKeptApartWithoutMusic) {
    stage.change_domain([](model::Domain& domain) { domain.settings.music_on_hold = false; });
    establish();
    stage.media.clear();
    press("*31003#");
    const bool is_apart = std::ranges::any_of(
        stage.media, [](const auto& request) { return request.joined && request.joined->empty(); });
    EXPECT_TRUE(is_apart);
    EXPECT_TRUE(played().empty());
}

TEST_F(Consultation, ACallThatIsEndedMeanwhileIsThatOfTheFirstTwo) {
    consult();
    stage.give(ports::CallHangup{told().call, "over"}, kIndex, 1);
    for (const uint16_t port : {kAlice, kBob, kCarol}) {
        const auto last = stage.at(port);
        ASSERT_FALSE(last.empty()) << port;
        EXPECT_EQ(last.back().message.method(), sip::Method::Bye) << port;
        stage.respond(port, last.back(), 200);
    }
    stage.advance(1s);
    ASSERT_EQ(stage.records().size(), 1u);
    const auto cdr = model::decode<model::Cdr>(stage.records()[0], model::Source::Store);
    ASSERT_TRUE(cdr.has_value());
    EXPECT_EQ(cdr->caller.number, "1001");
    EXPECT_EQ(cdr->callee.number, "1002");
    EXPECT_TRUE(cdr->transfers.empty());
    ASSERT_EQ(cdr->legs.size(), 3u);
    EXPECT_EQ(cdr->legs[2].party.number, "1003");
}

}  // namespace
}  // namespace tandem::roles::b2bua
