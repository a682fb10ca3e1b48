// Changes of a session: re-INVITE and UPDATE of either side, and what happens when they meet. RFC
// 3261 14, RFC 3311, RFC 6337, RFC 6141.
#include <algorithm>

#include "sip/dialog/leg_core.h"
#include "sip/dialog/limits.h"
#include "sip/status.h"

namespace tandem::sip {

using Kind = LegEvent::Kind;

namespace {

// RFC 3261 14.1: who made the Call-ID waits longer, in steps of 10 ms.
Duration glare_delay(Rng& rng, bool owns_call_id) {
    return owns_call_id ? 2100ms + 10ms * rng.below(191) : 10ms * rng.below(201);
}

// RFC 3261 12.2.1.2, RFC 5057 5.1: the peer has lost the dialog.
bool loses_dialog(int status) {
    return status == 481 || status == 408;
}

bool is_invite(const LegRequest& request) {
    return request.request.method() == Method::Invite;
}

}  // namespace

bool Leg::Core::peer_updates() const {
    return remote_allow.find("UPDATE") != std::string::npos;
}

// No INVITE under way in either direction, and no offer without its answer (RFC 3261 14.1).
bool Leg::Core::may_offer_now() const {
    if (!dialog || ack_owed || ack_is_due() || glare_retry) return false;
    if (offers.state() != sdp::OfferState::Stable) return false;
    const bool serving = std::any_of(served.begin(), served.end(), [](const LegServed& entry) {
        return entry.request.method() == Method::Invite || entry.offered;
    });
    const bool asking = std::any_of(requests.begin(), requests.end(),
                                    [](const LegRequest& r) { return is_invite(r) || r.offered; });
    return !serving && !asking;
}

bool Leg::Core::ack_is_due() const {
    return two_hundred && !two_hundred->is_presumed_acknowledged();
}

bool Leg::Core::reoffer(LegContext& ctx, Payload payload) {
    if (offer_waits) return false;
    if (state == LegState::Established) {
        // Our 2xx waits for its ACK, which may hold an answer: this goes out after it.
        if (ack_is_due()) {
            offer_waits = std::move(payload);
            return true;
        }
        return may_offer_now() && send_offer(ctx, std::move(payload), LegRequestUse::Offer);
    }
    // Early: only by UPDATE, once an exchange was completed reliably (RFC 3311 5.1).
    const bool ringing = state == LegState::Ringing || state == LegState::Inviting;
    if (!ringing || !payload.sdp || !offers.established() || previewed || !peer_updates()) {
        return false;
    }
    if (!dialog && early.size() == 1) {
        dialog = early.front();
        const bool sent = may_offer_now() && send_offer(ctx, payload, LegRequestUse::Offer);
        early.front() = std::move(*dialog);
        dialog.reset();
        return sent;
    }
    return may_offer_now() && send_offer(ctx, std::move(payload), LegRequestUse::Offer);
}

bool Leg::Core::send_offer(LegContext& ctx, Payload payload, LegRequestUse use) {
    const bool early_update = state != LegState::Established;
    const bool refresh_only = use == LegRequestUse::Refresh && !payload.sdp;
    const bool preferred = settings.prefer_update && peer_updates() && payload.sdp;
    const bool update = early_update || refresh_only || preferred;
    Payload wire_payload = payload;
    const bool offered = payload.sdp.has_value();
    if (offered) {
        auto sent = offers.send_offer(*payload.sdp);
        if (!sent) return false;
        wire_payload.sdp = std::move(*sent);
    }
    Message request = dialog->dialog.request(update ? Method::Update : Method::Invite);
    advertise(request);
    if (!early_update) session_timer.decorate_request(request);
    dress(request, wire_payload);
    authenticate(ctx, request);
    if (!update) dialog->reliable = {};  // RSeq starts anew with each INVITE (RFC 3262 3)
    LegRequest record{{}, use, std::move(request), 1, offered, std::move(payload)};
    if (start_request(ctx, std::move(record))) return true;
    if (offered) offers.roll_back();
    return false;
}

void Leg::Core::on_offer_done(LegContext& ctx, LegRequest done, int status, Message response) {
    if (state == LegState::Ending) {
        // The call is over; a re-INVITE's 2xx still wants its ACK.
        if (is_invite(done) && is_success(status)) {
            send_ack(ctx, dialog->dialog, response, {});
        }
        return;
    }
    if (is_success(status)) {
        on_offer_success(ctx, done, std::move(response));
    } else {
        on_offer_failure(ctx, std::move(done), status, std::move(response));
    }
}

void Leg::Core::on_offer_success(LegContext& ctx, const LegRequest& done, Message response) {
    if (dialog) dialog->dialog.refresh_target(response);
    note_peer(response);
    if (state == LegState::Established) session_timer.on_response(ctx.now, response);
    SdpBody body = sdp_of(response);
    LegEvent told = event(Kind::RemoteAnswer);
    told.status = response.status();
    const bool wants_offer = is_invite(done) && !done.offered;
    if (wants_offer && body.readable && offers.receive_offer(body.session)) {
        told.kind = Kind::OfferWanted;
        told.sdp_part = SdpPart::Offer;
        told.sdp = std::move(body.session);
        ack_owed = response;
        told.message = std::move(response);
        tell(ctx, std::move(told));
        return;
    }
    if (is_invite(done)) {
        if (done.request.has(HeaderId::Authorization) ||
            done.request.has(HeaderId::ProxyAuthorization)) {
            invite_message = done.request;
        }
        send_ack(ctx, dialog->dialog, response, {});
    }
    const auto before = offers.remote();
    bool sound = !wants_offer;
    if (done.offered) sound = body.readable && offers.receive_answer(body.session);
    if (!sound) {
        end_by_us(ctx, LegEvent::Cause::BadDescription, 0);
        return;
    }
    // A refresh is the owner's business only where the peer used it to change something.
    const bool changed = done.offered && before != offers.remote();
    if (done.use == LegRequestUse::Refresh && !changed) return;
    told.sdp_part = SdpPart::Answer;
    told.sdp = std::move(body.session);
    told.message = std::move(response);
    tell(ctx, std::move(told));
}

void Leg::Core::on_offer_failure(LegContext& ctx, LegRequest done, int status, Message response) {
    if (done.offered && offers.state() == sdp::OfferState::LocalOffer) offers.roll_back();
    if (loses_dialog(status) && state == LegState::Established) {
        end_by_us(ctx, LegEvent::Cause::DialogLost, status);
        return;
    }
    const bool again = status == 422 && session_timer.on_422(response);
    if (again && may_offer_now() && send_offer(ctx, done.payload, done.use)) return;
    const Duration delay = glare_delay(ctx.rng, is_client);
    if (done.use == LegRequestUse::Refresh) {
        session_timer.retry(ctx.now + (status == 491 ? delay : 10s));
        return;
    }
    if (status == 491 && state == LegState::Established && !offer_waits) {
        offer_waits = std::move(done.payload);
        glare_retry = ctx.now + delay;
        return;
    }
    LegEvent told = event(Kind::OfferRefused);
    told.status = status;
    told.message = std::move(response);
    tell(ctx, std::move(told));
}

// --- The peer's.

void Leg::Core::on_remote_invite(LegContext& ctx, ServerKey server_key, Message request) {
    const bool asking = std::any_of(requests.begin(), requests.end(), is_invite);
    const bool serving = std::any_of(served.begin(), served.end(), [](const LegServed& entry) {
        return entry.request.method() == Method::Invite;
    });
    if (state != LegState::Established) {
        refuse_request(ctx, server_key, request, state == LegState::Ringing ? 500 : 491);
    } else if (asking || ack_owed) {
        refuse_request(ctx, server_key, request, 491);  // RFC 3261 14.2
    } else if (serving) {
        refuse_request(ctx, server_key, request, 500);
    } else {
        take_remote_offer(ctx, server_key, std::move(request));
    }
}

void Leg::Core::on_remote_update(LegContext& ctx, ServerKey server_key, Message request) {
    const bool serving = std::any_of(served.begin(), served.end(), [](const LegServed& entry) {
        return entry.request.method() == Method::Update;
    });
    if (serving) {
        refuse_request(ctx, server_key, request, 500);  // RFC 3311 5.2
        return;
    }
    take_remote_offer(ctx, server_key, std::move(request));
}

void Leg::Core::take_remote_offer(LegContext& ctx, ServerKey server_key, Message request) {
    if (auto refusal = session_timer.check_request(request)) {
        Message response = response_to(request, 422);
        response.append(HeaderId::MinSe, refusal->header(HeaderId::MinSe).value_or(""));
        send_response(ctx, server_key, std::move(response), {});
        return;
    }
    SdpBody body = sdp_of(request);
    if (body.present && !body.readable) {
        refuse_request(ctx, server_key, request, 400);
        return;
    }
    const bool repeats = body.present && offers.remote() == body.session && offers.local();
    if (body.present) {
        if (auto taken = offers.receive_offer(body.session); !taken) {
            refuse_request(ctx, server_key, request, taken.error().sip_status);
            return;
        }
    } else if (request.method() == Method::Invite && offers.state() != sdp::OfferState::Stable) {
        refuse_request(ctx, server_key, request, 491);
        return;
    }
    note_peer(request);
    const Method method = request.method();
    served.push_back({server_key, request, body.present});
    const bool mere_refresh = !body.present && method == Method::Update;
    if (mere_refresh || repeats) {
        Payload same;
        if (repeats) same.sdp = offers.local();
        accept(ctx, server_key, std::move(same));
        return;
    }
    LegEvent told = event(Kind::RemoteOffer);
    told.server = server_key;
    told.offer_in = method;
    told.sdp_part = body.present ? SdpPart::Offer : SdpPart::None;
    if (body.present) told.sdp = std::move(body.session);
    told.message = std::move(request);
    tell(ctx, std::move(told));
}

bool Leg::Core::accept(LegContext& ctx, ServerKey server_key, Payload payload) {
    LegServed* entry = find_served(server_key);
    LegDialog* part = entry ? find_dialog(entry->request) : nullptr;
    if (part == nullptr) return false;
    const Method method = entry->request.method();
    const bool exchanges = entry->offered || method == Method::Invite;
    if (exchanges) {
        if (!payload.sdp) return false;
        auto sent = entry->offered ? offers.send_answer(std::move(*payload.sdp))
                                   : offers.send_offer(std::move(*payload.sdp));
        if (!sent) return false;
        payload.sdp = std::move(*sent);
    } else {
        payload.sdp.reset();
    }
    const Message request = std::move(entry->request);
    std::erase_if(served, [&](const LegServed& e) { return e.server == server_key; });
    Message response = response_to(request, 200);
    if (method != Method::Prack) {
        part->dialog.refresh_target(request);
        const bool running = state == LegState::Established;
        if (running) session_timer.answer_request(ctx.now, request, response);
    }
    if (method == Method::Invite) {
        advertise(response);
        dress(response, payload);
        server = server_key;
        two_hundred.emplace(ctx.now, response, settings.timers);
        ctx.transactions.respond(ctx.now, server_key, std::move(response),
                                 settings.envelope.contact, ctx.wire);
    } else {
        send_response(ctx, server_key, std::move(response), payload);
    }
    if (glare_retry && exchanges) {
        // The peer's change went first; ours was made for a session that is no more.
        glare_retry.reset();
        offer_waits.reset();
        LegEvent told = event(Kind::OfferRefused);
        told.status = 491;
        tell(ctx, std::move(told));
    }
    if (method == Method::Prack) after_prack(ctx);
    return true;
}

bool Leg::Core::refuse(LegContext& ctx, ServerKey server_key, int status, const Payload& payload) {
    LegServed* entry = find_served(server_key);
    if (entry == nullptr || status < 300) return false;
    if (entry->offered && offers.state() == sdp::OfferState::RemoteOffer) offers.roll_back();
    const bool is_prack = entry->request.method() == Method::Prack;
    send_response(ctx, server_key, response_to(entry->request, status), payload);
    std::erase_if(served, [&](const LegServed& e) { return e.server == server_key; });
    if (is_prack) after_prack(ctx);
    return true;
}

}  // namespace tandem::sip
