// The leg as callee: the peer's INVITE from its arrival to the ACK. RFC 3261 13.3, RFC 3262 3.
#include <algorithm>

#include "sip/dialog/leg_core.h"
#include "sip/status.h"

namespace tandem::sip {

using Kind = LegEvent::Kind;

namespace {

bool requires_reliable(const Message& invite) {
    return invite.has_value(HeaderId::Require, "100rel");
}
bool supports_reliable(const Message& invite) {
    return requires_reliable(invite) || invite.has_value(HeaderId::Supported, "100rel");
}

}  // namespace

void Leg::Core::on_invite(LegContext& ctx, ServerKey server_key, Message request) {
    if (state != LegState::Idle) return;
    is_client = false;
    server = server_key;
    call_id = request.call_id();
    ctx.transactions.adopt(server_key, key);
    state = LegState::Ringing;
    if (refuse_invite(ctx, request)) {
        state = LegState::Ending;
        end_told = true;
        return;
    }
    note_peer(request);
    LegEvent told = event(Kind::Incoming);
    told.server = server_key;
    if (offers.pending_offer()) {
        told.sdp_part = SdpPart::Offer;
        told.sdp = offers.pending_offer();
    }
    invite_message = request;
    told.message = std::move(request);
    tell(ctx, std::move(told));
}

// True: the INVITE cannot become a call and has its answer. RFC 3261 8.2.
bool Leg::Core::refuse_invite(LegContext& ctx, const Message& request) {
    const auto refuse_with = [&](Message response) {
        send_response(ctx, server, std::move(response), {});
        return true;
    };
    auto made = Dialog::as_server(request, settings.local_tag);
    if (!made) return refuse_with(response_to(request, made.error().sip_status));
    std::string unsupported;
    for (const std::string_view tag : request.values(HeaderId::Require)) {
        const bool ours = (tag == "100rel" && settings.provisionals != Provisionals::Unreliable) ||
                          (tag == "timer" && settings.session_timer.enabled) ||
                          std::count(settings.extensions.begin(), settings.extensions.end(), tag);
        if (!ours) unsupported.append(unsupported.empty() ? "" : ", ").append(tag);
    }
    if (!unsupported.empty()) {  // 8.2.2.3
        Message response = response_to(request, 420);
        response.append(HeaderId::Unsupported, unsupported);
        return refuse_with(std::move(response));
    }
    if (settings.provisionals == Provisionals::ReliableRequired && !supports_reliable(request)) {
        Message response = response_to(request, 421);
        response.append(HeaderId::Require, "100rel");
        return refuse_with(std::move(response));
    }
    if (auto refusal = session_timer.check_request(request)) {
        Message response = response_to(request, 422);
        response.append(HeaderId::MinSe, refusal->header(HeaderId::MinSe).value_or(""));
        return refuse_with(std::move(response));
    }
    SdpBody body = sdp_of(request);
    if (!body.present && !request.body().empty()) {  // 8.2.3
        Message response = response_to(request, 415);
        response.append(HeaderId::Accept, "application/sdp");
        return refuse_with(std::move(response));
    }
    if (body.present && !body.readable) return refuse_with(response_to(request, 400));
    if (body.present && !offers.receive_offer(std::move(body.session))) {
        return refuse_with(response_to(request, 488));
    }
    dialog = LegDialog{std::move(*made), {}};
    return false;
}

bool Leg::Core::goes_reliably(const Payload& payload) const {
    switch (settings.provisionals) {
        case Provisionals::Unreliable:
            return false;
        case Provisionals::ReliableIfAsked:
            return requires_reliable(invite_message);
        case Provisionals::ReliableIfCan:
            return requires_reliable(invite_message) ||
                   (payload.sdp && supports_reliable(invite_message));
        case Provisionals::ReliableRequired:
            return true;
    }
    return false;
}

bool Leg::Core::ring(LegContext& ctx, int status, Payload payload) {
    if (state != LegState::Ringing || status <= 100 || status >= 200) return false;
    if (!ctx.transactions.is_open(server)) return false;
    Message response = response_to(invite_message, status);
    if (!payload.phrase.empty()) response.set_status(status, payload.phrase);
    if (goes_reliably(payload)) return ring_reliably(ctx, std::move(response), std::move(payload));
    if (payload.sdp && offers.state() == sdp::OfferState::RemoteOffer) {
        auto previewed = offers.preview_answer(std::move(*payload.sdp), preview);
        if (!previewed) return false;
        preview = *previewed;
        payload.sdp = std::move(*previewed);
    } else {
        payload.sdp.reset();  // an offer needs a reliable response (RFC 3262 5)
    }
    send_response(ctx, server, std::move(response), payload);
    return true;
}

bool Leg::Core::ring_reliably(LegContext& ctx, Message response, Payload payload) {
    if (payload.sdp) {
        Result<sdp::Session> sent =
            offers.state() == sdp::OfferState::RemoteOffer ? offers.send_answer(*payload.sdp)
            : offers.established() ? make_error(ErrorCode::Conflict, "sdp", "answered already")
                                   : offers.send_offer(*payload.sdp);
        if (sent) {
            payload.sdp = std::move(*sent);
        } else {
            payload.sdp.reset();  // ring all the same
        }
    }
    advertise(response);
    dress(response, payload);
    if (!reliable) {
        const auto cseq = invite_message.cseq();
        // RFC 3262 7.1: 1 to 2^31 - 1; the lower half leaves room to count.
        const auto first = static_cast<uint32_t>(1 + ctx.rng.below(0x3fff'ffff));
        reliable.emplace(first, cseq ? cseq->number : 0, settings.timers);
    }
    auto due = reliable->send(ctx.now, std::move(response));
    if (!due) return false;
    if (*due) {
        ctx.transactions.respond(ctx.now, server, std::move(**due), settings.envelope.contact,
                                 ctx.wire);
    }
    return true;
}

bool Leg::Core::answer(LegContext& ctx, Payload payload) {
    if (state != LegState::Ringing || !ctx.transactions.is_open(server)) return false;
    // RFC 3262 3: no 2xx while an SDP in a reliable provisional is not acknowledged.
    if (reliable && reliable->has_outstanding()) {
        const bool holds_sdp = !reliable->outstanding().body().empty();
        if (holds_sdp) {
            answer_waits = std::move(payload);
            return true;
        }
        reliable->stop();
    }
    if (offers.state() == sdp::OfferState::RemoteOffer) {
        if (!payload.sdp) payload.sdp = preview;
        if (!payload.sdp) return false;
        auto sent = offers.send_answer(std::move(*payload.sdp), preview);
        if (!sent) return false;
        payload.sdp = std::move(*sent);
    } else if (!offers.established() && payload.sdp) {
        auto sent = offers.send_offer(std::move(*payload.sdp));
        if (!sent) return false;
        payload.sdp = std::move(*sent);
    } else {
        payload.sdp.reset();
    }
    Message response = response_to(invite_message, 200);
    session_timer.answer_request(ctx.now, invite_message, response);
    advertise(response);
    dress(response, payload);
    two_hundred.emplace(ctx.now, response, settings.timers);
    ctx.transactions.respond(ctx.now, server, std::move(response), settings.envelope.contact,
                             ctx.wire);
    dialog->dialog.confirm();
    state = LegState::Established;
    preview.reset();
    reliable.reset();
    answer_waits.reset();
    invite_message = {};
    return true;
}

bool Leg::Core::reject(LegContext& ctx, int status, const Payload& payload) {
    if (state != LegState::Ringing || status < 300) return false;
    reliable.reset();
    send_response(ctx, server, response_to(invite_message, status), payload);
    LegEvent told = event(Kind::Rejected);
    told.status = status;
    end(ctx, std::move(told));
    return true;
}

// RFC 3261 9.2. The CANCEL of a re-INVITE ends that request only.
void Leg::Core::on_cancelled(LegContext& ctx, ServerKey server_key) {
    if (state == LegState::Ringing && server_key == server) {
        reliable.reset();
        send_response(ctx, server, response_to(invite_message, 487), {});
        end(ctx, event(Kind::Cancelled));
        return;
    }
    if (find_served(server_key) != nullptr) refuse(ctx, server_key, 487, {});
}

void Leg::Core::on_ack(LegContext& ctx, Message ack) {
    if (!two_hundred || !two_hundred->on_ack(ack)) return;
    two_hundred.reset();
    LegEvent told = event(confirmed_told ? Kind::RemoteAnswer : Kind::Confirmed);
    bool sound = true;
    if (offers.state() == sdp::OfferState::LocalOffer && requests.empty()) {
        SdpBody body = sdp_of(ack);
        told.sdp_part = SdpPart::Answer;
        told.sdp = body.session;
        sound = body.readable && offers.receive_answer(std::move(body.session));
    }
    if (bye_waits) {  // RFC 3261 15: not before the ACK
        send_bye(ctx, *std::exchange(bye_waits, std::nullopt));
        return;
    }
    if (state != LegState::Established) return;
    if (!sound) {
        end_by_us(ctx, LegEvent::Cause::BadDescription, 0);
        return;
    }
    told.message = std::move(ack);
    if (told.kind == Kind::Confirmed || told.sdp_part == SdpPart::Answer) tell(ctx, told);
    confirmed_told = true;
    if (offer_waits && !glare_retry) reoffer(ctx, *std::exchange(offer_waits, std::nullopt));
}

void Leg::Core::on_prack(LegContext& ctx, ServerKey server_key, Message prack) {
    using Verdict = ReliableProvisionalSender::PrackVerdict;
    // Of a response of the instance that had the call before: its number is not known any more, and
    // there are phones that give the call up when they are told so.
    const bool may_be_late = state == LegState::Ringing || two_hundred;
    const bool is_of_former =
        !is_client && may_be_late && !reliable && settings.provisionals == Provisionals::Unreliable;
    const bool is_known = reliable && reliable->on_prack(prack) != Verdict::NoMatch;
    if (!is_known && !is_of_former) {
        refuse_request(ctx, server_key, prack, 481);
        return;
    }
    SdpBody body = sdp_of(prack);
    if (offers.state() == sdp::OfferState::LocalOffer && body.readable) {
        LegEvent told = event(Kind::RemoteAnswer);
        told.sdp_part = SdpPart::Answer;
        told.sdp = body.session;
        if (!offers.receive_answer(std::move(body.session))) {
            refuse_request(ctx, server_key, prack, 488);
            return;
        }
        send_response(ctx, server_key, response_to(prack, 200), {});
        told.message = std::move(prack);
        tell(ctx, std::move(told));
    } else if (body.present) {
        take_remote_offer(ctx, server_key, std::move(prack));  // RFC 3262 5
    } else {
        send_response(ctx, server_key, response_to(prack, 200), {});
    }
    after_prack(ctx);
}

void Leg::Core::after_prack(LegContext& ctx) {
    if (!reliable) return;  // answered meanwhile
    if (auto next = reliable->next(ctx.now)) {
        ctx.transactions.respond(ctx.now, server, std::move(*next), settings.envelope.contact,
                                 ctx.wire);
    } else if (answer_waits && served.empty()) {
        answer(ctx, *std::exchange(answer_waits, std::nullopt));
    }
}

}  // namespace tandem::sip
