// Two parties, and what the gate sends them packet by packet while time passes.
#pragma once

#include <algorithm>
#include <vector>

#include "audio/g711.h"
#include "roles/media_gate/gate_fixture_test.h"

namespace tandem::roles::media_gate {

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

}  // namespace tandem::roles::media_gate
