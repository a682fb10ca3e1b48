#include "ports/store_askers.h"

#include <gtest/gtest.h>

namespace tandem::ports {
namespace {

constexpr Instance kFirst{7};
constexpr Instance kSecond{8};

struct StoreAskersTest : testing::Test {
    std::vector<store::Request> take(Instance from, uint64_t id, store::RequestBody body) {
        std::vector<store::Request> out;
        askers.take({from, kKeyValue, 100 + id, store::Request{id, std::move(body)}}, out);
        return out;
    }
    store::Request one(Instance from, uint64_t id, store::RequestBody body) {
        auto out = take(from, id, std::move(body));
        EXPECT_EQ(out.size(), 1u);
        return std::move(out.front());
    }
    static store::WatchCreate watch(store::WatchId id) {
        return {id, store::KeyRange::prefix("a"), {}};
    }
    static store::WatchId number_of(const store::Request& request) {
        return std::get<store::WatchCreate>(request.body).watch;
    }
    StoreAskers askers;
};

TEST_F(StoreAskersTest, EachGetsTheAnswerToItsOwnNumber) {
    const auto first = one(kFirst, 1, store::RangeRequest{});
    const auto second = one(kSecond, 1, store::RangeRequest{});
    EXPECT_NE(first.id, second.id);
    // Not in the order of the questions.
    const auto to_second = askers.answer({second.id, store::ReplyBody{store::DoneReply{}}});
    ASSERT_TRUE(to_second);
    EXPECT_EQ(to_second->to, kSecond);
    EXPECT_EQ(to_second->request, 101u);
    EXPECT_EQ(get<store::Reply>(to_second->payload).id, 1u);
    EXPECT_FALSE(askers.answer({second.id, store::ReplyBody{store::DoneReply{}}}))
        << "a second answer to one question";
    EXPECT_TRUE(askers.answer({first.id, store::ReplyBody{store::DoneReply{}}}));
    EXPECT_EQ(askers.waiting(), 0u);
}

TEST_F(StoreAskersTest, WatchesOfTwoWithOneNumberAreTwo) {
    const auto first = number_of(one(kFirst, 1, watch(5)));
    const auto second = number_of(one(kSecond, 1, watch(5)));
    ASSERT_NE(first, second);
    const auto told = askers.tell({second, store::WatchBatch::Kind::Events, {1, 9}, {}});
    ASSERT_TRUE(told);
    EXPECT_EQ(told->to, kSecond);
    EXPECT_EQ(get<store::WatchBatch>(told->payload).watch, 5u);
    const auto cancel = one(kFirst, 2, store::WatchCancel{5});
    EXPECT_EQ(std::get<store::WatchCancel>(cancel.body).watch, first);
    EXPECT_FALSE(askers.tell({first, store::WatchBatch::Kind::Events, {1, 10}, {}}));
    EXPECT_EQ(std::get<store::WatchCancel>(one(kFirst, 3, store::WatchCancel{5}).body).watch, 0u)
        << "it has none of that number any more";
}

TEST_F(StoreAskersTest, AWatchBegunAnewEndsTheFormer) {
    const auto former = number_of(one(kFirst, 1, watch(5)));
    const auto again = take(kFirst, 1, watch(5));
    ASSERT_EQ(again.size(), 2u);
    EXPECT_EQ(std::get<store::WatchCancel>(again[0].body).watch, former);
    EXPECT_FALSE(askers.answer({again[0].id, store::ReplyBody{store::DoneReply{}}}))
        << "nobody asked for that";
    EXPECT_FALSE(askers.tell({former, store::WatchBatch::Kind::Events, {1, 9}, {}}));
    EXPECT_TRUE(askers.tell({number_of(again[1]), store::WatchBatch::Kind::Events, {1, 9}, {}}));
}

TEST_F(StoreAskersTest, AWatchThatWasRefusedOrIsCompactedIsOver) {
    const auto refused = one(kFirst, 1, watch(5));
    EXPECT_TRUE(askers.answer({refused.id, make_error(ErrorCode::Unavailable, "store", "away")}));
    EXPECT_EQ(askers.watching(), 0u);
    const auto begun = number_of(one(kFirst, 2, watch(6)));
    const auto told = askers.tell({begun, store::WatchBatch::Kind::Compacted, {1, 9}, {}});
    ASSERT_TRUE(told);
    EXPECT_EQ(askers.watching(), 0u);
}

TEST_F(StoreAskersTest, AnotherStoreEndsAllWatches) {
    (void)one(kFirst, 1, watch(5));
    (void)one(kSecond, 1, watch(6));
    const auto letters = askers.end_watches({2, 1});
    ASSERT_EQ(letters.size(), 2u);
    for (const Letter& letter : letters) {
        const auto& batch = get<store::WatchBatch>(letter.payload);
        EXPECT_EQ(batch.kind, store::WatchBatch::Kind::Compacted);
        EXPECT_EQ(batch.watch, letter.to == kFirst ? 5u : 6u);
        EXPECT_EQ(batch.revision, (store::Revision{2, 1}));
    }
    EXPECT_EQ(askers.watching(), 0u);
}

}  // namespace
}  // namespace tandem::ports
