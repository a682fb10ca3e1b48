#include "app/node/store_service.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "app/node/sqlite_backend.h"
#include "runtime/sqlite/sqlite_store.h"

namespace tandem::app {
namespace {

constexpr ports::Instance kAsker{7};

struct StoreServiceTest : testing::Test {
    StoreServiceTest() {
        folder = ::mkdtemp(name.data());
        auto store = runtime::SqliteStore::open(folder + "/store.db", now.mono);
        EXPECT_TRUE(store.has_value());
        service = std::make_unique<StoreService>(
            [this](ports::Letter letter) { answered.push_back(letter.request); },
            StoreService::Moves{});
        service->use(std::make_unique<SqliteBackend>(std::move(*store), service->tell()));
    }
    ~StoreServiceTest() override {
        service.reset();
        std::filesystem::remove_all(folder);
    }
    void ask(store::RequestBody body) {
        ++asked;
        std::vector<ports::Letter> letters;
        letters.push_back(
            {kAsker, ports::kKeyValue, asked, store::Request{asked, std::move(body)}});
        service->on_letters(now, std::move(letters));
    }
    void write() { ask(store::Txn{{}, {store::Put{"key", "value"}}, {}}); }
    void wait(Duration time) {
        now.mono = now.mono + time;
        const auto deadline = service->next_deadline();
        if (deadline && *deadline <= now.mono) service->on_timeout(now);
    }

    std::string name = "/tmp/tandem-store-service-XXXXXX";
    std::string folder;
    Now now{Instant{100s}, {}};
    std::unique_ptr<StoreService> service;
    std::vector<uint64_t> answered;
    uint64_t asked = 0;
};

TEST_F(StoreServiceTest, AWriteThatFindsTheStoreIdleIsCommittedAtOnce) {
    write();
    EXPECT_EQ(answered, (std::vector<uint64_t>{1}));
    wait(1s);
    write();
    EXPECT_EQ(answered, (std::vector<uint64_t>{1, 2}));
}

TEST_F(StoreServiceTest, WritesThatFollowGatherForTheNextCommit) {
    write();
    wait(1ms);
    write();
    wait(1ms);
    write();
    EXPECT_EQ(answered.size(), 1u);
    ASSERT_TRUE(service->next_deadline());
    wait(20ms);
    EXPECT_EQ(answered, (std::vector<uint64_t>{1, 2, 3}));
    EXPECT_FALSE(service->next_deadline());
}

TEST_F(StoreServiceTest, AReadIsNotHeldUpAndSeesWhatCameBefore) {
    write();
    write();
    EXPECT_EQ(answered.size(), 1u);
    store::RangeRequest range;
    range.range = store::KeyRange::one("key");
    ask(range);
    EXPECT_EQ(answered, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(StoreServiceTest, ManyWritesDoNotWait) {
    write();
    for (int i = 0; i < 256; ++i) write();
    EXPECT_EQ(answered.size(), 257u);
}

}  // namespace
}  // namespace tandem::app
