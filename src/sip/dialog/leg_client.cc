// The leg as caller: its INVITE from the first attempt to the ACK. RFC 3261 13.2, RFC 3262 4.
#include "sip/dialog/leg_core.h"
#include "sip/dialog/limits.h"
#include "sip/limits.h"
#include "sip/status.h"

namespace tandem::sip {

using Kind = LegEvent::Kind;

void Leg::Core::invite(LegContext& ctx, OutgoingInvite outgoing) {
    if (state != LegState::Idle) return;
    state = LegState::Inviting;
    is_client = true;
    call_id = outgoing.call_id;
    Message& message = invite_message = Message::request(Method::Invite, outgoing.request_uri);
    for (const std::string& route : outgoing.routes) message.append(HeaderId::Route, route);
    message.append(HeaderId::MaxForwards, std::to_string(max_forwards_default));
    message.append(HeaderId::From, outgoing.from + ";tag=" + settings.local_tag);
    message.append(HeaderId::To, outgoing.to);
    message.append(HeaderId::CallId, outgoing.call_id);
    message.append(HeaderId::CSeq, "1 INVITE");
    advertise(message);
    if (settings.provisionals == Provisionals::ReliableRequired) {
        message.append(HeaderId::Require, "100rel");
    }
    session_timer.decorate_request(message);
    if (outgoing.payload.sdp) {
        // A fresh leg has no offer under way.
        if (auto offer = offers.send_offer(std::move(*outgoing.payload.sdp))) {
            outgoing.payload.sdp = std::move(*offer);
        }
    }
    dress(message, outgoing.payload);
    send_invite(ctx);
}

void Leg::Core::send_invite(LegContext& ctx) {
    ++attempts;
    client = ctx.transactions.send_request(ctx.now, invite_message, envelope_for(Method::Invite),
                                           key, ctx.wire);
    if (!client) on_invite_failure(ctx, 503, {});
}

bool Leg::Core::invite_again(LegContext& ctx, std::string_view uri,
                             const std::vector<HeaderField>& headers) {
    if (!failed || state != LegState::Ending || attempts >= invite_attempts_max) return false;
    state = LegState::Inviting;
    failed = end_told = false;
    const auto cseq = invite_message.cseq();
    const uint32_t number = cseq ? cseq->number + 1 : 1;
    invite_message.replace(HeaderId::CSeq, std::to_string(number) + " INVITE");
    if (!uri.empty()) invite_message.set_request_uri(uri);
    for (const HeaderField& field : headers) invite_message.remove(field.name);
    for (const HeaderField& field : headers) invite_message.append(field.name, field.value);
    // The offer goes out as it is; where a provisional had answered it, it is made anew.
    if (offers.state() == sdp::OfferState::RemoteOffer) offers.roll_back();
    if (offers.established()) {
        if (auto offer = offers.send_offer(*offers.local())) {
            invite_message.set_body("application/sdp", sdp::serialize(*offer));
        }
    }
    send_invite(ctx);
    return true;
}

void Leg::Core::on_invite_response(LegContext& ctx, Message response) {
    const int status = response.status();
    if (status == 100) return;
    if (is_provisional(status)) {
        on_invite_provisional(ctx, std::move(response));
    } else if (is_success(status)) {
        client = {};
        on_invite_success(ctx, std::move(response));
    } else {
        client = {};
        on_invite_failure(ctx, status, std::move(response));
    }
}

LegDialog* Leg::Core::early_dialog(const Message& response) {
    const auto to = response.to();
    if (!to || to->tag().empty()) return nullptr;
    for (LegDialog& candidate : early) {
        if (candidate.dialog.remote_tag() == to->tag()) return &candidate;
    }
    if (early.size() >= early_dialogs_max) return nullptr;
    auto made = Dialog::as_client(invite_message, response);
    if (!made) return nullptr;
    early.push_back({std::move(*made), {}});
    return &early.back();
}

void Leg::Core::on_invite_provisional(LegContext& ctx, Message response) {
    if (state != LegState::Inviting) return;
    using Verdict = ReliableProvisionalReceiver::Verdict;
    LegDialog* part = early_dialog(response);
    const Verdict verdict = part ? part->reliable.on_provisional(response) : Verdict::Unreliable;
    if (verdict == Verdict::Ignore) return;
    note_peer(response);
    LegEvent told = event(Kind::Provisional);
    told.status = response.status();
    told.reliable = verdict == Verdict::New;
    told.sdp_part = take_provisional_sdp(response, told.reliable, told);
    if (told.reliable && told.sdp_part == SdpPart::Offer) {
        prack_owed = response;
    } else if (told.reliable) {
        send_prack(ctx, response, {});
    }
    told.message = std::move(response);
    tell(ctx, std::move(told));
}

// RFC 6337 2: which exchange an SDP in a provisional belongs to.
SdpPart Leg::Core::take_provisional_sdp(const Message& response, bool is_reliable, LegEvent& told) {
    SdpBody body = sdp_of(response);
    if (!body.readable) return SdpPart::None;
    told.sdp = body.session;
    bool taken = false;
    SdpPart part = SdpPart::Answer;
    if (offers.state() == sdp::OfferState::LocalOffer) {
        taken = offers.receive_answer(std::move(body.session)).has_value();
        previewed = !is_reliable;
    } else if (offers.established()) {
        taken = offers.revise_answer(std::move(body.session)).has_value();
        previewed = previewed && !is_reliable;
    } else if (is_reliable) {
        part = SdpPart::Offer;
        taken = offers.receive_offer(std::move(body.session)).has_value();
    }
    if (taken) return part;
    told.sdp.reset();
    return SdpPart::None;
}

void Leg::Core::send_prack(LegContext& ctx, const Message& response, const Payload& payload) {
    LegDialog* part = early_dialog(response);
    if (part == nullptr) return;
    Message prack = part->dialog.request(Method::Prack);
    prack.append(HeaderId::RAck, ReliableProvisionalReceiver::rack(response));
    dress(prack, payload);
    authenticate(ctx, prack);
    start_request(ctx, {{}, LegRequestUse::Own, std::move(prack)});
}

void Leg::Core::prack(LegContext& ctx, Payload answer) {
    if (!prack_owed || state != LegState::Inviting || !answer.sdp) return;
    auto sent = offers.send_answer(std::move(*answer.sdp));
    if (!sent) return;
    answer.sdp = std::move(*sent);
    const Message response = std::move(*prack_owed);
    prack_owed.reset();
    send_prack(ctx, response, answer);
}

void Leg::Core::on_invite_success(LegContext& ctx, Message response) {
    const bool unwanted = state != LegState::Inviting;  // the CANCEL came too late (9.1)
    LegDialog* part = early_dialog(response);
    auto made = part ? Result<Dialog>(part->dialog) : Dialog::as_client(invite_message, response);
    if (!made || unwanted) {
        hang_up_fork(ctx, response);
        if (!unwanted) end_by_us(ctx, LegEvent::Cause::BadDescription, 0);
        return;
    }
    made->confirm(response);
    dialog = LegDialog{std::move(*made), part ? part->reliable : ReliableProvisionalReceiver{}};
    early.clear();
    prack_owed.reset();
    state = LegState::Established;
    confirmed_told = true;  // what is ACKed to us from now on are re-INVITEs
    note_peer(response);
    session_timer.on_response(ctx.now, response);

    LegEvent told = event(Kind::Answered);
    told.status = response.status();
    bool sound = true;
    told.sdp_part = take_success_sdp(response, told, sound);
    if (told.sdp_part == SdpPart::Offer) {
        ack_owed = response;
    } else {
        send_ack(ctx, dialog->dialog, response, {});
    }
    if (!sound) {
        end_by_us(ctx, LegEvent::Cause::BadDescription, 0);
        return;
    }
    told.message = std::move(response);
    tell(ctx, std::move(told));
}

SdpPart Leg::Core::take_success_sdp(const Message& response, LegEvent& told, bool& sound) {
    SdpBody body = sdp_of(response);
    const bool was_offered = offers.state() == sdp::OfferState::LocalOffer;
    previewed = false;
    if (!body.readable) {
        // Without a body all must be agreed already, as after a reliable provisional.
        sound = !body.present && offers.established();
        return SdpPart::None;
    }
    told.sdp = body.session;
    if (was_offered) {
        sound = offers.receive_answer(std::move(body.session)).has_value();
        return SdpPart::Answer;
    }
    if (offers.established()) {
        // INTEROP: an answer that differs from a reliable one is wrong, but phones mean the last.
        const bool taken = offers.revise_answer(std::move(body.session)).has_value();
        if (!taken) told.sdp.reset();
        return taken ? SdpPart::Answer : SdpPart::None;
    }
    sound = offers.receive_offer(std::move(body.session)).has_value();
    return sound ? SdpPart::Offer : SdpPart::None;
}

// RFC 3261 13.2.2.4: the ACK has the credentials of its INVITE (22.1).
void Leg::Core::send_ack(LegContext& ctx, const Dialog& to, const Message& response,
                         const Payload& payload) {
    const auto cseq = response.cseq();
    if (!cseq) return;
    Message ack = to.ack(cseq->number);
    for (const HeaderId id : {HeaderId::Authorization, HeaderId::ProxyAuthorization}) {
        for (const std::string_view value : invite_message.fields(id)) ack.append(id, value);
    }
    dress(ack, payload);
    Envelope envelope = envelope_for(Method::Ack);
    envelope.alternative_uri = to.remote_target();
    const ClientKey branch = ctx.transactions.send_ack(ack, std::move(envelope), ctx.wire);
    const Instant forget = ctx.now + settings.timers.times_64();
    acks.keep({to.remote_tag(), cseq->number, std::move(ack), branch, forget});
    if (dialog) invite_message = {};  // a snapshot need not carry it any longer
}

void Leg::Core::ack(LegContext& ctx, Payload answer) {
    if (!ack_owed || !dialog || !answer.sdp) return;
    auto sent = offers.send_answer(std::move(*answer.sdp));
    if (!sent) return;
    answer.sdp = std::move(*sent);
    send_ack(ctx, dialog->dialog, *ack_owed, answer);
    ack_owed.reset();
}

// A 2xx that nobody needs: repeated, or of a fork that lost, or after the CANCEL.
void Leg::Core::on_late_success(LegContext& ctx, const Message& response) {
    if (const KeptAck* kept = acks.find(response)) {
        ctx.transactions.send_ack(kept->ack, envelope_for(Method::Ack), ctx.wire, kept->branch);
        return;
    }
    const auto to = response.to();
    const bool known = to && dialog && dialog->dialog.remote_tag() == to->tag();
    if (!known) hang_up_fork(ctx, response);
}

void Leg::Core::hang_up_fork(LegContext& ctx, const Message& response) {
    auto made = Dialog::as_client(response, response);
    if (!made) return;
    made->confirm(response);
    send_ack(ctx, *made, response, {});
    Message bye = made->request(Method::Bye);
    authenticate(ctx, bye);
    start_request(ctx, {{}, LegRequestUse::Own, std::move(bye)});
}

void Leg::Core::on_invite_failure(LegContext& ctx, int status, Message response) {
    early.clear();
    prack_owed.reset();
    const bool wanted = state == LegState::Inviting;
    state = LegState::Ending;
    if (!wanted) return;
    failed = true;
    if (status == 422 && session_timer.on_422(response)) {
        invite_message.remove(HeaderId::SessionExpires);
        invite_message.remove(HeaderId::MinSe);
        session_timer.decorate_request(invite_message);
        if (invite_again(ctx, {}, {})) return;
    }
    if (may_authenticate(invite_message, response, attempts)) {
        proofs.take(response);
        authenticate(ctx, invite_message);
        if (invite_again(ctx, {}, {})) return;
    }
    LegEvent told = event(Kind::Failed);
    told.status = status;
    told.message = std::move(response);
    end(ctx, std::move(told));
}

void end_stray_call(LegContext& ctx, const Message& response, const Envelope& envelope) {
    auto dialog = Dialog::as_client(response, response);
    const auto cseq = response.cseq();
    if (!dialog || !cseq) return;
    dialog->confirm(response);
    Envelope bare = envelope;
    bare.contact = {};
    ctx.transactions.send_ack(dialog->ack(cseq->number), bare, ctx.wire);
    ctx.transactions.send_request(ctx.now, dialog->request(Method::Bye), bare, 0, ctx.wire);
}

}  // namespace tandem::sip
