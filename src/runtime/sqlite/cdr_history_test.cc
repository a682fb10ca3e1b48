#include "runtime/sqlite/cdr_history.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
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
    int64_t rows(const std::string& table) {
        auto database = Database::open((folder / "history.db").string(), Database::Locking::Shared);
        EXPECT_TRUE(database);
        auto count = database->prepare("SELECT count(*) FROM " + table);
        EXPECT_TRUE(count);
        EXPECT_EQ(count->step(), Statement::Step::Row);
        return count->column_integer(0);
    }
    // All pages, in the order given; how many they were is in `pages`.
    std::vector<model::Cdr> all(CdrQuery query) {
        std::vector<model::Cdr> items;
        pages = 0;
        do {
            auto page = history->query(query);
            EXPECT_TRUE(page);
            if (!page) break;
            for (auto& each : page->items) items.push_back(std::move(each));
            query.cursor = page->next;
            ++pages;
        } while (!query.cursor.empty());
        return items;
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
    int pages = 0;
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
    query.number = "100*";
    EXPECT_EQ(ask(query), "1003>1001@30 1002>1003@20 1001>9@15 1001>1002@10 ");
    query.number = "9*";
    EXPECT_EQ(ask(query), "1001>9@15 ");
    query.number = "*";
    query.domain = acme;
    EXPECT_EQ(ask(query), "1003>1001@30 1002>1003@20 1001>1002@10 ");
    query.number = "100";
    EXPECT_EQ(ask(query), "") << "the whole number, unless a star says otherwise";
    query.domain.reset();
    query.number = "1001";
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
    for (const char* bad : {"x", "-", "5-", "-5", "99999999999999999999"}) {
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
    const auto account = AccountId::mint(UtcTime{1}, rng);
    for (int i = 0; i < 10; ++i) {
        many.push_back(record(acme, i, "1001", "1002"));
        many.back().caller.account = account;
        many.back().callee.account = account;
    }
    ASSERT_TRUE(insert(many));
    EXPECT_EQ(rows("record_number"), 10 * 2);
    EXPECT_EQ(rows("record_account"), 10);
    EXPECT_EQ(*history->erase_before(UtcTime{6}, 4), 4u);
    EXPECT_EQ(*history->erase_before(UtcTime{6}, 4), 2u);
    EXPECT_EQ(*history->erase_before(UtcTime{6}, 4), 0u);
    EXPECT_EQ(rows("record_number"), 4 * 2) << "no index of what is gone";
    EXPECT_EQ(rows("record_account"), 4);
    EXPECT_EQ(rows("record_body"), 4);
    CdrQuery query;
    query.domain = acme;
    query.number = "1002";
    EXPECT_EQ(ask(query), "1001>1002@9 1001>1002@8 1001>1002@7 1001>1002@6 ");
    EXPECT_EQ(*history->count(acme), 4u);
}

// Each question by each way that there is, against a look at all records.
TEST_F(History, EveryWayFindsWhatFits) {
    const AccountId accounts[] = {AccountId::mint(UtcTime{1}, rng),
                                  AccountId::mint(UtcTime{2}, rng)};
    std::vector<model::Cdr> many;
    for (int i = 0; i < 600; ++i) {
        auto one = record(i % 3 == 0 ? other : acme, 1000 + i / 2, "1" + std::to_string(i % 7),
                          "2" + std::to_string(i % 11));
        one.direction = static_cast<model::CallDirection>(i % 4);
        one.result = static_cast<model::CallResult>(i % 6);
        one.sip_status = i % 5 == 0 ? 503 : 200;
        one.duration = std::chrono::milliseconds(i % 13 == 0 ? 700'000 : i);
        if (i % 4 != 0) one.caller.account = accounts[i % 2];
        many.push_back(std::move(one));
    }
    ASSERT_EQ(*insert(many), many.size());
    for (int i = 0; i < 1024; ++i) {
        CdrQuery query;
        if (i & 1) query.domain = acme;
        if (i & 2) query.number = i & 512 ? "13" : "2*";
        if (i & 4) query.account = accounts[0];
        if (i & 8) query.direction = model::CallDirection::Incoming;
        if (i & 16) query.result = model::CallResult::NoAnswer;
        if (i & 32) query.sip_status = 503;
        if (i & 64) query.duration_min = std::chrono::milliseconds(i & 512 ? 600'000 : 100);
        if (i & 128) query.from = UtcTime{1100};
        if (i & 256) query.to = UtcTime{1250};
        query.limit = 9;
        std::set<CdrId> expected;
        for (const model::Cdr& each : many) {
            const auto has = [&](const std::string& number) {
                return *query.number == "2*" ? number.starts_with('2') : number == *query.number;
            };
            if ((query.domain && each.domain != *query.domain) ||
                (query.number && !has(each.caller.number) && !has(each.callee.number)) ||
                (query.account && each.caller.account != query.account) ||
                (query.direction && each.direction != *query.direction) ||
                (query.result && each.result != *query.result) ||
                (query.sip_status && each.sip_status != *query.sip_status) ||
                each.duration < query.duration_min || (query.from && each.start < *query.from) ||
                (query.to && each.start >= *query.to))
                continue;
            expected.insert(each.id);
        }
        const auto found = all(query);
        std::set<CdrId> ids;
        for (const auto& each : found) ids.insert(each.id);
        EXPECT_EQ(found.size(), ids.size()) << "no doubles, question " << i;
        EXPECT_EQ(ids, expected) << "question " << i;
        EXPECT_TRUE(std::ranges::is_sorted(found, std::greater(), &model::Cdr::start)) << i;
    }
}

TEST_F(History, ALongSearchStopsAndGoesOn) {
    std::vector<model::Cdr> many;
    for (int i = 0; i < 2000; ++i) many.push_back(record(acme, i, "1001", "1002"));
    many[1].result = model::CallResult::Busy;
    ASSERT_TRUE(insert(many));
    CdrQuery query;
    query.domain = acme;
    query.result = model::CallResult::Busy;
    query.patience = std::chrono::milliseconds(0);
    const auto page = history->query(query);
    ASSERT_TRUE(page);
    EXPECT_TRUE(page->items.empty());
    EXPECT_NE(page->next, "") << "there may be more";
    EXPECT_EQ(all(query).size(), 1u);
    EXPECT_GT(pages, 5);
}

TEST_F(History, RecordsOfOneMomentWithLikeIdsAllHaveRoom) {
    std::vector<model::Cdr> many;
    for (uint64_t i = 0; i < 5; ++i) {
        many.push_back(record(i % 2 == 0 ? acme : other, 7, "1001", "1002"));
        many.back().id = CdrId{{i, 0xfffff}};
    }
    many.push_back(record(acme, 8, "1001", "1002"));
    many.back().id = CdrId{{9, 0}};
    ASSERT_EQ(*insert(many), 6u);
    EXPECT_EQ(*insert(many), 0u);
    EXPECT_EQ(all({}).size(), 6u);
}

TEST_F(History, ATransactionThatIsUndoneGivesNoNumberToADomain) {
    auto first = record(acme, 1, "1001", "1002");
    auto blocker = Database::open((folder / "history.db").string(), Database::Locking::Shared);
    ASSERT_TRUE(blocker);
    ASSERT_TRUE(
        blocker->execute("CREATE TRIGGER fails BEFORE INSERT ON record_number BEGIN"
                         " SELECT RAISE(FAIL, 'disk full'); END"));
    EXPECT_FALSE(insert({first}));
    ASSERT_TRUE(blocker->execute("DROP TRIGGER fails"));
    ASSERT_TRUE(insert({record(other, 2, "2001", "2002")}));
    ASSERT_TRUE(insert({first}));
    CdrQuery query;
    query.domain = acme;
    EXPECT_EQ(ask(query), "1001>1002@1 ");
    query.domain = other;
    EXPECT_EQ(ask(query), "2001>2002@2 ");
}

TEST_F(History, TakesOverAFileOfTheFormerShape) {
    history.reset();
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    {
        auto former = Database::open((folder / "history.db").string(), Database::Locking::Shared);
        ASSERT_TRUE(former);
        ASSERT_TRUE(former->execute(
            "CREATE TABLE cdr(id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL, start INTEGER NOT"
            " NULL, body TEXT NOT NULL);"
            "CREATE TABLE cdr_term(domain TEXT NOT NULL, term TEXT NOT NULL)"));
        auto insert = former->prepare("INSERT INTO cdr VALUES(?1, '', 0, ?2)");
        ASSERT_TRUE(insert);
        for (int i = 0; i < 2500; ++i) {
            const auto one = record(acme, i, "1001", "1002");
            const std::string id = one.id.text();
            const std::string body = model::encode(one, model::Audience::Store);
            insert->text(1, id).text(2, body);
            ASSERT_EQ(insert->run(), Statement::Step::Done);
        }
    }
    open();
    EXPECT_EQ(*history->count(acme), 2500u);
    EXPECT_EQ(rows("sqlite_master WHERE name LIKE 'cdr%'"), 0) << "and nothing is left of it";
    open();
    EXPECT_EQ(*history->count(acme), 2500u);
}

}  // namespace
}  // namespace tandem::runtime
