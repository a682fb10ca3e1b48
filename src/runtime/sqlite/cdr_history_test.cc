#include "runtime/sqlite/cdr_history.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "model/codec.h"
#include "runtime/sqlite/database.h"

namespace tandem::runtime {
namespace {

struct History : testing::Test {
    History() {
        std::string name = std::filesystem::temp_directory_path() / "tandem-cdr-XXXXXX";
        folder = ::mkdtemp(name.data());
        open();
    }
    ~History() override {
        history.reset();
        std::filesystem::remove_all(folder);
    }
    void open() {
        history.reset();
        auto opened = CdrHistory::open((folder / "history.db").string());
        ASSERT_TRUE(opened) << opened.error().message;
        history = std::move(*opened);
    }
    model::Cdr record(DomainId domain, int64_t start_ms, std::string caller, std::string callee) {
        model::Cdr record;
        record.id = CdrId::mint(UtcTime{start_ms}, rng);
        record.call = CallId::mint(UtcTime{start_ms}, rng);
        record.domain = domain;
        record.start = UtcTime{start_ms};
        record.end = UtcTime{start_ms + 5000};
        record.caller.number = caller;
        record.callee.number = callee;
        record.dialled = callee;
        record.legs.emplace_back().streams.emplace_back().mos = 4.25;
        return record;
    }
    int64_t term_rows() {
        auto database = Database::open((folder / "history.db").string(), Database::Locking::Shared);
        EXPECT_TRUE(database);
        auto count = database->prepare("SELECT count(*) FROM cdr_term");
        EXPECT_TRUE(count);
        EXPECT_EQ(count->step(), Statement::Step::Row);
        return count->column_integer(0);
    }
    Result<size_t> insert(const std::vector<model::Cdr>& records) {
        std::vector<std::string> texts;
        for (const auto& each : records) {
            texts.push_back(model::encode(each, model::Audience::Store));
        }
        return history->insert(std::vector<std::string_view>(texts.begin(), texts.end()));
    }
    // "1001>1002@5 ..." in the order given.
    std::string ask(CdrQuery query) {
        std::string out;
        const auto page = history->query(query);
        if (!page) return page.error().field + ": " + page.error().message;
        for (const model::Cdr& item : page->items)
            out += item.caller.number + ">" + item.callee.number + "@" +
                   std::to_string(item.start.unix_ms) + " ";
        last_next = page->next;
        return out;
    }

    SeededRng rng{3};
    DomainId acme = DomainId::mint(UtcTime{1}, rng);
    DomainId other = DomainId::mint(UtcTime{2}, rng);
    std::filesystem::path folder;
    std::unique_ptr<CdrHistory> history;
    std::string last_next;
};

TEST_F(History, KeepsARecordOnceAndWhole) {
    auto one = record(acme, 10, "1001", "1002");
    one.caller.account = AccountId::mint(UtcTime{1}, rng);
    EXPECT_EQ(*insert({one}), 1u);
    auto again = one;
    again.dialled = "other";
    EXPECT_EQ(*insert({again}), 0u) << "the outbox may be drained twice";
    open();
    CdrQuery query;
    query.domain = acme;
    const auto page = history->query(query);
    ASSERT_TRUE(page);
    ASSERT_EQ(page->items.size(), 1u);
    EXPECT_EQ(page->items[0], one);
    EXPECT_EQ(page->next, "");
    EXPECT_EQ(*history->count(acme), 1u);
}

TEST_F(History, AnswersByTimeAccountAndNumber) {
    auto first = record(acme, 10, "1001", "1002");
    auto second = record(acme, 20, "1002", "1003");
    auto third = record(acme, 30, "1003", "1001");
    const auto account = AccountId::mint(UtcTime{1}, rng);
    first.caller.account = account;
    third.callee.account = account;
    ASSERT_TRUE(insert({first, second, third, record(other, 15, "1001", "9")}));
    CdrQuery query;
    query.domain = acme;
    EXPECT_EQ(ask(query), "1003>1001@30 1002>1003@20 1001>1002@10 ");
    query.from = UtcTime{20};
    EXPECT_EQ(ask(query), "1003>1001@30 1002>1003@20 ");
    query.to = UtcTime{30};
    EXPECT_EQ(ask(query), "1002>1003@20 ");
    query = {};
    query.domain = acme;
    query.number = "1002";
    EXPECT_EQ(ask(query), "1002>1003@20 1001>1002@10 ");
    query.account = account;
    EXPECT_EQ(ask(query), "1001>1002@10 ");
    query.number.reset();
    EXPECT_EQ(ask(query), "1003>1001@30 1001>1002@10 ");
    query.domain = other;
    EXPECT_EQ(ask(query), "") << "another domain's records are not seen";
    query = {};
    EXPECT_EQ(ask(query), "1003>1001@30 1002>1003@20 1001>9@15 1001>1002@10 ");
    query.number = "1001";
    EXPECT_EQ(ask(query), "1003>1001@30 1001>9@15 1001>1002@10 ");
    query.call = first.call;
    query.account = account;
    EXPECT_EQ(ask(query), "1001>1002@10 ");
    query.call = second.call;
    EXPECT_EQ(ask(query), "");
}

TEST_F(History, PagesWithoutGapsOrDoubles) {
    std::vector<model::Cdr> many;
    for (int i = 0; i < 25; ++i)
        many.push_back(record(acme, 100 + i / 4, "1001", std::to_string(i)));
    ASSERT_EQ(*insert(many), 25u);
    CdrQuery query;
    query.domain = acme;
    query.limit = 7;
    std::set<std::string> seen;
    int pages = 0;
    do {
        const auto page = history->query(query);
        ASSERT_TRUE(page);
        for (const auto& item : page->items) EXPECT_TRUE(seen.insert(item.callee.number).second);
        query.cursor = page->next;
        ++pages;
    } while (!query.cursor.empty());
    EXPECT_EQ(pages, 4);
    EXPECT_EQ(seen.size(), 25u);
    for (const char* bad : {"x", "-", "5-", "5-xyz", "a-0123456789abcdef0123456789abcdef"}) {
        query.cursor = bad;
        EXPECT_TRUE(ask(query).starts_with("cursor: ")) << bad;
    }
    query.cursor.clear();
    query.limit = 0;
    EXPECT_TRUE(ask(query).starts_with("limit: "));
}

TEST_F(History, LeavesOutWhatItCannotRead) {
    const std::string good = model::encode(record(acme, 1, "1001", "1002"), model::Audience::Store);
    const std::vector<std::string_view> bodies = {"{", good, "[]"};
    EXPECT_EQ(*history->insert(bodies), 1u);
    EXPECT_EQ(*history->count(acme), 1u);
}

TEST_F(History, ForgetsTheOldestFirst) {
    std::vector<model::Cdr> many;
    for (int i = 0; i < 10; ++i) many.push_back(record(acme, i, "1001", "1002"));
    ASSERT_TRUE(insert(many));
    EXPECT_EQ(term_rows(), 10 * 3) << "the call and two numbers";
    EXPECT_EQ(*history->erase_before(UtcTime{6}, 4), 4u);
    EXPECT_EQ(*history->erase_before(UtcTime{6}, 4), 2u);
    EXPECT_EQ(*history->erase_before(UtcTime{6}, 4), 0u);
    EXPECT_EQ(term_rows(), 4 * 3) << "no index of what is gone";
    CdrQuery query;
    query.domain = acme;
    query.number = "1002";
    EXPECT_EQ(ask(query), "1001>1002@9 1001>1002@8 1001>1002@7 1001>1002@6 ");
    EXPECT_EQ(*history->count(acme), 4u);
}

}  // namespace
}  // namespace tandem::runtime
