#include "runtime/etcd/codec.h"

#include <algorithm>

#include "etcd.pb.h"

namespace tandem::runtime::etcd {
namespace {

using store::KeyRange;
using store::Revision;

namespace pb = ::tandem::etcd;

// A key that no store of ours has: reads of it are empty, and so stand for ranges that are.
constexpr std::string_view no_key = "\xff";

struct WireRange {
    std::string key;
    std::string end;
};

// In etcd a range's end of one zero byte means "all keys", and an empty or turned range is refused.
WireRange wire_range(const KeyRange& range) {
    if (range.end.empty()) return {range.begin.empty() ? std::string(no_key) : range.begin, {}};
    std::string begin = range.begin.empty() ? std::string(1, '\0') : range.begin;
    if (begin >= range.end) return {std::string(no_key), {}};
    return {std::move(begin), range.end};
}

template <typename Message>
Result<Message> parse(std::string_view bytes) {
    Message message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return make_error(ErrorCode::Unavailable, "etcd", "a member answered what is not its API");
    return message;
}

void fill(pb::RangeRequest& message, const store::RangeRequest& request) {
    WireRange range = wire_range(request.range);
    message.set_key(std::move(range.key));
    message.set_range_end(std::move(range.end));
    message.set_keys_only(request.want == store::Want::Keys);
    message.set_count_only(request.want == store::Want::Count);
    if (request.want != store::Want::Count) message.set_limit(static_cast<int64_t>(request.limit));
}

void fill(pb::Compare& message, const store::Compare& compare, uint32_t generation) {
    message.set_key(compare.key.empty() ? std::string(no_key) : compare.key);
    message.set_result(pb::Compare::EQUAL);
    switch (compare.kind) {
        case store::Compare::Kind::Exists:
            message.set_target(pb::Compare::CREATE);
            message.set_result(pb::Compare::GREATER);
            message.set_create_revision(0);
            return;
        case store::Compare::Kind::Absent:
            message.set_target(pb::Compare::CREATE);
            message.set_create_revision(0);
            return;
        case store::Compare::Kind::NoneInRange: {
            // Must hold for every key of the range, and none that exists has the revision 0.
            WireRange range = wire_range(compare.range());
            message.set_key(std::move(range.key));
            message.set_range_end(std::move(range.end));
            message.set_target(pb::Compare::CREATE);
            message.set_create_revision(0);
            return;
        }
        case store::Compare::Kind::ModRevisionIs: {
            // An absent key has the revision 0 in etcd, and fails this compare in ours.
            const bool possible =
                compare.revision.generation == generation && compare.revision.number > 0;
            message.set_target(pb::Compare::MOD);
            message.set_mod_revision(possible ? compare.revision.number : -1);
            return;
        }
        case store::Compare::Kind::ValueIs:
            message.set_target(pb::Compare::VALUE);
            message.set_value(compare.value);
            return;
    }
}

void fill(pb::RequestOp& message, const store::Op& op) {
    if (const auto* put = std::get_if<store::Put>(&op)) {
        auto& request = *message.mutable_request_put();
        request.set_key(put->key);
        request.set_value(put->value);
        request.set_lease(static_cast<int64_t>(put->lease));
    } else if (const auto* erase = std::get_if<store::Delete>(&op)) {
        message.mutable_request_delete_range()->set_key(erase->key);
    } else if (const auto* erase_range = std::get_if<store::DeleteRange>(&op)) {
        WireRange range = wire_range(erase_range->range);
        message.mutable_request_delete_range()->set_key(std::move(range.key));
        message.mutable_request_delete_range()->set_range_end(std::move(range.end));
    } else {
        fill(*message.mutable_request_range(), std::get<store::Get>(op).range);
    }
}

store::KeyValue key_value(pb::KeyValue& message, uint32_t generation) {
    store::KeyValue item;
    item.key = std::move(*message.mutable_key());
    item.value = std::move(*message.mutable_value());
    item.create_revision = {generation, message.create_revision()};
    item.mod_revision = {generation, message.mod_revision()};
    item.lease = static_cast<store::LeaseId>(message.lease());
    return item;
}

store::RangeReply range_reply(pb::RangeResponse& message, store::Want want, uint32_t generation) {
    store::RangeReply reply;
    reply.more = message.more();
    reply.items.reserve(static_cast<size_t>(message.kvs_size()));
    for (pb::KeyValue& item : *message.mutable_kvs())
        reply.items.push_back(key_value(item, generation));
    reply.count =
        want == store::Want::Count ? static_cast<uint64_t>(message.count()) : reply.items.size();
    return reply;
}

Error strange_answer() {
    return make_error(ErrorCode::Unavailable, "etcd", "a member answered something else");
}

Result<store::OpReply> op_reply(pb::ResponseOp& message, const store::Op& op, Revision revision) {
    if (std::holds_alternative<store::Put>(op)) {
        if (!message.has_response_put()) return strange_answer();
        return store::OpReply(store::PutReply{});
    }
    if (const auto* get = std::get_if<store::Get>(&op)) {
        if (!message.has_response_range()) return strange_answer();
        auto reply =
            range_reply(*message.mutable_response_range(), get->range.want, revision.generation);
        reply.revision = revision;
        return store::OpReply(std::move(reply));
    }
    if (!message.has_response_delete_range()) return strange_answer();
    const auto deleted = message.response_delete_range().deleted();
    return store::OpReply(store::DeleteReply{static_cast<uint64_t>(deleted)});
}

bool says(const RpcEnd& end, std::string_view part) {
    return end.message.find(part) != std::string::npos;
}

// Members refuse these before they propose anything.
bool is_not_applied(const RpcEnd& end) {
    static constexpr std::string_view texts[] = {"etcdserver: no leader", "etcdserver: not capable",
                                                 "etcdserver: rpc not supported for learner",
                                                 "etcdserver: unhealthy cluster",
                                                 "etcdserver: too many requests"};
    return std::any_of(std::begin(texts), std::end(texts),
                       [&](std::string_view text) { return says(end, text); });
}

ErrorCode code_of(const RpcEnd& end) {
    switch (end.code) {
        case RpcCode::InvalidArgument:
            return says(end, "too large") || says(end, "too many") ? ErrorCode::TooLarge
                                                                   : ErrorCode::Malformed;
        case RpcCode::NotFound:
            return ErrorCode::NotFound;
        case RpcCode::AlreadyExists:
        case RpcCode::FailedPrecondition:
            return ErrorCode::Conflict;
        case RpcCode::PermissionDenied:
            return ErrorCode::Forbidden;
        case RpcCode::OutOfRange:
            return says(end, "compacted") ? ErrorCode::NotFound : ErrorCode::OutOfRange;
        case RpcCode::Unimplemented:
            return ErrorCode::Unsupported;
        case RpcCode::Unauthenticated:
            return ErrorCode::Unauthorized;
        case RpcCode::ResourceExhausted:
            // A message above a limit of gRPC's, or (to be tried later) a database that is full.
            return says(end, "message larger") ? ErrorCode::TooLarge : ErrorCode::Unavailable;
        case RpcCode::Unavailable:
            return is_not_applied(end) ? ErrorCode::Unavailable : ErrorCode::Timeout;
        case RpcCode::Ok:
        case RpcCode::Cancelled:
        case RpcCode::Unknown:
        case RpcCode::DeadlineExceeded:
        case RpcCode::Aborted:
        case RpcCode::Internal:
        case RpcCode::DataLoss:
            return ErrorCode::Timeout;
    }
    return ErrorCode::Timeout;
}

}  // namespace

Verdict verdict_of(const RpcEnd& end) {
    if (end.code == RpcCode::Ok) return Verdict::Answered;
    if (is_not_applied(end)) return Verdict::NotApplied;
    return code_of(end) == ErrorCode::Timeout ? Verdict::Unknown : Verdict::Answered;
}

Error error_of(const RpcEnd& end) {
    return make_error(code_of(end), "etcd", end.message);
}

std::string encode_range(const store::RangeRequest& request, Source source) {
    pb::RangeRequest message;
    fill(message, request);
    message.set_serializable(source == Source::Any);
    message.set_revision(request.at.number);
    return message.SerializeAsString();
}

Result<store::RangeReply> decode_range(std::string_view bytes, const store::RangeRequest& request,
                                       uint32_t generation) {
    auto message = TRY(parse<pb::RangeResponse>(bytes));
    store::RangeReply reply = range_reply(message, request.want, generation);
    reply.revision =
        request.at.is_none() ? Revision{generation, message.header().revision()} : request.at;
    return reply;
}

std::string encode_txn(const store::Txn& txn, uint32_t generation) {
    pb::TxnRequest message;
    for (const store::Compare& compare : txn.compares)
        fill(*message.add_compare(), compare, generation);
    for (const store::Op& op : txn.then_ops) fill(*message.add_success(), op);
    for (const store::Op& op : txn.else_ops) fill(*message.add_failure(), op);
    return message.SerializeAsString();
}

Result<store::TxnReply> decode_txn(std::string_view bytes, const store::Txn& txn,
                                   uint32_t generation) {
    auto message = TRY(parse<pb::TxnResponse>(bytes));
    store::TxnReply reply;
    reply.succeeded = message.succeeded();
    reply.revision = {generation, message.header().revision()};
    const auto& ops = reply.succeeded ? txn.then_ops : txn.else_ops;
    if (ops.size() != static_cast<size_t>(message.responses_size())) return strange_answer();
    reply.ops.reserve(ops.size());
    for (size_t i = 0; i < ops.size(); ++i) {
        auto& response = *message.mutable_responses(static_cast<int>(i));
        reply.ops.push_back(TRY(op_reply(response, ops[i], reply.revision)));
    }
    return reply;
}

std::string encode_lease_grant(const store::LeaseGrant& grant) {
    pb::LeaseGrantRequest message;
    message.set_id(static_cast<int64_t>(grant.lease));
    message.set_ttl(std::chrono::ceil<std::chrono::seconds>(grant.ttl).count());
    return message.SerializeAsString();
}

std::string encode_lease_revoke(store::LeaseId lease) {
    pb::LeaseRevokeRequest message;
    message.set_id(static_cast<int64_t>(lease));
    return message.SerializeAsString();
}

std::string encode_lease_keep_alive(store::LeaseId lease) {
    pb::LeaseKeepAliveRequest message;
    message.set_id(static_cast<int64_t>(lease));
    return message.SerializeAsString();
}

std::string encode_compact(int64_t revision) {
    pb::CompactionRequest message;
    message.set_revision(revision);
    return message.SerializeAsString();
}

// All these answers have their header in field 1 and are read as the smallest of them.
Result<int64_t> decode_header(std::string_view bytes) {
    return TRY(parse<pb::CompactionResponse>(bytes)).header().revision();
}

Result<int64_t> decode_lease_keep_alive(std::string_view bytes) {
    const auto message = TRY(parse<pb::LeaseKeepAliveResponse>(bytes));
    if (message.ttl() <= 0)
        return make_error(ErrorCode::NotFound, "lease", "the lease does not exist");
    return message.header().revision();
}

std::string encode_watch_create(int64_t wire_id, const KeyRange& range, int64_t start) {
    pb::WatchRequest message;
    auto& create = *message.mutable_create_request();
    WireRange wire = wire_range(range);
    create.set_key(std::move(wire.key));
    create.set_range_end(std::move(wire.end));
    create.set_start_revision(start);
    create.set_progress_notify(true);
    create.set_watch_id(wire_id);
    create.set_fragment(true);
    return message.SerializeAsString();
}

std::string encode_watch_cancel(int64_t wire_id) {
    pb::WatchRequest message;
    message.mutable_cancel_request()->set_watch_id(wire_id);
    return message.SerializeAsString();
}

std::string encode_watch_ping() {
    pb::WatchRequest message;
    message.mutable_progress_request();
    return message.SerializeAsString();
}

Result<WatchMessage> decode_watch(std::string_view bytes, uint32_t generation) {
    auto message = TRY(parse<pb::WatchResponse>(bytes));
    WatchMessage result;
    result.wire_id = message.watch_id();
    result.revision = message.header().revision();
    result.created = message.created();
    result.canceled = message.canceled();
    result.compact_revision = message.compact_revision();
    result.cancel_reason = std::move(*message.mutable_cancel_reason());
    result.more = message.fragment();
    result.events.reserve(static_cast<size_t>(message.events_size()));
    for (pb::Event& event : *message.mutable_events()) {
        const bool is_put = event.type() == pb::Event::PUT;
        result.events.push_back(
            {is_put ? store::WatchEvent::Kind::Put : store::WatchEvent::Kind::Delete,
             key_value(*event.mutable_kv(), generation)});
        if (!is_put) result.events.back().entry.create_revision = {};
    }
    return result;
}

}  // namespace tandem::runtime::etcd
