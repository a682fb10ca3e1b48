// A supervisor joins the call of two others: who hears whom, who may, and how it ends.
#include <algorithm>

#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

struct Intrusion : B2buaTest {
    Intrusion() : B2buaTest(3) {
        for (const auto& [prefix, action] :
             {std::pair{"*30", "listen"}, {"*31", "whisper"}, {"*32", "barge"}}) {
            stage.add_feature_code(R"({"name":")" + std::string(action) + R"(","prefix":")" +
                                   prefix + R"(","action":")" + action + R"(","allowed":[")" +
                                   stage.id_of("1003").text() + "\"]}");
        }
    }
    void establish(const std::string& offer = Stage::sdp(4000),
                   const std::string& answer = Stage::sdp(4100)) {
        alice = B2buaTest::establish(offer, answer);
        stage.media.clear();
    }
    // What carol is answered.
    int join(std::string_view dialled, std::string_view from = "1003", uint16_t port = kCarol) {
        stage.call(port, from, dialled, Stage::sdp(4200));
        int status = 0;
        for (const auto& sip : stage.at(port)) {
            if (!sip.message.is_response() || sip.message.status() < 200) continue;
            status = sip.message.status();
            if (status == 200) carol = sip;
        }
        if (status == 200) stage.from_phone(port, stage.request_in_dialog("ACK", carol.message, 2));
        return status;
    }
    // "3:1+2": the third party hears the first two.
    std::string mixes() const {
        std::string text;
        for (const auto& request : stage.media) {
            for (const uint32_t each : request.stop_playing) text += " -" + std::to_string(each);
            for (const ports::MediaPlay& play : request.play) {
                if (play.sound != ports::MediaSound::Mix) continue;
                text += " " + std::to_string(play.termination) + ":";
                for (const ports::MediaVoice& voice : play.voices)
                    text += (text.back() == ':' ? "" : "+") + std::to_string(voice.termination);
            }
        }
        return text;
    }
    ports::SipOutbound alice, carol;
};

TEST_F(Intrusion, WhoListensHearsBothAndTheyNoticeNothing) {
    establish();
    ASSERT_EQ(join("*301002"), 200);
    EXPECT_EQ(mixes(), " 3:1+2");
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.media.clear();
    stage.from_phone(kCarol, stage.request_in_dialog("BYE", carol.message, 3));
    EXPECT_EQ(stage.at(kCarol).back().message.status(), 200);
    EXPECT_TRUE(stage.at(kAlice).empty());
    EXPECT_TRUE(stage.at(kBob).empty());
    const auto gone = std::ranges::find_if(
        stage.media, [](const auto& request) { return !request.remove.empty(); });
    ASSERT_NE(gone, stage.media.end());
    EXPECT_EQ(gone->remove, std::vector<uint32_t>{3});
    EXPECT_FALSE(gone->close);
}

TEST_F(Intrusion, AWhisperIsForOneOfThem) {
    establish();
    ASSERT_EQ(join("*311002"), 200);
    EXPECT_EQ(mixes(), " 2:1+3 3:1+2");
    stage.media.clear();
    stage.from_phone(kCarol, stage.request_in_dialog("BYE", carol.message, 3));
    EXPECT_EQ(mixes(), " -2") << "bob hears alice alone again";
}

TEST_F(Intrusion, TheCallersCallIsJoinedAsWell) {
    establish();
    ASSERT_EQ(join("*311001"), 200);
    EXPECT_EQ(mixes(), " 1:2+3 3:1+2");
}

TEST_F(Intrusion, WhoBargesInIsHeardByBoth) {
    establish();
    ASSERT_EQ(join("*321002"), 200);
    EXPECT_EQ(mixes(), " 1:2+3 2:1+3 3:1+2");
}

TEST_F(Intrusion, OnlyWhoIsNamedMay) {
    establish();
    EXPECT_EQ(join("*301001", "1002", kBob), 403);
    EXPECT_EQ(mixes(), "");
}

TEST_F(Intrusion, WhereThereIsNothingToJoinItIsRefused) {
    EXPECT_EQ(join("*301002"), 480) << "nobody talks";
    EXPECT_EQ(join("*30"), 484);
    EXPECT_EQ(join("*30999"), 404);
    EXPECT_EQ(join("*301003"), 482);
    establish();
    ASSERT_EQ(join("*301002"), 200);
    EXPECT_EQ(join("*301001"), 486) << "one at a time";
}

TEST_F(Intrusion, WhatCannotBeMixedIsRefused) {
    const std::string g729 =
        "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP "
        "18\n";
    establish(g729, g729);
    EXPECT_EQ(join("*301002"), 488);
}

TEST_F(Intrusion, ItEndsWithTheCall) {
    establish();
    ASSERT_EQ(join("*321002"), 200);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 200);
    const auto at_bob = stage.at(kBob), at_carol = stage.at(kCarol);
    ASSERT_EQ(at_bob.size(), 1u);
    ASSERT_EQ(at_carol.size(), 1u);
    EXPECT_EQ(at_bob[0].message.method(), sip::Method::Bye);
    EXPECT_EQ(at_carol[0].message.method(), sip::Method::Bye);
    stage.respond(kBob, at_bob[0], 200);
    stage.respond(kCarol, at_carol[0], 200);
    stage.advance(3s);
    const model::Cdr cdr = record();
    ASSERT_EQ(cdr.legs.size(), 3u);
    EXPECT_EQ(cdr.legs[2].party.number, "1003");
    EXPECT_EQ(cdr.route.back().step, "barge");
    EXPECT_EQ(cdr.callee.number, "1002");
    EXPECT_EQ(stage.stored_calls(), 0u);
}

TEST_F(Intrusion, WhenTheGateIsLostTheTwoGoOnWithoutHim) {
    establish();
    ASSERT_EQ(join("*321002"), 200);
    stage.media.clear();
    stage.lose_media(30000);
    EXPECT_EQ(stage.at(kCarol).back().message.method(), sip::Method::Bye);
    EXPECT_EQ(mixes(), "");
    const auto opened = std::ranges::find_if(
        stage.media, [](const auto& request) { return request.set.size() == 2; });
    EXPECT_NE(opened, stage.media.end());
}

// Bob asks dave before he transfers alice to him, and there is no music: alice heard bob in the mix
// of whoever had barged in, though she was to wait aside.
TEST_F(Intrusion, WhoWaitsAsideHearsNobodyInTheMix) {
    stage.change_domain([](model::Domain& domain) { domain.settings.music_on_hold = false; });
    stage.add_account("1004");
    stage.register_phone("1004", 5004);
    stage.add_feature_code(R"({"name":"t","prefix":"*4","action":"transfer-attended"})");
    establish();
    ASSERT_EQ(join("*321002"), 200);
    ports::MediaEvent event{stage.media.back().context, ports::MediaEvent::Kind::Key, 2};
    stage.media.clear();
    for (const char key : std::string_view("*41004#")) {
        event.key = static_cast<uint8_t>(key);
        stage.give(event, kMedia);
    }
    EXPECT_EQ(mixes(), " -1 2:3") << "bob goes on hearing carol";
    stage.media.clear();
    stage.respond(5004, stage.one_at(5004), 200, Stage::sdp(4300));
    for (const auto& request : stage.media)
        for (const ports::MediaPlay& play : request.play) EXPECT_NE(play.termination, 1u);
    EXPECT_NE(mixes().find(" 2:4+3"), std::string::npos) << mixes();
}

// The next life knows that there was somebody, and takes him out.
TEST_F(Intrusion, WhenTheInstanceDiesTheTwoGoOnWithoutHim) {
    establish();
    ASSERT_EQ(join("*321002"), 200);
    stage.media.clear();
    stage.restart();
    EXPECT_EQ(mixes(), " -1 -2");
    const auto gone = std::ranges::find_if(
        stage.media, [](const auto& request) { return !request.remove.empty(); });
    ASSERT_NE(gone, stage.media.end());
    EXPECT_EQ(gone->remove, std::vector<uint32_t>{3});
    // His phone still thinks that it is in a call.
    stage.from_phone(kCarol, stage.request_in_dialog("BYE", carol.message, 3));
    const auto answers = stage.at(kCarol);
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers.back().message.status(), 481);
}

}  // namespace
}  // namespace tandem::roles::b2bua
