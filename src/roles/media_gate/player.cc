#include "roles/media_gate/player.h"

#include <algorithm>
#include <array>

#include "audio/g711.h"
#include "base/check.h"
#include "rtp/packet.h"

namespace tandem::roles::media_gate {
namespace {

audio::Law law_of(ports::MediaCodec codec) {
    switch (codec) {
        case ports::MediaCodec::Pcma:
            return audio::Law::A;
        case ports::MediaCodec::Pcmu:
            return audio::Law::Mu;
    }
    return audio::Law::A;
}

}  // namespace

void Player::start(Instant now, const ports::MediaPlay& what, uint32_t turn) {
    const bool goes_on = plays_ && what.sound == what_.sound && what.music == what_.music;
    if (what.voices != what_.voices) set_voices(what.voices);
    what_ = what;
    if (goes_on) return;  // another codec at most: the melody does not begin anew
    if (has_played_ && now > due_) {
        const auto packets = static_cast<uint32_t>((now - due_) / kPlayedPeriod);
        source_.timestamp += packets * static_cast<uint32_t>(audio::kFrameSamples);
    }
    turn_ = turn;
    due_ = now;
    position_ = 0;
    plays_ = begins_ = true;
    has_ended_ = false;
}

void Player::set_voices(const std::vector<ports::MediaVoice>& voices) {
    voices_.clear();
    for (const ports::MediaVoice& each : voices) {
        auto at = std::ranges::find_if(voices_, [&](const auto& known) {
            return known->termination == each.termination && known->stream == each.stream;
        });
        if (at == voices_.end()) {
            voices_.push_back(
                std::make_unique<Voice>(Voice{each.termination, each.stream, {}, {}}));
            at = voices_.end() - 1;
        }
        Voice& voice = **at;
        voice.formats.emplace_back(each.payload_type, each.codec);
    }
}

// Of other formats, like telephone events, nothing is heard.
void Player::hear(Voice& voice, std::span<const uint8_t> packet) {
    const auto header = rtp::parse_header(packet);
    const auto payload = header ? rtp::payload_of(packet, *header) : std::nullopt;
    if (!payload || payload->size() > audio::kMixSamplesMax) return;
    for (const auto& [payload_type, codec] : voice.formats) {
        if (payload_type != header->payload_type) continue;
        std::array<int16_t, audio::kMixSamplesMax> samples;
        audio::decode(law_of(codec), *payload, samples);
        return voice.input.push(header->sequence, std::span(samples).first(payload->size()));
    }
}

// False: the sound is at its end.
bool Player::fill(Instant now, SoundShelf& sounds, Frame& frame) {
    if (what_.sound == ports::MediaSound::Mix) {
        std::array<int32_t, audio::kFrameSamples> sum{};
        for (const auto& voice : voices_) voice->input.add_to(sum);
        audio::saturate(sum, frame);
        return true;
    }
    const audio::Sound& sound = sounds.find(now, what_);
    if (what_.once) return audio::read_once(sound, position_, frame);
    audio::read_looped(sound, position_, frame);
    return true;
}

// A packet that is a little late is sent; after a longer stop what nobody has heard is left out, as
// a burst would only fill the party's jitter buffer.
size_t Player::write_packet(Instant now, SoundShelf& sounds, std::span<uint8_t> out) {
    CHECK(out.size() >= kPlayedBytes);
    const auto samples = static_cast<uint32_t>(audio::kFrameSamples);
    if (now - due_ > kPlayedLateMax) {
        const auto left_out = (now - due_) / kPlayedPeriod;
        due_ = due_ + left_out * kPlayedPeriod;
        source_.timestamp += static_cast<uint32_t>(left_out) * samples;
    }
    Frame frame;
    has_ended_ = !fill(now, sounds, frame);
    if (has_ended_) {
        plays_ = false;
        return 0;
    }
    rtp::Header header;
    header.marker = begins_;  // RFC 3551 4.1: the first packet after silence
    header.payload_type = what_.payload_type;
    header.sequence = source_.sequence++;
    header.timestamp = source_.timestamp;
    header.ssrc = source_.ssrc;
    rtp::write_header(header, out);
    audio::encode(law_of(what_.codec), frame, out.subspan(rtp::kFixedHeaderBytes));
    source_.timestamp += samples;
    due_ = due_ + kPlayedPeriod;
    begins_ = false;
    has_played_ = true;
    return rtp::kFixedHeaderBytes + frame.size();
}

}  // namespace tandem::roles::media_gate
