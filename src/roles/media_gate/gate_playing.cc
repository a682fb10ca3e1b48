// What the gate plays: who hears it, and the pace of its packets.
#include <algorithm>

#include "roles/media_gate/gate.h"

namespace tandem::roles::media_gate {
namespace {

// Each stream has a source of its own (RFC 3550 8.1).
Player::Source new_source(uint64_t seed, uint32_t turn) {
    const std::array<uint8_t, 4> number{static_cast<uint8_t>(turn), static_cast<uint8_t>(turn >> 8),
                                        static_cast<uint8_t>(turn >> 16),
                                        static_cast<uint8_t>(turn >> 24)};
    const uint64_t first = siphash({seed, 1}, number);
    const uint64_t second = siphash({seed, 2}, number);
    return {static_cast<uint32_t>(first), static_cast<uint16_t>(second),
            static_cast<uint32_t>(second >> 32)};
}

}  // namespace

// A party that has left meanwhile hears nothing, and is no error.
void Gate::start_playing(Instant now, Context& context, const ports::MediaPlay& play) {
    const auto found = context.terminations.find(play.termination);
    if (found == context.terminations.end()) return;
    auto& streams = found->second.streams;
    if (play.stream >= streams.size() || play.payload_type > 127) return;
    Stream& stream = *streams[play.stream];
    const uint16_t port = stream.ports().rtp;
    if (port == 0 || stream.settings().kind != ports::MediaKind::Audio) return;
    const uint32_t turn = ++turn_;
    Player& player = stream.make_player(new_source(settings_.seed, turn));
    player.start(now, play, turn);
    if (player.turn() != turn) return;  // it goes on
    turns_.push_back({player.due(), port, turn});
    std::push_heap(turns_.begin(), turns_.end());
}

void Gate::stop_playing(Context& context, uint32_t termination) {
    const auto found = context.terminations.find(termination);
    if (found == context.terminations.end()) return;
    for (const auto& stream : found->second.streams) {
        if (stream->is_played_to()) stream->player()->stop();
    }
}

// Packets of those whom somebody hears mixed lead to the mix as well.
void Gate::lead_to_mixes(const Context& context) {
    for (const auto& [id, termination] : context.terminations) {
        for (const auto& stream : termination.streams) {
            if (!stream->is_played_to()) continue;
            for (const auto& voice : stream->player()->voices()) {
                const auto speaker = context.terminations.find(voice->termination);
                if (speaker == context.terminations.end()) continue;
                const auto& streams = speaker->second.streams;
                if (voice->stream >= streams.size()) continue;
                Route* route = route_of(streams[voice->stream]->ports().rtp);
                if (route != nullptr && route->stream != nullptr)
                    route->voices.push_back(voice.get());
            }
        }
    }
}

// nullptr: that playing is over.
Stream* Gate::stream_in_turn(uint16_t port, uint32_t turn) {
    Route* route = route_of(port);
    if (route == nullptr || route->stream == nullptr) return nullptr;
    Player* player = route->stream->player();
    return player != nullptr && player->turn() == turn ? route->stream : nullptr;
}

void Gate::on_packet_timeout(Instant now, ports::PacketSink& out) {
    while (!turns_.empty() && turns_.front().due <= now) {
        std::pop_heap(turns_.begin(), turns_.end());
        const Turn turn = turns_.back();
        turns_.pop_back();
        Stream* stream = stream_in_turn(turn.port, turn.turn);
        if (stream == nullptr || !stream->is_played_to()) continue;
        Player& player = *stream->player();
        std::array<uint8_t, kPlayedBytes + rtp::kSrtpOverheadMax> packet;
        const size_t length = player.write_packet(now, sounds_, packet);
        if (length == 0) {
            played_.push_back({turn.port, turn.turn});
            continue;
        }
        stream->send_rtp(packet, length, out);
        turns_.push_back({player.due(), turn.port, turn.turn});
        std::push_heap(turns_.begin(), turns_.end());
    }
}

std::optional<Instant> Gate::next_packet_deadline() const {
    return turns_.empty() ? std::nullopt : std::optional(turns_.front().due);
}

void Gate::tell_news(GateOutput& out) {
    tell_pressed(out);
    tell_played(out);
}

// Whoever was played to hears the others again.
void Gate::tell_played(GateOutput& out) {
    for (const Heard& heard : std::exchange(played_, {})) {
        const Stream* stream = stream_in_turn(heard.port, heard.turn);
        if (stream == nullptr) continue;
        for (const auto& [call, context] : contexts_) {
            for (const auto& [id, termination] : context.terminations) {
                const auto at =
                    std::ranges::find(termination.streams, stream, &std::unique_ptr<Stream>::get);
                if (at == termination.streams.end()) continue;
                const auto index = static_cast<uint32_t>(at - termination.streams.begin());
                out.events.push_back(
                    {context.owner, {call, ports::MediaEvent::Kind::Played, id, index}});
                rebuild_routes(call, context);
            }
        }
    }
}

}  // namespace tandem::roles::media_gate
