// The members of what is said over HTTP and to operators, numbered. See codec.h.
#pragma once

#include "wire/fields_calls.h"

namespace tandem::wire {

// ---- web, entities, history, operation ----
template <typename A>
void describe(A& a, ports::HttpRequest& v) {
    a(1, v.method);
    a(2, v.path);
    a(3, v.query);
    a(4, v.headers);
    a(5, v.body);
    a(6, v.remote);
    a(7, v.secure);
}
template <typename A>
void describe(A& a, ports::HttpResponse& v) {
    a(1, v.status);
    a(2, v.content_type);
    a(3, v.headers);
    a(4, v.body);
    a(5, v.streamed);
}
template <typename A>
void describe(A& a, ports::HttpPart& v) {
    a(1, v.bytes);
    a(2, v.last);
    a(3, v.broken);
}
template <typename A>
void describe(A& a, ports::HttpTaken& v) {
    a(1, v.gone);
}
template <typename A>
void describe(A& a, ports::HttpListenerOpen& v) {
    a(1, v.number);
    a(2, v.address);
    a(3, v.secure);
    a(4, v.connections_max);
}
template <typename A>
void describe(A& a, ports::HttpListenerClose& v) {
    a(1, v.number);
}
template <typename A>
void describe(A& a, ports::HttpListenerFailed& v) {
    a(1, v.number);
    a(2, v.error);
}
template <typename A>
void describe(A& a, ports::Actor& v) {
    a(1, v.name);
    a(2, v.address);
    a(3, v.domain);
    a(4, v.own);
    a(5, v.below);
}
template <typename A>
void describe(A& a, ports::AuditNote& v) {
    a(1, v.actor);
    a(2, v.domain);
    a(3, v.action);
    a(4, v.what);
    a(5, v.reason);
    a(6, v.count);
    a(7, v.at);
}
template <typename A>
void describe(A& a, ports::PasswordCheck& v) {
    a(1, v.password);
    a(2, v.hash);
}
template <typename A>
void describe(A& a, ports::PasswordChecked& v) {
    a(1, v.error);
    a(2, v.hash);
    a(3, v.matches);
}
template <typename A>
void describe(A& a, ports::AuditQuery& v) {
    a(1, v.domain_id);
    a(2, v.kind);
    a(3, v.entity);
    a(4, v.actor);
    a(5, v.from_ms);
    a(6, v.to_ms);
    a(7, v.after);
    a(8, v.limit);
    a(9, v.oldest_first);
    a(10, v.whole);
}
template <typename A>
void describe(A& a, ports::AuditPage& v) {
    a(1, v.error);
    a(2, v.json);
}
template <typename A>
void describe(A& a, ports::EntityRequest& v) {
    a(1, v.verb);
    a(2, v.kind);
    a(3, v.domain);
    a(4, v.id);
    a(5, v.body);
    a(6, v.if_match);
    a(7, v.after);
    a(8, v.limit);
    // 9 was the name of who asks, alone.
    a(10, v.actor);
    a(11, v.dry_run);
    a(12, v.password_hash);
    a(13, v.end_sessions);
    a(60, v.force);
}
template <typename A>
void describe(A& a, ports::EntityReply& v) {
    a(1, v.error);
    a(2, v.json);
    a(3, v.etag);
}
template <typename A>
void describe(A& a, ports::RouteTest& v) {
    a(1, v.domain);
    a(2, v.caller);
    a(3, v.dialled);
    a(4, v.direction);
    a(5, v.at_ms);
    a(6, v.tells_trunks);
}
template <typename A>
void describe(A& a, ports::RouteTestReply& v) {
    a(1, v.error);
    a(2, v.json);
}
template <typename A>
void describe(A& a, ports::HistoryQuery& v) {
    a(1, v.domain_id);
    a(2, v.call_id);
    a(3, v.number);
    a(4, v.from_ms);
    a(5, v.to_ms);
    a(6, v.after);
    a(7, v.limit);
    a(8, v.account_id);
    a(9, v.direction);
    a(10, v.result);
    a(11, v.sip_status);
    a(12, v.duration_min_ms);
    a(13, v.csv);
}
template <typename A>
void describe(A& a, ports::HistoryPage& v) {
    a(1, v.error);
    a(2, v.json);
    a(3, v.next);
}
template <typename A>
void describe(A& a, ports::HistoryAppend::Record& v) {
    a(1, v.id);
    a(2, v.json);
    a(3, v.kind);
}
template <typename A>
void describe(A& a, ports::HistoryAppend& v) {
    a(1, v.records);
}
template <typename A>
void describe(A& a, ports::HistoryAppended& v) {
    a(1, v.error);
}
template <typename A>
void describe(A& a, ports::HistoryErase& v) {
    a(1, v.calls_before_ms);
    a(2, v.audit_before_ms);
    a(3, v.limit);
}
template <typename A>
void describe(A& a, ports::HistoryErased& v) {
    a(1, v.error);
    a(2, v.calls);
    a(3, v.audit);
}
template <typename A>
void describe(A&, ports::StoreStateQuery&) {}
template <typename A>
void describe(A& a, ports::StoreMove& v) {
    a(1, v.kind);
    a(2, v.endpoints);
}
template <typename A>
void describe(A& a, ports::StoreState& v) {
    a(1, v.error);
    a(2, v.json);
    a(3, v.place);
}
template <typename A>
void describe(A&, ports::StatusQuery&) {}
template <typename A>
void describe(A& a, ports::StatusReply& v) {
    a(1, v.json);
}
template <typename A>
void describe(A& a, ports::HarmRequest& v) {
    a(1, v.kind);
    a(2, v.scope);
    a(3, v.seconds);
}
template <typename A>
void describe(A& a, ports::HarmReply& v) {
    a(1, v.error);
    a(2, v.in_ms);
}
template <typename A>
void describe(A& a, ports::LogLevelSet& v) {
    a(1, v.level);
}
template <typename A>
void describe(A& a, ports::LogLine& v) {
    a(1, v.level);
    a(2, v.text);
    a(3, v.call);
    a(4, v.domain);
}
template <typename A>
void describe(A& a, ports::SipTrace& v) {
    a(1, v.at);
    a(2, v.received);
    a(3, v.transport);
    a(4, v.local);
    a(5, v.remote);
    a(6, v.bytes);
    a(7, v.correlation);
}
template <typename A>
void describe(A& a, ports::JoinTokenQuery& v) {
    a(1, v.server);
    a(2, v.valid_s);
}
template <typename A>
void describe(A& a, ports::JoinTokenReply& v) {
    a(1, v.error);
    a(2, v.json);
}
template <typename A>
void describe(A& a, ports::ServerJoin& v) {
    a(1, v.secret);
    a(2, v.name);
    a(3, v.link_address);
    a(4, v.version);
    a(5, v.protocol);
    a(6, v.clock);
    a(7, v.request);
    a(8, v.node);
    a(9, v.witness);
}
template <typename A>
void describe(A& a, ports::ServerJoined::Neighbour& v) {
    a(1, v.server);
    a(2, v.node);
    a(3, v.address);
}
template <typename A>
void describe(A& a, ports::ServerJoined& v) {
    a(1, v.error);
    a(2, v.node);
    a(3, v.neighbours);
}
template <typename A>
void describe(A& a, ports::Unreachable& v) {
    a(1, v.who);
}
template <typename A>
void describe(A& a, ports::DirectoryEntry& v) {
    a(1, v.instance);
    a(2, v.kind);
    a(3, v.epoch);
    a(4, v.weight);
    a(5, v.reachable);
    a(6, v.node);
    a(7, v.congested);
}

}  // namespace tandem::wire
