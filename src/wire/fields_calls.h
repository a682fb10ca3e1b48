// The members of what is said about calls, numbered. See codec.h.
#pragma once

#include "wire/fields_groups.h"
#include "wire/fields_ports.h"

namespace tandem::wire {

template <typename A>
void describe(A& a, ports::QueuePlace& v) {
    a(1, v.domain);
    a(2, v.queue);
    a(3, v.since);
    a(4, v.waits);
    a(5, v.turn);
    a(6, v.offered);
    a(7, v.agent);
}
template <typename A>
void describe(A& a, ports::QueueAdvice::Entry& v) {
    a(1, v.call);
    a(2, v.queue);
    a(3, v.kind);
    a(4, v.ahead);
    a(5, v.turn);
    a(6, v.agents);
}
template <typename A>
void describe(A& a, ports::QueueAdvice& v) {
    a(1, v.entries);
}
template <typename A>
void describe(A& a, ports::QueuesQuery& v) {
    a(1, v.domain);
}
template <typename A>
void describe(A& a, ports::QueueStates& v) {
    a(1, v.items);
}
template <typename A>
void describe(A& a, ports::QueueAgentsFreed::Entry& v) {
    a(1, v.agent);
    a(2, v.queue);
    a(3, v.domain);
    a(4, v.at);
}
template <typename A>
void describe(A& a, ports::QueueAgentsFreed& v) {
    a(1, v.entries);
}
template <typename A>
void describe(A& a, ports::CallSummary& v) {
    a(1, v.call);
    a(2, v.domain);
    a(3, v.owner);
    a(4, v.phase);
    a(5, v.caller);
    a(6, v.callee);
    a(7, v.caller_account);
    a(8, v.callee_account);
    a(9, v.started);
    a(10, v.answered);
    a(11, v.call_id_headers);
    a(12, v.is_protected);
    a(14, v.trunk);
    a(17, v.ringing);
    a(18, v.end_status);
    a(19, v.end_reason);
    a(39, v.whole);
    a(30, v.queue);
    a(51, v.consulted);
}
template <typename A>
void describe(A& a, ports::CallEvent& v) {
    a(1, v.kind);
    a(2, v.at);
    a(3, v.call);
    a(4, v.number);
}
template <typename A>
void describe(A& a, ports::CallEventsFollow& v) {
    a(1, v.stream);
    a(2, v.domain);
    a(3, v.known);
    a(4, v.over);
    a(5, v.tenure);
    a(6, v.seen);
}
template <typename A>
void describe(A& a, ports::CallEvents& v) {
    a(1, v.stream);
    a(2, v.after);
    a(3, v.number);
    a(4, v.complete);
    a(5, v.events);
    a(6, v.tenure);
    a(7, v.at);
    a(8, v.resumed);
    a(9, v.gap);
}
template <typename A>
void describe(A& a, ports::CallReport& v) {
    a(1, v.summary);
    a(2, v.gone);
}
template <typename A>
void describe(A& a, ports::CallReportAll& v) {
    a(1, v.owner);
    a(2, v.calls);
    a(3, v.more);
    a(4, v.first);
}
template <typename A>
void describe(A&, ports::CallReportWanted&) {}
template <typename A>
void describe(A& a, ports::CallsQuery& v) {
    a(1, v.domain);
    a(2, v.call);
    a(3, v.after);
    a(4, v.limit);
    a(5, v.account);
}
template <typename A>
void describe(A& a, ports::CallsPage& v) {
    a(1, v.calls);
    a(2, v.next);
    a(3, v.total);
}
template <typename A>
void describe(A& a, ports::CallDetailQuery& v) {
    a(1, v.call);
    a(2, v.side);
}
template <typename A>
void describe(A& a, ports::CallDetail& v) {
    a(1, v.error);
    a(2, v.json);
}
template <typename A>
void describe(A& a, ports::CallHangup& v) {
    a(1, v.call);
    a(2, v.reason);
}
template <typename A>
void describe(A& a, ports::CallHangupDone& v) {
    a(1, v.error);
}
template <typename A>
void describe(A& a, ports::CallTraceQuery& v) {
    a(1, v.call);
    a(2, v.side);
}
template <typename A>
void describe(A& a, ports::CallTraceEntry& v) {
    a(1, v.at);
    a(2, v.from_phone);
    a(3, v.leg);
    a(4, v.remote);
    a(5, v.text);
}
template <typename A>
void describe(A& a, ports::CallTrace& v) {
    a(1, v.error);
    a(2, v.entries);
}
template <typename A>
void describe(A& a, ports::RingingQuery& v) {
    a(1, v.domain);
    a(2, v.account);
    a(3, v.except);
    a(4, v.parked_at);
}
template <typename A>
void describe(A& a, ports::ReplacedQuery& v) {
    a(1, v.domain);
    a(2, v.call_id);
    a(3, v.to_tag);
    a(4, v.from_tag);
}
template <typename A>
void describe(A& a, ports::ReplacedFound& v) {
    a(1, v.error);
    a(2, v.call);
    a(3, v.rings);
    a(4, v.dialled);
    a(5, v.account);
    a(6, v.number);
    a(7, v.name);
    a(8, v.contact);
    a(9, v.instance_id);
    a(10, v.flow);
    a(11, v.party_call_id);
    a(12, v.our_tag);
    a(13, v.party_tag);
}
template <typename A>
void describe(A& a, ports::CallReplaced& v) {
    a(1, v.call);
    a(2, v.by);
}
template <typename A>
void describe(A& a, ports::LeaseOf& v) {
    a(1, v.holder);
    a(2, v.quantity);
    a(3, v.trunk);
}
template <typename A>
void describe(A& a, ports::LeaseAsk& v) {
    a(1, v.of);
}
template <typename A>
void describe(A& a, ports::LeaseGiven& v) {
    a(1, v.given);
    a(2, v.block);
    a(3, v.valid_ms);
}
template <typename A>
void describe(A& a, ports::LeaseReturned& v) {
    a(1, v.of);
    a(2, v.count);
    a(3, v.recalled);
}
template <typename A>
void describe(A& a, ports::LeaseRecalled& v) {
    a(1, v.of);
}
template <typename A>
void describe(A& a, ports::LeaseReport::Entry& v) {
    a(1, v.of);
    a(2, v.held);
}
template <typename A>
void describe(A& a, ports::LeaseReport& v) {
    a(1, v.owner);
    a(2, v.entries);
}

}  // namespace tandem::wire
