#include "runtime/sqlite/sqlite_store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "store/kv_conformance_test.h"

namespace tandem::runtime {
namespace {

using store::KeyRange;
using store::Outbox;
using store::Put;
using store::RangeReply;
using store::RangeRequest;
using store::Request;
using store::Txn;

// A folder of its own, gone with the test.
class Folder {
 public:
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "tandem-store-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
    std::filesystem::path path_;
};

std::unique_ptr<SqliteStore> open_store(const std::string& path, Instant now = {}) {
    auto store = SqliteStore::open(path, now);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
}

RangeReply read(SqliteStore& store, KeyRange range) {
    Outbox out;
    store.apply({}, Request{1, RangeRequest{std::move(range)}}, out);
    EXPECT_TRUE(out.replies.at(0).body);
    return std::get<RangeReply>(*out.replies.at(0).body);
}

Request put(store::RequestId id, std::string key, std::string value) {
    return Request{id, Txn{{}, {Put{std::move(key), std::move(value)}}, {}}};
}

// For the conformance suite.
struct SqliteFixture {
    void apply(Instant now, const Request& request, Outbox& out) {
        store->apply(now, request, out);
    }
    void expire(Instant now, Outbox& out) { store->expire(now, out); }
    Folder folder;
    std::unique_ptr<SqliteStore> store = open_store(folder.file("store.db"), Instant{1000s});
};

}  // namespace
}  // namespace tandem::runtime

namespace tandem::store {
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, KvConformance, runtime::SqliteFixture);
}

namespace tandem::runtime {
namespace {

TEST(SqliteStore, KeepsEverythingOverARestart) {
    Folder folder;
    store::Revision last;
    {
        auto store = open_store(folder.file("s"));
        Outbox out;
        store->apply({}, put(1, "a", "1"), out);
        store->apply({}, Request{2, store::LeaseGrant{9, 5s}}, out);
        store->apply({}, Request{3, Txn{{}, {Put{"leased", "x", 9}}, {}}}, out);
        store->apply({}, put(4, "a", "2"), out);
        for (const auto& reply : out.replies) ASSERT_TRUE(reply.body);
        last = store->revision();
    }
    auto store = open_store(folder.file("s"), Instant{100s});
    EXPECT_EQ(store->revision(), last);
    const RangeReply all = read(*store, KeyRange::prefix(""));
    ASSERT_EQ(all.items.size(), 2u);
    EXPECT_EQ(all.items[0].value, "2");
    EXPECT_LT(all.items[0].create_revision, all.items[0].mod_revision);
    Outbox out;
    store->apply(
        {}, Request{1, store::WatchCreate{1, KeyRange::prefix(""), all.items[0].create_revision}},
        out);
    ASSERT_EQ(out.watches.size(), 1u);
    EXPECT_EQ(out.watches[0].kind, store::WatchBatch::Kind::Compacted) << "history is not kept";
    EXPECT_EQ(store->next_deadline(), Instant{105s}) << "a lease has its whole time again";
    store->expire(Instant{105s}, out);
    EXPECT_EQ(read(*store, KeyRange::prefix("")).items.size(), 1u);
}

TEST(SqliteStore, AppliesABatchInOrderEachForItself) {
    Folder folder;
    auto store = open_store(folder.file("s"));
    std::vector<Request> batch;
    batch.push_back(put(1, "a", "1"));
    batch.push_back(Request{2, Txn{{}, {Put{"", "malformed"}}, {}}});
    batch.push_back(Request{3, RangeRequest{KeyRange::one("a")}});
    batch.push_back(Request{4, Txn{{store::Compare::value_is("a", "1")}, {Put{"a", "2"}}, {}}});
    Outbox out;
    store->apply_batch({}, batch, out);
    ASSERT_EQ(out.replies.size(), 4u);
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(out.replies[i].id, i + 1);
    EXPECT_FALSE(out.replies[1].body);
    EXPECT_EQ(std::get<RangeReply>(*out.replies[2].body).items.at(0).value, "1");
    EXPECT_TRUE(std::get<store::TxnReply>(*out.replies[3].body).succeeded);
    EXPECT_EQ(read(*store, KeyRange::one("a")).items.at(0).value, "2");
}

TEST(SqliteStore, RefusesAFileInUseOrUnreadable) {
    Folder folder;
    auto first = open_store(folder.file("s"));
    Outbox out;
    first->apply({}, put(1, "a", "1"), out);
    const auto second = SqliteStore::open(folder.file("s"), {});
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
    const auto nowhere = SqliteStore::open(folder.file("none/s"), {});
    ASSERT_FALSE(nowhere);
    EXPECT_NE(nowhere.error().message.find("none/s"), std::string::npos);
}

// Files may not grow while this lives.
class FullDisk {
 public:
    FullDisk() {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small{64 * 1024, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
    rlimit before_{};
};

TEST(SqliteStore, AFullDiskUndoesTheBatchAndIsToldHonestly) {
    Folder folder;
    auto store = open_store(folder.file("s"));
    Outbox out;
    store->apply({}, put(1, "a", "1"), out);
    store->apply({}, Request{2, store::WatchCreate{7, KeyRange::prefix(""), {}}}, out);
    const auto before = store->revision();
    out = {};
    {
        FullDisk full;
        const Request batch[] = {put(3, "a", "2"), put(4, "b", std::string(500'000, 'x')),
                                 Request{5, store::LeaseGrant{1, 5s}}};
        store->apply_batch({}, batch, out);
    }
    ASSERT_EQ(out.replies.size(), 3u);
    for (const auto& reply : out.replies) {
        ASSERT_FALSE(reply.body);
        EXPECT_EQ(reply.body.error().code, ErrorCode::Unavailable);
    }
    EXPECT_TRUE(out.watches.empty()) << "what was undone is not told";
    EXPECT_EQ(store->revision(), before);
    EXPECT_EQ(store->next_deadline(), std::nullopt);
    store->apply({}, put(6, "c", "3"), out);
    ASSERT_TRUE(out.replies.back().body) << "space again: it goes on";
    const RangeReply all = read(*store, KeyRange::prefix(""));
    ASSERT_EQ(all.items.size(), 2u);
    EXPECT_EQ(all.items[0].value + all.items[1].value, "13");
    ASSERT_EQ(out.watches.size(), 1u);
    EXPECT_EQ(out.watches[0].events.at(0).entry.key, "c");
}

// The log is written in pieces of a bounded size, and SQLite reads back what it has just written.
TEST(SqliteStore, ABatchOfAnySizeIsThereAfterARestart) {
    Folder folder;
    const auto key_of = [](size_t batch, size_t i) {
        return "k" + std::to_string(batch) + "/" + std::to_string(i);
    };
    const std::vector<size_t> sizes = {1, 20, 23, 24, 25, 31, 32, 33, 55, 64, 300};
    {
        auto store = open_store(folder.file("s"));
        for (size_t batch = 0; batch < sizes.size(); ++batch) {
            std::vector<Request> requests;
            for (size_t i = 0; i < sizes[batch]; ++i) {
                requests.push_back(put(i, key_of(batch, i), std::string(3'000, 'a')));
            }
            Outbox out;
            store->apply_batch({}, requests, out);
            for (const auto& reply : out.replies) ASSERT_TRUE(reply.body) << sizes[batch];
        }
    }
    auto store = open_store(folder.file("s"));
    for (size_t batch = 0; batch < sizes.size(); ++batch) {
        for (size_t i = 0; i < sizes[batch]; ++i) {
            const RangeReply found = read(*store, KeyRange::one(key_of(batch, i)));
            ASSERT_EQ(found.items.size(), 1u) << key_of(batch, i);
            EXPECT_EQ(found.items[0].value, std::string(3'000, 'a'));
        }
    }
}

// The child: commits without end and says each number once it has been acknowledged.
[[noreturn]] void commit_for_ever(const std::string& path, int pipe) {
    auto store = SqliteStore::open(path, {});
    if (!store) ::_exit(2);
    for (uint32_t i = 0;; ++i) {
        const std::string text = std::to_string(i);
        const Request batch[] = {put(1, "k" + text, text), put(2, "last", text)};
        Outbox out;
        (*store)->apply_batch({}, batch, out);
        if (!out.replies[0].body || !out.replies[1].body) ::_exit(3);
        if (::write(pipe, &i, sizeof i) != sizeof i) ::_exit(4);
    }
}

TEST(SqliteStore, AKilledProcessLosesNoAcknowledgedWrite) {
    for (const uint32_t wanted : {1u, 7u, 60u}) {
        Folder folder;
        int pipe[2];
        ASSERT_EQ(::pipe(pipe), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) commit_for_ever(folder.file("s"), pipe[1]);
        ::close(pipe[1]);
        uint32_t acknowledged = 0;
        while (acknowledged < wanted)
            ASSERT_EQ(::read(pipe[0], &acknowledged, sizeof acknowledged),
                      static_cast<ssize_t>(sizeof acknowledged));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status));
        while (::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
        }
        ::close(pipe[0]);

        auto store = open_store(folder.file("s"));
        ASSERT_NE(store, nullptr);
        for (uint32_t i = 0; i <= acknowledged; ++i)
            EXPECT_EQ(read(*store, KeyRange::one("k" + std::to_string(i))).items.size(), 1u) << i;
        // A batch is whole: `last` names the newest key that is there.
        const std::string last = read(*store, KeyRange::one("last")).items.at(0).value;
        const size_t keys = read(*store, KeyRange::prefix("k")).items.size();
        EXPECT_EQ(std::to_string(keys - 1), last);
        EXPECT_GE(std::stoul(last), acknowledged);
    }
}

}  // namespace
}  // namespace tandem::runtime
