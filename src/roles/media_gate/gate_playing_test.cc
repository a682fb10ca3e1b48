// What the gate plays, packet by packet, with given instants.
#include "audio/wav.h"
#include "roles/media_gate/playing_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

TEST_F(Playing, NothingIsDueWhereNothingIsPlayed) {
    ask();
    EXPECT_FALSE(gate.next_packet_deadline().has_value());
    gate.on_packet_timeout(now + 1s, sink);
    EXPECT_TRUE(sink.sent.empty());
}

TEST_F(Playing, APacketEach20MsWithNumbersThatFollowEachOther) {
    request.play = {play()};
    ask();
    pass(999ms);
    ASSERT_EQ(sink.sent.size(), 50u);
    const rtp::Header first = sink.sent[0].header();
    EXPECT_TRUE(first.marker);
    for (size_t i = 0; i < sink.sent.size(); ++i) {
        const rtp::Header header = sink.sent[i].header();
        EXPECT_EQ(sink.sent[i].to, kBob);
        EXPECT_EQ(sink.sent[i].bytes.size(), 172u);
        EXPECT_EQ(header.payload_type, 8);
        EXPECT_EQ(header.ssrc, first.ssrc);
        EXPECT_EQ(header.sequence, static_cast<uint16_t>(first.sequence + i));
        EXPECT_EQ(header.timestamp, first.timestamp + 160 * i);
        EXPECT_EQ(header.marker, i == 0);
    }
    const audio::Sound melody = audio::melody();
    const std::vector<int16_t> samples = heard();
    for (size_t i = 0; i < samples.size(); i += 37)
        EXPECT_NEAR(samples[i], melody.samples[i], std::max(16, std::abs(melody.samples[i]) / 24));
}

TEST_F(Playing, TheOtherPartyIsNotHeardMeanwhileAndIsAfterwards) {
    ask();
    receive(30000, kAlice, 1);
    ASSERT_EQ(sink.sent.size(), 1u);
    sink.sent.clear();
    request.play = {play()};
    ask();
    receive(30000, kAlice, 2);
    EXPECT_TRUE(sink.sent.empty()) << "two sources at once";
    pass(100ms);
    EXPECT_FALSE(sink.sent.empty());
    // What the one who waits says goes its way.
    sink.sent.clear();
    receive(30002, kBob, 1);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, kAlice);
    sink.sent.clear();
    request.stop_playing = {2};
    ask();
    pass(100ms);
    EXPECT_TRUE(sink.sent.empty());
    EXPECT_FALSE(gate.next_packet_deadline().has_value());
    receive(30000, kAlice, 3);
    EXPECT_EQ(sink.sent.size(), 1u);
}

TEST_F(Playing, ToBePlayedToAgainIsTheSameSourceWithTheTimeThatHasPassed) {
    request.play = {play()};
    ask();
    pass(99ms);
    const rtp::Header last = sink.sent.back().header();
    request.stop_playing = {2};
    ask();
    pass(901ms);
    sink.sent.clear();
    request.play = {play()};
    ask();
    pass(10ms);
    ASSERT_EQ(sink.sent.size(), 1u);
    const rtp::Header again = sink.sent[0].header();
    EXPECT_TRUE(again.marker);
    EXPECT_EQ(again.ssrc, last.ssrc);
    EXPECT_EQ(again.sequence, static_cast<uint16_t>(last.sequence + 1));
    EXPECT_EQ(again.timestamp, last.timestamp + 160 * 46) << "at 0, 20 .. 80 ms, then at 1000 ms";
}

TEST_F(Playing, ASecondInstructionOfTheSameKindGoesOn) {
    request.play = {play()};
    ask();
    pass(99ms);
    const rtp::Header last = sink.sent.back().header();
    request.play = {play()};
    request.play[0].codec = ports::MediaCodec::Pcmu;
    request.play[0].payload_type = 0;
    ask();
    sink.sent.clear();
    pass(20ms);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].header().payload_type, 0);
    EXPECT_EQ(sink.sent[0].header().timestamp, last.timestamp + 160);
    EXPECT_FALSE(sink.sent[0].header().marker);
    const audio::Sound melody = audio::melody();
    EXPECT_NEAR(heard(audio::Law::Mu)[80], melody.samples[5 * 160 + 80],
                std::max(16, std::abs(melody.samples[880]) / 24));
}

TEST_F(Playing, LatePacketsAreSentAndVeryLateOnesLeftOut) {
    request.play = {play()};
    ask();
    pass(199ms, 7ms);
    EXPECT_EQ(sink.sent.size(), 10u);
    const rtp::Header before = sink.sent.back().header();
    sink.sent.clear();
    now = now + 1s;  // the machine stood still
    gate.on_packet_timeout(now, sink);
    EXPECT_LE(sink.sent.size(), 4u) << "no burst of 50";
    ASSERT_FALSE(sink.sent.empty());
    const rtp::Header after = sink.sent.front().header();
    EXPECT_EQ(after.sequence, static_cast<uint16_t>(before.sequence + 1));
    EXPECT_GE(after.timestamp - before.timestamp, 160u * 48);
    EXPECT_GT(*gate.next_packet_deadline(), now);
}

TEST_F(Playing, WithSrtpPacketsAreForTheHolderOfTheKey) {
    request.set[1].streams[0].from_party = key_of(1);
    request.set[1].streams[0].to_party = key_of(2);
    request.play = {play()};
    ask();
    pass(99ms);
    ASSERT_EQ(sink.sent.size(), 5u);
    auto context = rtp::SrtpContext::create(rtp::SrtpSuite::AesCm128HmacSha1_80,
                                            key_of(2).key_and_salt, rtp::SrtpUse::Receive);
    for (Sent& each : sink.sent) {
        const auto outcome = context->unprotect(each.bytes);
        ASSERT_EQ(outcome.status, rtp::SrtpStatus::Ok);
        EXPECT_EQ(outcome.length, 172u);
    }
}

TEST_F(Playing, NothingGoesOutInTheClearWhileKeysAreAgreed) {
    request.set[1].streams[0].from_party = key_of(1);
    request.play = {play()};
    ask();
    pass(99ms);
    EXPECT_TRUE(sink.sent.empty());
}

TEST_F(Playing, OnceEndsAndItsOwnerHears) {
    request.play = {play(ports::MediaSound::Beep)};
    request.play[0].once = true;
    ask();
    pass(999ms);
    EXPECT_EQ(sink.sent.size(), 10u) << "0.2 s";
    ASSERT_TRUE(gate.has_news());
    output = {};
    gate.tell_news(output);
    ASSERT_EQ(output.events.size(), 1u);
    EXPECT_EQ(output.events[0].second.kind, ports::MediaEvent::Kind::Played);
    EXPECT_EQ(output.events[0].second.termination, 2u);
    EXPECT_FALSE(gate.has_news());
    sink.sent.clear();
    receive(30000, kAlice, 1);
    EXPECT_EQ(sink.sent.size(), 1u) << "the other party is heard again";
}

TEST_F(Playing, APartyThatIsAloneHearsItToo) {
    request.set = {party(2, kBob)};
    request.joined.reset();
    request.play = {play(ports::MediaSound::Ringback)};
    ask();
    pass(99ms);
    EXPECT_EQ(sink.sent.size(), 5u);
}

TEST_F(Playing, WhoIsNotThereOrHasNoAudioHearsNothing) {
    request.play = {play(), play(), play()};
    request.play[0].termination = 9;
    request.play[1].stream = 3;
    request.play[2].payload_type = 200;
    ask();
    EXPECT_FALSE(gate.next_packet_deadline().has_value());
}

TEST_F(Playing, WhoLeavesIsNotSentToAnyMore) {
    request.play = {play()};
    ask();
    pass(99ms);
    sink.sent.clear();
    request.remove = {2};
    ask();
    pass(100ms);
    EXPECT_TRUE(sink.sent.empty());
    EXPECT_FALSE(gate.next_packet_deadline().has_value());
}

TEST_F(Playing, ADomainsFileIsHeardAndTheMelodyWhereThereIsNone) {
    audio::Sound file{std::vector<int16_t>(1600, 8000)};
    const MusicId id{{5, 5}};
    request.play = {play()};
    request.play[0].music = id;
    gate.take_music(now, id, audio::write_wav(file));
    ask();
    pass(399ms);
    for (const int16_t sample : heard()) EXPECT_NEAR(sample, 8000, 8000.0 / 24);
    sink.sent.clear();
    // The domain has another one by that name now.
    for (int16_t& sample : file.samples) sample = -8000;
    gate.take_music(now, id, audio::write_wav(file));
    pass(100ms);
    for (const int16_t sample : heard()) EXPECT_NEAR(sample, -8000, 8000.0 / 24);
    sink.sent.clear();
    request.play = {play()};
    request.play[0].music = MusicId{{6, 6}};
    ask();
    pass(39ms);
    EXPECT_NEAR(heard()[100], audio::melody().samples[100], 100);
}

TEST_F(Playing, PlayersKeepTheirOwnPaceAndNothingIsAllocated) {
    ask();
    std::vector<uint16_t> contexts;
    for (uint64_t i = 0; i < 3; ++i) {
        request.context.bits = {9, i};
        request.set = {party(2, kBob)};
        request.play = {play()};
        ask();
        pass(7ms);
    }
    pass(100ms);
    sink.sent.clear();
    sink.only_counts = true;
    const size_t before = counted_allocations;
    size_t times = 0;
    const Instant end = now + 1s;
    while (*gate.next_packet_deadline() < end) {
        gate.on_packet_timeout(*gate.next_packet_deadline(), sink);
        ++times;
    }
    EXPECT_EQ(counted_allocations - before, 0u);
    EXPECT_EQ(times, 150u) << "three players that began at different times";
}

}  // namespace
}  // namespace tandem::roles::media_gate
