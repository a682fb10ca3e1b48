#include "runtime/sqlite/audit_history.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tandem::runtime {
namespace {

struct Audit : testing::Test {
    Audit() {
        std::string name = std::filesystem::temp_directory_path() / "tandem-audit-XXXXXX";
        folder = ::mkdtemp(name.data());
    }
    ~Audit() override { std::filesystem::remove_all(folder); }
    AuditHistory open() {
        auto opened = AuditHistory::open((folder / "audit.db").string());
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }
    static std::string record(int number, const std::string& domain, const std::string& entity) {
        const std::string n = std::to_string(number);
        return R"({"id":"id)" + n + R"(","at_utc_ms":)" + std::to_string(1000 + number) +
               R"(,"domain":")" + domain + R"(","actor":"admin","kind":"account","entity":")" +
               entity + R"(","after":{"n":)" + n + R"(},"kept":{"secret":)" + n + "}}";
    }
    static size_t insert(AuditHistory& history, const std::vector<std::string>& records) {
        const std::vector<std::string_view> views(records.begin(), records.end());
        const auto fresh = history.insert(views);
        EXPECT_TRUE(fresh);
        return fresh.value_or(0);
    }
    static std::string ask(AuditHistory& history, ports::AuditQuery query) {
        const auto page = history.query(query);
        EXPECT_TRUE(page);
        return page.value_or("");
    }
    std::filesystem::path folder;
};

TEST_F(Audit, ARecordIsKeptOnceAndSurvives) {
    {
        AuditHistory history = open();
        EXPECT_EQ(insert(history, {record(1, "d1", "a"), record(2, "d1", "b"), "no JSON"}), 2u);
        EXPECT_EQ(insert(history, {record(2, "d1", "b"), record(3, "d2", "c")}), 1u);
    }
    AuditHistory again = open();
    const std::string page = ask(again, {});
    EXPECT_NE(page.find("\"id3\""), std::string::npos);
    EXPECT_LT(page.find("\"id3\""), page.find("\"id1\""));  // the newest first
}

TEST_F(Audit, WhatIsKeptForARollBackIsShownOnRequestOnly) {
    AuditHistory history = open();
    insert(history, {record(1, "d1", "a")});
    EXPECT_EQ(ask(history, {}).find("secret"), std::string::npos);
    ports::AuditQuery query;
    query.whole = true;
    EXPECT_NE(ask(history, query).find(R"("kept":{"secret":1})"), std::string::npos);
}

TEST_F(Audit, PagesHoldEachRecordOnceInBothOrders) {
    AuditHistory history = open();
    std::vector<std::string> records;
    for (int i = 0; i < 25; ++i) records.push_back(record(i, i % 2 ? "d1" : "d2", "e"));
    insert(history, records);
    for (const bool oldest_first : {false, true}) {
        ports::AuditQuery query;
        query.domain_id = "d2";
        query.limit = 5;
        query.oldest_first = oldest_first;
        int pages = 0;
        size_t items = 0;
        while (true) {
            const std::string page = ask(history, query);
            for (size_t at = page.find("\"id\""); at != std::string::npos;
                 at = page.find("\"id\"", at + 1))
                ++items;
            ++pages;
            const size_t next = page.find("\"next\":\"");
            if (next == std::string::npos) break;
            query.after = page.substr(next + 8, page.find('"', next + 8) - next - 8);
        }
        EXPECT_EQ(items, 13u);
        EXPECT_EQ(pages, 3);
    }
}

TEST_F(Audit, TimesEntitiesAndActorsNarrowIt) {
    AuditHistory history = open();
    insert(history, {record(1, "d1", "a"), record(2, "d1", "b"), record(3, "d1", "a")});
    ports::AuditQuery query;
    query.entity = "a";
    query.from_ms = 1002;
    const std::string page = ask(history, query);
    EXPECT_NE(page.find("\"id3\""), std::string::npos);
    EXPECT_EQ(page.find("\"id1\""), std::string::npos);
    query.actor = "somebody else";
    EXPECT_EQ(ask(history, query), R"({"items":[],"next":null})");
    query = {};
    query.limit = 0;
    EXPECT_FALSE(history.query(query));
    query.limit = 10;
    query.after = "nonsense";
    EXPECT_FALSE(history.query(query));
}

TEST_F(Audit, ForgetsTheOldestFirstAStepAtATime) {
    AuditHistory history = open();
    std::vector<std::string> records;
    for (int i = 0; i < 10; ++i) records.push_back(record(i, "d1", "a"));
    insert(history, records);
    EXPECT_EQ(*history.erase_before(UtcTime{1006}, 4), 4u);
    EXPECT_EQ(*history.erase_before(UtcTime{1006}, 4), 2u);
    EXPECT_EQ(*history.erase_before(UtcTime{1006}, 4), 0u);
    const std::string page = ask(history, {});
    EXPECT_EQ(page.find("\"id5\""), std::string::npos);
    EXPECT_NE(page.find("\"id6\""), std::string::npos);
}

}  // namespace
}  // namespace tandem::runtime
