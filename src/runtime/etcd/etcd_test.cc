// What can be told without an etcd: the order of members, watches that break, what answers mean,
// how a member is started and why it ended.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/etcd/codec.h"
#include "runtime/etcd/endpoint_ring.h"
#include "runtime/etcd/member.h"
#include "runtime/etcd/member_flags.h"
#include "runtime/etcd/watch_track.h"
#include "store/limits.h"

namespace tandem::runtime {
namespace {

constexpr Instant kStart{1000s};

TEST(EndpointRing, StaysWithOneUntilItFails) {
    EndpointRing ring(3, 1s);
    std::vector<bool> ready{true, true, true};
    const auto pick = [&](Instant now) {
        const auto picked = ring.pick(now, [&](size_t endpoint) { return ready[endpoint]; });
        return picked ? static_cast<int>(*picked) : -1;
    };
    EXPECT_EQ(pick(kStart), 0);
    EXPECT_EQ(pick(kStart), 0);
    ring.on_failure(kStart, 0);
    EXPECT_EQ(pick(kStart), 1);
    ready[1] = false;
    EXPECT_EQ(pick(kStart), 2) << "not connected";
    ready[1] = true;
    EXPECT_EQ(pick(kStart), 2) << "it stays there";
    ring.on_failure(kStart + 10ms, 2);
    ring.on_failure(kStart + 20ms, 1);
    EXPECT_EQ(pick(kStart + 30ms), 0) << "all have failed: the one that did so first";
    ring.on_failure(kStart + 40ms, 0);
    EXPECT_EQ(pick(kStart + 50ms), 2);
    EXPECT_EQ(pick(kStart + 5s), 2) << "all is forgiven";
    ready = {false, false, false};
    EXPECT_EQ(pick(kStart + 5s), -1);
}

// Messages of a watch: "5 a b" is revision 5 with two events, '+' that more fragments follow.
etcd::WatchMessage message(std::vector<std::pair<int64_t, std::string>> events, bool more = false) {
    etcd::WatchMessage message;
    message.more = more;
    for (auto& [revision, key] : events) {
        message.revision = revision;
        store::WatchEvent event;
        event.entry.key = key;
        event.entry.mod_revision = {7, revision};
        message.events.push_back(std::move(event));
    }
    return message;
}

std::string text_of(const std::vector<store::WatchBatch>& batches) {
    std::string text;
    for (const store::WatchBatch& batch : batches) {
        text += text.empty() ? "" : " | ";
        for (const auto& event : batch.events)
            text += event.entry.key + std::to_string(event.entry.mod_revision.number) + " ";
        text += "@" + std::to_string(batch.revision.number);
    }
    return text;
}

TEST(WatchTrack, GoesOnWithoutGapOrDouble) {
    WatchTrack track(1, store::KeyRange::prefix("k"), {7, 4});
    EXPECT_EQ(track.start(), 4);
    std::vector<store::WatchBatch> out;
    track.take(message({{4, "old"}, {5, "a"}, {5, "b"}}), out);
    EXPECT_EQ(text_of(out), "a5 b5 @5") << "what was told before the watch is left out";
    // The stream breaks in the middle of a response; the next one begins at what was told.
    track.take(message({{6, "c"}}, true), out);
    EXPECT_EQ(out.size(), 1u) << "a revision is told whole";
    track.restart();
    EXPECT_EQ(track.start(), 5);
    out.clear();
    track.take(message({{5, "a"}, {5, "b"}, {6, "c"}}, true), out);
    track.take(message({{6, "d"}, {7, "e"}}), out);
    EXPECT_EQ(text_of(out), "c6 d6 e7 @7");
}

TEST(WatchTrack, AQuietWatchComesAlongByProgress) {
    WatchTrack track(1, store::KeyRange::prefix("k"), {7, 4});
    std::vector<store::WatchBatch> out;
    etcd::WatchMessage created;
    created.created = true;
    created.revision = 9;
    track.take(created, out);
    EXPECT_EQ(track.start(), 4) << "a creation tells nothing about what was sent";
    etcd::WatchMessage progress;
    progress.revision = 9;
    track.take(progress, out);
    EXPECT_EQ(track.start(), 9);
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(track.compacted().kind, store::WatchBatch::Kind::Compacted);
}

TEST(WatchTrack, CutsBatchesBetweenRevisions) {
    WatchTrack track(1, store::KeyRange::prefix("k"), {7, 1});
    std::vector<std::pair<int64_t, std::string>> events;
    for (size_t i = 0; i < store::watch_batch_events_max + 3; ++i) events.emplace_back(2, "a");
    events.emplace_back(3, "b");
    std::vector<store::WatchBatch> out;
    track.take(message(events), out);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[0].events.size(), store::watch_batch_events_max + 3);
    EXPECT_EQ(out[0].revision.number, 2);
    EXPECT_EQ(out[1].revision.number, 3);
}

TEST(EtcdCodec, KnowsWhatAnEndMeans) {
    using etcd::Verdict;
    const struct {
        RpcCode code;
        const char* message;
        Verdict verdict;
        ErrorCode error;
    } cases[] = {
        {RpcCode::Unavailable, "etcdserver: no leader", Verdict::NotApplied,
         ErrorCode::Unavailable},
        {RpcCode::Unavailable, "etcdserver: rpc not supported for learner", Verdict::NotApplied,
         ErrorCode::Unavailable},
        {RpcCode::ResourceExhausted, "etcdserver: too many requests", Verdict::NotApplied,
         ErrorCode::Unavailable},
        {RpcCode::Unavailable, "etcdserver: request timed out", Verdict::Unknown,
         ErrorCode::Timeout},
        {RpcCode::Unavailable, "etcdserver: leader changed", Verdict::Unknown, ErrorCode::Timeout},
        {RpcCode::Unavailable, "Socket closed", Verdict::Unknown, ErrorCode::Timeout},
        {RpcCode::DeadlineExceeded, "Deadline Exceeded", Verdict::Unknown, ErrorCode::Timeout},
        {RpcCode::Unknown, "", Verdict::Unknown, ErrorCode::Timeout},
        {RpcCode::ResourceExhausted, "etcdserver: mvcc: database space exceeded", Verdict::Answered,
         ErrorCode::Unavailable},
        {RpcCode::OutOfRange, "etcdserver: mvcc: required revision has been compacted",
         Verdict::Answered, ErrorCode::NotFound},
        {RpcCode::OutOfRange, "etcdserver: mvcc: required revision is a future revision",
         Verdict::Answered, ErrorCode::OutOfRange},
        {RpcCode::NotFound, "etcdserver: requested lease not found", Verdict::Answered,
         ErrorCode::NotFound},
        {RpcCode::FailedPrecondition, "etcdserver: lease already exists", Verdict::Answered,
         ErrorCode::Conflict},
        {RpcCode::InvalidArgument, "etcdserver: request is too large", Verdict::Answered,
         ErrorCode::TooLarge},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(etcd::verdict_of({c.code, c.message}), c.verdict) << c.message;
        EXPECT_EQ(etcd::error_of({c.code, c.message}).code, c.error) << c.message;
    }
    EXPECT_EQ(etcd::verdict_of({RpcCode::Ok, ""}), Verdict::Answered);
}

TEST(EtcdCodec, RefusesWhatIsNoAnswer) {
    const std::string garbage = "\x0a\xff\xff\xff\xff\x0f";
    EXPECT_FALSE(etcd::decode_range(garbage, {}, 1));
    EXPECT_FALSE(etcd::decode_txn(garbage, {}, 1));
    EXPECT_FALSE(etcd::decode_watch(garbage, 1));
    EXPECT_FALSE(etcd::decode_header(garbage));
    const store::Txn put{{}, {store::Put{"a", "1", 0}}, {}};
    const auto short_answer = etcd::decode_txn("\x10\x01", put, 1);
    ASSERT_FALSE(short_answer) << "it succeeded, but has no reply of the put";
    EXPECT_EQ(short_answer.error().code, ErrorCode::Unavailable);
}

EtcdMemberSpec member_spec() {
    EtcdMemberSpec spec;
    spec.name = "a";
    spec.data_directory = "/data/etcd";
    spec.client_address = "192.0.2.1:2379";
    spec.peer_address = "192.0.2.1:2380";
    spec.members = {{"a", "192.0.2.1:2380"}, {"b", "192.0.2.2:2380"}};
    spec.cluster_token = "site";
    return spec;
}

TEST(EtcdMember, IsStartedWithItsFlags) {
    EtcdMemberSpec spec = member_spec();
    const auto has = [&](std::string_view wanted) {
        const auto arguments = etcd_arguments(spec);
        return std::find(arguments.begin(), arguments.end(), wanted) != arguments.end();
    };
    EXPECT_TRUE(has("--initial-cluster=a=http://192.0.2.1:2380,b=http://192.0.2.2:2380"));
    EXPECT_TRUE(has("--initial-cluster-state=new"));
    EXPECT_TRUE(has("--heartbeat-interval=30"));
    EXPECT_TRUE(has("--election-timeout=180"));
    EXPECT_FALSE(has("--client-cert-auth"));
    spec.begin = EtcdMemberSpec::Begin::Join;
    spec.client_tls = {"ca", "crt", "key"};
    spec.peer_tls = {"pca", "pcrt", "pkey"};
    EXPECT_TRUE(has("--initial-cluster=a=https://192.0.2.1:2380,b=https://192.0.2.2:2380"));
    EXPECT_TRUE(has("--initial-cluster-state=existing"));
    EXPECT_TRUE(has("--listen-client-urls=https://192.0.2.1:2379"));
    EXPECT_TRUE(has("--client-cert-auth"));
    EXPECT_TRUE(has("--trusted-ca-file=ca"));
    EXPECT_TRUE(has("--peer-client-cert-auth"));
    EXPECT_TRUE(has("--peer-cert-file=pcrt"));
}

TEST(EtcdMember, KnowsTheVersionsThatItCanRun) {
    const struct {
        const char* text;
        bool accepted;
    } cases[] = {{"etcd Version: 3.4.23\nGit SHA: x\n", true},
                 {"3.5.16", true},
                 {"3.3.25", false},
                 {"2.3.8", false},
                 {"4.0.0", false}};
    for (const auto& c : cases) {
        const auto version = parse_etcd_version(c.text);
        ASSERT_TRUE(version) << c.text;
        EXPECT_EQ(check_etcd_version(*version).has_value(), c.accepted) << c.text;
    }
    for (const char* text : {"", "etcd", "3", "3.x.1", "etcd Version: "})
        EXPECT_FALSE(parse_etcd_version(text)) << text;
}

TEST(EtcdMember, JudgesItsEndByTheLog) {
    const struct {
        const char* log;
        EtcdEnd::Kind kind;
    } cases[] = {
        {"", EtcdEnd::Kind::Ended},
        {"{\"level\":\"warn\",\"msg\":\"apply request took too long\"}\n", EtcdEnd::Kind::Ended},
        // As etcd 3.4.23 says it, with a byte of its log changed, a database of noise, a short one,
        // none, and some pages of noise.
        {"{\"msg\":\"discovery failed\",\"error\":\"walpb: crc mismatch\"}\n",
         EtcdEnd::Kind::Damaged},
        // With noise at the beginning of its log, and within a record.
        {"{\"msg\":\"discovery failed\",\"error\":\"wal: max entry size limit exceeded\"}\n",
         EtcdEnd::Kind::Damaged},
        {"{\"msg\":\"discovery failed\",\"error\":\"proto: illegal wireType 7\"}\n",
         EtcdEnd::Kind::Damaged},
        {"{\"msg\":\"failed to open database\",\"error\":\"invalid database\"}\npanic: x\n",
         EtcdEnd::Kind::Damaged},
        {"{\"msg\":\"failed to open database\",\"error\":\"file size too small\"}\n",
         EtcdEnd::Kind::Damaged},
        {"{\"msg\":\"failed to recover v3 backend from snapshot\"}\n", EtcdEnd::Kind::Damaged},
        {"panic: freepages: failed to get all reachable pages (page 33: out of bounds: 6)\n",
         EtcdEnd::Kind::Damaged},
        {"{\"error\":\"the member has been permanently removed from the cluster\"}\n",
         EtcdEnd::Kind::Removed},
        {"{\"error\":\"listen tcp 127.0.0.1:2380: bind: address already in use\"}\n",
         EtcdEnd::Kind::Refused},
        {"walpb: crc mismatch\nlisten tcp: bind: address already in use\n", EtcdEnd::Kind::Refused},
    };
    for (const auto& c : cases) EXPECT_EQ(judge_etcd_log(c.log).kind, c.kind) << c.log;
    EXPECT_EQ(judge_etcd_log("one\nerror: crc mismatch here\nthree\n").reason,
              "error: crc mismatch here");
}

TEST(EtcdMember, IsDefragmentedWhenItPays) {
    EtcdMemberStatus status;
    status.bytes = 200 << 20;
    status.bytes_in_use = 90 << 20;
    EXPECT_TRUE(is_wasteful(status));
    status.bytes_in_use = 150 << 20;
    EXPECT_FALSE(is_wasteful(status)) << "a quarter";
    status.bytes = 60 << 20;
    status.bytes_in_use = 1 << 20;
    EXPECT_FALSE(is_wasteful(status)) << "too little to care for";
}

}  // namespace
}  // namespace tandem::runtime
