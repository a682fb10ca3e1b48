// What the gate plays, packet by packet, with given instants.
#include <algorithm>

#include "audio/g711.h"
#include "audio/wav.h"
#include "roles/media_gate/gate_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

struct Sent {
    uint32_t port = 0;
    SocketAddress to;
    Bytes bytes;
    rtp::Header header() const { return rtp::parse_header(bytes).value_or(rtp::Header{}); }
};
class Sink final : public ports::PacketSink {
 public:
    void send(uint32_t port, const SocketAddress& to, std::span<const uint8_t> packet) override {
        if (is_deaf) return;
        sent.push_back({port, to, Bytes(packet.begin(), packet.end())});
    }
    std::vector<Sent> sent;
    bool is_deaf = false;
};

class Playing : public TwoParties {
 protected:
    static ports::MediaPlay play(ports::MediaSound sound = ports::MediaSound::Music) {
        ports::MediaPlay play;
        play.termination = 2;
        play.sound = sound;
        return play;
    }
    void ask() {
        GateOutput output;
        const auto reply = gate.on_request(now, kOwner, request, output);
        ASSERT_FALSE(reply.error.has_value()) << reply.error->message;
        request.set.clear();
        request.joined.reset();
        request.heard.reset();
        request.play.clear();
        request.stop_playing.clear();
    }
    // Time passes as the runtime lets it: it looks at the deadlines, a little late.
    void pass(Duration time, Duration late = 0ms) {
        const Instant end = now + time;
        while (true) {
            const auto next = gate.next_packet_deadline();
            if (!next || *next + late > end) break;
            now = std::max(now, *next + late);
            gate.on_packet_timeout(now, sink);
        }
        now = end;
    }
    void receive(uint32_t port, const SocketAddress& from, uint16_t sequence) {
        say(port, from, sequence, 8, 0);
    }
    void say(uint32_t port, const SocketAddress& from, uint16_t sequence, uint8_t payload_type,
             uint8_t code) {
        rtp::Header header;
        header.payload_type = payload_type;
        header.sequence = sequence;
        header.timestamp = sequence * 160u;
        std::array<uint8_t, 160> sound{};
        sound.fill(code);
        send(port, from, header, sound, sink);
    }
    std::vector<int16_t> heard(audio::Law law = audio::Law::A) const {
        std::vector<int16_t> samples;
        for (const Sent& each : sink.sent) {
            std::array<int16_t, 160> frame{};
            audio::decode(law, std::span(each.bytes).subspan(12), frame);
            samples.insert(samples.end(), frame.begin(), frame.end());
        }
        return samples;
    }

    Sink sink;
};

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
    GateOutput output;
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

// A third party hears both, who go on hearing one another as before.
TEST_F(Playing, WhoListensHearsBothAndNobodyHearsHim) {
    const SocketAddress carol = *SocketAddress::parse("192.0.2.30:6000");
    request.set.push_back(party(3, carol));
    request.play = {play(ports::MediaSound::Mix)};
    request.play[0].termination = 3;
    request.play[0].voices = {{1, 0, ports::MediaCodec::Pcma, 8},
                              {1, 0, ports::MediaCodec::Pcmu, 0},
                              {2, 0, ports::MediaCodec::Pcma, 8}};
    ask();
    for (uint16_t i = 1; i <= 10; ++i) {
        say(30000, kAlice, i, 8, audio::encode(audio::Law::A, 4000));
        say(30002, kBob, i, 8, audio::encode(audio::Law::A, 2000));
        say(30004, carol, i, 8, audio::encode(audio::Law::A, 9000));
        pass(20ms);
    }
    size_t mixed = 0;
    for (const Sent& each : sink.sent) {
        if (each.to != carol) {
            EXPECT_EQ(each.header().ssrc, 77u) << "relayed as it is";
            continue;
        }
        const int sample = audio::decode(audio::Law::A, each.bytes[100]);
        if (sample > 1000) {
            EXPECT_NEAR(sample, 6000, 300) << mixed;
        }
        mixed += sample > 1000;
    }
    EXPECT_GE(mixed, 7u);
    const auto to = [&](const SocketAddress& whom) {
        return std::ranges::count_if(sink.sent, [&](const Sent& each) { return each.to == whom; });
    };
    EXPECT_EQ(to(kAlice), 10);
    EXPECT_EQ(to(kBob), 10);
}

// Barging in: each hears the two others, one source each.
TEST_F(Playing, ThreeTalk) {
    const SocketAddress carol = *SocketAddress::parse("192.0.2.30:6000");
    const SocketAddress at[] = {kAlice, kBob, carol};
    request.set.push_back(party(3, carol));
    for (uint32_t listener = 1; listener <= 3; ++listener) {
        ports::MediaPlay mix = play(ports::MediaSound::Mix);
        mix.termination = listener;
        for (uint32_t speaker = 1; speaker <= 3; ++speaker) {
            if (speaker != listener) mix.voices.push_back({speaker, 0, ports::MediaCodec::Pcma, 8});
        }
        request.play.push_back(mix);
    }
    ask();
    for (uint16_t i = 1; i <= 10; ++i) {
        for (uint16_t who = 0; who < 3; ++who) {
            say(30000u + 2u * who, at[who], i, 8,
                audio::encode(audio::Law::A, static_cast<int16_t>(1000 << who)));
        }
        pass(20ms);
    }
    for (size_t who = 0; who < 3; ++who) {
        int loudest = 0;
        size_t packets = 0;
        for (const Sent& each : sink.sent) {
            if (each.to != at[who]) continue;
            ++packets;
            loudest = std::max(loudest, int{audio::decode(audio::Law::A, each.bytes[100])});
        }
        EXPECT_NEAR(packets, 10, 1);
        EXPECT_NEAR(loudest, 7000 - (1000 << who), 300) << who;
    }
    sink.sent.clear();
    request.stop_playing = {1, 2};
    request.remove = {3};
    ask();
    receive(30000, kAlice, 11);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].header().ssrc, 77u) << "two talk as before";
}

TEST_F(Playing, WhoIsHeardOneWayIsCopiedToAllAndHearsNobody) {
    const SocketAddress carol = *SocketAddress::parse("192.0.2.30:6000");
    request.set.push_back(party(3, carol));
    request.joined.reset();
    request.heard = {{1, 2}, {1, 3}};
    ask();
    say(30000, kAlice, 1, 8, 0x55);
    ASSERT_EQ(sink.sent.size(), 2u);
    EXPECT_EQ(sink.sent[0].to, kBob);
    EXPECT_EQ(sink.sent[1].to, carol);
    EXPECT_EQ(sink.sent[0].bytes, sink.sent[1].bytes);
    sink.sent.clear();
    say(30002, kBob, 1, 8, 0x55);
    say(30004, carol, 1, 8, 0x55);
    EXPECT_TRUE(sink.sent.empty()) << "nobody hears those who listen";
    EXPECT_FALSE(gate.next_packet_deadline().has_value());
    // Another list, and one of them gone; a restored gate has the same.
    request.heard = {{1, 3}};
    ask();
    Gate restored{gate_settings()};
    GateOutput opened;
    ASSERT_TRUE(restored.restore(now, gate.snapshot(), opened).has_value());
    for (Gate* each : {&gate, &restored}) {
        sink.sent.clear();
        std::array<uint8_t, 2048> buffer{};
        rtp::Header header;
        header.payload_type = 8;
        header.sequence = 2;
        header.ssrc = 77;
        rtp::write_header(header, buffer);
        each->on_packet({now, 30000, kAlice, buffer, 172}, sink);
        ASSERT_EQ(sink.sent.size(), 1u);
        EXPECT_EQ(sink.sent[0].to, carol);
    }
    // Whoever takes another code has it made for him.
    request.play = {play(ports::MediaSound::Mix)};
    request.play[0].termination = 3;
    request.play[0].codec = ports::MediaCodec::Pcmu;
    request.play[0].payload_type = 0;
    request.play[0].voices = {{1, 0, ports::MediaCodec::Pcma, 8}};
    ask();
    sink.sent.clear();
    for (uint16_t n = 3; n < 20; ++n) {
        say(30000, kAlice, n, 8, 0x55);
        pass(20ms);
    }
    ASSERT_GT(sink.sent.size(), 10u);
    for (const Sent& each : sink.sent) {
        EXPECT_EQ(each.to, carol);
        EXPECT_EQ(each.header().payload_type, 0);
    }
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
    sink.is_deaf = true;
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
