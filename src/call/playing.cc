// What a party hears from the media gate instead of the other one: music, while it waits. Each step
// ends with a look at who waits, so that hold, parking, transfers and moves of the media need not
// say it. RFC 3264 8.4 (hold), RFC 5359 2.3 (music on hold by a third party: here it is our gate).
#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"
#include "call/media_format.h"
#include "store/catalog.h"

namespace tandem::call {

using ports::MediaDirection;

namespace {

// To whoever listens, in what it has agreed. nullopt: it does not, or the gate can make nothing of
// that: it goes on as it was.
std::optional<ports::MediaPlay> play_to(const Party& of, ports::MediaSound sound) {
    const auto stream = audio_stream(of.media);
    const auto formats = mixed_formats_of(of);
    if (!stream || formats.empty()) return std::nullopt;
    return play_in(of.media, *stream, formats.front(), sound);
}

void add_voices(const Party& heard, ports::MediaPlay& mix) {
    const auto from = audio_stream(heard.media);
    if (!from) return;
    for (const MixedFormat& format : mixed_formats_of(heard))
        mix.voices.push_back({heard.media.termination(), *from, format.codec, format.payload_type});
}

}  // namespace

// sendonly and inactive, and the address 0.0.0.0 of RFC 2543. Another exchange that says sendonly
// plays its own music.
bool CallValues::holds(uint8_t index) const {
    const PartyMedia& media = party(index)->media;
    const auto stream = audio_stream(media);
    if (!stream) return false;
    const ports::StreamSettings& settings = media.streams()[*stream].settings;
    const bool is_nowhere = settings.remote_rtp && settings.remote_rtp->ip.is_unspecified();
    if (is_nowhere || settings.direction == MediaDirection::Inactive) return true;
    const bool is_outside = index == 0 ? !facts_.trunk.is_nil() : who_is(index).outside.has_value();
    return settings.direction == MediaDirection::SendOnly && !is_outside;
}

// The settings of whoever lets others wait; nullptr: they hear nothing.
const model::DomainSettings* CallValues::music_of(const CallContext& ctx, uint8_t index) const {
    return music_of(ctx, domain_of_leg(index));
}

const model::DomainSettings* CallValues::music_of(const CallContext& ctx, DomainId domain) {
    const auto* found = ctx.around.catalog.find_domain(domain);
    return found != nullptr && found->settings.music_on_hold ? &found->settings : nullptr;
}

bool CallValues::waits(uint8_t index) const {
    if (transfer_.lets_wait(index)) return true;
    const uint8_t other = peer_of(index);
    const bool lost_other = transfer_.is_under_way() && transfer_.parked_leg() == other &&
                            (transfer_.is_parked() || transfer_.referrer_is_gone());
    return lost_other || holds(other);
}

std::optional<ports::MediaPlay> CallValues::wanted_music(const CallContext& ctx,
                                                         uint8_t index) const {
    if ((!talks(index) && !transfer_.is_aside(index)) || !waits(index)) return std::nullopt;
    const Party& of = *party(index);
    const uint8_t holder = transfer_.lets_wait(index) ? transfer_.referrer() : peer_of(index);
    const model::DomainSettings* music = music_of(ctx, holder);
    // His phone rings no more, as it would if he had come to the queue by himself.
    const bool rings = queue_.waits(*this) && (music == nullptr || !queue_.wants_music());
    if (music == nullptr && !rings) return std::nullopt;
    auto play = play_to(of, rings ? ports::MediaSound::Ringback : ports::MediaSound::Music);
    if (!play || !of.media.streams()[play->stream].settings.remote_rtp) return std::nullopt;
    if (!rings) choose_music(*play, domain_of_leg(holder), *music);
    return play;
}

// What an intruder hears, or those who hear him; or those of a page.
std::optional<ports::MediaPlay> CallValues::wanted_mix(uint8_t index) const {
    const std::vector<uint8_t> voices =
        paging_.is_page() ? paging_.voices_for(*this, index) : intruder_.voices_for(*this, index);
    if (voices.empty()) return std::nullopt;
    auto play = play_to(*party(index), ports::MediaSound::Mix);
    if (!play) return std::nullopt;
    for (const uint8_t speaker : voices) add_voices(*party(speaker), *play);
    return play;
}

// Of a transfer by keys is told by sound: its phone has asked for nothing.
std::optional<ports::MediaPlay> CallValues::wanted_tone(uint8_t index) const {
    const uint8_t early = transfer_.early_for(index, transfer_.stays(*this));
    if (early != 0 && branches_[early - 1u]->is_pending()) {
        auto heard = play_to(*party(index), ports::MediaSound::Mix);
        if (heard) add_voices(*party(early), *heard);
        if (heard && !heard->voices.empty()) return heard;
    }
    if (transfer_.hears_ringing(index)) return play_to(*party(index), ports::MediaSound::Ringback);
    if (!code_keys_.is_told_of_failure(index)) return std::nullopt;
    auto play = play_to(*party(index), ports::MediaSound::Busy);
    if (play) play->once = true;
    return play;
}

std::optional<ports::MediaPlay> CallValues::wanted_play(const CallContext& ctx,
                                                        uint8_t index) const {
    if (phase_ != Phase::Established)
        return index == 0 ? queue_.wanted_play(*this, ctx) : std::nullopt;
    if (auto tone = wanted_tone(index)) return tone;
    auto music = paging_.is_page() ? std::nullopt : wanted_music(ctx, index);
    return music ? music : wanted_mix(index);
}

// Tells the gate what has changed. It is not told anything while the media is being moved, or
// looked for after a restart: the new context is told afterwards.
void Call::settle_playing(CallContext& ctx) {
    const bool is_answered = phase_ == Phase::Established && winner_ != 0;
    const bool waits_in_queue = (phase_ == Phase::Ringing || phase_ == Phase::Committing) &&
                                caller_ && (queue_.sounds() || caller_->hears);
    if ((!is_answered && !waits_in_queue) || exchange_ || !may_tell_gate()) return;
    ports::MediaRequest request;
    std::vector<uint8_t> hearers = talkers();
    if (intruder_.hears()) hearers.push_back(intruder_.index());
    for (const uint8_t index : hearers) {
        Party& of = *party(index);
        auto wanted = wanted_play(ctx, index);
        if (wanted == of.hears) continue;
        if (wanted)
            request.play.push_back(*wanted);
        else
            request.stop_playing.push_back(of.media.termination());
        of.hears = std::move(wanted);
    }
    if (request.play.empty() && request.stop_playing.empty()) return;
    request.context = facts_.call;
    request.must_exist = true;
    ask(ctx, media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
    const bool rings = phase_ == Phase::Ringing;
    save_wanted_ |=
        rings ? settings_.survival == Survival::All : settings_.survival != Survival::None;
}

// What the other party is offered: who is held by `inactive` would not listen to music.
sdp::Session CallValues::with_music(const CallContext& ctx, uint8_t speaker,
                                    sdp::Session said) const {
    if (music_of(ctx, speaker) == nullptr) return said;
    for (sdp::Media& media : said.media) {
        const bool is_silent = sdp::direction_of(said, media) == sdp::Direction::Inactive;
        if (media.type == "audio" && is_silent) media.direction = sdp::Direction::SendOnly;
    }
    return said;
}

// The same for an answer, as far as the offer allows (RFC 3264 6.1): who offered `inactive` gets it
// back, whatever the other party was offered in its place.
sdp::Session CallValues::answer_with_music(const CallContext& ctx, uint8_t speaker,
                                           const sdp::Session& offer,
                                           const sdp::Session& said) const {
    sdp::Session answer = with_music(ctx, speaker, said);
    for (size_t i = 0; i < answer.media.size() && i < offer.media.size(); ++i) {
        if (answer.media[i].type != "audio") continue;
        const sdp::Direction offered = sdp::direction_of(offer, offer.media[i]);
        const bool hears =
            offered == sdp::Direction::SendRecv || offered == sdp::Direction::RecvOnly;
        if (!hears && offered == sdp::Direction::Inactive)
            answer.media[i].direction = sdp::Direction::Inactive;
        else if (!hears)
            answer.media[i].direction = said.media[i].direction;
    }
    return answer;
}

}  // namespace tandem::call
