// SIP as it comes from the gates: to the transactions first, then to the call it belongs to.
#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/limits.h"
#include "sip/status.h"
#include "sip/tag.h"

namespace tandem::roles::b2bua {

using call::Call;
using sip::HeaderId;
using sip::Method;

namespace {

constexpr std::string_view kAllow =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER, SUBSCRIBE, NOTIFY, "
    "PUBLISH";

sip::Hop hop_of(const ports::Flow& flow) {
    return sip::Hop::of(flow, ports::is_reliable(flow.transport) ? sip::Reliability::Reliable
                                                                 : sip::Reliability::Unreliable);
}

std::string_view to_tag(const sip::Message& message) {
    const auto to = message.to();
    return to ? to->tag() : std::string_view();
}

}  // namespace

void B2buaRole::on_sip(Step& step, ports::Letter& letter) {
    step.from_b2b = is_b2b(letter.from);
    auto& in = get<ports::SipInbound>(letter.payload);
    if (in.message.is_response()) return on_response(step, in, letter.from);
    // Whom we have asked does not know it: it is as it came from the gate.
    if (step.from_b2b && in.owner_key == 0 && in.previous_owner == around_.self) {
        step.from_b2b = false;
        in.previous_owner = {};
    }
    const bool names_us = in.owner_key != 0 && !in.previous_owner;
    if (names_us && !is_ours(in) && relay_to_heir(step, in, letter.from)) return;
    if (return_new(step, in, letter.from)) return;
    on_request(step, in);
}

// While it drains, another B2B is to take what is new; the gate knows which.
bool B2buaRole::return_new(Step& step, ports::SipInbound& in, ports::Instance from) {
    const Method method = in.message.method();
    const bool is_new = !step.from_b2b && in.owner_key == 0 && method != Method::Ack &&
                        method != Method::Cancel && to_tag(in.message).empty() && !is_ours(in);
    if (!draining_ || !is_new || !around_.directory.heir(ports::RoleKind::B2bua, 0, around_.self))
        return false;
    step.out.send(around_.self, from, std::move(in));
    return true;
}

void B2buaRole::trace_in(Step& step, Call& call, uint8_t leg, const ports::SipInbound& in) {
    const auto detail =
        call.settings().full_trace ? call::TraceDetail::Whole : call::TraceDetail::StartLine;
    call.trace().add(
        {step.now.utc, true, leg, in.flow.remote.text(), call::Trace::text_of(in.message, detail)});
}

// The directory may have changed between an INVITE and its CANCEL or ACK: they are relayed once to
// whom the former generation would have chosen.
bool B2buaRole::relay_to_previous(Step& step, ports::SipInbound& in) {
    const Method method = in.message.method();
    if (!in.previous_owner || in.previous_owner == around_.self) return false;
    if (method != Method::Cancel && method != Method::Ack) return false;
    if (is_ours(in)) return false;
    const auto* previous = around_.directory.find(in.previous_owner);
    const bool is_away = previous == nullptr || !previous->reachable;
    if (method == Method::Cancel && is_away) {  // its call is on its way to us
        keep_orphan(step, in);
        return true;
    }
    const ports::Instance to = std::exchange(in.previous_owner, {});
    step.out.send(around_.self, to, std::move(in));
    return true;
}

// And what begins something is repeated over UDP for 64 * T1 (RFC 3261 17.1.1.2, 17.1.2.2): whom
// the former generation would have chosen may have it already. He is asked, and returns what he
// does not know.
bool B2buaRole::ask_previous(Step& step, ports::SipInbound& in) {
    const Method method = in.message.method();
    const ports::Instance other = in.previous_owner;
    if (!other || other == around_.self || in.owner_key != 0 || method == Method::Ack ||
        method == Method::Cancel || !to_tag(in.message).empty() || is_ours(in)) {
        return false;
    }
    if (step.from_b2b) {  // it is he who asks
        step.out.send(around_.self, other, std::move(in));
        return true;
    }
    if (ports::is_reliable(in.flow.transport) ||
        step.now.mono >= directory_changed_ + options_.timers.times_64()) {
        return false;
    }
    // A suspect would not answer, or late: nothing new waits for it.
    const auto* entry = around_.directory.find(other);
    if (entry == nullptr || (entry->reachable && entry->suspected)) return false;
    if (!entry->reachable) {
        if (step.now.mono >= began_ + kOrphanLife) return false;
        // We have just begun, and links to the others are being made.
        keep_orphan(step, in);
        return true;
    }
    in.previous_owner = around_.self;
    step.out.send(around_.self, other, std::move(in));
    return true;
}

void B2buaRole::on_request(Step& step, ports::SipInbound& in) {
    if (is_orphan(in)) return keep_orphan(step, in);
    if (relay_to_previous(step, in) || follow_handed(step, in) || ask_previous(step, in)) return;
    const auto arrival = layer_.on_request(step.now.mono, in.message, hop_of(in.flow), wire_);
    using Kind = sip::RequestArrival::Kind;
    switch (arrival.kind) {
        case Kind::Absorbed:
            break;
        case Kind::Ack:
            on_dialog_request(step, in, arrival);
            break;
        case Kind::Cancelled: {
            Call* call = call_of_leg(arrival.user);
            if (call == nullptr) {
                cancel_held(step, arrival.server);
                break;
            }
            const uint8_t leg = call::index_of(arrival.user);
            trace_in(step, *call, leg, in);
            with_call(step, *call, [&](auto& ctx) {
                call->on_request(ctx, leg, arrival, in.flow, std::move(in.message));
            });
            break;
        }
        case Kind::Request:
            if (to_tag(in.message).empty())
                on_fresh_request(step, in, arrival);
            else
                on_dialog_request(step, in, arrival);
            break;
    }
    deliver_layer_events(step);
    emit(step, nullptr);
}

// Within a dialog: the tag that we minted names the leg.
void B2buaRole::on_dialog_request(Step& step, ports::SipInbound& in,
                                  const sip::RequestArrival& arrival) {
    const auto token = around_.tokens.read(ports::TokenKind::Tag, to_tag(in.message));
    // Whoever minted it: the call may have been taken over.
    Call* call = token ? call_of_leg(token->unique) : nullptr;
    if (call == nullptr) {
        if (arrival.kind == sip::RequestArrival::Kind::Ack) return;
        if (in.message.method() == Method::Subscribe)
            return pass_on_refresh(step, in, arrival.server);
        ++counters_.unknown_dialogs;
        return refuse(step, in.message, arrival.server, 481);
    }
    const uint8_t leg = call::index_of(token->unique);
    trace_in(step, *call, leg, in);
    with_call(step, *call, [&](auto& ctx) {
        call->on_request(ctx, leg, arrival, in.flow, std::move(in.message));
    });
}

namespace {

// RFC 3261 8.2.2.3. Of an INVITE the leg sees to it.
std::string unsupported_extensions(const sip::Message& request) {
    std::string unsupported;
    if (request.method() == Method::Invite) return unsupported;
    for (const std::string_view tag : request.values(HeaderId::Require)) {
        if (tag == "100rel" || tag == "timer") continue;
        unsupported.append(unsupported.empty() ? "" : ", ").append(tag);
    }
    return unsupported;
}

}  // namespace

void B2buaRole::on_fresh_request(Step& step, ports::SipInbound& in,
                                 const sip::RequestArrival& arrival) {
    if (const std::string tags = unsupported_extensions(in.message); !tags.empty()) {
        sip::Message answer = sip::make_response(in.message, 420, {}, sip::make_tag(around_.rng));
        answer.append(HeaderId::Unsupported, tags);
        return layer_.respond(step.now.mono, arrival.server, std::move(answer), {}, wire_);
    }
    switch (in.message.method()) {
        case Method::Invite:
            if (is_answered_before(step, in.message, arrival.server)) return;
            return on_invite(step, in, arrival.server);
        case Method::Message:
            return on_page_message(step, in, arrival.server);
        case Method::Options:
            return answer_options(step, in.message, arrival.server);
        case Method::Bye:
        case Method::Cancel:
        case Method::Notify:
        case Method::Prack:
        case Method::Info:
        case Method::Update:
            return refuse(step, in.message, arrival.server, 481);
        case Method::Subscribe:
        case Method::Publish:
            return on_subscribe(step, in, arrival.server);
        case Method::Refer:
        case Method::Register:
            return refuse(step, in.message, arrival.server, 405);
        case Method::Other:
            return refuse(step, in.message, arrival.server, 501);
        case Method::Ack:
            return;
    }
}

// SUBSCRIBE and PUBLISH. The proof of who asks goes inside as an asserted identity (RFC 3325),
// which no phone can bring.
void B2buaRole::on_subscribe(Step& step, ports::SipInbound& in, sip::ServerKey server) {
    if (!in.trunk.is_nil()) return refuse(step, in.message, server, 489);
    const auto admitted = admit(step, in, server);
    if (!admitted) return;
    in.message.replace(HeaderId::PAssertedIdentity, "<sip:" + admitted->account->id.text() + "." +
                                                        admitted->domain->id.text() +
                                                        "@inside.invalid>");
    sip::Message request = in.message;
    if (!subscribes_.pass_on(step.now, around_, {std::move(in), server, admitted->domain->id},
                             step.out))
        refuse(step, request, server, 503);
}

// Within a dialog that a CS which is gone had begun.
void B2buaRole::pass_on_refresh(Step& step, ports::SipInbound& in, sip::ServerKey server) {
    const auto from = in.message.from();
    const auto uri = from ? from->parsed_uri() : Result<sip::UriView>(from.error());
    const auto* domain = uri ? around_.catalog.find_domain(uri->host()) : nullptr;
    if (domain == nullptr) return refuse(step, in.message, server, 481);
    sip::Message request = in.message;
    in.message.remove(HeaderId::PAssertedIdentity);
    if (!subscribes_.pass_on(step.now, around_, {std::move(in), server, domain->id}, step.out))
        refuse(step, request, server, 503);
}

void B2buaRole::refuse_late_subscribes(Step& step) {
    while (const auto late = subscribes_.take_late(step.now))
        refuse(step, late->second, late->first, 503);
    emit(step, nullptr);
}

void B2buaRole::refuse(Step& step, const sip::Message& request, sip::ServerKey server, int status) {
    sip::Message answer = sip::make_response(request, status, {}, sip::make_tag(around_.rng));
    if (status == 405 || status == 501) answer.append(HeaderId::Allow, kAllow);
    if (status == 503) {
        answer.append(HeaderId::RetryAfter, std::to_string(kRetryAfterSeconds));
    }
    layer_.respond(step.now.mono, server, std::move(answer), {}, wire_);
}

// RFC 3261 11.2.
void B2buaRole::answer_options(Step& step, const sip::Message& request, sip::ServerKey server) {
    const auto hops = request.max_forwards();
    if (is_overloaded()) return refuse(step, request, server, 503);
    if (hops && *hops && **hops == 0) return refuse(step, request, server, 483);
    sip::Message answer = sip::make_response(request, 200, {}, sip::make_tag(around_.rng));
    answer.append(HeaderId::Allow, kAllow);
    answer.append(HeaderId::Accept, "application/sdp");
    answer.append(HeaderId::Supported, "100rel, timer, replaces, norefersub");
    answer.append(HeaderId::AcceptEncoding, "identity");
    answer.append(HeaderId::AcceptLanguage, "en");
    layer_.respond(step.now.mono, server, std::move(answer), {}, wire_);
}

// `from` is nobody when it has waited for its call.
void B2buaRole::on_response(Step& step, ports::SipInbound& in, ports::Instance from) {
    const auto arrival = layer_.on_response(step.now.mono, {in.owner_key}, in.message, wire_);
    using Kind = sip::ResponseArrival::Kind;
    switch (arrival.kind) {
        case Kind::Absorbed:
            break;
        case Kind::Stray:
            on_stray(step, in, from);
            break;
        case Kind::Response: {
            const uint8_t leg = call::index_of(arrival.user);
            if (leg == kPageIndex) {
                call::CallContext ctx = context(step);
                pages_.on_response(ctx, call::base_of(arrival.user), arrival.client,
                                   in.message.status());
                break;
            }
            Call* call = call_of_leg(arrival.user);
            if (call == nullptr) {
                on_stray(step, in, from);
                break;
            }
            trace_in(step, *call, leg, in);
            with_call(step, *call, [&](auto& ctx) {
                call->on_response(ctx, leg, arrival, std::move(in.message));
            });
            break;
        }
    }
    deliver_layer_events(step);
    emit(step, nullptr);
}

// A 2xx to an INVITE that nobody waits for: a former incarnation or another B2B sent it, or the
// call is over. The phone repeats it until an ACK comes, and gives the call up after 32 s (RFC 3261
// 13.3.1.4). A 2xx to the first INVITE of a dialog makes the phone believe in a call: it gets a
// BYE, too, unless that call goes on (13.2.2.4).
void B2buaRole::on_stray(Step& step, ports::SipInbound& in, ports::Instance sender) {
    const auto cseq = in.message.cseq();
    const bool answered =
        cseq && cseq->method == Method::Invite && sip::is_success(in.message.status());
    const auto contact = in.message.address(HeaderId::Contact);
    const uint64_t leg = leg_of(in);
    if (!answered || !contact || !*contact || !in.message.to() || leg == 0) return;
    const Call* call = call_of_leg(leg);
    if (call == nullptr && sender) {
        if (relay_to_heir(step, in, sender)) return;
        if (in.previous_owner || is_b2b(sender)) return keep_orphan(step, in);
    }
    const bool goes_on =
        call != nullptr && call->talks_to(call::index_of(leg), in.message.to()->tag());
    const bool is_first = cseq->number == 1;
    for (const Method method : {Method::Ack, Method::Bye}) {
        if (method == Method::Bye && (goes_on || !is_first)) break;
        const uint32_t number = method == Method::Ack ? cseq->number : cseq->number + 1;
        sip::Message request = sip::Message::request(method, (*contact)->uri);
        request.append(HeaderId::MaxForwards, "70");
        request.append(HeaderId::From, *in.message.header(HeaderId::From));
        request.append(HeaderId::To, *in.message.header(HeaderId::To));
        request.append(HeaderId::CallId, in.message.call_id());
        request.append(HeaderId::CSeq,
                       std::to_string(number) + " " + std::string(sip::to_string(method)));
        sip::Envelope envelope{hop_of(in.flow), {}, {}};
        if (method == Method::Ack)
            layer_.send_ack(std::move(request), std::move(envelope), wire_);
        else
            layer_.send_request(step.now.mono, std::move(request), std::move(envelope), 0, wire_);
    }
}

}  // namespace tandem::roles::b2bua
