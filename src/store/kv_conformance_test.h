// What every backend of the store must do, as a typed test suite. A backend gives a Fixture with
// `void apply(Instant, const Request&, Outbox&)` and `void expire(Instant, Outbox&)`, and
// instantiates KvConformance over it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "store/kv.h"
#include "store/limits.h"

namespace tandem::store {

template <typename Fixture>
class KvConformance : public testing::Test {
 public:
    Result<ReplyBody> ask(RequestBody body) {
        Outbox out;
        fixture.apply(now, Request{++last_id, std::move(body)}, out);
        EXPECT_EQ(out.replies.size(), 1u);
        EXPECT_EQ(out.replies.front().id, last_id);
        for (WatchBatch& batch : out.watches) told.push_back(std::move(batch));
        return std::move(out.replies.front().body);
    }
    TxnReply txn(std::vector<Compare> compares, std::vector<Op> then_ops,
                 std::vector<Op> else_ops = {}) {
        auto reply = ask(Txn{std::move(compares), std::move(then_ops), std::move(else_ops)});
        EXPECT_TRUE(reply) << reply.error().message;
        return reply ? std::get<TxnReply>(*reply) : TxnReply{};
    }
    Revision put(std::string key, std::string value, LeaseId lease = 0) {
        return txn({}, {Put{std::move(key), std::move(value), lease}}).revision;
    }
    RangeReply range(KeyRange range, size_t limit = 0, Revision at = {},
                     Want want = Want::KeysAndValues) {
        auto reply = ask(RangeRequest{std::move(range), limit, want, at});
        EXPECT_TRUE(reply) << reply.error().message;
        return reply ? std::get<RangeReply>(*reply) : RangeReply{};
    }
    // "a=1 b=2"
    std::string text(const RangeReply& reply) {
        std::string out;
        for (const KeyValue& item : reply.items)
            out += (out.empty() ? "" : " ") + item.key + "=" + item.value;
        return out;
    }
    std::string all(Revision at = {}) { return text(range(KeyRange::prefix(""), 0, at)); }
    ErrorCode error_of(RequestBody body) {
        const auto reply = ask(std::move(body));
        EXPECT_FALSE(reply);
        return reply ? ErrorCode::Internal : reply.error().code;
    }
    // "put a=1@0, delete b" of all batches since the last call; '@' gives the position of revision.
    std::string take_told() {
        std::string out;
        for (const WatchBatch& batch : std::exchange(told, {})) {
            out += out.empty() ? "" : " | ";
            if (batch.kind == WatchBatch::Kind::Compacted) out += "compacted";
            for (const WatchEvent& event : batch.events) {
                out += out.empty() || out.ends_with("| ") ? "" : ", ";
                const bool is_put = event.kind == WatchEvent::Kind::Put;
                out += is_put ? "put " + event.entry.key + "=" + event.entry.value
                              : "delete " + event.entry.key;
            }
        }
        return out;
    }

    Fixture fixture;
    Instant now{1000s};
    RequestId last_id = 0;
    std::vector<WatchBatch> told;
};
TYPED_TEST_SUITE_P(KvConformance);

TYPED_TEST_P(KvConformance, PutsReadsAndDeletes) {
    const Revision first = this->put("a", "1");
    const Revision second = this->put("b", "2");
    EXPECT_LT(first, second);
    EXPECT_EQ(this->all(), "a=1 b=2");
    this->put("a", "3");
    const RangeReply one = this->range(KeyRange::one("a"));
    ASSERT_EQ(one.items.size(), 1u);
    EXPECT_EQ(one.items[0].create_revision, first);
    EXPECT_EQ(one.items[0].mod_revision, one.revision);
    const TxnReply gone = this->txn({}, {Delete{"a"}, Delete{"none"}});
    EXPECT_EQ(std::get<DeleteReply>(gone.ops[0]).deleted, 1u);
    EXPECT_EQ(std::get<DeleteReply>(gone.ops[1]).deleted, 0u);
    EXPECT_EQ(this->all(), "b=2");
    const Revision before = this->range(KeyRange::one("b")).revision;
    EXPECT_EQ(this->txn({}, {Delete{"none"}}).revision, before) << "nothing changed";
}

TYPED_TEST_P(KvConformance, KeepsBytesAsTheyAre) {
    const std::string value("\0\x01\xff\n\"", 5);
    this->put("k", value);
    this->put("empty", "");
    EXPECT_EQ(this->range(KeyRange::one("k")).items.at(0).value, value);
    EXPECT_EQ(this->range(KeyRange::one("empty")).items.at(0).value, "");
}

TYPED_TEST_P(KvConformance, ReadsRangesInPages) {
    for (const char* key : {"/a/1", "/a/2", "/a/3", "/b/1", "/a"}) this->put(key, "v");
    EXPECT_EQ(this->text(this->range(KeyRange::prefix("/a/"))), "/a/1=v /a/2=v /a/3=v");
    RangeReply page = this->range(KeyRange::prefix("/a/"), 2);
    EXPECT_EQ(this->text(page), "/a/1=v /a/2=v");
    EXPECT_TRUE(page.more);
    page = this->range(KeyRange::between(page.items.back().key + '\0', "/a0"), 2);
    EXPECT_EQ(this->text(page), "/a/3=v");
    EXPECT_FALSE(page.more);
    EXPECT_EQ(this->range(KeyRange::prefix("/a/"), 0, {}, Want::Count).count, 3u);
    EXPECT_EQ(this->text(this->range(KeyRange::prefix("/b"), 0, {}, Want::Keys)), "/b/1=");
    EXPECT_EQ(this->range(KeyRange::between("/a/2", "/b")).items.size(), 2u);
}

TYPED_TEST_P(KvConformance, ReadsThePast) {
    const Revision first = this->put("b", "1");
    this->put("a", "2");
    const Revision third = this->put("b", "3");
    this->txn({}, {DeleteRange{KeyRange::prefix("")}, Get{RangeRequest{KeyRange::prefix("")}}});
    this->put("c", "4");
    EXPECT_EQ(this->all(), "c=4");
    EXPECT_EQ(this->all(first), "b=1");
    EXPECT_EQ(this->all(third), "a=2 b=3");
    const RangeReply page = this->range(KeyRange::prefix(""), 1, third);
    EXPECT_EQ(this->text(page), "a=2");
    EXPECT_TRUE(page.more);
    Revision future = third;
    future.number += 100;
    EXPECT_EQ(this->error_of(RangeRequest{KeyRange::one("a"), 0, {}, future}),
              ErrorCode::OutOfRange);
    ASSERT_TRUE(this->ask(Compact{third}));
    EXPECT_EQ(this->error_of(RangeRequest{KeyRange::one("a"), 0, {}, first}), ErrorCode::NotFound);
    EXPECT_EQ(this->all(third), "a=2 b=3") << "the compacted revision itself can be read";
    EXPECT_EQ(this->error_of(Compact{first}), ErrorCode::NotFound);
    EXPECT_EQ(this->error_of(Compact{future}), ErrorCode::OutOfRange);
    Revision other = third;
    other.generation += 1;
    EXPECT_EQ(this->error_of(RangeRequest{KeyRange::one("a"), 0, {}, other}), ErrorCode::NotFound);
}

TYPED_TEST_P(KvConformance, ComparesDecideTheBranch) {
    const Revision at = this->put("a", "1");
    Revision wrong = at;
    wrong.number -= 1;
    const struct {
        Compare compare;
        bool holds;
    } cases[] = {
        {Compare::exists("a"), true},
        {Compare::exists("none"), false},
        {Compare::absent("none"), true},
        {Compare::absent("a"), false},
        {Compare::mod_revision_is("a", at), true},
        {Compare::mod_revision_is("a", wrong), false},
        {Compare::mod_revision_is("none", at), false},
        {Compare::value_is("a", "1"), true},
        {Compare::value_is("a", "2"), false},
        {Compare::value_is("none", ""), false},
        {Compare::none_in(KeyRange::prefix("b")), true},
        {Compare::none_in(KeyRange::prefix("a")), false},
        {Compare::none_in(KeyRange::between("A", "a")), true},
        {Compare::none_in(KeyRange::between("A", "b")), false},
    };
    for (const auto& c : cases) {
        const TxnReply reply =
            this->txn({Compare::exists("a"), c.compare}, {Get{}, Get{}}, {Get{}});
        EXPECT_EQ(reply.succeeded, c.holds) << static_cast<int>(c.compare.kind) << c.compare.key;
        EXPECT_EQ(reply.ops.size(), c.holds ? 2u : 1u);
    }
}

TYPED_TEST_P(KvConformance, TransactionsAreOneRevision) {
    const TxnReply reply = this->txn({}, {Put{"a", "1"}, Put{"b", "2"}, Get{{KeyRange::one("b")}}});
    const auto& seen = std::get<RangeReply>(reply.ops[2]);
    ASSERT_EQ(seen.items.size(), 1u) << "a transaction reads its own writes";
    for (const KeyValue& item : this->range(KeyRange::prefix("")).items)
        EXPECT_EQ(item.mod_revision, reply.revision);
}

TYPED_TEST_P(KvConformance, RefusesWhatEtcdRefuses) {
    const auto many = [](size_t count) {
        std::vector<Op> ops;
        for (size_t i = 0; i < count; ++i) ops.push_back(Put{"k" + std::to_string(i), "v"});
        return ops;
    };
    std::vector<Compare> compares(txn_compares_max + 1, Compare::absent("x"));
    const std::string large(txn_bytes_max, 'x');
    const struct {
        const char* what;
        Txn txn;
        ErrorCode code;
    } cases[] = {
        {"too many operations", {{}, many(txn_ops_max + 1), {}}, ErrorCode::TooLarge},
        {"also in the branch not taken", {{}, {}, many(txn_ops_max + 1)}, ErrorCode::TooLarge},
        {"too many compares", {compares, {}, {}}, ErrorCode::TooLarge},
        {"too many bytes", {{}, {Put{"k", large}}, {}}, ErrorCode::TooLarge},
        {"key twice", {{}, {Put{"k", "1"}, Put{"k", "2"}}, {}}, ErrorCode::Malformed},
        {"key put and deleted", {{}, {Put{"k", "1"}, Delete{"k"}}, {}}, ErrorCode::Malformed},
        {"key in a range",
         {{}, {Put{"k", "1"}, DeleteRange{KeyRange::prefix("k")}}, {}},
         ErrorCode::Malformed},
        {"empty key", {{}, {Put{"", "1"}}, {}}, ErrorCode::Malformed},
        {"long key",
         {{}, {Put{std::string(key_bytes_max + 1, 'k'), "1"}}, {}},
         ErrorCode::TooLarge},
        {"no such lease", {{}, {Put{"k", "1", 77}}, {}}, ErrorCode::NotFound},
    };
    for (const auto& c : cases) EXPECT_EQ(this->error_of(c.txn), c.code) << c.what;
    EXPECT_EQ(this->all(), "");
    EXPECT_TRUE(this->ask(Txn{{}, many(txn_ops_max), {}}));
}

TYPED_TEST_P(KvConformance, WatchesTellEveryChangeOnce) {
    const Revision start = this->put("/a/1", "0");
    ASSERT_TRUE(this->ask(WatchCreate{1, KeyRange::prefix("/a/"), {}}));
    ASSERT_TRUE(this->ask(WatchCreate{2, KeyRange::one("/b"), {}}));
    EXPECT_EQ(this->error_of(WatchCreate{2, KeyRange::one("/b"), {}}), ErrorCode::Conflict);
    this->txn({}, {Put{"/a/1", "1"}, Put{"/b", "x"}, Put{"/c", "y"}});
    EXPECT_EQ(this->take_told(), "put /a/1=1 | put /b=x");
    this->txn({}, {DeleteRange{KeyRange::prefix("/")}});
    EXPECT_EQ(this->take_told(), "delete /a/1 | delete /b");
    // A late watcher hears what it missed, in order.
    ASSERT_TRUE(this->ask(WatchCreate{3, KeyRange::prefix("/a/"), start}));
    EXPECT_EQ(this->take_told(), "put /a/1=1, delete /a/1");
    ASSERT_TRUE(this->ask(WatchCancel{1}));
    ASSERT_TRUE(this->ask(WatchCancel{3}));
    EXPECT_EQ(this->error_of(WatchCancel{3}), ErrorCode::NotFound);
    this->put("/a/1", "2");
    EXPECT_EQ(this->take_told(), "");
}

TYPED_TEST_P(KvConformance, WatchesOfTheForgottenPastAreCompacted) {
    const Revision start = this->put("a", "1");
    const Revision last = this->put("a", "2");
    ASSERT_TRUE(this->ask(Compact{last}));
    ASSERT_TRUE(this->ask(WatchCreate{1, KeyRange::one("a"), start}));
    EXPECT_EQ(this->take_told(), "compacted");
    ASSERT_TRUE(this->ask(WatchCreate{1, KeyRange::one("a"), last})) << "the old watch is over";
    this->put("a", "3");
    EXPECT_EQ(this->take_told(), "put a=3");
    ASSERT_TRUE(this->ask(WatchCreate{2, KeyRange::one("a"), Revision{last.generation + 1, 1}}));
    EXPECT_EQ(this->take_told(), "compacted");
}

TYPED_TEST_P(KvConformance, LeasesEndWithTheirKeys) {
    // Seconds, as some backends live them.
    ASSERT_TRUE(this->ask(LeaseGrant{4, 600s}));
    EXPECT_EQ(this->error_of(LeaseGrant{4, 600s}), ErrorCode::Conflict);
    ASSERT_TRUE(this->ask(LeaseGrant{5, 4s}));
    EXPECT_EQ(this->error_of(LeaseGrant{6, 1ms}), ErrorCode::OutOfRange);
    this->put("a", "1", 5);
    this->put("b", "1", 5);
    this->put("c", "1");
    this->put("b", "2");  // a put without the lease takes the key from it
    ASSERT_TRUE(this->ask(WatchCreate{1, KeyRange::prefix(""), {}}));
    this->now = this->now + 3s;
    ASSERT_TRUE(this->ask(LeaseKeepAlive{5}));
    Outbox out;
    this->fixture.expire(this->now + 3s, out);
    EXPECT_EQ(this->all(), "a=1 b=2 c=1");
    this->fixture.expire(this->now + 4s, out);
    EXPECT_EQ(this->all(), "b=2 c=1");
    for (WatchBatch& batch : out.watches) this->told.push_back(std::move(batch));
    EXPECT_EQ(this->take_told(), "delete a");
    EXPECT_EQ(this->error_of(LeaseKeepAlive{5}), ErrorCode::NotFound);
    ASSERT_TRUE(this->ask(LeaseGrant{7, 4s}));
    this->put("d", "1", 7);
    ASSERT_TRUE(this->ask(LeaseRevoke{7}));
    EXPECT_EQ(this->error_of(LeaseRevoke{7}), ErrorCode::NotFound);
    EXPECT_EQ(this->all(), "b=2 c=1");
}

TYPED_TEST_P(KvConformance, ForgetsTheOldestWhenHistoryIsFull) {
    const Revision start = this->put("first", "1");
    for (size_t round = 0; round * txn_ops_max <= history_changes_max + txn_ops_max; ++round) {
        std::vector<Op> ops;
        for (size_t i = 0; i < txn_ops_max; ++i) ops.push_back(Put{"k" + std::to_string(i), "v"});
        ASSERT_TRUE(this->ask(Txn{{}, std::move(ops), {}}));
    }
    EXPECT_EQ(this->error_of(RangeRequest{KeyRange::one("first"), 0, {}, start}),
              ErrorCode::NotFound);
    EXPECT_EQ(this->range(KeyRange::one("first")).items.size(), 1u);
}

REGISTER_TYPED_TEST_SUITE_P(KvConformance, PutsReadsAndDeletes, KeepsBytesAsTheyAre,
                            ReadsRangesInPages, ReadsThePast, ComparesDecideTheBranch,
                            TransactionsAreOneRevision, RefusesWhatEtcdRefuses,
                            WatchesTellEveryChangeOnce, WatchesOfTheForgottenPastAreCompacted,
                            LeasesEndWithTheirKeys, ForgetsTheOldestWhenHistoryIsFull);

}  // namespace tandem::store
