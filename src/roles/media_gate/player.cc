#include "roles/media_gate/player.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "rtp/packet.h"

namespace tandem::roles::media_gate {
namespace {

constexpr audio::Codec codec_of(ports::MediaCodec codec) {
    return static_cast<audio::Codec>(codec);
}
static_assert(codec_of(ports::MediaCodec::Opus) == audio::Codec::Opus);

}  // namespace

void Player::start(Instant now, const ports::MediaPlay& what, uint32_t turn) {
    const bool goes_on = plays_ && what.sound == what_.sound && what.music == what_.music;
    if (what.voices != what_.voices) set_voices(what.voices);
    what_ = what;
    set_codec(codec_of(what.codec));
    if (goes_on) return;  // another codec at most: the melody does not begin anew
    if (has_played_ && now > due_) {
        const auto packets = static_cast<uint32_t>((now - due_) / kPlayedPeriod);
        source_.timestamp += packets * ticks();
    }
    turn_ = turn;
    due_ = now;
    position_ = 0;
    plays_ = begins_ = true;
    has_ended_ = false;
}

// One source has one clock (RFC 3550 5.2), and one clock one source, as far as the party goes back
// to it: where it has SRTP it may hear so many and no more, each with numbers that never come
// again (RFC 3711 9.1).
void Player::set_codec(audio::Codec codec) {
    if (encoder_ && encoder_->codec() == codec) return;
    const uint32_t clock = audio::clock_rate(codec);
    const uint32_t former = encoder_ ? audio::clock_rate(encoder_->codec()) : clock;
    encoder_.emplace(codec);
    if (clock == former) return;
    const auto known = std::ranges::find(rests_, clock, &Rest::clock);
    const Rest rest{former, source_, due_};
    if (known == rests_.end()) {
        rests_.push_back(rest);
        source_.ssrc += static_cast<uint32_t>(rests_.size());
        return;
    }
    source_ = known->source;
    source_.timestamp += static_cast<uint32_t>((due_ - known->due) / kPlayedPeriod) * ticks();
    *known = rest;
}

uint32_t Player::ticks() const {
    return audio::clock_rate(encoder_->codec()) / (1s / kPlayedPeriod);
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
        voice.formats.push_back({each.payload_type, audio::Decoder(codec_of(each.codec))});
    }
}

// Of other formats, like telephone events, nothing is heard.
void Player::hear(Voice& voice, std::span<const uint8_t> packet) {
    const auto header = rtp::parse_header(packet);
    const auto payload = header ? rtp::payload_of(packet, *header) : std::nullopt;
    if (!payload) return;
    for (VoiceFormat& format : voice.formats) {
        if (format.payload_type != header->payload_type) continue;
        std::array<int16_t, audio::kMixSamplesMax> samples;
        const size_t count = format.decoder.decode(*payload, samples);
        if (count > 0) voice.input.push(header->sequence, std::span(samples).first(count));
        return;
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
    if (now - due_ > kPlayedLateMax) {
        const auto left_out = (now - due_) / kPlayedPeriod;
        due_ = due_ + left_out * kPlayedPeriod;
        source_.timestamp += static_cast<uint32_t>(left_out) * ticks();
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
    const size_t size = encoder_->encode(frame, out.subspan(rtp::kFixedHeaderBytes));
    source_.timestamp += ticks();
    due_ = due_ + kPlayedPeriod;
    begins_ = false;
    has_played_ = true;
    return rtp::kFixedHeaderBytes + size;
}

}  // namespace tandem::roles::media_gate
