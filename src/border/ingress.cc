#include "border/ingress.h"

#include <charconv>

#include "base/bytes.h"
#include "store/catalog.h"

namespace tandem::border {
namespace {

using ports::RoleKind;
using ports::TokenKind;

void append_param(std::string& text, const sip::Param& param) {
    text += ';';
    text += param.name;
    if (!param.has_value) return;
    text += '=';
    if (param.quoted) text += '"';
    text += param.value;
    if (param.quoted) text += '"';
}

bool is_mark(std::string_view name) {
    return equals_ignoring_case(name, "received") || equals_ignoring_case(name, "rport");
}

// May start something new, which a crowded receiver can do without.
bool starts_anew(const sip::Message& request, bool in_dialog) {
    return !in_dialog && request.method() != sip::Method::Ack &&
           request.method() != sip::Method::Cancel;
}

Receiver refused(Refusal why) {
    return Receiver{why, {}, 0, {}};
}

Receiver by_call_id(const sip::Message& request, const ports::Surroundings& around,
                    SipHashKey call_id_key) {
    const uint64_t key = siphash(call_id_key, as_bytes(request.call_id()));
    const auto chosen = around.directory.pick(RoleKind::B2bua, key);
    const auto before = around.directory.pick_previous(RoleKind::B2bua, key);
    if (!chosen) {
        // The last one drains: calls that ring there can still be cancelled.
        const auto* last = before ? around.directory.find(*before) : nullptr;
        if (!last || !last->reachable) return refused(Refusal::NoReceiver);
        return Receiver{Refusal::None, *before, 0, {}};
    }
    Receiver receiver{Refusal::None, *chosen, 0, {}};
    if (before && *before != *chosen) receiver.previous_owner = *before;
    return receiver;
}

// The owner that the phone echoes: our Contact as Request-URI, or our tag in To.
std::optional<ports::Token> echoed_owner(const sip::Message& request, std::string_view to_tag,
                                         const ports::TokenMint& tokens) {
    if (const auto uri = request.parsed_request_uri(); uri && uri->has_user) {
        if (auto token = tokens.read(TokenKind::Contact, uri->user)) return token;
    }
    return to_tag.empty() ? std::nullopt : tokens.read(TokenKind::Tag, to_tag);
}

bool is_ping(const sip::Message& request) {
    // What is required of us is looked at by a B2B (RFC 3261 8.2.2.3).
    if (request.method() != sip::Method::Options || request.has(sip::HeaderId::Require))
        return false;
    const auto uri = request.parsed_request_uri();
    return uri && uri->is_sip() && !uri->has_user;
}

Receiver to_owner(const ports::Token& token, const ports::Surroundings& around) {
    if (token.owner == around.self) return refused(Refusal::OurOwnAnswer);
    const ports::DirectoryEntry* owner = around.directory.find(token.owner);
    if (owner && owner->reachable) return Receiver{Refusal::None, token.owner, token.unique, {}};
    // The owner is away: whoever takes its calls over keeps what comes until then.
    const auto heir = around.directory.heir(RoleKind::B2bua, token.unique >> ports::leg_bits);
    if (!heir) return refused(Refusal::NoReceiver);
    return Receiver{Refusal::None, *heir, token.unique, token.owner};
}

// The domain of the address of record. Nil: unknown to us, as any registrar will tell; or an IP
// address, which the registrar that gets it knows how to read and passes on.
DomainId registers_in(const sip::Message& request, const ports::Surroundings& around) {
    if (!around.directory.groups().registrar.is_shared()) return {};
    const auto to = request.to();
    const auto uri = to ? to->parsed_uri() : Result<sip::UriView>(to.error());
    if (!uri || !uri->is_sip()) return {};
    const auto* domain = around.catalog.find_domain(uri->host());
    return domain == nullptr ? DomainId{} : domain->id;
}

Receiver choose(const sip::Message& request, std::string_view to_tag,
                const ports::Surroundings& around, SipHashKey call_id_key) {
    if (request.method() == sip::Method::Register) {
        const DomainId domain = registers_in(request, around);
        const auto registrar = around.directory.active(RoleKind::Registrar, domain);
        if (!registrar) return refused(Refusal::NoReceiver);
        return Receiver{Refusal::None, *registrar, 0, {}};
    }
    if (const auto token = echoed_owner(request, to_tag, around.tokens)) {
        return to_owner(*token, around);
    }
    // The ACK of a failure repeats that answer's To tag, which need not name an owner (RFC 3261
    // 17.1.1.3): it follows its INVITE.
    const bool is_ack = request.method() == sip::Method::Ack;
    if (!to_tag.empty() && !is_ack) return refused(Refusal::NoDialog);
    if (is_ping(request)) return refused(Refusal::Ping);
    return by_call_id(request, around, call_id_key);
}

}  // namespace

void stamp_top_via(sip::Message& request, const sip::Via& via, const SocketAddress& source) {
    const bool wants_rport = via.wants_rport();
    const auto sent_by = IpAddress::parse(via.sent_by.host);
    const bool elsewhere = !sent_by || *sent_by != source.ip;
    if (!wants_rport && !elsewhere && !via.received()) return;

    std::string text;
    text.reserve(160);
    text.append(via.protocol).append("/").append(via.version).append("/").append(via.transport);
    text += ' ';
    via.sent_by.append_to(text);
    for (const sip::Param& param : via.params) {
        if (!is_mark(param.name)) append_param(text, param);
    }
    text += ";received=" + source.ip.text();
    if (wants_rport) text += ";rport=" + std::to_string(source.port);
    request.replace_first_value(sip::HeaderId::Via, text);
}

Receiver choose_receiver(const sip::Message& request, const ports::Surroundings& around,
                         SipHashKey call_id_key) {
    const auto to = request.to();
    const std::string_view to_tag = to ? to->tag() : std::string_view();
    Receiver receiver = choose(request, to_tag, around, call_id_key);
    if (receiver.refusal != Refusal::None) return receiver;
    const ports::DirectoryEntry* entry = around.directory.find(receiver.to);
    if (entry && entry->congested && starts_anew(request, !to_tag.empty())) {
        receiver.refusal = Refusal::Congested;
    }
    return receiver;
}

}  // namespace tandem::border
