// Requests within the call: offers that travel from one party to the other and back, and requests
// that are passed on or refused. RFC 3261 14, RFC 3311, RFC 6337.
#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"
#include "sdp/offer_answer.h"

namespace tandem::call {

using sip::Method;

// One offer at a time: a second one, from either side, meets 491 (RFC 3261 14.2), and whoever sent
// it tries again after its own random time.
void Call::on_remote_offer(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    if (transfer_.is_aside(index)) return transfer_.on_waiting_offer(*this, ctx, index, event);
    if (transfer_.on_offer(*this, ctx, index, event)) return;
    Party& from = *party(index);
    Party* to = winner_ == 0 ? nullptr : party(peer_of(index));
    // While there is no media gate no offer could be carried.
    const bool settled = phase_ == Phase::Established && to != nullptr && !lacks_context();
    if (!settled || exchange_ || callee_offer_ || !talks(index)) {
        from.leg.refuse(ctx.leg, event.server, 491, {});
        return;
    }
    exchange_ =
        Exchange{index, event.server, event.offer_in, std::move(event.sdp), Exchange::Stage::Peer,
                 false, from.media,   to->media};
    Exchange& exchange = *exchange_;
    if (!exchange.offer) {
        exchange.peer_offers = true;
        if (!to->leg.reoffer(ctx.leg, {})) refuse_exchange(ctx, 491);
        return;
    }
    if (!from.media.learn(*exchange.offer, SdpRole::Offer, srtp_of(index))) {
        return refuse_exchange(ctx, 488);
    }
    const bool fits = is_within(to->media.limits(), *exchange.offer) &&
                      is_within(from.media.limits(), *exchange.offer);
    if (!fits) return refuse_exchange(ctx, 488);
    limit_offer(from.media.limits(), *exchange.offer);
    to->media.prepare(*exchange.offer);
    if (to->media.has_ports_for(*exchange.offer) && from.media.has_ports_for(*exchange.offer)) {
        return carry_offer(ctx);
    }
    exchange.stage = Exchange::Stage::Ports;
    ports::MediaRequest request;
    request.context = facts_.call;
    request.must_exist = true;
    request.set = {from.media.settings(), to->media.settings()};
    ask(ctx, media_gate_, std::move(request), {Purpose::OfferMedia, kMediaDeadline});
}

void Call::carry_offer(CallContext& ctx) {
    if (!exchange_ || !exchange_->offer) return;
    Exchange& exchange = *exchange_;
    Party& from = *party(exchange.from);
    Party& to = *party(peer_of(exchange.from));
    exchange.stage = Exchange::Stage::Peer;
    sip::Payload payload;
    if (exchange.peer_offers) {  // the offer came in the 2xx of the peer
        exchange.stage = Exchange::Stage::FinalAck;
        payload.sdp = from.media.describe(with_music(ctx, peer_of(exchange.from), *exchange.offer),
                                          SdpRole::Offer, ctx.leg.rng);
        from.leg.accept(ctx.leg, exchange.server, std::move(payload));
        return;
    }
    payload.sdp = to.media.describe(with_music(ctx, exchange.from, *exchange.offer), SdpRole::Offer,
                                    ctx.leg.rng);
    if (!to.leg.reoffer(ctx.leg, std::move(payload))) refuse_exchange(ctx, 491);
}

void Call::on_remote_answer(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    // What an ACK answers is another offer than ours, which waits for the ACK.
    const bool is_in_ack = event.status == 0;
    if (event.sdp && !is_in_ack && is_move_answer(index))
        return on_move_answer(ctx, index, *event.sdp);
    const bool is_aside = transfer_.is_aside(index);
    const bool is_alone = is_aside || (talks(index) && transfer_.has_let_go(peer_of(index)));
    if (is_alone && event.sdp) {  // who waits has asked for our offer
        if (!party(index)->media.learn(*event.sdp, SdpRole::Answer, srtp_of(index))) {
            if (is_aside) return lose_beside(ctx, index, 488);
            return end(ctx, ReleasedBy::System, 488, "the media answered cannot be carried");
        }
        update_media(ctx, {index}, false);
        save_wanted_ = save_wanted_ || settings_.survival != Survival::None;
        return;
    }
    if (!exchange_ || !event.sdp) return;
    const Exchange exchange = std::move(*exchange_);
    const bool last = exchange.stage == Exchange::Stage::FinalAck;
    const uint8_t answerer = last ? exchange.from : peer_of(exchange.from);
    if (index != answerer) {
        exchange_ = exchange;
        return;
    }
    exchange_.reset();
    Party& from = *party(exchange.from);
    Party& to = *party(peer_of(exchange.from));
    Party& answered = *party(answerer);
    if (!answered.media.learn(*event.sdp, SdpRole::Answer, srtp_of(answerer))) {
        from.media = exchange.before_from;
        to.media = exchange.before_to;
        // The other party's 2xx holds an offer that nobody can answer any more.
        if (last) return end(ctx, ReleasedBy::System, 488, "the media answered cannot be carried");
        if (exchange.server) from.leg.refuse(ctx.leg, exchange.server, 488, {});
        return;
    }
    sip::Payload payload;
    const sdp::Session answer =
        exchange.offer ? answer_with_music(ctx, answerer, *exchange.offer, *event.sdp) : *event.sdp;
    if (last) {
        payload.sdp = to.media.describe(answer, SdpRole::Answer, ctx.leg.rng);
        to.leg.ack(ctx.leg, std::move(payload));
    } else if (exchange.server) {
        payload.sdp = from.media.describe(answer, SdpRole::Answer, ctx.leg.rng);
        from.leg.accept(ctx.leg, exchange.server, std::move(payload));
    }
    update_media(ctx, {near_, winner_}, false);
    note_hold();
    save_wanted_ = save_wanted_ || settings_.survival != Survival::None;
    note_exchange_for_move(exchange);
    offer_move(ctx);
}

// The first party asked for an offer; here is the peer's.
void Call::on_offer_wanted(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Party& to = *party(index);
    const bool expected = exchange_ && exchange_->peer_offers && event.sdp;
    if (!expected || !to.media.learn(*event.sdp, SdpRole::Offer, srtp_of(index))) {
        return end(ctx, ReleasedBy::System, 488, "an offer that nobody can answer");
    }
    limit_offer(to.media.limits(), *event.sdp);
    exchange_->offer = std::move(event.sdp);
    Party& from = *party(exchange_->from);
    from.media.prepare(*exchange_->offer);
    if (from.media.has_ports_for(*exchange_->offer)) return carry_offer(ctx);
    ports::MediaRequest request;
    request.context = facts_.call;
    request.must_exist = true;
    request.set = {from.media.settings(), to.media.settings()};
    ask(ctx, media_gate_, std::move(request), {Purpose::OfferMedia, kMediaDeadline});
}

void Call::on_offer_refused(CallContext& ctx, uint8_t index, const sip::LegEvent& event) {
    if (is_move_answer(index)) return on_move_refused(ctx, index, event.status);
    if (!exchange_ || index == exchange_->from || !talks(index)) return;
    refuse_exchange(ctx, event.status >= 300 ? event.status : 500);
}

void Call::refuse_exchange(CallContext& ctx, int status) {
    if (!exchange_) return;
    const Exchange exchange = std::move(*exchange_);
    exchange_.reset();
    Party& from = *party(exchange.from);
    from.media = exchange.before_from;
    party(peer_of(exchange.from))->media = exchange.before_to;
    // A challenge or a timeout of the peer is none of this party's (RFC 3261 16.7 step 6).
    const bool told = status == 488 || status == 491 || status == 415 || status == 606;
    if (exchange.server) from.leg.refuse(ctx.leg, exchange.server, told ? status : 500, {});
}

void Call::note_hold() {
    const auto holds = [](const PartyMedia& media) {
        for (const PartyStream& stream : media.streams()) {
            const auto direction = stream.settings.direction;
            if (!stream.settings.enabled) continue;
            return direction == ports::MediaDirection::SendOnly ||
                   direction == ports::MediaDirection::Inactive;
        }
        return false;
    };
    const bool held = holds(party(near_)->media) || holds(winner()->party.media);
    if (held != held_) report_due_ = true;
    held_ = held;
}

// --- Other requests.

void Call::on_dialog_request(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    sip::Leg& leg = party(index)->leg;
    switch (event.message.method()) {
        case Method::Info:
            if (code_keys_.on_info(*this, ctx, index, event)) return;
            return relay_request(ctx, index, event);
        case Method::Message:
            return relay_request(ctx, index, event);
        case Method::Refer:
            return transfer_.on_refer(*this, ctx, index, event);
        case Method::Options:
            leg.respond(ctx.leg, event.server, 200, {});
            return;
        case Method::Notify:
            leg.respond(ctx.leg, event.server, 481, {});
            return;
        case Method::Subscribe:
            leg.respond(ctx.leg, event.server, 489, {});
            return;
        case Method::Invite:
        case Method::Ack:
        case Method::Bye:
        case Method::Cancel:
        case Method::Register:
        case Method::Prack:
        case Method::Publish:
        case Method::Update:
        case Method::Other:
            leg.respond(ctx.leg, event.server, 501, {});
            return;
    }
}

void Call::relay_request(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    sip::Leg& leg = party(index)->leg;
    Party* to = winner_ == 0 ? nullptr : party(peer_of(index));
    const bool is_alone = transfer_.has_let_go(peer_of(index));
    if (to == nullptr || phase_ != Phase::Established || !talks(index) || is_alone) {
        leg.respond(ctx.leg, event.server, 480, {});
        return;
    }
    if (event.message.body().size() > kBodyBytesMax || relayed_.size() >= kRelayedRequestsMax) {
        leg.respond(ctx.leg, event.server, 503, {});
        return;
    }
    sip::Payload payload;
    payload.content_type = event.message.header(sip::HeaderId::ContentType).value_or("");
    payload.body = event.message.body();
    if (const auto package = event.message.header("Info-Package")) {
        payload.headers.push_back({"Info-Package", std::string(*package)});
    }
    const auto client = to->leg.send(ctx.leg, event.message.method_token(), payload);
    if (!client) {
        leg.respond(ctx.leg, event.server, 503, {});
        return;
    }
    relayed_.push_back({index, event.server, client});
}

void Call::on_request_done(CallContext& ctx, const sip::LegEvent& event) {
    if (transfer_.on_request_done(*this, ctx, event)) return;
    const auto found = std::find_if(relayed_.begin(), relayed_.end(), [&](const Relayed& relayed) {
        return relayed.client == event.client;
    });
    if (found == relayed_.end()) return;
    const Relayed relayed = *found;
    relayed_.erase(found);
    const bool ours = event.status == 401 || event.status == 407 || event.status == 408 ||
                      event.status == 430 || event.status == 503;
    party(relayed.from)->leg.respond(ctx.leg, relayed.server, ours ? 500 : event.status, {});
}

}  // namespace tandem::call
