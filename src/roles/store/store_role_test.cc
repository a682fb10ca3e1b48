#include "roles/store/store_role.h"

#include <gtest/gtest.h>

#include <memory>

#include "roles/store/limits.h"
#include "store/catalog.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::store_role {
namespace {

using ports::EntityReply;
using ports::EntityRequest;
using ports::EntityVerb;
using ports::RoleKind;

constexpr ports::Instance kSelf{7}, kWeb{8};

struct StoreRoleTest : testing::Test {
    StoreRoleTest() {
        directory.replace({{kSelf, RoleKind::Store}, {kWeb, RoleKind::WebGate}});
        role = std::make_unique<StoreRole>(around, SealKey{4, 5, 6});
        for (const std::string_view layer :
             {store::keys::infrastructure, store::keys::logic, store::keys::domains}) {
            store::WatchCreate watch;
            watch.watch = ++watches;
            watch.range = store::KeyRange::prefix(layer);
            to_store({watches, std::move(watch)});
        }
        ports::Outbox out;
        role->start(now, out);
        settle(out);
    }
    void to_store(const store::Request& request) {
        store::Outbox box;
        memory.apply(now.mono, request, box);
        for (store::Reply& reply : box.replies) replies.push_back(std::move(reply));
        for (store::WatchBatch& batch : box.watches) batches.push_back(std::move(batch));
    }
    // Store, catalog and history answer until nothing more is asked.
    void settle(ports::Outbox& out) {
        for (int round = 0; round < 50; ++round) {
            for (ports::Letter& letter : out.take()) {
                if (auto* request = get_if<store::Request>(&letter.payload)) {
                    to_store(*request);
                } else if (auto* append = get_if<ports::HistoryAppend>(&letter.payload)) {
                    for (auto& record : append->records) {
                        const bool is_cdr = record.kind == ports::HistoryAppend::Kind::Cdr;
                        (is_cdr ? history : audit).push_back(is_cdr ? record.id : record.json);
                    }
                    ports::HistoryAppended appended;
                    if (history_fails) appended.error = make_error(ErrorCode::Unavailable, "", "");
                    role->on_letter(now, {ports::kHistory, kSelf, letter.request, appended}, out);
                } else {
                    sent.push_back(std::move(letter));
                }
            }
            for (store::Reply& reply : std::exchange(replies, {})) {
                if (reply.id <= watches) continue;
                role->on_letter(now, {ports::kKeyValue, kSelf, reply.id, std::move(reply)}, out);
            }
            for (store::WatchBatch& batch : std::exchange(batches, {})) {
                if (batch.watch > watches) {
                    role->on_letter(now, {ports::kKeyValue, kSelf, 0, std::move(batch)}, out);
                } else if (follow) {
                    feed.on_watch(batch);
                    feed.set_revision(batch.revision);
                    catalog = feed.snapshot();
                    role->on_catalog(now, out);
                }
            }
        }
    }
    EntityReply ask(EntityRequest request) {
        sent.clear();
        ports::Outbox out;
        role->on_letter(now, {kWeb, kSelf, 5, std::move(request)}, out);
        settle(out);
        if (sent.size() != 1) return EntityReply{make_error(ErrorCode::Internal, "", "no answer")};
        EXPECT_EQ(sent[0].request, 5u);
        return get<EntityReply>(sent[0].payload);
    }
    EntityReply create_domain(const std::string& name) {
        return ask({EntityVerb::Create, "domain", "", "", "{\"name\":\"" + name + "\"}"});
    }
    void wait(Duration duration) {
        now.mono = now.mono + duration;
        ports::Outbox out;
        role->on_timeout(now, out);
        settle(out);
    }
    void put(std::string key, std::string value) {
        store::Txn txn;
        txn.then_ops.emplace_back(store::Put{std::move(key), std::move(value)});
        to_store({1, std::move(txn)});
        ports::Outbox out;
        settle(out);
    }
    size_t count(std::string_view prefix) {
        store::RangeRequest range;
        range.range = store::KeyRange::prefix(prefix);
        store::Outbox box;
        memory.apply(now.mono, {2, range}, box);
        return std::get<store::RangeReply>(*box.replies.at(0).body).items.size();
    }

    Now now{{1000s}, {1'790'000'000'000}};
    store::MemoryStore memory;
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{3};
    ports::Surroundings around{kSelf, directory, catalog, tokens, rng};
    std::unique_ptr<StoreRole> role;
    uint64_t watches = 0;
    bool follow = true;
    bool history_fails = false;
    std::vector<store::Reply> replies;
    std::vector<store::WatchBatch> batches;
    std::vector<std::string> history;
    std::vector<std::string> audit;
    std::vector<ports::Letter> sent;
};

TEST_F(StoreRoleTest, WhatIsCreatedWorksAtOnce) {
    const EntityReply created = create_domain("acme.test");
    ASSERT_FALSE(created.error) << created.error->message;
    ASSERT_TRUE(catalog.find_domain("acme.test"));
    const EntityReply account = ask({EntityVerb::Create, "account", "acme.test", "",
                                     R"({"login":"1001","number":"1001","password":"secret"})"});
    ASSERT_FALSE(account.error) << account.error->message;
    EXPECT_EQ(account.json.find("secret"), std::string::npos);
    const EntityReply read = ask({EntityVerb::Read, "account", "acme.test", "1001"});
    EXPECT_EQ(read.json, account.json);
    EXPECT_EQ(read.etag, account.etag);
    const EntityReply list = ask({EntityVerb::List, "domain", "", ""});
    EXPECT_NE(list.json.find("\"acme.test\""), std::string::npos);
}

TEST_F(StoreRoleTest, RefusalsNameTheField) {
    ASSERT_FALSE(create_domain("acme.test").error);
    EXPECT_EQ(create_domain("acme.test").error->code, ErrorCode::Conflict);
    const EntityReply unknown =
        ask({EntityVerb::Create, "domain", "", "", R"({"name":"b.test","colour":"red"})"});
    EXPECT_EQ(unknown.error->code, ErrorCode::UnknownField);
    EXPECT_EQ(unknown.error->field, "colour");
    EXPECT_EQ(ask({EntityVerb::Read, "domain", "", "none.test"}).error->code, ErrorCode::NotFound);
    EXPECT_EQ(ask({EntityVerb::Patch, "domain", "", "none.test", "{}"}).error->code,
              ErrorCode::NotFound);
}

TEST_F(StoreRoleTest, ChangesAreConditional) {
    const EntityReply first = create_domain("acme.test");
    EntityRequest patch{EntityVerb::Patch, "domain", "", "acme.test",
                        R"({"settings":{"contacts_max":5}})"};
    patch.if_match = first.etag;
    const EntityReply second = ask(patch);
    ASSERT_FALSE(second.error) << second.error->message;
    EXPECT_NE(second.etag, first.etag);
    EXPECT_EQ(ask(patch).error->code, ErrorCode::Conflict);  // the version is another now
    EXPECT_EQ(catalog.find_domain("acme.test")->settings.contacts_max, 5);
    const EntityReply removed = ask({EntityVerb::Remove, "domain", "", "acme.test"});
    ASSERT_FALSE(removed.error) << removed.error->message;
    EXPECT_FALSE(catalog.find_domain("acme.test"));
}

TEST_F(StoreRoleTest, AnAnswerWaitsForTheCatalogButNotForEver) {
    follow = false;
    sent.clear();
    ports::Outbox out;
    EntityRequest create{EntityVerb::Create, "domain", "", "", R"({"name":"acme.test"})"};
    role->on_letter(now, {kWeb, kSelf, 5, create}, out);
    settle(out);
    EXPECT_TRUE(sent.empty());
    EXPECT_FALSE(role->is_idle());
    wait(catalog_wait_max);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_FALSE(get<EntityReply>(sent[0].payload).error);
}

TEST_F(StoreRoleTest, AReadWhoseReplyIsLostIsGivenUp) {
    ASSERT_FALSE(create_domain("acme.test").error);
    using Fault = store::MemoryStore::Fault;
    bool lose = true;
    memory.set_fault_hook([&](const store::Request& request) {
        const bool reads = std::holds_alternative<store::RangeRequest>(request.body);
        return lose && reads ? Fault::DroppedReplyLost : Fault::None;
    });
    sent.clear();
    ports::Outbox out;
    EntityRequest patch{EntityVerb::Patch, "domain", "", "acme.test",
                        R"({"settings":{"contacts_max":5}})"};
    role->on_letter(now, {kWeb, kSelf, 5, patch}, out);
    settle(out);
    EXPECT_TRUE(sent.empty());
    ASSERT_TRUE(role->next_deadline());
    EXPECT_LE(*role->next_deadline(), now.mono + store_answer_max);
    wait(store_answer_max);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(get<EntityReply>(sent[0].payload).error->code, ErrorCode::Unavailable);
    EXPECT_TRUE(role->is_idle());
    // The store cannot be reached at all: told at once.
    sent.clear();
    store::RequestId asked = 0;
    memory.set_fault_hook({});
    role->on_letter(now, {kWeb, kSelf, 6, patch}, out);
    for (const ports::Letter& letter : out.take()) asked = letter.request;
    role->on_letter(now, {ports::kKeyValue, kSelf, asked, ports::Unreachable{ports::kKeyValue}},
                    out);
    settle(out);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(get<EntityReply>(sent[0].payload).error->code, ErrorCode::Unavailable);
    lose = false;
    EXPECT_FALSE(ask(patch).error);
}

TEST_F(StoreRoleTest, APassiveCopyReadsButDoesNotWrite) {
    directory.replace({{{6}, RoleKind::Store}, {kSelf, RoleKind::Store}});
    EXPECT_EQ(create_domain("acme.test").error->code, ErrorCode::Unavailable);
    EXPECT_FALSE(ask({EntityVerb::List, "domain", "", ""}).error);
}

TEST_F(StoreRoleTest, FinishedCallsMoveToHistoryOnce) {
    wait(0s);
    for (int i = 0; i < 250; ++i) {
        put(std::string(store::keys::cdr_outbox_prefix) + std::to_string(1000 + i), "{}");
    }
    EXPECT_EQ(history.size(), 0u);  // they gather first
    wait(outbox_gathering);
    EXPECT_EQ(history.size(), 250u);
    EXPECT_EQ(count(store::keys::cdr_outbox_prefix), 0u);
    EXPECT_EQ(history.front(), "1000");
}

TEST_F(StoreRoleTest, AHistoryThatFailsIsAskedAgain) {
    wait(0s);
    history_fails = true;
    put(std::string(store::keys::cdr_outbox_prefix) + "1", "{}");
    wait(outbox_gathering);
    EXPECT_EQ(history.size(), 1u);
    EXPECT_EQ(count(store::keys::cdr_outbox_prefix), 1u);
    history_fails = false;
    ASSERT_TRUE(role->next_deadline());
    wait(outbox_retry_pause);
    EXPECT_EQ(history.size(), 2u);
    EXPECT_EQ(count(store::keys::cdr_outbox_prefix), 0u);
}

}  // namespace
}  // namespace tandem::roles::store_role
