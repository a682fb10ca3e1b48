// The store's requests and replies as etcd's messages (proto/etcd.proto) and back. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/etcd/rpc_client.h"
#include "store/kv.h"

namespace tandem::runtime::etcd {

namespace method {
inline constexpr const char* range = "/etcdserverpb.KV/Range";
inline constexpr const char* txn = "/etcdserverpb.KV/Txn";
inline constexpr const char* compact = "/etcdserverpb.KV/Compact";
inline constexpr const char* lease_grant = "/etcdserverpb.Lease/LeaseGrant";
inline constexpr const char* lease_revoke = "/etcdserverpb.Lease/LeaseRevoke";
inline constexpr const char* lease_keep_alive = "/etcdserverpb.Lease/LeaseKeepAlive";
inline constexpr const char* watch = "/etcdserverpb.Watch/Watch";
}  // namespace method

// What the end of a try says about the request's effect.
enum class Verdict {
    Answered,    // by a member that processed it: it succeeded, or was refused for what it is
    NotApplied,  // certainly without effect, and worth another try soon
    Unknown,     // it may have been applied, or may be yet
};
Verdict verdict_of(const RpcEnd& end);
// The error that the asker gets when it is not tried again.
Error error_of(const RpcEnd& end);

// Who answers a read: a member that has made sure that it knows the newest, or any that has come as
// far as the revision that is asked for.
enum class Source { Newest, Any };
std::string encode_range(const store::RangeRequest& request, Source source = Source::Newest);
// `at` of the request is taken as the state that was read, none: the newest.
Result<store::RangeReply> decode_range(std::string_view bytes, const store::RangeRequest& request,
                                       uint32_t generation);

std::string encode_txn(const store::Txn& txn, uint32_t generation);
Result<store::TxnReply> decode_txn(std::string_view bytes, const store::Txn& txn,
                                   uint32_t generation);

std::string encode_lease_grant(const store::LeaseGrant& grant);
std::string encode_lease_revoke(store::LeaseId lease);
std::string encode_lease_keep_alive(store::LeaseId lease);
std::string encode_compact(int64_t revision);
// Of the answers to lease_grant, lease_revoke and compact: the number of the header's revision.
Result<int64_t> decode_header(std::string_view bytes);
// NotFound: there is no such lease.
Result<int64_t> decode_lease_keep_alive(std::string_view bytes);

// A watch of `range` from `start` (included) on, under the number `wire_id`.
std::string encode_watch_create(int64_t wire_id, const store::KeyRange& range, int64_t start);
std::string encode_watch_cancel(int64_t wire_id);
std::string encode_watch_ping();

struct WatchMessage {
    int64_t wire_id = 0;  // -1: the answer to a ping
    int64_t revision = 0;
    bool created = false;
    bool canceled = false;
    int64_t compact_revision = 0;  // of a cancelled one: its history is gone up to here
    std::string cancel_reason;
    bool more = false;  // the next message continues this one
    std::vector<store::WatchEvent> events;
};
Result<WatchMessage> decode_watch(std::string_view bytes, uint32_t generation);

}  // namespace tandem::runtime::etcd
