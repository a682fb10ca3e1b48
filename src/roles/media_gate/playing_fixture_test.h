// Two parties, and what the gate sends them packet by packet while time passes.
#pragma once

#include <algorithm>
#include <vector>

#include "audio/g711.h"
#include "roles/media_gate/gate_fixture_test.h"

namespace tandem::roles::media_gate {

class Playing : public TwoParties {
 protected:
    static ports::MediaPlay play(ports::MediaSound sound = ports::MediaSound::Music) {
        ports::MediaPlay play;
        play.termination = 2;
        play.sound = sound;
        return play;
    }
    void ask() {
        const auto reply = TwoParties::ask();
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
        send(port, from, header, sound);
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
};

}  // namespace tandem::roles::media_gate
