#include "roles/host/catalog_reader.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "roles/host/limits.h"
#include "store/memory_store.h"

namespace tandem::roles::host {
namespace {

struct CatalogReaderTest : testing::Test {
    template <typename T>
    static size_t count(const std::vector<store::Request>& requests) {
        return static_cast<size_t>(std::ranges::count_if(
            requests, [](const auto& request) { return std::holds_alternative<T>(request.body); }));
    }
    // The store answers until nothing more is asked; what was asked.
    std::vector<store::Request> settle() {
        std::vector<store::Request> all;
        for (auto asked = reader.take_requests(); !asked.empty(); asked = reader.take_requests()) {
            for (const store::Request& request : asked) {
                all.push_back(request);
                store::Outbox out;
                memory.apply(now.mono, request, out);
                for (const store::Reply& reply : out.replies) reader.on_reply(now, reply);
            }
        }
        return all;
    }

    Now now{{1000s}, {1'790'000'000'000}};
    store::MemoryStore memory;
    CatalogReader reader{CatalogReader::Scope::AllLayers};
};

TEST_F(CatalogReaderTest, BeginningAnewBeforeThereAreWatchesCancelsNone) {
    reader.restart(now);
    (void)reader.take_requests();  // nobody answers
    reader.restart(now);
    const auto asked = settle();
    EXPECT_EQ(count<store::WatchCancel>(asked), 0u);
    EXPECT_EQ(count<store::WatchCreate>(asked), 3u);
    EXPECT_TRUE(reader.is_loaded());
}

TEST_F(CatalogReaderTest, BeginningAnewCancelsTheWatchesThatThereWere) {
    reader.restart(now);
    settle();
    reader.restart(now);
    const auto asked = settle();
    EXPECT_EQ(count<store::WatchCancel>(asked), 3u);
    EXPECT_EQ(count<store::WatchCreate>(asked), 3u);
    EXPECT_FALSE(reader.next_deadline());
}

TEST_F(CatalogReaderTest, ARefusedWatchIsAReasonToBeginAnew) {
    reader.restart(now);
    settle();
    const auto asked = [&] {
        reader.restart(now);
        std::vector<store::Request> watches;
        for (auto some = reader.take_requests(); !some.empty(); some = reader.take_requests()) {
            for (const store::Request& request : some) {
                if (std::holds_alternative<store::WatchCreate>(request.body)) {
                    watches.push_back(request);
                    continue;
                }
                store::Outbox out;
                memory.apply(now.mono, request, out);
                for (const store::Reply& reply : out.replies) reader.on_reply(now, reply);
            }
        }
        return watches;
    }();
    ASSERT_EQ(asked.size(), 3u);
    reader.on_reply(now, {asked[1].id, make_error(ErrorCode::TooLarge, "watch", "too many")});
    EXPECT_EQ(reader.next_deadline(), now.mono + store_retry_pause);
}

}  // namespace
}  // namespace tandem::roles::host
