// Those who hear more than one other, or are heard by many.
#include "roles/media_gate/playing_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

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

// Alice encrypts, and so do bob and carol; carol takes the other G.711, and dave has plain RTP.
TEST_F(Playing, EachOfManyHasTheSoundByHisOwnKey) {
    const SocketAddress carol = at("192.0.2.30:6000"), dave = at("192.0.2.40:7000");
    const auto gcm = ports::SrtpSuite::AeadAes128Gcm;
    request.set.push_back(party(3, carol));
    request.set.push_back(party(4, dave));
    const auto encrypt = [&](size_t who, ports::SrtpKey from, ports::SrtpKey to) {
        request.set[who].streams[0].from_party = std::move(from);
        request.set[who].streams[0].to_party = std::move(to);
    };
    encrypt(0, key_of(1), key_of(2));
    encrypt(1, key_of(3), key_of(4));
    encrypt(2, key_of(5, gcm), key_of(6, gcm));
    request.joined.reset();
    request.heard = {{1, 2}, {1, 3}, {1, 4}};
    request.play = {play(ports::MediaSound::Mix)};
    request.play[0].termination = 3;
    request.play[0].codec = ports::MediaCodec::Pcmu;
    request.play[0].payload_type = 0;
    request.play[0].voices = {{1, 0, ports::MediaCodec::Pcma, 8}};
    ask();
    const auto cipher = [&](const ports::SrtpKey& key, rtp::SrtpUse use) {
        return *rtp::SrtpContext::create(*suite_of(key.suite), key.key_and_salt, use);
    };
    rtp::SrtpContext alices = cipher(key_of(1), rtp::SrtpUse::Send);
    const uint8_t code = audio::encode(audio::Law::A, 4000);
    for (uint16_t n = 1; n <= 10; ++n) {
        rtp::Header header;
        header.payload_type = 8;
        header.sequence = n;
        header.timestamp = n * 160u;
        header.ssrc = 77;
        rtp::write_header(header, buffer);
        std::fill_n(buffer.begin() + 12, 160, code);
        const auto packet = alices.protect(buffer, 172);
        gate.on_packet({now, 30000, kAlice, buffer, packet.length}, sink);
        pass(20ms);
    }
    say(30000, kAlice, 11, 8, code);  // in the clear, by whoever has her address
    rtp::SrtpContext bobs = cipher(key_of(4), rtp::SrtpUse::Receive);
    rtp::SrtpContext carols = cipher(key_of(6, gcm), rtp::SrtpUse::Receive);
    size_t to_bob = 0, to_carol = 0, to_dave = 0;
    for (Sent& each : sink.sent) {
        rtp::SrtpContext* context = each.to == kBob ? &bobs : nullptr;
        if (each.to == carol) context = &carols;
        if (context != nullptr) {
            const auto plain = context->unprotect(each.bytes);
            ASSERT_EQ(plain.status, rtp::SrtpStatus::Ok) << each.to.text();
            each.bytes.resize(plain.length);
        }
        ASSERT_EQ(each.bytes.size(), 172u);
        to_bob += each.to == kBob;
        to_dave += each.to == dave;
        if (each.to != carol) {
            EXPECT_EQ(each.header().ssrc, 77u);
            EXPECT_EQ(each.bytes[100], code);
        } else if (audio::decode(audio::Law::Mu, each.bytes[100]) > 1000) {
            EXPECT_NEAR(audio::decode(audio::Law::Mu, each.bytes[100]), 4000, 300);
            ++to_carol;
        }
    }
    EXPECT_EQ(to_bob, 10u);
    EXPECT_EQ(to_dave, 10u);
    EXPECT_GE(to_carol, 7u);
    EXPECT_EQ(gate.packets_refused(), 1u);
}

}  // namespace
}  // namespace tandem::roles::media_gate
