#include "roles/media_gate/role.h"

#include <gtest/gtest.h>

#include "audio/g711.h"
#include "audio/wav.h"
#include "model/generated/music.h"
#include "store/catalog.h"

namespace tandem::roles::media_gate {
namespace {

constexpr ports::Instance kSelf{3}, kB2b{7}, kController{9};

class RoleTest : public testing::Test {
 protected:
    RoleTest() {
        directory.replace({{kController, ports::RoleKind::MediaGateController, 1, 100, true, 1}});
        request.context.bits = {1, 2};
        auto& settings = request.set.emplace_back();
        settings.termination = 1;
        settings.signalling_source = *IpAddress::parse("127.0.0.1");
        settings.streams.emplace_back().remote_rtp = SocketAddress::parse("127.0.0.1:4000");
    }
    std::vector<ports::Letter> send(ports::Payload payload, uint64_t id) {
        ports::Outbox out;
        role.on_letter(now, ports::Letter{kB2b, kSelf, id, std::move(payload)}, out);
        return out.take();
    }

    Now now{Instant{100s}, {}};
    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint tokens{SipHashKey{1, 2}};
    SeededRng rng{1};
    std::vector<IpAddress> own;
    MediaGateRole role{ports::Surroundings{kSelf, directory, catalog, tokens, rng, 1},
                       [this] { return own; }};
    ports::MediaRequest request;
    const uint16_t first_port = PortPool(30000, 39999, 1).take().value();  // of its first life
};

TEST_F(RoleTest, OpensPortsBeforeItAnswers) {
    const auto letters = send(request, 5);
    ASSERT_EQ(letters.size(), 3u);
    for (size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(letters[i].to, ports::kMediaPorts);
        EXPECT_TRUE(holds_alternative<ports::MediaPortOpen>(letters[i].payload));
    }
    EXPECT_EQ(letters[2].to, kB2b);
    EXPECT_EQ(letters[2].request, 5u);
    const auto& reply = get<ports::MediaReply>(letters[2].payload);
    EXPECT_EQ(reply.local[0].streams[0].rtp,
              (SocketAddress{*IpAddress::parse("127.0.0.1"), first_port}))
        << "without an interface in the catalog, this machine only";
    const auto answer = send(ports::MediaStatisticsQuery{request.context}, 6);
    EXPECT_EQ(get<ports::MediaReply>(answer.at(0).payload).statistics.size(), 1u);
    EXPECT_FALSE(role.is_idle());
}

TEST_F(RoleTest, ReadsADomainsMusicAndIsSilentMeanwhile) {
    ports::MediaPlay& play = request.play.emplace_back();
    play.termination = 1;
    play.domain = DomainId{{3, 3}};
    play.music = MusicId{{4, 4}};
    const auto letters = send(request, 5);
    const auto asked = std::ranges::find(letters, ports::kKeyValue, &ports::Letter::to);
    ASSERT_NE(asked, letters.end());
    const auto wanted = get<store::Request>(asked->payload);
    struct Sink final : ports::PacketSink {
        void send(uint32_t, const SocketAddress&, std::span<const uint8_t> packet) override {
            code = packet[50];
        }
        uint8_t code = 0;
    } sink;
    role.on_packet_timeout(now, sink);
    EXPECT_EQ(sink.code, audio::encode(audio::Law::A, 0)) << "silence until it is here";
    model::Music music;
    music.wav = audio::write_wav({std::vector<int16_t>(8000, 5000)});
    store::RangeReply page;
    page.items.emplace_back().value = model::encode_stored(music, {});
    send(store::Reply{wanted.id, store::ReplyBody(page)}, wanted.id);
    now.mono = now.mono + 20ms;
    role.on_packet_timeout(now, sink);
    EXPECT_EQ(sink.code, audio::encode(audio::Law::A, 5000));
}

TEST_F(RoleTest, ReportsItsLoadEachSecond) {
    ports::Outbox out;
    role.start(now, out);
    send(request, 5);
    out.take();
    now.mono = now.mono + kTick - 1ms;
    role.on_timeout(now, out);
    EXPECT_TRUE(out.empty()) << "not before its deadline";
    now.mono = *role.next_deadline();
    role.on_timeout(now, out);
    auto letters = out.take();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(letters[0].to, kController);
    const auto& load = get<ports::MediaLoad>(letters[0].payload);
    EXPECT_EQ(load.contexts, 1u);
    EXPECT_EQ(load.ports_used, 2u);
    EXPECT_EQ(load.ports_total, 10'000u);
    role.drain(now, out);
    letters = out.take();
    const auto& full = get<ports::MediaLoad>(letters.at(0).payload);
    EXPECT_EQ(full.ports_used, full.ports_total) << "nothing new, please";
}

TEST_F(RoleTest, TellsTheOwnerOfAFailedPort) {
    send(request, 5);
    const Error error = make_error(ErrorCode::Conflict, "port", "in use");
    const auto letters = send(ports::MediaPortFailed{first_port, error}, 0);
    ASSERT_EQ(letters.size(), 4u);  // a line for the journal, two ports to close, the event
    EXPECT_EQ(letters[3].to, kB2b);
    EXPECT_EQ(get<ports::MediaEvent>(letters[3].payload).kind, ports::MediaEvent::Kind::Lost);
}

}  // namespace
}  // namespace tandem::roles::media_gate
