// A page: who hears what, who is told when its media moves, and what is left of it.
#include <algorithm>

#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

std::string sdp_of(uint16_t port, std::string_view formats, std::string_view more = "") {
    return "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio " +
           std::to_string(port) + " RTP/AVP " + std::string(formats) + "\n" + std::string(more);
}

struct PageTest : B2buaTest {
    PageTest() : B2buaTest(3) {
        stage.add_group("300", R"({"name":"floor"})", {"1002", "1003"});
        stage.add_feature_code(R"({"name":"page","prefix":"*63","action":"page"})");
    }
    void page(const std::string& offer = Stage::sdp(4000),
              const std::string& bobs = Stage::sdp(4100),
              const std::string& carols = Stage::sdp(4200)) {
        stage.call(kAlice, "1001", "*63300", offer);
        const auto at_bob = stage.at(kBob), at_carol = stage.at(kCarol);
        ASSERT_EQ(at_bob.size(), 1u);
        ASSERT_EQ(at_carol.size(), 1u);
        bob = at_bob[0];
        carol = at_carol[0];
        stage.respond(kBob, bob, 200, bobs);
        stage.respond(kCarol, carol, 200, carols);
        alice = stage.at(kAlice).back();
        ASSERT_EQ(alice.message.status(), 200);
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
        bobs_ack = stage.at(kBob).back();
        (void)stage.at(kCarol);
    }
    std::string plays() const {
        std::string text;
        for (const auto& request : stage.media)
            for (const ports::MediaPlay& play : request.play)
                text += " " + std::to_string(play.termination) + ":" +
                        std::to_string(play.payload_type) + "<" +
                        std::to_string(play.voices.at(0).termination);
        return text;
    }
    // Of the last list that the gate was given.
    std::vector<std::pair<uint32_t, uint32_t>> heard() const {
        for (auto it = stage.media.rbegin(); it != stage.media.rend(); ++it)
            if (it->heard) return *it->heard;
        return {};
    }
    using Pairs = std::vector<std::pair<uint32_t, uint32_t>>;
    ports::SipOutbound alice, bob, carol, bobs_ack;
};

TEST_F(PageTest, PhonesOfTheSameCodecHaveTheSoundAsItComes) {
    page();
    EXPECT_EQ(heard(), (Pairs{{1, 2}, {1, 3}}));
    EXPECT_EQ(plays(), "");
    EXPECT_EQ(bob.message.header("Answer-Mode").value_or(""), "Auto");
    for (const auto& request : stage.media) EXPECT_FALSE(request.joined.has_value());
}

TEST_F(PageTest, WhoTakesAnotherCodecHasItMadeForHim) {
    page(sdp_of(4000, "9 0 8 101", "a=rtpmap:101 telephone-event/8000\n"), sdp_of(4100, "8"),
         sdp_of(4200, "0"));
    EXPECT_EQ(plays(), " 3:0<1");
    const auto offered = sdp::parse(std::string(bob.message.body()));
    ASSERT_TRUE(offered.has_value());
    EXPECT_EQ(offered->media.at(0).formats, (std::vector<std::string>{"8", "0"})) << "G.711 alone";
}

TEST_F(PageTest, ACallerWithoutG711IsRefused) {
    stage.call(kAlice, "1001", "*63300", sdp_of(4000, "9"));
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 488);
    EXPECT_TRUE(stage.at(kBob).empty());
}

TEST_F(PageTest, AHoldIsAnsweredByTheCallAlone) {
    page();
    std::string text =
        stage.request_in_dialog("INVITE", alice.message, 3, Stage::sdp(4000, "sendonly"));
    stage.from_phone(kAlice, text);
    const auto answers = stage.at(kAlice);
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers.back().message.status(), 200);
    EXPECT_NE(answers.back().message.body().find("a=recvonly"), std::string::npos);
    EXPECT_TRUE(stage.at(kBob).empty());
    EXPECT_TRUE(stage.at(kCarol).empty());
    EXPECT_EQ(plays(), "") << "no music";
}

// A second line has no ports: what the offer said of the first one counts for nothing, either.
TEST_F(PageTest, AnOfferThatIsRefusedChangesNothing) {
    page();
    stage.from_phone(kAlice,
                     stage.request_in_dialog("INVITE", alice.message, 3,
                                             sdp_of(4500, "8", "m=video 4600 RTP/AVP 96\n")));
    ASSERT_EQ(stage.at(kAlice).back().message.status(), 488);
    stage.media.clear();
    stage.lose_media(30000);
    const auto opened = std::ranges::find_if(
        stage.media, [](const auto& request) { return request.set.size() == 3; });
    ASSERT_NE(opened, stage.media.end());
    ASSERT_EQ(opened->set[0].streams.size(), 1u);
    EXPECT_EQ(opened->set[0].streams[0].remote_rtp->port, 4000);
}

TEST_F(PageTest, ItCannotBeTransferred) {
    page();
    std::string text = stage.request_in_dialog("REFER", alice.message, 3);
    text.insert(text.find('\n') + 1, "Refer-To: <sip:1002@acme.test>\n");
    stage.from_phone(kAlice, text);
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 501);
}

TEST_F(PageTest, NobodysLampsButTheCallersChange) {
    page();
    ASSERT_FALSE(stage.reports.empty());
    for (const auto& report : stage.reports) {
        EXPECT_TRUE(report.summary.callee_account.is_nil());
        EXPECT_TRUE(report.summary.ringing.empty());
    }
}

// The same ports are there again: plain RTP goes on without a word.
TEST_F(PageTest, AGateThatWasRestartedIsToldOfAll) {
    page();
    stage.media.clear();
    stage.lose_media(30000);
    EXPECT_EQ(heard(), (Pairs{{1, 2}, {1, 3}}));
    const auto opened = std::ranges::find_if(
        stage.media, [](const auto& request) { return request.set.size() == 3; });
    ASSERT_NE(opened, stage.media.end());
    EXPECT_FALSE(opened->joined.has_value());
}

TEST_F(PageTest, OtherPortsAreOfferedToEachAndWhoRefusesLeavesAlone) {
    page();
    stage.media.clear();
    stage.lose_media(31000);
    const auto at_alice = stage.at(kAlice), at_bob = stage.at(kBob), at_carol = stage.at(kCarol);
    ASSERT_EQ(at_alice.size(), 1u);
    ASSERT_EQ(at_bob.size(), 1u);
    ASSERT_EQ(at_carol.size(), 1u);
    EXPECT_NE(at_carol[0].message.body().find("m=audio 31"), std::string::npos);
    stage.respond(kAlice, at_alice[0], 200, Stage::sdp(4000));
    stage.respond(kCarol, at_carol[0], 200, Stage::sdp(4200));
    stage.respond(kBob, at_bob[0], 488);
    stage.advance(1s);
    const auto last = stage.at(kBob);
    ASSERT_FALSE(last.empty());
    EXPECT_EQ(last.back().message.method(), sip::Method::Bye);
    EXPECT_EQ(heard(), (Pairs{{1, 3}}));
    for (const auto& sip : stage.at(kAlice))
        EXPECT_NE(sip.message.method_token(), "BYE") << "the others go on";
}

// Bob, who was the first to answer, holds: the caller is not offered his hold in a move, or nobody
// would hear him any more.
TEST_F(PageTest, WhoHoldsDoesNotSilenceTheCallerInAMove) {
    page();
    stage.from_phone(
        kBob, stage.request_in_dialog("INVITE", bobs_ack.message, 3, Stage::sdp(4100, "inactive")));
    ASSERT_EQ(stage.at(kBob).back().message.status(), 200);
    stage.lose_media(31000);
    const auto at_alice = stage.at(kAlice);
    ASSERT_EQ(at_alice.size(), 1u);
    const auto offered = sdp::parse(std::string(at_alice[0].message.body()));
    ASSERT_TRUE(offered.has_value());
    EXPECT_EQ(sdp::direction_of(*offered, offered->media.at(0)), sdp::Direction::SendRecv);
}

// Carol was not the first to answer, and her connection died with its gate.
TEST_F(PageTest, AByeFollowsEachPhoneToItsNewFlow) {
    page();
    stage.moved("1003", 5999, ports::Transport::Udp);
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    const auto bye = stage.one_at(kCarol);
    ASSERT_EQ(bye.message.method(), sip::Method::Bye);
    stage.give(ports::SipUndeliverable{bye.branch, 430}, kGate);
    EXPECT_EQ(stage.one_at(5999).message.method(), sip::Method::Bye);
}

// Who is asked once more, by another profile, while the others listen, is to be of their context.
TEST_F(PageTest, WhoIsAskedAgainMakesNoContextOfHisOwn) {
    stage.call(kAlice, "1001", "*63300", Stage::sdp(4000));
    bob = stage.at(kBob).at(0);
    carol = stage.at(kCarol).at(0);
    stage.respond(kBob, bob, 200, Stage::sdp(4100));
    stage.media.clear();
    stage.respond(kCarol, carol, 488);
    ASSERT_FALSE(stage.media.empty());
    EXPECT_EQ(stage.media.back().set.size(), 1u);
    EXPECT_TRUE(stage.media.back().must_exist);
}

// He was called before the gate died, and answers afterwards.
TEST_F(PageTest, WhoAnswersAfterTheMoveIsToldOfTheNewPorts) {
    stage.call(kAlice, "1001", "*63300", Stage::sdp(4000));
    bob = stage.at(kBob).at(0);
    carol = stage.at(kCarol).at(0);
    stage.respond(kBob, bob, 200, Stage::sdp(4100));
    alice = stage.at(kAlice).back();
    stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
    (void)stage.at(kBob);
    stage.lose_media(31000);
    for (const auto& [port, media] : {std::pair{kAlice, 4000}, {kBob, 4100}}) {
        const auto offers = stage.at(port);
        ASSERT_EQ(offers.size(), 1u);
        stage.respond(port, offers[0], 200, Stage::sdp(static_cast<uint16_t>(media)));
    }
    stage.respond(kCarol, carol, 200, Stage::sdp(4200));
    const auto at_carol = stage.at(kCarol);
    ASSERT_EQ(at_carol.size(), 2u) << "an ACK, and an offer";
    EXPECT_NE(at_carol[1].message.body().find("m=audio 31"), std::string::npos);
    EXPECT_EQ(heard(), (Pairs{{1, 2}, {1, 3}}));
}

TEST_F(PageTest, ItsRecordNamesEachPhone) {
    page();
    stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
    stage.respond(kBob, stage.at(kBob).at(0), 200);
    stage.respond(kCarol, stage.at(kCarol).at(0), 200);
    stage.advance(3s);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.callee.number, "*63300");
    ASSERT_EQ(cdr.legs.size(), 3u);
    EXPECT_EQ(cdr.legs[1].party.number, "1002");
    EXPECT_EQ(cdr.legs[2].party.number, "1003");
    EXPECT_TRUE(cdr.legs[1].answer && cdr.legs[2].answer);
    EXPECT_EQ(stage.stored_calls(), 0u);
}

// What a phone with SDES says; `key` is 40 characters of base64, of 30 bytes.
std::string secure(uint16_t port, uint32_t tag, std::string_view key) {
    return "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio " +
           std::to_string(port) +
           " RTP/SAVP 8\na=rtpmap:8 PCMA/8000\na=crypto:" + std::to_string(tag) +
           " AES_CM_128_HMAC_SHA1_80 inline:" + std::string(key) + "\n";
}

Bytes key_in(const sdp::Session& session, uint32_t tag) {
    for (const sdp::Crypto& crypto : session.media.at(0).cryptos)
        if (crypto.tag == tag) return crypto.keys.at(0).key_and_salt;
    ADD_FAILURE() << "no key with the tag " << tag;
    return {};
}

// Alice and bob encrypt, each with keys of their own; carol does not.
struct EncryptedPage : PageTest {
    static constexpr std::string_view alices = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";
    static constexpr std::string_view bobs = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC";

    EncryptedPage() {
        stage.moved("1002", kBob, ports::Transport::Tls);
        page(secure(4000, 7, alices), secure(4100, 1, bobs), Stage::sdp(4200));
    }
    // What the gate was told last of a party's sound.
    ports::StreamSettings told(uint32_t termination) const {
        for (auto it = stage.media.rbegin(); it != stage.media.rend(); ++it)
            for (const auto& set : it->set)
                if (set.termination == termination) return set.streams.at(0);
        ADD_FAILURE() << "the gate knows nothing of " << termination;
        return {};
    }
};

TEST_F(EncryptedPage, EachHasKeysOfHisOwn) {
    const sdp::Session to_alice = body_of(alice), to_bob = body_of(bob), to_carol = body_of(carol);
    EXPECT_EQ(to_alice.media.at(0).protocol, sdp::Protocol::RtpSavp);
    EXPECT_EQ(to_bob.media.at(0).protocol, sdp::Protocol::RtpSavp);
    EXPECT_EQ(to_carol.media.at(0).protocol, sdp::Protocol::RtpAvp);
    EXPECT_EQ(told(1).from_party.key_and_salt, Bytes(30, 'A'));
    EXPECT_EQ(told(2).from_party.key_and_salt, Bytes(30, 'B'));
    EXPECT_EQ(told(1).to_party.key_and_salt, key_in(to_alice, 7));
    EXPECT_EQ(told(2).to_party.key_and_salt, key_in(to_bob, 1));
    EXPECT_NE(told(1).to_party.key_and_salt, told(2).to_party.key_and_salt);
    EXPECT_EQ(told(3).from_party.suite, ports::SrtpSuite::None);
    EXPECT_EQ(told(3).to_party.suite, ports::SrtpSuite::None);
    EXPECT_EQ(heard(), (Pairs{{1, 2}, {1, 3}}));
    EXPECT_EQ(plays(), "");
}

// A hold does not begin the cipher anew, and the next life of the B2B knows its key.
TEST_F(EncryptedPage, AnOfferKeepsTheKeysAlsoAfterARestart) {
    const Bytes ours = told(2).to_party.key_and_salt;
    uint32_t cseq = 3;
    for (const bool restarted : {false, true}) {
        if (restarted) stage.restart();
        stage.media.clear();
        (void)stage.at(kBob);
        const std::string offer =
            secure(4100, 1, bobs) + (restarted ? "a=sendrecv\n" : "a=sendonly\n");
        stage.from_phone(kBob, stage.request_in_dialog("INVITE", bobs_ack.message, cseq++, offer));
        const auto answers = stage.at(kBob);
        ASSERT_FALSE(answers.empty());
        ASSERT_EQ(answers.back().message.status(), 200) << restarted;
        EXPECT_EQ(key_in(body_of(answers.back()), 1), ours);
        EXPECT_EQ(told(2).to_party.key_and_salt, ours);
        EXPECT_EQ(told(2).from_party.key_and_salt, Bytes(30, 'B'));
        stage.from_phone(kBob, stage.request_in_dialog("ACK", bobs_ack.message, cseq - 1));
    }
}

// Keys are not used twice (RFC 3711 9.1), though the ports are the same ones.
TEST_F(EncryptedPage, AnotherContextHasOtherKeysForWhoEncrypts) {
    const Bytes before = told(2).to_party.key_and_salt;
    stage.media.clear();
    stage.lose_media(30000);
    const auto at_alice = stage.at(kAlice), at_bob = stage.at(kBob);
    ASSERT_EQ(at_alice.size(), 1u);
    ASSERT_EQ(at_bob.size(), 1u);
    EXPECT_TRUE(stage.at(kCarol).empty());
    EXPECT_EQ(told(1).to_party.suite, ports::SrtpSuite::None) << "nothing goes out meanwhile";
    EXPECT_EQ(told(2).to_party.suite, ports::SrtpSuite::None);
    EXPECT_EQ(told(3).to_party.suite, ports::SrtpSuite::None);
    const Bytes offered = key_in(body_of(at_bob[0]), 1);
    EXPECT_NE(offered, before);
    stage.respond(kAlice, at_alice[0], 200, secure(4000, 1, alices));
    stage.respond(kBob, at_bob[0], 200, secure(4100, 1, bobs));
    EXPECT_EQ(told(1).to_party.key_and_salt, key_in(body_of(at_alice[0]), 1));
    EXPECT_EQ(told(2).to_party.key_and_salt, offered);
    EXPECT_EQ(heard(), (Pairs{{1, 2}, {1, 3}}));
}

// As many as may be, with descriptions as long as phones write them: the snapshot holds them all.
struct FullPage : PageTest {
    static std::string described(uint16_t port, std::string_view profile, std::string_view formats,
                                 std::string_view crypto = {}) {
        return "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio " +
               std::to_string(port) + " " + std::string(profile) + " " + std::string(formats) +
               "\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:9 G722/8000\n"
               "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime:20\n"
               "a=maxptime:150\na=rtcp:4001\na=ssrc:3735928559 "
               "cname:0123456789abcdef@phone.example.com\na=sendrecv\n" +
               std::string(crypto);
    }
    void outlives_its_instance(ports::Transport transport, std::string_view profile,
                               std::string_view crypto) {
        std::vector<std::string> numbers;
        for (int n = 0; n < 32; ++n) {
            numbers.push_back(std::to_string(1100 + n));
            stage.add_account(numbers.back());
            stage.register_phone(numbers.back(), static_cast<uint16_t>(6000 + n), transport);
        }
        stage.add_group("301", R"({"name":"house"})", {numbers.begin(), numbers.end()});
        stage.call(kAlice, "1001", "*63301", described(4000, profile, "9 8 0 101", crypto));
        for (uint16_t port = 6000; port < 6032; ++port) {
            const auto invites = stage.at(port);
            ASSERT_EQ(invites.size(), 1u);
            ASSERT_NE(invites[0].message.body().find(profile), std::string_view::npos);
            stage.respond(port, invites[0], 200, described(port, profile, "8 101", crypto));
        }
        alice = stage.at(kAlice).back();
        ASSERT_EQ(alice.message.status(), 200);
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", alice.message, 2));
        stage.advance(6s);
        for (uint16_t port = 6000; port < 6032; ++port) (void)stage.at(port);
        EXPECT_EQ(stage.role().counters().unprotected, 0u);
        stage.restart();
        stage.from_phone(kAlice, stage.request_in_dialog("BYE", alice.message, 3));
        for (uint16_t port = 6000; port < 6032; ++port) {
            const auto last = stage.at(port);
            ASSERT_FALSE(last.empty()) << port;
            EXPECT_EQ(last.back().message.method(), sip::Method::Bye);
        }
    }
};

TEST_F(FullPage, SurvivesItsInstance) {
    outlives_its_instance(ports::Transport::Udp, "RTP/AVP", {});
}

TEST_F(FullPage, SurvivesItEncrypted) {
    const std::string crypto =
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + std::string(EncryptedPage::bobs) + "\n";
    outlives_its_instance(ports::Transport::Tls, "RTP/SAVP", crypto);
}

// Carol's phone is registered over UDP, so it is offered RTP first.
TEST_F(PageTest, WhoWantsNothingButSrtpIsOfferedIt) {
    stage.call(kAlice, "1001", "*63300", Stage::sdp(4000));
    bob = stage.at(kBob).at(0);
    carol = stage.at(kCarol).at(0);
    stage.respond(kBob, bob, 200, Stage::sdp(4100));
    stage.respond(kCarol, carol, 488);
    const auto again = stage.at(kCarol).back();
    ASSERT_EQ(again.message.method(), sip::Method::Invite);
    EXPECT_EQ(again.message.header("Answer-Mode").value_or(""), "Auto");
    stage.respond(kCarol, again, 200, secure(4200, 1, EncryptedPage::bobs));
    ASSERT_EQ(stage.media.back().set.size(), 1u);
    const ports::StreamSettings& hers = stage.media.back().set[0].streams.at(0);
    EXPECT_EQ(hers.to_party.key_and_salt, key_in(body_of(again), 1));
    EXPECT_EQ(heard(), (Pairs{{1, 2}, {1, 4}})) << "by a leg of its own";
}

}  // namespace
}  // namespace tandem::roles::b2bua
