// The members of the key-value contract, numbered. See codec.h.
#pragma once

#include "store/kv.h"
#include "wire/codec.h"

namespace tandem::wire {

template <>
inline constexpr store::Want last_of<store::Want> = store::Want::Count;
template <>
inline constexpr store::Compare::Kind last_of<store::Compare::Kind> = store::Compare::Kind::ValueIs;
template <>
inline constexpr store::WatchEvent::Kind last_of<store::WatchEvent::Kind> =
    store::WatchEvent::Kind::Delete;
template <>
inline constexpr store::WatchBatch::Kind last_of<store::WatchBatch::Kind> =
    store::WatchBatch::Kind::Compacted;

template <typename A>
void describe(A& a, store::Revision& v) {
    a(1, v.generation);
    a(2, v.number);
}
template <typename A>
void describe(A& a, store::KeyValue& v) {
    a(1, v.key);
    a(2, v.value);
    a(3, v.create_revision);
    a(4, v.mod_revision);
    a(5, v.lease);
}
template <typename A>
void describe(A& a, store::KeyRange& v) {
    a(1, v.begin);
    a(2, v.end);
}
template <typename A>
void describe(A& a, store::RangeRequest& v) {
    a(1, v.range);
    a(2, v.limit);
    a(3, v.want);
    a(4, v.at);
}
template <typename A>
void describe(A& a, store::Compare& v) {
    a(1, v.kind);
    a(2, v.key);
    a(3, v.revision);
    a(4, v.value);
}
template <typename A>
void describe(A& a, store::Put& v) {
    a(1, v.key);
    a(2, v.value);
    a(3, v.lease);
}
template <typename A>
void describe(A& a, store::Delete& v) {
    a(1, v.key);
}
template <typename A>
void describe(A& a, store::DeleteRange& v) {
    a(1, v.range);
}
template <typename A>
void describe(A& a, store::Get& v) {
    a(1, v.range);
}
template <typename A>
void describe(A& a, store::Txn& v) {
    a(1, v.compares);
    a(2, v.then_ops);
    a(3, v.else_ops);
}
template <typename A>
void describe(A& a, store::LeaseGrant& v) {
    a(1, v.lease);
    a(2, v.ttl);
}
template <typename A>
void describe(A& a, store::LeaseRevoke& v) {
    a(1, v.lease);
}
template <typename A>
void describe(A& a, store::LeaseKeepAlive& v) {
    a(1, v.lease);
}
template <typename A>
void describe(A& a, store::WatchCreate& v) {
    a(1, v.watch);
    a(2, v.range);
    a(3, v.after);
}
template <typename A>
void describe(A& a, store::WatchCancel& v) {
    a(1, v.watch);
}
template <typename A>
void describe(A& a, store::Compact& v) {
    a(1, v.through);
}
template <typename A>
void describe(A& a, store::Request& v) {
    a(1, v.id);
    a(2, v.body);
}
template <typename A>
void describe(A& a, store::RangeReply& v) {
    a(1, v.items);
    a(2, v.count);
    a(3, v.more);
    a(4, v.revision);
}
template <typename A>
void describe(A&, store::PutReply&) {}
template <typename A>
void describe(A& a, store::DeleteReply& v) {
    a(1, v.deleted);
}
template <typename A>
void describe(A& a, store::TxnReply& v) {
    a(1, v.succeeded);
    a(2, v.revision);
    a(3, v.ops);
}
template <typename A>
void describe(A& a, store::DoneReply& v) {
    a(1, v.revision);
}
template <typename A>
void describe(A& a, store::Reply& v) {
    a(1, v.id);
    a(2, v.body);
}
template <typename A>
void describe(A& a, store::WatchEvent& v) {
    a(1, v.kind);
    a(2, v.entry);
}
template <typename A>
void describe(A& a, store::WatchBatch& v) {
    a(1, v.watch);
    a(2, v.kind);
    a(3, v.revision);
    a(4, v.events);
}

}  // namespace tandem::wire
