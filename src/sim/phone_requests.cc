// What comes to a phone in a call, beside its INVITE.
#include "sim/phone.h"

namespace tandem::sim {

void Phone::on_cancel(const sip::Message& message, const std::string& key) {
    std::string invite_key = key;
    invite_key.replace(invite_key.rfind('|'), std::string::npos, "|INVITE");
    const auto invite = servers_.find(invite_key);
    if (invite == servers_.end()) {
        return respond(key, answer_to(message, 481, {}, {}, {}), 0, false);
    }
    world_.count("phones: CANCEL heard");
    PhoneCall* call = get(invite->second.call);
    respond(key, answer_to(message, 200, call ? tag_of(call->local_address) : "", {}, {}), 0,
            false);
    if (call == nullptr) return;
    if (call->state != PhoneCallState::Ringing) {
        world_.count("phones: CANCEL came after the final response");
        return;
    }
    call->cancelled = true;
    reject(call->number, 487);
}

void Phone::on_bye(const sip::Message& message, const std::string& key) {
    PhoneCall* call = find(message.call_id());
    const bool is_known = call != nullptr && call->status >= 200 && call->status < 300;
    respond(key, answer_to(message, is_known ? 200 : 481, {}, {}, {}), 0, false);
    if (!is_known) return;
    call->byes_crossed = call->state == PhoneCallState::Ending;
    finish(*call, PhoneCallEnd::ByThem);
}

void Phone::on_reinvite(PhoneCall& call, const sip::Message& message, const std::string& key) {
    const auto cseq = message.cseq();
    if (call.is_over() || call.state == PhoneCallState::Ending) {
        return respond(key, answer_to(message, 481, {}, {}, {}), call.number, true);
    }
    if (cseq && cseq->number < call.remote_cseq) {
        world_.count("phones: CSeq below the last one");
        return respond(key, answer_to(message, 500, {}, {}, {}), call.number, true);
    }
    // The INVITE that began the call may not be over for us (RFC 3261 14.2).
    if (call.reinviting || call.state == PhoneCallState::Inviting) {
        world_.count("phones: 491 sent");
        return respond(key, answer_to(message, 491, {}, {}, {}), call.number, true);
    }
    if (call.reinvite_cseq != 0) {
        const std::string later = "Retry-After: 1\r\n";
        return respond(key, answer_to(message, 500, {}, later, {}), call.number, true);
    }
    world_.count("phones: re-INVITE heard");
    call.remote_cseq = cseq->number;
    call.reinvite_cseq = cseq->number;
    for (const auto contact : message.contacts()) {
        if (contact) call.remote_target = contact->uri;
    }
    std::string body;
    if (message.body().empty()) {
        call.offered_in_2xx = true;
        ++call.sdp_version;
        body = offer(call);
    } else {
        take_sdp(call, message.body());
        ++call.sdp_version;
        body = answer_sdp(call);
    }
    respond(key, answer_to(message, 200, {}, contact_line() + std::string(kPhoneAllow), body),
            call.number, true);
}

void Phone::on_other(const sip::Message& message, const std::string& key) {
    PhoneCall* call = find(message.call_id());
    const auto to = message.to();
    const bool in_dialog = to && !to->tag().empty();
    if (in_dialog && (call == nullptr || call->is_over())) {
        return respond(key, answer_to(message, 481, {}, {}, {}), 0, false);
    }
    if (in_dialog && message.method() == sip::Method::Notify) on_notify(*call, message);
    std::string body;
    std::string more = contact_line();
    if (message.method() == sip::Method::Update && !message.body().empty()) {
        if (call->reinviting || call->reinvite_cseq != 0 || call->offered_in_2xx) {
            return respond(key, answer_to(message, 491, {}, {}, {}), 0, false);
        }
        world_.count("phones: UPDATE heard");
        take_sdp(*call, message.body());
        ++call->sdp_version;
        body = answer_sdp(*call);
    }
    respond(key, answer_to(message, 200, {}, more, body), 0, false);
}

}  // namespace tandem::sim
