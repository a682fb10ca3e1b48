// Several B2Bs that tell each other of ring groups; letters are carried by the test.
#include "roles/b2bua/group_peers.h"

#include <gtest/gtest.h>

#include <array>

#include "roles/b2bua/limits.h"
#include "store/catalog.h"

namespace tandem::roles::b2bua {
namespace {

using namespace std::chrono_literals;
using routing::TalkTimes;

const RingGroupId kGroup{{3, 1}};
const AccountId kAnn{{1, 1}}, kBen{{1, 2}};

// Three B2Bs, 1 to 3.
struct GroupPeersTest : testing::Test {
    struct B2b {
        B2b(GroupPeersTest& test, uint16_t number)
            : around{{number}, test.directory, test.catalog, test.tokens, test.rng, 1, {}} {}
        ports::Surroundings around;
        routing::GroupOrder order;
        GroupPeers peers{around, order};
        bool runs = true;
    };
    GroupPeersTest() {
        for (uint16_t number : {1, 2, 3}) b2bs[number - 1u].emplace(*this, number);
        change_directory();
    }
    B2b& b2b(uint16_t number) { return *b2bs[number - 1u]; }
    void change_directory() {
        std::vector<ports::DirectoryEntry> entries{{{9}, ports::RoleKind::CallState}};
        for (const auto& each : b2bs)
            if (each)
                entries.push_back({each->around.self, ports::RoleKind::B2bua, each->around.epoch,
                                   100, each->runs});
        directory.replace(std::move(entries));
        for (auto& each : b2bs)
            if (each && each->runs) each->peers.on_directory(now, out);
        carry();
    }
    // Letters to those who run; others are lost.
    void carry() {
        for (const ports::Letter& letter : out.take()) {
            ++letters;
            auto& to = b2bs.at(letter.to.number - 1u);
            const auto& news = get<ports::GroupNews>(letter.payload);
            EXPECT_LE(news.turns.size() + news.talks.size(), kGroupNewsPage);
            if (to && to->runs && !lost) to->peers.on_news(now, letter.from, news);
        }
    }
    void turn(uint16_t number, AccountId first) {
        b2b(number).order.turns.take(kGroup, first, now.utc);
        b2b(number).peers.tell(now, out);
        carry();
    }
    void talk(uint16_t number, uint64_t call, const std::vector<AccountId>& who) {
        b2b(number).order.talks.note(call, who, now.utc);
        b2b(number).peers.tell(now, out);
        carry();
    }
    void advance(Duration time) {
        now.mono = now.mono + time;
        now.utc.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
        for (auto& each : b2bs) {
            const auto due = each ? each->peers.next_deadline() : std::nullopt;
            if (due && *due <= now.mono) each->peers.on_timeout(now, out);
        }
        carry();
    }
    void kill(uint16_t number) {
        b2b(number).runs = false;
        change_directory();
    }
    void start_anew(uint16_t number) {
        const uint32_t epoch = b2b(number).around.epoch + 1;
        b2bs[number - 1u].emplace(*this, number);
        b2b(number).around.epoch = epoch;
        change_directory();
    }
    AccountId first(uint16_t number) {
        const auto* turn = b2b(number).order.turns.last(kGroup);
        return turn == nullptr ? AccountId{} : turn->first;
    }
    int64_t last(uint16_t number, AccountId account) {
        return b2b(number).order.talks.last(account);
    }

    ports::Directory directory;
    store::Catalog catalog;
    ports::TokenMint tokens{{11, 22}};
    SeededRng rng{7};
    Now now{Instant{1000s}, UtcTime{1'000'000}};
    ports::Outbox out;
    std::array<std::optional<B2b>, 3> b2bs;
    size_t letters = 0;
    bool lost = false;
};

TEST_F(GroupPeersTest, ATurnIsKnownAtOnceByAll) {
    turn(1, kAnn);
    EXPECT_EQ(first(2), kAnn);
    EXPECT_EQ(first(3), kAnn);
    turn(2, kBen);
    EXPECT_EQ(first(1), kBen);
    EXPECT_EQ(first(3), kBen);
}

TEST_F(GroupPeersTest, WhoTalksIsKnownByAll) {
    talk(1, 7, {kAnn});
    EXPECT_EQ(last(2, kAnn), TalkTimes::talks_now);
    advance(1s);
    talk(1, 7, {});
    EXPECT_EQ(last(2, kAnn), now.utc.unix_ms);
    EXPECT_EQ(last(2, kAnn), last(1, kAnn));
}

// Many calls a second are told in few letters, and a turn takes along what was held back.
TEST_F(GroupPeersTest, TalksAreToldTogetherWhenThereAreMany) {
    advance(1s);
    letters = 0;
    for (uint64_t n = 1; n <= 200; ++n) talk(1, n, {AccountId{{1, n}}});
    EXPECT_EQ(letters, 2u) << "the first of them, to two others";
    EXPECT_EQ(last(2, AccountId{{1, 200}}), 0);
    advance(kGroupNewsPause);
    EXPECT_EQ(letters, 4u);
    EXPECT_EQ(last(2, AccountId{{1, 200}}), TalkTimes::talks_now);
    EXPECT_FALSE(b2b(1).peers.next_deadline());
    talk(1, 300, {kBen});
    turn(1, kBen);
    EXPECT_EQ(last(2, kBen), TalkTimes::talks_now);
    EXPECT_EQ(first(2), kBen);
}

TEST_F(GroupPeersTest, KnowledgeOutlivesWhoeverHadIt) {
    turn(1, kAnn);
    talk(1, 7, {kAnn});
    advance(1s);
    talk(1, 7, {});
    const int64_t ended = last(1, kAnn);
    advance(5s);
    kill(1);
    EXPECT_EQ(first(2), kAnn);
    start_anew(1);
    EXPECT_EQ(first(1), kAnn) << "the others have told him";
    EXPECT_EQ(last(1, kAnn), ended);
    // One after the other, until nobody is there who had seen it.
    for (uint16_t number : {2, 3}) {
        kill(number);
        start_anew(number);
    }
    EXPECT_EQ(first(3), kAnn);
    EXPECT_EQ(last(3, kAnn), ended);
}

TEST_F(GroupPeersTest, TalksOfADeadOneHaveEnded) {
    talk(1, 7, {kAnn, kBen});
    advance(1s);
    kill(1);
    EXPECT_EQ(last(2, kAnn), now.utc.unix_ms);
    // The heir has the call of one of them.
    talk(2, 7, {kAnn});
    EXPECT_EQ(last(3, kAnn), TalkTimes::talks_now);
    EXPECT_EQ(last(3, kBen), now.utc.unix_ms);
    b2bs[0].reset();
    change_directory();
    EXPECT_EQ(last(3, kAnn), TalkTimes::talks_now);
}

// Its process was killed and started again before anybody could notice.
TEST_F(GroupPeersTest, ANewIncarnationHasOtherCalls) {
    talk(1, 7, {kAnn});
    talk(2, 8, {kBen});
    advance(1s);
    start_anew(1);
    EXPECT_EQ(last(2, kAnn), now.utc.unix_ms);
    EXPECT_EQ(last(1, kBen), TalkTimes::talks_now);
}

// What it tells may be here before the directory knows of it.
TEST_F(GroupPeersTest, WhatItTellsItselfIsAheadOfTheDirectory) {
    ports::GroupNews news;
    news.all = true;
    news.epoch = 5;
    news.talks.push_back({kAnn, {}, true});
    b2b(2).peers.on_news(now, {1}, news);
    b2b(1).around.epoch = 5;
    change_directory();
    EXPECT_EQ(last(2, kAnn), TalkTimes::talks_now);
}

// A link that broke has lost some letters; the talk has ended meanwhile.
TEST_F(GroupPeersTest, WhoComesBackIsToldAll) {
    talk(1, 7, {kAnn});
    b2b(2).runs = false;
    change_directory();
    lost = true;
    talk(1, 7, {});
    turn(1, kAnn);
    lost = false;
    advance(1s);
    b2b(2).runs = true;
    change_directory();
    EXPECT_EQ(first(2), kAnn);
    EXPECT_EQ(last(2, kAnn), last(1, kAnn));
}

TEST_F(GroupPeersTest, ALongTaleIsToldInPages) {
    for (uint64_t n = 1; n <= 3 * kGroupNewsPage; ++n)
        b2b(1).order.talks.note(n, {AccountId{{1, n}}}, now.utc);
    b2b(1).peers.tell(now, out);
    carry();
    kill(2);
    start_anew(2);
    for (uint64_t n = 1; n <= 3 * kGroupNewsPage; ++n)
        ASSERT_EQ(last(2, AccountId{{1, n}}), TalkTimes::talks_now) << n;
}

TEST_F(GroupPeersTest, AloneNobodyIsTold) {
    kill(2);
    kill(3);
    letters = 0;
    turn(1, kAnn);
    talk(1, 7, {kAnn});
    EXPECT_EQ(letters, 0u);
    EXPECT_FALSE(b2b(1).peers.next_deadline());
    EXPECT_FALSE(b2b(1).order.talks.has_news());
}

}  // namespace
}  // namespace tandem::roles::b2bua
