// The leg and time.
#include "sip/dialog/leg_core.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {

using Kind = LegEvent::Kind;

void Leg::Core::on_timeout(LegContext& ctx) {
    if (state == LegState::Gone) return;
    if (two_hundred) on_two_hundred_due(ctx);
    if (reliable) on_reliable_due(ctx);
    on_session_due(ctx);
    acks.on_timeout(ctx.now);
    if (is_due(glare_retry, ctx.now)) {
        glare_retry.reset();
        if (offer_waits) reoffer(ctx, *std::exchange(offer_waits, std::nullopt));
    }
    if (state == LegState::Ending && settled()) {
        state = LegState::Gone;
        tell(ctx, event(Kind::Gone));
    }
}

// RFC 3261 13.3.1.4.
void Leg::Core::on_two_hundred_due(LegContext& ctx) {
    using Due = TwoHundredRetransmission::Due;
    switch (two_hundred->on_timeout(ctx.now)) {
        case Due::Nothing:
            return;
        case Due::Retransmit:
            if (ctx.transactions.hop_of(server) != nullptr) {
                ctx.transactions.respond(ctx.now, server, two_hundred->response(),
                                         settings.envelope.contact, ctx.wire);
            } else {  // its transaction was another instance's
                ctx.wire.messages.push_back({two_hundred->response(), settings.envelope, {}});
            }
            return;
        case Due::GiveUp: {
            const bool was_due = ack_is_due();
            two_hundred.reset();
            if (!was_due) return;
            if (bye_waits) send_bye(ctx, *std::exchange(bye_waits, std::nullopt));
            if (state == LegState::Established) end_by_us(ctx, LegEvent::Cause::NoAck, 0);
            return;
        }
    }
}

// RFC 3262 3.
void Leg::Core::on_reliable_due(LegContext& ctx) {
    using Due = ReliableProvisionalSender::Due;
    switch (reliable->on_timeout(ctx.now)) {
        case Due::Nothing:
            return;
        case Due::Retransmit:
            ctx.transactions.respond(ctx.now, server, reliable->outstanding(),
                                     settings.envelope.contact, ctx.wire);
            return;
        case Due::GiveUp:
            reliable.reset();
            send_response(ctx, server, response_to(invite_message, 500), {});
            end_by_us(ctx, LegEvent::Cause::NoPrack, 500);
            return;
    }
}

void Leg::Core::on_session_due(LegContext& ctx) {
    using Due = SessionTimer::Due;
    switch (session_timer.on_timeout(ctx.now)) {
        case Due::Nothing:
            return;
        case Due::Refresh: {
            Payload payload;
            if (!peer_updates()) payload.sdp = offers.local();
            const bool sent = may_offer_now() && (peer_updates() || payload.sdp) &&
                              send_offer(ctx, std::move(payload), LegRequestUse::Refresh);
            if (!sent) session_timer.retry(ctx.now + 5s);
            return;
        }
        case Due::Expired:
            end_by_us(ctx, LegEvent::Cause::SessionExpired, 0);
            return;
    }
}

// Nothing of ours is under way any more, and no 2xx can be repeated to us.
bool Leg::Core::settled() const {
    return !client && requests.empty() && !two_hundred && !bye_waits && acks.empty();
}

std::optional<Instant> Leg::Core::next_deadline() const {
    if (state == LegState::Gone) return std::nullopt;
    if (state == LegState::Ending && settled()) return Instant{};  // at once
    return earliest({two_hundred ? two_hundred->next_deadline() : std::nullopt,
                     reliable ? reliable->next_deadline() : std::nullopt,
                     session_timer.next_deadline(), acks.next_deadline(), glare_retry});
}

}  // namespace tandem::sip
