#include "sip/dialog/leg.h"

#include <algorithm>

#include "sip/dialog/leg_core.h"
#include "sip/dialog/limits.h"
#include "sip/status.h"

namespace tandem::sip {
namespace {

constexpr std::string_view kAllow =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, UPDATE, PRACK, REFER, NOTIFY";

// Whether a request of this method tells the peer where we are (RFC 3261 12.2.1.1, RFC 5057 5.4).
bool carries_contact(Method method) {
    switch (method) {
        case Method::Invite:
        case Method::Update:
        case Method::Refer:
        case Method::Subscribe:
        case Method::Notify:
        case Method::Options:
            return true;
        case Method::Ack:
        case Method::Bye:
        case Method::Cancel:
        case Method::Register:
        case Method::Prack:
        case Method::Publish:
        case Method::Info:
        case Method::Message:
        case Method::Other:
            return false;
    }
    return false;
}

}  // namespace

SdpBody sdp_of(const Message& message) {
    SdpBody body;
    const auto type = message.content_type();
    body.present = !message.body().empty() && type && *type && (*type)->is("application", "sdp");
    if (!body.present) return body;
    auto session = sdp::parse(message.body());
    body.readable = session.has_value();
    if (session) body.session = std::move(*session);
    return body;
}

Leg::Core::Core(UserKey leg_key, LegSettings leg_settings)
    : key(leg_key),
      settings(std::move(leg_settings)),
      offers(settings.origin),
      session_timer(settings.session_timer) {}

LegEvent Leg::Core::event(LegEvent::Kind kind) const {
    LegEvent event;
    event.kind = kind;
    event.leg = key;
    return event;
}

Envelope Leg::Core::envelope_for(Method method) const {
    Envelope envelope = settings.envelope;
    if (!carries_contact(method)) envelope.contact = {};
    if (dialog) envelope.alternative_uri = dialog->dialog.remote_target();
    return envelope;
}

ClientKey Leg::Core::start_request(LegContext& ctx, LegRequest request) {
    Envelope envelope = envelope_for(request.request.method());
    request.client =
        ctx.transactions.send_request(ctx.now, request.request, std::move(envelope), key, ctx.wire);
    const ClientKey client_key = request.client;
    if (client_key) requests.push_back(std::move(request));
    return client_key;
}

// RFC 3261 8.2.6, 12.1.1: what makes a dialog carries the Record-Routes.
Message Leg::Core::response_to(const Message& request, int status) const {
    Message response = make_response(request, status, {}, settings.local_tag);
    if (request.method() == Method::Invite && status > 100 && status < 300) {
        for (const std::string_view route : request.fields(HeaderId::RecordRoute)) {
            response.append(HeaderId::RecordRoute, route);
        }
    }
    return response;
}

void Leg::Core::send_response(LegContext& ctx, ServerKey server_key, Message response,
                              const Payload& payload) {
    const auto cseq = response.cseq();
    const bool target = cseq && carries_contact(cseq->method) && response.status() < 300;
    if (target) advertise(response);
    dress(response, payload);
    ctx.transactions.respond(ctx.now, server_key, std::move(response),
                             target ? settings.envelope.contact : OurContact{}, ctx.wire);
}

void Leg::Core::refuse_request(LegContext& ctx, ServerKey server_key, const Message& request,
                               int status) {
    Message response = response_to(request, status);
    // RFC 3261 14.2: between 0 and 10 seconds.
    if (status == 500) response.append(HeaderId::RetryAfter, std::to_string(ctx.rng.below(11)));
    send_response(ctx, server_key, std::move(response), {});
}

void Leg::Core::dress(Message& message, const Payload& payload) const {
    if (!settings.user_agent.empty()) {
        message.append(message.is_request() ? HeaderId::UserAgent : HeaderId::Server,
                       settings.user_agent);
    }
    for (const HeaderField& field : payload.headers) message.append(field.name, field.value);
    if (payload.sdp) {
        message.set_body("application/sdp", sdp::serialize(*payload.sdp));
    } else if (!payload.body.empty()) {
        message.set_body(payload.content_type, payload.body);
    }
}

void Leg::Core::advertise(Message& message) const {
    message.append(HeaderId::Allow, settings.allow.empty() ? kAllow : settings.allow);
    std::string supported;
    const auto add = [&supported](std::string_view tag) {
        if (!supported.empty()) supported += ", ";
        supported += tag;
    };
    if (settings.provisionals != Provisionals::Unreliable) add("100rel");
    if (settings.session_timer.enabled) add("timer");
    for (const std::string& extension : settings.extensions) add(extension);
    if (!supported.empty()) message.append(HeaderId::Supported, supported);
}

void Leg::Core::note_peer(const Message& message) {
    std::string allow;
    for (const std::string_view method : message.values(HeaderId::Allow)) {
        allow.append(allow.empty() ? "" : ",").append(method);
    }
    if (!allow.empty()) remote_allow = std::move(allow);
}

LegServed* Leg::Core::find_served(ServerKey server_key) {
    for (LegServed& entry : served) {
        if (entry.server == server_key) return &entry;
    }
    return nullptr;
}

LegDialog* Leg::Core::find_dialog(const Message& request) {
    if (dialog && dialog->dialog.owns_request(request)) return &*dialog;
    for (LegDialog& part : early) {
        if (part.dialog.owns_request(request)) return &part;
    }
    return nullptr;
}

// --- The public face.

Leg::Leg(UserKey key, LegSettings settings)
    : core_(std::make_unique<Core>(key, std::move(settings))) {}
Leg::Leg(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Leg::Leg(Leg&&) noexcept = default;
Leg& Leg::operator=(Leg&&) noexcept = default;
Leg::~Leg() = default;

void Leg::invite(LegContext& ctx, OutgoingInvite invite) {
    core_->invite(ctx, std::move(invite));
}
bool Leg::invite_again(LegContext& ctx, std::string_view request_uri,
                       const std::vector<HeaderField>& headers) {
    return core_->invite_again(ctx, request_uri, headers);
}
void Leg::prack(LegContext& ctx, Payload answer) {
    core_->prack(ctx, std::move(answer));
}
void Leg::ack(LegContext& ctx, Payload answer) {
    core_->ack(ctx, std::move(answer));
}
void Leg::on_invite(LegContext& ctx, ServerKey server, Message invite) {
    core_->on_invite(ctx, server, std::move(invite));
}
bool Leg::ring(LegContext& ctx, int status, Payload payload) {
    return core_->ring(ctx, status, std::move(payload));
}
bool Leg::answer(LegContext& ctx, Payload payload) {
    return core_->answer(ctx, std::move(payload));
}
bool Leg::reject(LegContext& ctx, int status, const Payload& payload) {
    return core_->reject(ctx, status, payload);
}
bool Leg::reoffer(LegContext& ctx, Payload payload) {
    return core_->reoffer(ctx, std::move(payload));
}
bool Leg::accept(LegContext& ctx, ServerKey server, Payload payload) {
    return core_->accept(ctx, server, std::move(payload));
}
bool Leg::refuse(LegContext& ctx, ServerKey server, int status, const Payload& payload) {
    return core_->refuse(ctx, server, status, payload);
}
ClientKey Leg::send(LegContext& ctx, std::string_view method_token, const Payload& payload) {
    return core_->send(ctx, method_token, payload);
}
bool Leg::respond(LegContext& ctx, ServerKey server, int status, const Payload& payload) {
    return core_->respond(ctx, server, status, payload);
}
void Leg::hangup(LegContext& ctx, int status, Payload payload) {
    core_->hangup(ctx, status, std::move(payload));
}
void Leg::on_request(LegContext& ctx, const RequestArrival& arrival, Message request) {
    core_->on_request(ctx, arrival, std::move(request));
}
void Leg::on_response(LegContext& ctx, const ResponseArrival& arrival, Message response) {
    core_->on_response(ctx, arrival, std::move(response));
}
void Leg::on_layer_event(LegContext& ctx, const LayerEvent& event) {
    core_->on_layer_event(ctx, event);
}
void Leg::on_timeout(LegContext& ctx) {
    core_->on_timeout(ctx);
}
std::optional<Instant> Leg::next_deadline() const {
    return core_->next_deadline();
}
void Leg::take_over(LegContext& ctx) {
    core_->take_over(ctx);
}
void Leg::audit(LegContext& ctx) {
    core_->audit(ctx);
}

UserKey Leg::key() const {
    return core_->key;
}
LegState Leg::state() const {
    return core_->state;
}
const std::string& Leg::local_tag() const {
    return core_->settings.local_tag;
}
const std::string& Leg::call_id() const {
    return core_->call_id;
}
const std::string& Leg::remote_tag() const {
    static const std::string none;
    return core_->dialog ? core_->dialog->dialog.remote_tag() : none;
}
bool Leg::has_dialog_with(std::string_view tag) const {
    const auto is_with = [&](const LegDialog& each) { return each.dialog.remote_tag() == tag; };
    return core_->dialog ? is_with(*core_->dialog) : std::ranges::any_of(core_->early, is_with);
}
const std::string& Leg::remote_target() const {
    static const std::string none;
    return core_->dialog ? core_->dialog->dialog.remote_target() : none;
}
const std::optional<sdp::Session>& Leg::local_sdp() const {
    return core_->offers.local();
}
const std::optional<sdp::Session>& Leg::remote_sdp() const {
    return core_->offers.remote();
}
bool Leg::peer_allows(Method method) const {
    const std::string_view allow = core_->remote_allow;
    if (allow.empty()) return true;
    const std::string_view wanted = to_string(method);
    for (size_t at = 0; at <= allow.size();) {
        const size_t end = std::min(allow.find(',', at), allow.size());
        if (allow.substr(at, end - at) == wanted) return true;
        at = end + 1;
    }
    return false;
}
void Leg::redirect(Instant now, Envelope envelope) {
    core_->settings.envelope = std::move(envelope);
    core_->session_timer.hurry(now);
}
void Leg::say_bye_again(LegContext& ctx) {
    if (core_->state != LegState::Ending && core_->state != LegState::Gone) return;
    core_->state = LegState::Ending;
    core_->send_bye(ctx, {});
}
const Envelope& Leg::envelope() const {
    return core_->settings.envelope;
}

}  // namespace tandem::sip
