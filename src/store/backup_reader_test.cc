// A backup of a store that is written meanwhile is what the store held at the revision that it
// says.
#include "store/backup_reader.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "store/backup_records.h"
#include "store/keys.h"
#include "store/limits.h"
#include "store/memory_store.h"

namespace tandem::store {
namespace {

using Kind = BackupRecord::Kind;
using Content = std::map<std::string, std::string>;

struct Taken {
    Content keys;  // as a restore would have them
    std::vector<std::string> cdrs;
    std::string end;

    void add(std::string_view piece) {
        while (true) {
            const auto record = next_record(piece);
            ASSERT_TRUE(record.has_value());
            if (!*record) return;
            if ((*record)->kind == Kind::Put) keys[(*record)->key] = (*record)->value;
            if ((*record)->kind == Kind::Delete) keys.erase((*record)->key);
            if ((*record)->kind == Kind::Cdr) cdrs.push_back((*record)->key);
            if ((*record)->kind == Kind::End) end = (*record)->value;
        }
    }
};

struct BackupReaderTest : testing::Test {
    void write(std::vector<Op> ops) { apply({1, Txn{{}, std::move(ops), {}}}); }
    void put(std::string key, std::string value, LeaseId lease = 0) {
        write({Put{std::move(key), std::move(value), lease}});
    }
    void apply(const Request& request) {
        Outbox out;
        store.apply(Instant{}, request, out);
        for (WatchBatch& batch : out.watches) batches.push_back(std::move(batch));
        replies = std::move(out.replies);
    }
    void tell_all() {
        for (const WatchBatch& batch : batches) reader.on_watch(batch);
        batches.clear();
    }
    // What the store holds of what a backup keeps.
    Content content() {
        RangeRequest all;
        all.range = {"/", "binding0"};
        apply({2, all});
        Content found;
        for (const KeyValue& item : std::get<RangeReply>(*replies.at(0).body).items)
            if (!item.key.starts_with("backup/")) found[item.key] = item.value;
        return found;
    }
    // One step of whoever takes the backup.
    void step() {
        while (reader.has_piece()) taken.add(reader.take_piece());
        if (auto body = reader.next_request()) {
            const bool is_mark = std::holds_alternative<Txn>(*body);
            if (is_mark) expected = content();
            apply({3, std::move(*body)});
            ASSERT_TRUE(replies.at(0).body.has_value());
            reader.on_reply(*replies.at(0).body);
            if (is_mark) marked = std::get<TxnReply>(*replies.at(0).body).revision;
        }
    }

    MemoryStore store;
    std::vector<WatchBatch> batches;
    std::vector<Reply> replies;
    BackupReader reader{7, "mark-1"};
    Taken taken;
    Content expected;
    Revision marked;
};

TEST_F(BackupReaderTest, WhatIsKeptAndWhatIsNot) {
    put("/i/server/1", "a");
    put("/d/1/domain", "b");
    put("/x/domain-name/acme", "1");
    put("binding/1/2/3", "c");
    for (const char* live : {"call/1/2", "fence/3", "leader/sr-1", "leader-floor/sr-1", "seq/w",
                             "join/x", "owner/1", "store/attempt", "outbox/seen/4", "a/before"})
        put(live, "x");
    put("outbox/cdr/99", "record");
    apply({1, LeaseGrant{5, 10s}});
    put("/i/lives-with-a-process", "x", 5);
    for (int i = 0; i < 20 && !reader.is_over(); ++i) {
        step();
        tell_all();
    }
    ASSERT_TRUE(reader.is_over());
    EXPECT_EQ(taken.keys, (Content{{"/d/1/domain", "b"},
                                   {"/i/server/1", "a"},
                                   {"/x/domain-name/acme", "1"},
                                   {"binding/1/2/3", "c"}}));
    EXPECT_EQ(taken.cdrs, std::vector<std::string>{"99"});
    EXPECT_EQ(taken.end, "{\"generation\":1,\"revision\":" + std::to_string(marked.number) + "}");
}

// Keys come, change and go all the time; what the watch tells comes late and in any portions.
TEST_F(BackupReaderTest, IsOfOneRevisionWhateverIsWrittenMeanwhile) {
    SeededRng rng(11);
    const auto key_at = [](uint64_t at) { return "/d/" + std::to_string(at); };
    for (uint64_t at = 0; at < 3'000; ++at) put(key_at(at), "first");
    uint64_t number = 0;
    for (int i = 0; i < 10'000 && !reader.is_over(); ++i) {
        for (uint64_t each = rng.below(40); each > 0; --each) {
            const std::string key = key_at(rng.below(4'000));
            if (rng.below(3) == 0) {
                write({Delete{key}});
            } else {
                put(key, std::to_string(++number));
            }
        }
        step();
        if (rng.below(3) == 0) tell_all();
    }
    ASSERT_TRUE(reader.is_over());
    EXPECT_GT(number, 100u);
    EXPECT_NE(content(), expected);  // it went on afterwards
    EXPECT_EQ(taken.keys, expected);
}

TEST_F(BackupReaderTest, AFailedRequestIsAskedAgain) {
    put("/i/1", "a");
    const auto first = reader.next_request();
    const auto again = reader.next_request();
    ASSERT_TRUE(first && again);
    EXPECT_EQ(std::get<WatchCreate>(*first).watch, std::get<WatchCreate>(*again).watch);
    // A mark whose answer was lost is put twice, and the first of them counts.
    for (int i = 0; i < 20 && !reader.is_over(); ++i) {
        const auto body = reader.next_request();
        if (body && std::holds_alternative<Txn>(*body)) apply({4, *body});
        step();
        tell_all();
    }
    EXPECT_TRUE(reader.is_over());
    EXPECT_EQ(taken.keys, (Content{{"/i/1", "a"}}));
}

TEST_F(BackupReaderTest, LargeValuesAreSplitIntoPieces) {
    for (int i = 0; i < 6; ++i) put("/d/" + std::to_string(i), std::string(200'000, 'x'));
    size_t pieces = 0;
    for (int i = 0; i < 30 && !reader.is_over(); ++i) {
        if (auto body = reader.next_request()) {
            apply({3, std::move(*body)});
            reader.on_reply(*replies.at(0).body);
        }
        tell_all();
        while (reader.has_piece()) {
            const std::string piece = reader.take_piece();
            EXPECT_LE(piece.size(), backup_piece_bytes);
            taken.add(piece);
            ++pieces;
        }
    }
    EXPECT_EQ(taken.keys.size(), 6u);
    EXPECT_GE(pieces, 3u);
}

TEST_F(BackupReaderTest, ALostWatchFailsIt) {
    step();
    reader.on_watch({7, WatchBatch::Kind::Compacted, {2, 1}, {}});
    ASSERT_TRUE(reader.failure());
    EXPECT_FALSE(reader.next_request());
    EXPECT_FALSE(reader.has_piece());
}

TEST_F(BackupReaderTest, NothingPilesUpWithoutBound) {
    step();
    const KeyValue large{"/d/1", std::string(1'000'000, 'x'), {1, 2}, {1, 2}, 0};
    for (int i = 0; i < 60; ++i) reader.on_watch({7, {}, {1, 2}, {{{}, large}}});
    EXPECT_FALSE(reader.failure());
    for (int i = 0; i < 20; ++i) reader.on_watch({7, {}, {1, 2}, {{{}, large}}});
    EXPECT_TRUE(reader.failure());
}

TEST(BackupRecords, ComeBackAndAreRefusedWhenNotWhole) {
    std::string bytes;
    append_record(bytes, Kind::Put, "key", std::string("v\0w", 3));
    append_record(bytes, Kind::End, "", "{}");
    std::string_view rest = bytes;
    EXPECT_EQ(**next_record(rest), (BackupRecord{Kind::Put, "key", std::string("v\0w", 3)}));
    EXPECT_EQ((**next_record(rest)).kind, Kind::End);
    EXPECT_FALSE(*next_record(rest));
    for (size_t size = 1; size < 15; ++size) {
        std::string_view part = std::string_view(bytes).substr(0, size);
        EXPECT_FALSE(next_record(part).has_value()) << size;
    }
    bytes[0] = 9;
    rest = bytes;
    EXPECT_EQ(next_record(rest).error().code, ErrorCode::Unsupported);
}

}  // namespace
}  // namespace tandem::store
