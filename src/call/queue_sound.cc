// Music for a caller who waits in a queue: early media, so that he has not been answered, and pays
// for nothing, until an agent has (RFC 3960 3). He is told of the gate's ports in 183; the
// agent's phone is joined with him when it answers. Where his phone does 100rel the gate's answer
// counts (RFC 3262 5), and he is offered what the agent answered in a re-INVITE, as after a fork.
#include "call/queue_sound.h"

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"
#include "call/media_format.h"
#include "model/generated/domain.h"
#include "sdp/intersection.h"
#include "store/catalog.h"

namespace tandem::call {

using Sound = QueueVisit::Sound;

sdp::Session answer_of_gate(const sdp::Session& offer) {
    sdp::Session answer = mixable(offer);
    for (size_t i = 0; i < answer.media.size(); ++i)
        answer.media[i].direction = sdp::reversed(sdp::direction_of(offer, offer.media[i]));
    return answer;
}

// Without an offer nothing can be played to him; and where the answer of a device that rang before
// has gone out reliably, he listens to its codec.
void QueueWait::begin_sound(Call& call, CallContext& ctx) {
    const bool may = here_->stop.has_music &&
                     CallValues::music_of(ctx, here_->stop.domain) != nullptr && call.offer_ &&
                     call.early_ == 0 && (!call.early_is_final_ || gate_has_answered_) &&
                     sdp::has_media(answer_of_gate(*call.offer_));
    if (!may) return;
    here_->sound = Sound::Opening;
    open_caller(call, ctx);
}

void QueueWait::open_caller(Call& call, CallContext& ctx) {
    if (call.move_) return;  // he has ports when it ends
    if (call.media_open_) return on_ports(call, ctx);
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.silence_timeout_s = call.settings_.silence_timeout_s;
    request.set.push_back(call.caller_->media.settings());
    call.media_open_ = true;
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::OpenMedia, kMediaDeadline});
}

void QueueWait::on_ports(Call& call, CallContext& ctx) {
    if (is_answering(call)) return answer(call, ctx);
    if (!waits(call) || here_->sound == Sound::None || call.caller_->media.local().empty()) return;
    const bool is_first = here_->sound == Sound::Opening;
    here_->sound = Sound::On;
    call.early_ = sound_of_queue;
    tell(call, ctx);
    call.update_media(ctx, {0}, false);  // keys that the answer has made
    if (is_first && call.settings_.survival == Survival::All) call.save_wanted_ = true;
}

// He waits without a sound, and an agent's phone may find ports later.
bool QueueWait::on_no_ports(Call& call, CallContext& ctx) {
    if (waits(call) && here_->of_answered && has_turn()) {
        turn_over(call, ctx);
        return true;
    }
    const bool was_answering = is_answering(call) && call.phase_ == Phase::Ringing;
    if (was_answering) here_->of_answered = false;
    const bool is_own =
        waits(call) && !has_turn() && (here_->sound == Sound::Opening || was_answering);
    if (!is_own) return false;
    here_->sound = Sound::None;
    call.media_open_ = false;
    tell(call, ctx);
    settle(call, ctx);
    return true;
}

std::optional<ports::MediaPlay> QueueWait::wanted_play(const CallValues& call,
                                                       const CallContext& ctx) const {
    if (!waits(call) || !sounds()) return std::nullopt;
    const Party& of = *call.caller_;
    const auto stream = audio_stream(of.media);
    const model::DomainSettings* music = CallValues::music_of(ctx, here_->stop.domain);
    if (!stream || music == nullptr || !call.offer_) return std::nullopt;
    const PartyStream& his = of.media.streams()[*stream];
    const sdp::Session answer = answer_of_gate(*call.offer_);
    if (*stream >= answer.media.size()) return std::nullopt;
    const sdp::Media& line = answer.media[*stream];
    if (!his.settings.remote_rtp || line.formats.empty()) return std::nullopt;
    const auto format = mixed_format(line, line.formats.front());
    if (!format) return std::nullopt;
    auto play = play_in(of.media, *stream, *format, ports::MediaSound::Music);
    if (play) choose_music(*play, here_->stop.domain, *music);
    return play;
}

// What is played ends with the step (Call::settle_playing).
void QueueWait::end_sound(Call& call) const {
    if (call.early_ == sound_of_queue) call.early_ = 0;
}

}  // namespace tandem::call
