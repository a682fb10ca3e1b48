// The members of what roles say to each other, numbered. See codec.h.
#pragma once

#include "ports/letter.h"
#include "wire/codec.h"

namespace tandem::wire {

template <>
inline constexpr ports::RoleKind last_of<ports::RoleKind> = ports::RoleKind::ExternalSipGate;
template <>
inline constexpr ports::Transport last_of<ports::Transport> = ports::Transport::Wss;
template <>
inline constexpr ports::CallPhase last_of<ports::CallPhase> = ports::CallPhase::Parked;
template <>
inline constexpr ports::CallEvent::Kind last_of<ports::CallEvent::Kind> =
    ports::CallEvent::Kind::Ended;
template <>
inline constexpr ports::QueueAdvice::Kind last_of<ports::QueueAdvice::Kind> =
    ports::QueueAdvice::Kind::NoAgents;
template <>
inline constexpr ports::MediaKind last_of<ports::MediaKind> = ports::MediaKind::Other;
template <>
inline constexpr ports::MediaDirection last_of<ports::MediaDirection> =
    ports::MediaDirection::Inactive;
template <>
inline constexpr ports::SrtpSuite last_of<ports::SrtpSuite> = ports::SrtpSuite::AeadAes256Gcm;
template <>
inline constexpr ports::MediaEvent::Kind last_of<ports::MediaEvent::Kind> =
    ports::MediaEvent::Kind::Key;
template <>
inline constexpr ports::MediaCodec last_of<ports::MediaCodec> = ports::MediaCodec::Opus;
template <>
inline constexpr ports::MediaSound last_of<ports::MediaSound> = ports::MediaSound::Mix;
template <>
inline constexpr ports::EntityVerb last_of<ports::EntityVerb> = ports::EntityVerb::Remove;
template <>
inline constexpr ports::HistoryAppend::Kind last_of<ports::HistoryAppend::Kind> =
    ports::HistoryAppend::Kind::Audit;
template <>
inline constexpr ports::HarmRequest::Kind last_of<ports::HarmRequest::Kind> =
    ports::HarmRequest::Kind::Partition;
template <>
inline constexpr ports::HarmRequest::Scope last_of<ports::HarmRequest::Scope> =
    ports::HarmRequest::Scope::Server;
template <>
inline constexpr ports::LogLine::Level last_of<ports::LogLine::Level> =
    ports::LogLine::Level::Error;
template <>
inline constexpr AddressFamily last_of<AddressFamily> = AddressFamily::V6;

// ---- SIP ----
template <typename A>
void describe(A& a, ports::Flow& v) {
    a(1, v.gate);
    a(2, v.transport);
    a(3, v.listener);
    a(4, v.connection);
    a(5, v.remote);
    a(6, v.tls_peer);
}
template <typename A>
void describe(A& a, ports::SipInbound& v) {
    a(1, v.flow);
    a(2, v.local);
    a(3, v.message);
    a(4, v.owner_key);
    a(5, v.previous_owner);
    a(6, v.trunk);
}
template <typename A>
void describe(A& a, ports::SipOutbound& v) {
    a(1, v.flow);
    a(2, v.message);
    a(3, v.branch);
    a(4, v.contact_token);
    a(5, v.contact_params);
    a(6, v.alternative_uri);
}
template <typename A>
void describe(A& a, ports::SipUndeliverable& v) {
    a(1, v.branch);
    a(2, v.status);
}
template <typename A>
void describe(A& a, ports::PacketIn& v) {
    a(1, v.flow);
    a(2, v.local);
    a(3, v.bytes);
}
template <typename A>
void describe(A& a, ports::PacketOut& v) {
    a(1, v.flow);
    a(2, v.bytes);
    a(3, v.branch);
    a(4, v.may_connect);
}
template <typename A>
void describe(A& a, ports::FlowClosed& v) {
    a(1, v.flow);
}
template <typename A>
void describe(A& a, ports::PacketFailed& v) {
    a(1, v.flow);
    a(2, v.branch);
    a(3, v.nobody_listens);
}
template <typename A>
void describe(A& a, ports::ListenerOpen& v) {
    a(1, v.number);
    a(2, v.transport);
    a(3, v.address);
    a(4, v.tls);
    a(5, v.connections_max);
    a(6, v.idle_max_s);
}
template <typename A>
void describe(A& a, ports::ListenerOpened& v) {
    a(1, v.number);
    a(2, v.address);
    a(3, v.local);
}
template <typename A>
void describe(A& a, ports::ListenerClose& v) {
    a(1, v.number);
}
template <typename A>
void describe(A& a, ports::ListenerFailed& v) {
    a(1, v.number);
    a(2, v.error);
}

template <typename A>
void describe(A& a, ports::TlsPeer& v) {
    a(1, v.address);
    a(2, v.host);
    a(3, v.verify);
    a(4, v.ca_pem);
    a(5, v.is_gone);
    a(6, v.number);
    a(7, v.certificate_pem);
    a(8, v.key_pem);
}
template <typename A>
void describe(A& a, ports::TlsFailed& v) {
    a(1, v.address);
    a(2, v.why);
    a(3, v.number);
}

// ---- registrar ----
template <typename A>
void describe(A& a, ports::Binding& v) {
    a(1, v.contact);
    a(2, v.contact_params);
    a(3, v.instance_id);
    a(4, v.reg_id);
    a(5, v.q_thousandths);
    a(6, v.expires);
    a(7, v.call_id);
    a(8, v.cseq);
    a(9, v.flow);
    a(10, v.path);
    a(11, v.user_agent);
    a(12, v.registered);
}
template <typename A>
void describe(A& a, ports::BindingsQuery& v) {
    a(1, v.domain);
    a(2, v.account);
}
template <typename A>
void describe(A& a, ports::BindingsReply& v) {
    a(1, v.bindings);
    a(2, v.stale);
}
template <typename A>
void describe(A& a, ports::BindingsList& v) {
    a(1, v.domain);
    a(2, v.after);
    a(3, v.limit);
}
template <typename A>
void describe(A& a, ports::BindingsPage::Item& v) {
    a(1, v.account);
    a(2, v.login);
    a(3, v.binding);
}
template <typename A>
void describe(A& a, ports::BindingsPage& v) {
    a(1, v.items);
    a(2, v.next);
    a(3, v.total);
}
template <typename A>
void describe(A& a, ports::AccountFollow& v) {
    a(1, v.domain);
    a(2, v.account);
}
template <typename A>
void describe(A& a, ports::AccountStanding::Device& v) {
    a(1, v.key);
    a(2, v.is_reachable);
    a(3, v.binding);
}
template <typename A>
void describe(A& a, ports::AccountStanding& v) {
    a(1, v.account);
    a(2, v.devices);
    a(3, v.revoked);
    a(4, v.messages);
}
template <typename A>
void describe(A& a, ports::BindingRemove& v) {
    a(1, v.domain);
    a(2, v.account);
    a(3, v.contact);
}
template <typename A>
void describe(A& a, ports::BindingRemoved& v) {
    a(1, v.removed);
}
template <typename A>
void describe(A& a, ports::StoredMessage& v) {
    a(1, v.key);
    a(2, v.sent);
    a(3, v.from);
    a(4, v.to);
    a(5, v.content_type);
    a(6, v.body);
}
template <typename A>
void describe(A& a, ports::MessageKeep& v) {
    a(1, v.domain);
    a(2, v.account);
    a(3, v.message);
}
template <typename A>
void describe(A& a, ports::MessageKept& v) {
    a(1, v.kept);
}
template <typename A>
void describe(A& a, ports::MessageDeliver& v) {
    a(1, v.domain);
    a(2, v.account);
    a(3, v.message);
}
template <typename A>
void describe(A& a, ports::MessageDelivered& v) {
    a(1, v.status);
}

}  // namespace tandem::wire
