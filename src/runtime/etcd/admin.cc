#include "runtime/etcd/admin.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <utility>

#include "etcd.pb.h"
#include "runtime/etcd/codec.h"
#include "runtime/etcd/limits.h"

namespace tandem::runtime {
namespace {

namespace pb = ::tandem::etcd;

constexpr const char* member_list = "/etcdserverpb.Cluster/MemberList";
constexpr const char* member_add = "/etcdserverpb.Cluster/MemberAdd";
constexpr const char* member_remove = "/etcdserverpb.Cluster/MemberRemove";
constexpr const char* member_update = "/etcdserverpb.Cluster/MemberUpdate";
constexpr const char* member_promote = "/etcdserverpb.Cluster/MemberPromote";
constexpr const char* status_method = "/etcdserverpb.Maintenance/Status";
constexpr const char* defragment_method = "/etcdserverpb.Maintenance/Defragment";
constexpr const char* move_leader_method = "/etcdserverpb.Maintenance/MoveLeader";
constexpr const char* snapshot_method = "/etcdserverpb.Maintenance/Snapshot";

// Changes of the membership wait for a majority's disks, and are rare.
constexpr Duration change_max = 3s;
constexpr Duration status_max = 500ms;
// It rewrites a whole file, which is bounded by etcd_quota_bytes.
constexpr Duration defragment_max = 60s;

template <typename Message>
Result<Message> parse(const Result<std::string>& bytes) {
    if (!bytes) return bytes.error();
    Message message;
    if (!message.ParseFromString(*bytes))
        return make_error(ErrorCode::Unavailable, "etcd", "a member answered what is not its API");
    return message;
}

EtcdMemberEntry entry_of(const pb::Member& member) {
    return {member.id(),
            member.name(),
            {member.peer_urls().begin(), member.peer_urls().end()},
            {member.client_urls().begin(), member.client_urls().end()},
            member.is_learner()};
}

EtcdMemberStatus status_of(const pb::StatusResponse& message) {
    return {message.header().member_id(),
            message.leader(),
            message.version(),
            message.is_learner(),
            message.raft_applied_index(),
            message.db_size(),
            message.db_size_in_use(),
            message.header().revision(),
            {message.errors().begin(), message.errors().end()}};
}

// Passes on only whether it worked.
EtcdAdmin::Then<std::string> only_success(EtcdAdmin::Then<void> then) {
    return [then = std::move(then)](Result<std::string> bytes) mutable {
        then(bytes ? Result<void>() : Result<void>(bytes.error()));
    };
}

}  // namespace

struct EtcdAdmin::Snapshot {
    std::ofstream file;
    uint64_t bytes = 0;
    bool whole = false;  // all of the database has come
    bool ended = false;
    Then<uint64_t> then;
    std::unique_ptr<RpcStream> stream;

    void end(Result<uint64_t> result) {
        if (std::exchange(ended, true)) return;
        file.close();
        stream.reset();
        then(std::move(result));
    }
    void on_message(const std::string& message);
    void on_end(const RpcEnd& how);
};

void EtcdAdmin::Snapshot::on_message(const std::string& message) {
    pb::SnapshotResponse part;
    if (!part.ParseFromString(message))
        return end(make_error(ErrorCode::Malformed, "snapshot", "a part cannot be read"));
    file.write(part.blob().data(), static_cast<std::streamsize>(part.blob().size()));
    bytes += part.blob().size();
    if (!file) return end(make_error(ErrorCode::Unavailable, "path", "the file cannot be written"));
    whole = part.remaining_bytes() == 0;
}

// The last part, after the database, is its SHA-256, by which etcd's tools know that it is whole.
void EtcdAdmin::Snapshot::on_end(const RpcEnd& how) {
    if (how.code != RpcCode::Ok || !whole)
        return end(
            make_error(ErrorCode::Unavailable, "etcd", "the snapshot broke off: " + how.message));
    if (!file.flush())
        return end(make_error(ErrorCode::Unavailable, "path", "the file cannot be written"));
    end(bytes);
}

EtcdAdmin::EtcdAdmin(Reactor& reactor, std::unique_ptr<RpcClient> client)
    : client_(std::move(client)), exchange_(reactor, *client_), reactor_(reactor) {}

EtcdAdmin::~EtcdAdmin() = default;

Result<std::unique_ptr<EtcdAdmin>> EtcdAdmin::open(Reactor& reactor,
                                                   const std::vector<std::string>& endpoints,
                                                   const EtcdTlsFiles& tls) {
    auto client = TRY(RpcClient::open(reactor, endpoints, tls));
    return std::unique_ptr<EtcdAdmin>(new EtcdAdmin(reactor, std::move(client)));
}

void EtcdAdmin::ask(const char* method, std::string request, Then<std::string> then) {
    EtcdQuestion question;
    question.method = method;
    question.request = std::move(request);
    question.repeat = method == member_list ? Repeat::Safe : Repeat::Unsafe;
    question.try_max = method == member_list ? status_max : change_max;
    question.answer_max = 2 * question.try_max;
    question.leader = method == member_list ? Leader::NotNeeded : Leader::Needed;
    exchange_.ask(std::move(question), std::move(then));
}

void EtcdAdmin::ask_one(size_t endpoint, const char* method, std::string request,
                        Then<std::string> then) {
    if (!client_->is_ready(endpoint)) {
        const Error error = make_error(ErrorCode::Unavailable, "etcd", "it is not connected");
        return reactor_.post([then = std::move(then), error]() mutable { then(error); });
    }
    RpcCall call;
    call.endpoint = endpoint;
    call.method = method;
    call.request = std::move(request);
    call.deadline = method == defragment_method ? defragment_max : status_max;
    call.leader = Leader::NotNeeded;
    client_->call(std::move(call),
                  [then = std::move(then)](RpcEnd end, std::string response) mutable {
                      if (end.code != RpcCode::Ok) return then(etcd::error_of(end));
                      then(std::move(response));
                  });
}

void EtcdAdmin::members(Then<std::vector<EtcdMemberEntry>> then) {
    ask(member_list, {}, [then = std::move(then)](Result<std::string> bytes) mutable {
        auto message = parse<pb::MemberListResponse>(bytes);
        if (!message) return then(message.error());
        std::vector<EtcdMemberEntry> entries;
        for (const pb::Member& member : message->members()) entries.push_back(entry_of(member));
        then(std::move(entries));
    });
}

void EtcdAdmin::add_learner(const std::string& peer_url, Then<uint64_t> then) {
    pb::MemberAddRequest message;
    message.add_peer_urls(peer_url);
    message.set_is_learner(true);
    ask(member_add, message.SerializeAsString(),
        [then = std::move(then)](Result<std::string> bytes) mutable {
            auto answer = parse<pb::MemberAddResponse>(bytes);
            if (!answer) return then(answer.error());
            then(answer->member().id());
        });
}

void EtcdAdmin::promote(uint64_t id, Then<void> then) {
    pb::MemberPromoteRequest message;
    message.set_id(id);
    ask(member_promote, message.SerializeAsString(), only_success(std::move(then)));
}

void EtcdAdmin::remove(uint64_t id, Then<void> then) {
    pb::MemberRemoveRequest message;
    message.set_id(id);
    ask(member_remove, message.SerializeAsString(), only_success(std::move(then)));
}

void EtcdAdmin::update(uint64_t id, const std::string& peer_url, Then<void> then) {
    pb::MemberUpdateRequest message;
    message.set_id(id);
    message.add_peer_urls(peer_url);
    ask(member_update, message.SerializeAsString(), only_success(std::move(then)));
}

void EtcdAdmin::status(size_t endpoint, Then<EtcdMemberStatus> then) {
    ask_one(endpoint, status_method, {},
            [then = std::move(then)](Result<std::string> bytes) mutable {
                auto message = parse<pb::StatusResponse>(bytes);
                if (!message) return then(message.error());
                then(status_of(*message));
            });
}

void EtcdAdmin::defragment(size_t endpoint, Then<void> then) {
    ask_one(endpoint, defragment_method, {}, only_success(std::move(then)));
}

void EtcdAdmin::move_leader(size_t endpoint, uint64_t to, Then<void> then) {
    pb::MoveLeaderRequest message;
    message.set_target_id(to);
    ask_one(endpoint, move_leader_method, message.SerializeAsString(),
            only_success(std::move(then)));
}

void EtcdAdmin::snapshot(size_t endpoint, const std::string& path, Then<uint64_t> then) {
    std::erase_if(snapshots_, [](const auto& snapshot) { return snapshot->ended; });
    auto snapshot = std::make_unique<Snapshot>();
    snapshot->file.open(path, std::ios::binary | std::ios::trunc);
    snapshot->then = std::move(then);
    RpcStream::Events events;
    events.on_message = [raw = snapshot.get()](const std::string& bytes) {
        raw->on_message(bytes);
    };
    events.on_end = [raw = snapshot.get()](const RpcEnd& end) { raw->on_end(end); };
    snapshot->stream =
        std::make_unique<RpcStream>(*client_, endpoint, snapshot_method, std::move(events));
    snapshot->stream->write({});
    snapshots_.push_back(std::move(snapshot));
}

}  // namespace tandem::runtime
