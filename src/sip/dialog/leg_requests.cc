// What else happens within a dialog, and how it ends. RFC 3261 12.2, 15; RFC 5057 5; RFC 5407.
#include <algorithm>

#include "base/bytes.h"
#include "sip/dialog/leg_core.h"
#include "sip/dialog/limits.h"
#include "sip/status.h"

namespace tandem::sip {

using Kind = LegEvent::Kind;

namespace {

uint32_t cseq_of(const Message& message) {
    const auto cseq = message.cseq();
    return cseq ? cseq->number : 0;
}

}  // namespace

// --- The peer's requests.

void Leg::Core::on_request(LegContext& ctx, const RequestArrival& arrival, Message request) {
    switch (arrival.kind) {
        case RequestArrival::Kind::Absorbed:
            return;
        case RequestArrival::Kind::Ack:
            if (find_dialog(request) != nullptr) on_ack(ctx, std::move(request));
            return;
        case RequestArrival::Kind::Cancelled:
            on_cancelled(ctx, arrival.server);
            return;
        case RequestArrival::Kind::Request:
            dispatch(ctx, arrival.server, std::move(request));
            return;
    }
}

void Leg::Core::dispatch(LegContext& ctx, ServerKey server_key, Message request) {
    LegDialog* part = find_dialog(request);
    if (part == nullptr) {
        refuse_request(ctx, server_key, request, 481);
        return;
    }
    ctx.transactions.adopt(server_key, key);
    const Method method = request.method();
    if (part->dialog.accept_cseq(request) == CSeqVerdict::OutOfOrder) {
        refuse_request(ctx, server_key, request, 500);  // RFC 3261 12.2.2
    } else if (method == Method::Bye) {
        on_bye(ctx, server_key, std::move(request));
    } else if (state == LegState::Ending || state == LegState::Gone) {
        refuse_request(ctx, server_key, request, 481);
    } else if (method == Method::Invite) {
        on_remote_invite(ctx, server_key, std::move(request));
    } else if (method == Method::Update) {
        on_remote_update(ctx, server_key, std::move(request));
    } else if (method == Method::Prack) {
        on_prack(ctx, server_key, std::move(request));
    } else if (served.size() >= leg_requests_max) {
        refuse_request(ctx, server_key, request, 500);
    } else {
        served.push_back({server_key, request, false});
        LegEvent told = event(Kind::Request);
        told.server = server_key;
        told.message = std::move(request);
        tell(ctx, std::move(told));
    }
}

void Leg::Core::on_bye(LegContext& ctx, ServerKey server_key, Message bye) {
    send_response(ctx, server_key, response_to(bye, 200), {});
    // A callee must not hang up early dialogs (RFC 3261 15); our INVITE decides.
    if (state == LegState::Inviting) return;
    if (state == LegState::Ringing) {
        reliable.reset();
        send_response(ctx, server, response_to(invite_message, 487), {});  // 15.1.2
    }
    if (ack_owed) send_ack(ctx, dialog->dialog, *std::exchange(ack_owed, std::nullopt), {});
    refuse_served(ctx);
    // Whoever hangs up has had the 2xx of the INVITE that made the call, but maybe not yet that of
    // its re-INVITE, which it waits for.
    const bool is_of_first =
        two_hundred && !is_client && cseq_of(two_hundred->response()) == cseq_of(invite_message);
    if (is_of_first) two_hundred.reset();
    bye_waits.reset();
    LegEvent told = event(Kind::Bye);
    told.message = std::move(bye);
    end(ctx, std::move(told));
}

bool Leg::Core::respond(LegContext& ctx, ServerKey server_key, int status, const Payload& payload) {
    LegServed* entry = find_served(server_key);
    if (entry == nullptr) return false;
    const Method method = entry->request.method();
    if (entry->offered || method == Method::Invite) return false;  // accept() and refuse() do that
    send_response(ctx, server_key, response_to(entry->request, status), payload);
    if (is_final(status)) {
        std::erase_if(served, [&](const LegServed& e) { return e.server == server_key; });
    }
    return true;
}

void Leg::Core::refuse_served(LegContext& ctx) {
    for (const LegServed& entry : served) {
        const int status = entry.request.method() == Method::Invite ? 487 : 481;
        send_response(ctx, entry.server, response_to(entry.request, status), {});
    }
    served.clear();
}

// --- Ours.

ClientKey Leg::Core::send(LegContext& ctx, std::string_view method, const Payload& payload) {
    const bool early_only = !dialog && state == LegState::Inviting && early.size() == 1;
    if ((!dialog && !early_only) || requests.size() >= leg_requests_max) return {};
    if (state == LegState::Ending || state == LegState::Gone) return {};
    Message request = (dialog ? *dialog : early.front()).dialog.request(method);
    dress(request, payload);
    authenticate(ctx, request);
    return start_request(ctx, {{}, LegRequestUse::Owner, std::move(request)});
}

void Leg::Core::on_response(LegContext& ctx, const ResponseArrival& arrival, Message response) {
    if (arrival.kind != ResponseArrival::Kind::Response) return;
    if (client && arrival.client == client) {
        on_invite_response(ctx, std::move(response));
        return;
    }
    const auto found =
        std::find_if(requests.begin(), requests.end(),
                     [&](const LegRequest& request) { return request.client == arrival.client; });
    if (found == requests.end()) {
        const auto cseq = response.cseq();
        const bool to_invite = cseq && cseq->method == Method::Invite;
        if (to_invite && is_success(response.status())) on_late_success(ctx, response);
        return;
    }
    const int status = response.status();
    if (!is_final(status)) {
        if (found->request.method() == Method::Invite) on_session_provisional(ctx, response);
        return;
    }
    on_request_done(ctx, static_cast<size_t>(found - requests.begin()), status,
                    std::move(response));
}

// A provisional to a re-INVITE: only its PRACK matters.
void Leg::Core::on_session_provisional(LegContext& ctx, const Message& response) {
    using Verdict = ReliableProvisionalReceiver::Verdict;
    if (!dialog || dialog->reliable.on_provisional(response) != Verdict::New) return;
    Message prack = dialog->dialog.request(Method::Prack);
    prack.append(HeaderId::RAck, ReliableProvisionalReceiver::rack(response));
    dress(prack, {});
    authenticate(ctx, prack);
    start_request(ctx, {{}, LegRequestUse::Own, std::move(prack)});
}

void Leg::Core::on_request_done(LegContext& ctx, size_t index, int status, Message response) {
    LegRequest done = std::move(requests[index]);
    requests.erase(requests.begin() + static_cast<std::ptrdiff_t>(index));
    if (try_again_with_credentials(ctx, done, response)) return;
    switch (done.use) {
        case LegRequestUse::Own:
            return;
        case LegRequestUse::Offer:
        case LegRequestUse::Refresh:
            on_offer_done(ctx, std::move(done), status, std::move(response));
            return;
        case LegRequestUse::Owner: {
            LegEvent told = event(Kind::RequestDone);
            told.client = done.told_as ? done.told_as : done.client;
            told.status = status;
            told.message = std::move(response);
            tell(ctx, std::move(told));
            // RFC 5057 5.1: the 481 to a NOTIFY ends its subscription only.
            const bool of_call = done.request.method() != Method::Notify;
            const bool lost = of_call && status == 481 && state == LegState::Established;
            if (lost) end_by_us(ctx, LegEvent::Cause::DialogLost, status);
            return;
        }
    }
}

void Leg::Core::on_layer_event(LegContext& ctx, const LayerEvent& layer_event) {
    switch (layer_event.kind) {
        case LayerEvent::Kind::Timeout:
        case LayerEvent::Kind::TransportError:
            break;
        case LayerEvent::Kind::ServerTerminated:
            // The owner has not answered in time, and nobody waits for it any more (RFC 4320 4.2).
            if (const LegServed* entry = find_served(layer_event.server)) {
                if (entry->offered) offers.roll_back();
                std::erase_if(served,
                              [&](const LegServed& e) { return e.server == layer_event.server; });
            }
            return;
        case LayerEvent::Kind::AckTimeout:
        case LayerEvent::Kind::ClientTerminated:
            return;
    }
    if (client && layer_event.client == client) {
        client = {};
        on_invite_failure(ctx, layer_event.status, {});
        return;
    }
    for (size_t i = 0; i < requests.size(); ++i) {
        if (requests[i].client != layer_event.client) continue;
        on_request_done(ctx, i, layer_event.status, {});
        return;
    }
}

// --- Ends.

void Leg::Core::hangup(LegContext& ctx, int status, Payload payload) {
    switch (state) {
        case LegState::Idle:
            end_by_us(ctx, LegEvent::Cause::Hangup, status);
            return;
        case LegState::Inviting: {
            std::string_view reason;
            for (const HeaderField& field : payload.headers) {
                if (equals_ignoring_case(field.name, "Reason")) reason = field.value;
            }
            ctx.transactions.cancel(ctx.now, client, reason, ctx.wire);
            end_by_us(ctx, LegEvent::Cause::Hangup, status);
            return;
        }
        case LegState::Ringing:
            reject(ctx, status >= 300 ? status : 480, payload);
            return;
        case LegState::Established: {
            close(ctx, std::move(payload));
            LegEvent told = event(Kind::Ended);
            told.cause = LegEvent::Cause::Hangup;
            end(ctx, std::move(told));
            return;
        }
        case LegState::Ending:
        case LegState::Gone:
            failed = false;
            return;
    }
}

void Leg::Core::close(LegContext& ctx, Payload payload) {
    if (ack_owed) send_ack(ctx, dialog->dialog, *std::exchange(ack_owed, std::nullopt), {});
    refuse_served(ctx);
    // RFC 3261 15: a callee's BYE waits for the ACK of its 2xx.
    if (ack_is_due()) {
        bye_waits = std::move(payload);
    } else {
        two_hundred.reset();
        send_bye(ctx, payload);
    }
}

void Leg::Core::send_bye(LegContext& ctx, const Payload& payload) {
    if (!dialog) return;
    Message bye = dialog->dialog.request(Method::Bye);
    dress(bye, payload);
    authenticate(ctx, bye);
    start_request(ctx, {{}, LegRequestUse::Own, std::move(bye)});
}

void Leg::Core::end_by_us(LegContext& ctx, LegEvent::Cause cause, int status) {
    if (state == LegState::Established) close(ctx, {});
    LegEvent told = event(Kind::Ended);
    told.cause = cause;
    told.status = status;
    end(ctx, std::move(told));
}

void Leg::Core::end(LegContext& ctx, LegEvent told) {
    if (state != LegState::Gone) state = LegState::Ending;  // a BYE may come again after all
    session_timer.stop();
    glare_retry.reset();
    offer_waits.reset();
    answer_waits.reset();
    prack_owed.reset();
    if (end_told) return;
    end_told = true;
    tell(ctx, std::move(told));
}

}  // namespace tandem::sip
