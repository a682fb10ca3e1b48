// Who hears music from the media gate, and since when.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

std::string with_formats(uint16_t port, std::string_view formats, std::string_view direction) {
    return "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio " +
           std::to_string(port) + " RTP/AVP " + std::string(formats) + "\na=rtpmap:9 G722/8000\n" +
           "a=rtpmap:96 opus/48000/2\na=" + std::string(direction) + "\n";
}

sdp::Direction direction_of(const ports::SipOutbound& sip) {
    const auto session = sdp::parse(sip.message.body());
    return session ? sdp::direction_of(*session, session->media.at(0)) : sdp::Direction::Inactive;
}

struct MusicOnHold : B2buaTest {
    void establish(const std::string& offer = Stage::sdp(4000),
                   const std::string& answer = Stage::sdp(4100)) {
        alice = B2buaTest::establish(offer, answer);
        stage.media.clear();
    }
    // Alice says so; bob answers. What bob was offered.
    ports::SipOutbound reinvite(uint32_t cseq, const std::string& offer,
                                const std::string& answer) {
        stage.from_phone(kAlice, stage.request_in_dialog("INVITE", alice.message, cseq, offer));
        const auto offered = stage.at(kBob).back();
        stage.respond(kBob, offered, 200, answer);
        (void)stage.at(kBob);
        return offered;
    }
    std::vector<ports::MediaPlay> played() const {
        std::vector<ports::MediaPlay> all;
        for (const auto& each : stage.media)
            all.insert(all.end(), each.play.begin(), each.play.end());
        return all;
    }
    std::vector<uint32_t> stopped() const {
        std::vector<uint32_t> all;
        for (const auto& each : stage.media)
            all.insert(all.end(), each.stop_playing.begin(), each.stop_playing.end());
        return all;
    }
    ports::SipOutbound alice;
};

TEST_F(MusicOnHold, WhoIsHeldHearsItUntilTheCallIsTakenUp) {
    establish();
    reinvite(3, Stage::sdp(4000, "sendonly"), Stage::sdp(4100, "recvonly"));
    ASSERT_EQ(played().size(), 1u);
    const ports::MediaPlay play = played()[0];
    EXPECT_EQ(play.termination, 2u);
    EXPECT_EQ(play.stream, 0u);
    EXPECT_EQ(play.payload_type, 8);
    EXPECT_EQ(play.codec, ports::MediaCodec::Pcma);
    EXPECT_EQ(play.sound, ports::MediaSound::Music);
    EXPECT_TRUE(play.music.is_nil());
    EXPECT_FALSE(play.once);
    reinvite(4, Stage::sdp(4000), Stage::sdp(4100));
    EXPECT_EQ(played().size(), 1u);
    EXPECT_EQ(stopped(), std::vector<uint32_t>{2});
}

TEST_F(MusicOnHold, ACallWithoutHoldAsksTheGateForNothing) {
    establish();
    reinvite(3, Stage::sdp(4002), Stage::sdp(4100));
    EXPECT_TRUE(played().empty());
    EXPECT_TRUE(stopped().empty());
    EXPECT_EQ(stage.media.size(), 1u) << "what the offer has settled";
}

// RFC 3264 6.1: who holds by `inactive` is answered `inactive`; who is held would not listen then,
// so he is offered `sendonly`.
TEST_F(MusicOnHold, WhoIsHeldByInactiveIsOfferedToListen) {
    establish();
    const auto offered = reinvite(3, Stage::sdp(4000, "inactive"), Stage::sdp(4100, "recvonly"));
    EXPECT_EQ(direction_of(offered), sdp::Direction::SendOnly);
    const auto answer = stage.at(kAlice).back();
    ASSERT_EQ(answer.message.status(), 200);
    EXPECT_EQ(direction_of(answer), sdp::Direction::Inactive);
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].termination, 2u);
}

TEST_F(MusicOnHold, TheOldAddressOfNowhereIsAHold) {
    establish();
    std::string nowhere = Stage::sdp(4000);
    nowhere.replace(nowhere.find("c=IN IP4 192.0.2.1"), 18, "c=IN IP4 0.0.0.0");
    reinvite(3, nowhere, Stage::sdp(4100));
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].termination, 2u);
}

TEST_F(MusicOnHold, WhoDoesNotListenHearsNothing) {
    establish();
    reinvite(3, Stage::sdp(4000, "sendonly"), Stage::sdp(4100, "inactive"));
    EXPECT_TRUE(played().empty());
}

TEST_F(MusicOnHold, ADomainMayHaveItsOwnOrNone) {
    establish();
    stage.change_domain([](model::Domain& domain) { domain.settings.music = MusicId{{4, 4}}; });
    reinvite(3, Stage::sdp(4000, "sendonly"), Stage::sdp(4100, "recvonly"));
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].music, (MusicId{{4, 4}}));
    EXPECT_FALSE(played()[0].domain.is_nil());
    stage.change_domain([](model::Domain& domain) { domain.settings.music_on_hold = false; });
    reinvite(4, Stage::sdp(4002, "sendonly"), Stage::sdp(4100, "recvonly"));
    EXPECT_EQ(stopped(), std::vector<uint32_t>{2});
    const auto offered = reinvite(5, Stage::sdp(4000, "inactive"), Stage::sdp(4100, "inactive"));
    EXPECT_EQ(direction_of(offered), sdp::Direction::Inactive);
    EXPECT_EQ(played().size(), 1u);
}

TEST_F(MusicOnHold, TheFirstFormatThatTheGateCanMakeIsTaken) {
    establish(with_formats(4000, "96 9 0 8", "sendrecv"), with_formats(4100, "9 0", "sendrecv"));
    reinvite(3, with_formats(4000, "96 9 0 8", "sendonly"), with_formats(4100, "9 0", "recvonly"));
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].codec, ports::MediaCodec::Pcmu);
    EXPECT_EQ(played()[0].payload_type, 0);
}

TEST_F(MusicOnHold, WhoTalksByOpusHearsItByOpus) {
    establish(with_formats(4000, "96 9", "sendrecv"), with_formats(4100, "96", "sendrecv"));
    reinvite(3, with_formats(4000, "96 9", "sendonly"), with_formats(4100, "96", "recvonly"));
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].codec, ports::MediaCodec::Opus);
    EXPECT_EQ(played()[0].payload_type, 96);
}

TEST_F(MusicOnHold, G722NeedsNoMap) {
    const auto bare = [](uint16_t port, std::string_view direction) {
        std::string sdp = with_formats(port, "9", direction);
        sdp.erase(sdp.find("a=rtpmap:9"), std::string_view("a=rtpmap:9 G722/8000\n").size());
        return sdp;
    };
    establish(bare(4000, "sendrecv"), bare(4100, "sendrecv"));
    reinvite(3, bare(4000, "sendonly"), bare(4100, "recvonly"));
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].codec, ports::MediaCodec::G722);
    EXPECT_EQ(played()[0].payload_type, 9);
}

TEST_F(MusicOnHold, WhereTheGateCanMakeNoneItIsSilent) {
    establish(with_formats(4000, "18", "sendrecv"), with_formats(4100, "18", "sendrecv"));
    reinvite(3, with_formats(4000, "18", "sendonly"), with_formats(4100, "18", "recvonly"));
    EXPECT_TRUE(played().empty());
}

TEST_F(MusicOnHold, ItGoesOnInTheContextOfAnotherGate) {
    establish();
    reinvite(3, Stage::sdp(4000, "sendonly"), Stage::sdp(4100, "recvonly"));
    ASSERT_EQ(played().size(), 1u);
    stage.media.clear();
    stage.lose_media(30000);
    ASSERT_EQ(played().size(), 1u) << "the new context is told";
    EXPECT_EQ(played()[0].termination, 2u);
}

TEST_F(MusicOnHold, TheNextLifeOfTheInstanceKnowsWhoHearsIt) {
    establish();
    reinvite(3, Stage::sdp(4000, "sendonly"), Stage::sdp(4100, "recvonly"));
    stage.media.clear();
    stage.restart();
    EXPECT_TRUE(played().empty()) << "the gate plays it all the while";
    EXPECT_TRUE(stopped().empty());
    stage.lose_media(30000);
    EXPECT_EQ(played().size(), 1u);
    stage.media.clear();
    // The ports that alice had; numbers of requests have been skipped.
    reinvite(200, Stage::sdp(4000), Stage::sdp(4100));
    EXPECT_EQ(stopped(), std::vector<uint32_t>{2});
}

TEST_F(MusicOnHold, WhoIsParkedHearsItThoughNobodyHeldHim) {
    establish();
    stage.from_phone(kAlice, stage.request_in_dialog("REFER", alice.message, 3) +
                                 "Refer-To: <sip:*71@acme.test>\n");
    ASSERT_EQ(played().size(), 1u);
    EXPECT_EQ(played()[0].termination, 2u);
}

}  // namespace
}  // namespace tandem::roles::b2bua
