// How a leg outlives its instance, and its names in print.
#include "sip/dialog/leg_core.h"
#include "sip/dialog/limits.h"

namespace tandem::sip {

std::string_view to_string(LegState state) {
    switch (state) {
        case LegState::Idle:
            return "idle";
        case LegState::Inviting:
            return "inviting";
        case LegState::Ringing:
            return "ringing";
        case LegState::Established:
            return "established";
        case LegState::Ending:
            return "ending";
        case LegState::Gone:
            return "gone";
    }
    return "";
}

std::string_view to_string(LegEvent::Kind kind) {
    using Kind = LegEvent::Kind;
    switch (kind) {
        case Kind::Incoming:
            return "incoming";
        case Kind::Cancelled:
            return "cancelled";
        case Kind::Provisional:
            return "provisional";
        case Kind::Answered:
            return "answered";
        case Kind::Failed:
            return "failed";
        case Kind::Confirmed:
            return "confirmed";
        case Kind::RemoteOffer:
            return "remote-offer";
        case Kind::RemoteAnswer:
            return "remote-answer";
        case Kind::OfferWanted:
            return "offer-wanted";
        case Kind::OfferRefused:
            return "offer-refused";
        case Kind::Request:
            return "request";
        case Kind::RequestDone:
            return "request-done";
        case Kind::Rejected:
            return "rejected";
        case Kind::Bye:
            return "bye";
        case Kind::Ended:
            return "ended";
        case Kind::Gone:
            return "gone";
    }
    return "";
}

std::string_view to_string(LegEvent::Cause cause) {
    using Cause = LegEvent::Cause;
    switch (cause) {
        case Cause::None:
            return "none";
        case Cause::Hangup:
            return "hangup";
        case Cause::SessionExpired:
            return "session-expired";
        case Cause::NoAck:
            return "no-ack";
        case Cause::NoPrack:
            return "no-prack";
        case Cause::DialogLost:
            return "dialog-lost";
        case Cause::BadDescription:
            return "bad-description";
    }
    return "";
}

namespace {

LegDialogSnapshot saved(const LegDialog& part) {
    return {part.dialog.snapshot(), part.reliable.last_rseq()};
}

LegDialog restored(LegDialogSnapshot part) {
    return {Dialog::restore(std::move(part.dialog)),
            ReliableProvisionalReceiver::restore(part.last_rseq)};
}

}  // namespace

LegSnapshot Leg::Core::snapshot() const {
    LegSnapshot s;
    s.key = key;
    s.settings = settings;
    s.state = state;
    s.is_client = is_client;
    s.call_id = call_id;
    s.invite = invite_message;
    s.server = server;
    s.client = client;
    s.attempts = attempts;
    s.end_told = end_told;
    s.failed = failed;
    s.confirmed_told = confirmed_told;
    s.bye_waits = bye_waits;
    s.answer_waits = answer_waits;
    if (dialog) s.dialog = saved(*dialog);
    for (const LegDialog& part : early) s.early.push_back(saved(part));
    s.remote_allow = remote_allow;
    s.offers = offers.snapshot();
    s.preview = preview;
    s.previewed = previewed;
    if (two_hundred) s.two_hundred = two_hundred->snapshot();
    s.acks = acks.snapshot();
    if (reliable) s.reliable = reliable->snapshot();
    s.session_timer = session_timer.snapshot();
    s.requests = requests;
    s.served = served;
    s.ack_owed = ack_owed;
    s.prack_owed = prack_owed;
    s.offer_waits = offer_waits;
    s.glare_retry = glare_retry;
    s.proofs = proofs;
    return s;
}

Leg::Core Leg::Core::restore(LegSnapshot s) {
    Core core(s.key, std::move(s.settings));
    core.state = s.state;
    core.is_client = s.is_client;
    core.call_id = std::move(s.call_id);
    core.invite_message = std::move(s.invite);
    core.server = s.server;
    core.client = s.client;
    core.attempts = s.attempts;
    core.end_told = s.end_told;
    core.failed = s.failed;
    core.confirmed_told = s.confirmed_told;
    core.bye_waits = std::move(s.bye_waits);
    core.answer_waits = std::move(s.answer_waits);
    if (s.dialog) core.dialog = restored(std::move(*s.dialog));
    for (LegDialogSnapshot& part : s.early) core.early.push_back(restored(std::move(part)));
    core.remote_allow = std::move(s.remote_allow);
    core.offers = sdp::OfferAnswer::restore(std::move(s.offers));
    core.preview = std::move(s.preview);
    core.previewed = s.previewed;
    if (s.two_hundred) core.two_hundred = TwoHundredRetransmission::restore(*s.two_hundred);
    core.acks = AckKeeper::restore(std::move(s.acks));
    if (s.reliable) core.reliable = ReliableProvisionalSender::restore(*s.reliable);
    core.session_timer = SessionTimer::restore(s.session_timer);
    core.requests = std::move(s.requests);
    core.served = std::move(s.served);
    core.ack_owed = std::move(s.ack_owed);
    core.prack_owed = std::move(s.prack_owed);
    core.offer_waits = std::move(s.offer_waits);
    core.glare_retry = s.glare_retry;
    core.proofs = std::move(s.proofs);
    return core;
}

LegSnapshot Leg::snapshot() const {
    return core_->snapshot();
}

Leg Leg::restore(LegSnapshot snapshot) {
    return Leg(std::make_unique<Core>(Core::restore(std::move(snapshot))));
}

void Leg::Core::take_over(LegContext& ctx) {
    requests.clear();
    served.clear();
    client = {};
    reliable.reset();
    if (offers.state() != sdp::OfferState::Stable && !two_hundred) offers.roll_back();
    switch (state) {
        case LegState::Idle:
        case LegState::Inviting:
        case LegState::Ringing:
            // Its transactions died with their instance.
            end_by_us(ctx, LegEvent::Cause::DialogLost, 0);
            return;
        case LegState::Established:
            dialog->dialog.skip_cseq(cseq_skip_on_take_over);
            repeat_unacknowledged(ctx);
            return;
        case LegState::Ending:
            // The BYE may not have gone out: once more does no harm.
            if (dialog) {
                dialog->dialog.skip_cseq(cseq_skip_on_take_over);
                send_bye(ctx, {});
            }
            return;
        case LegState::Gone:
            return;
    }
}

// At once, so that who has not got the 2xx knows the dialog before we ask within it.
void Leg::Core::repeat_unacknowledged(LegContext& ctx) {
    if (!two_hundred || offers.state() != sdp::OfferState::Stable) return;
    two_hundred->presume_acknowledged();
    ctx.wire.messages.push_back({two_hundred->response(), settings.envelope, {}});
}

void Leg::Core::audit(LegContext& ctx) {
    if (state != LegState::Established || !may_offer_now()) return;
    Payload payload;
    if (!peer_updates()) payload.sdp = offers.local();
    if (payload.sdp || peer_updates()) {
        send_offer(ctx, std::move(payload), LegRequestUse::Refresh);
    }
}

void shift(LegSnapshot& s, Duration by) {
    const auto move = [by](std::optional<Instant>& at) {
        if (at) *at = *at + by;
    };
    if (s.two_hundred) {
        move(s.two_hundred->retransmit);
        move(s.two_hundred->give_up);
    }
    for (KeptAck& kept : s.acks) kept.forget = kept.forget + by;
    if (s.reliable && s.reliable->outstanding) {
        auto& outstanding = *s.reliable->outstanding;
        outstanding.retransmit = outstanding.retransmit + by;
        outstanding.give_up = outstanding.give_up + by;
    }
    move(s.session_timer.refresh);
    move(s.session_timer.expiry);
    move(s.glare_retry);
}

}  // namespace tandem::sip
