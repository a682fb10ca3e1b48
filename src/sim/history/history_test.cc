#include "sim/history/history.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "sim/history/history_clients.h"
#include "store/memory_store.h"

namespace tandem::sim {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

// Times in milliseconds; "" is "absent".
SeenValue value_of(const std::string& text) {
    return text.empty() ? SeenValue() : SeenValue(text);
}
Instant at(int ms) {
    return Instant{std::chrono::milliseconds(ms)};
}
Operation read(int from, int to, const std::string& value) {
    return {"k", Kind::Read, Outcome::Done, {}, value_of(value), {}, at(from), at(to)};
}
Operation write(int from, int to, const std::string& value) {
    return {"k", Kind::Write, Outcome::Done, {}, value_of(value), {}, at(from), at(to)};
}
Operation set(int from, int to, const std::string& expected, const std::string& value) {
    return {"k",
            Kind::CompareAndSet,
            Outcome::Done,
            value_of(expected),
            value_of(value),
            {},
            at(from),
            at(to)};
}
Operation refused(int from, int to, const std::string& expected, const std::string& seen) {
    return {"k",   Kind::CompareAndSet, Outcome::Refused, value_of(expected),
            "new", value_of(seen),      at(from),         at(to)};
}
Operation unknown(Operation operation) {
    operation.outcome = Outcome::Unknown;
    operation.returned = {};
    return operation;
}

TEST(History, IsJudged) {
    const struct {
        const char* what;
        std::vector<Operation> history;
        bool linearizable;
    } cases[] = {
        {"nothing", {}, true},
        {"absent at first", {read(0, 1, "")}, true},
        {"never written", {read(0, 1, "a")}, false},
        {"read what was written", {write(0, 1, "a"), read(2, 3, "a")}, true},
        {"an acknowledged write is lost", {write(0, 1, "a"), read(2, 3, "")}, false},
        {"a stale read", {write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")}, false},
        {"a read during the write: before", {write(0, 9, "a"), read(2, 3, "")}, true},
        {"a read during the write: after", {write(0, 9, "a"), read(2, 3, "a")}, true},
        {"seen, then not", {write(0, 9, "a"), read(1, 2, "a"), read(3, 4, "")}, false},
        {"writes at once: either may be last",
         {write(0, 9, "a"), write(0, 9, "b"), read(10, 11, "a"), read(12, 13, "a")},
         true},
        {"but not both",
         {write(0, 9, "a"), write(0, 9, "b"), read(10, 11, "a"), read(12, 13, "b")},
         false},
        {"two wins of one compare",
         {write(0, 1, "a"), set(2, 9, "a", "b"), set(2, 9, "a", "c")},
         false},
        {"a win and a refusal",
         {write(0, 1, "a"), set(2, 9, "a", "b"), refused(2, 9, "a", "b")},
         true},
        {"refused though it held", {write(0, 1, "a"), refused(2, 3, "a", "a")}, false},
        {"refused for what never was", {write(0, 1, "a"), refused(2, 3, "b", "c")}, false},
        {"set of an absent key", {set(0, 1, "", "a"), read(2, 3, "a")}, true},
        {"unknown, never seen", {unknown(write(0, 0, "a")), read(1, 2, ""), read(8, 9, "")}, true},
        {"unknown, seen late", {unknown(write(0, 0, "a")), read(1, 2, ""), read(8, 9, "a")}, true},
        {"unknown, seen and gone",
         {unknown(write(0, 0, "a")), read(1, 2, "a"), read(8, 9, "")},
         false},
        {"unknown, before its call", {read(0, 1, "a"), unknown(write(2, 0, "a"))}, false},
        {"unknown twice the same: each once",
         {unknown(set(0, 0, "", "a")), write(1, 2, "b"), read(3, 4, "a")},
         false},
        {"an unknown write overwrites late",
         {unknown(write(0, 0, "a")), write(1, 2, "b"), read(3, 4, "b"), read(5, 6, "a")},
         true},
    };
    for (const auto& c : cases) {
        const HistoryVerdict verdict = check_history(c.history);
        EXPECT_EQ(verdict.kind == HistoryVerdict::Kind::Linearizable, c.linearizable)
            << c.what << ": " << verdict.explanation;
    }
}

TEST(History, ExplainsWhatCanNotBe) {
    const auto verdict = check_history({write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")});
    EXPECT_EQ(verdict.explanation,
              "key k: after 2 operations it is 'b', and then none of read 'a' can be the next");
}

constexpr int duration_ms = 1'200;
constexpr uint64_t seeds = 8;

// Drives the clients over a store in memory with random delays before and after it is applied.
std::vector<Operation> run_clients(uint64_t seed, bool reads_are_stale) {
    SeededRng rng(seed);
    HistoryClients clients(5, 2, rng);
    store::MemoryStore store;
    using Fault = store::MemoryStore::Fault;
    store.set_fault_hook([&](const store::Request& request) {
        if (std::holds_alternative<store::RangeRequest>(request.body)) return Fault::None;
        const uint64_t dice = rng.below(20);
        return dice == 0 ? Fault::AppliedTimeout : dice == 1 ? Fault::DroppedTimeout : Fault::None;
    });
    struct Waiting {
        store::Request request;
        std::optional<store::Reply> reply;
    };
    std::vector<Waiting> waiting;
    store::Revision before{1, 1};
    for (int ms = 0; ms < duration_ms; ++ms) {
        const size_t client = rng.below(clients.client_count());
        if (auto request = clients.next(at(ms), client))
            waiting.push_back({std::move(*request), std::nullopt});
        if (waiting.empty() || rng.below(3) == 0) continue;
        const size_t chosen = rng.below(waiting.size());
        Waiting& next = waiting[chosen];
        if (next.reply) {
            clients.on_reply(at(ms), *next.reply);
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(chosen));
            continue;
        }
        auto* read = std::get_if<store::RangeRequest>(&next.request.body);
        if (reads_are_stale && read != nullptr && rng.below(10) == 0) read->at = before;
        before = store.revision();
        store::Outbox out;
        store.apply(at(ms), next.request, out);
        next.reply = std::move(out.replies.at(0));
    }
    clients.on_restart(at(duration_ms));  // what is under way may have been applied, and seen
    EXPECT_TRUE(clients.complaints().empty());
    EXPECT_GT(clients.acknowledged(), 100u);
    EXPECT_GT(clients.unknown(), 3u);
    return clients.history();
}

TEST(History, OfACorrectStoreIsLinearizable) {
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
        const auto verdict = check_history(run_clients(seed, false));
        EXPECT_EQ(verdict.kind, HistoryVerdict::Kind::Linearizable)
            << "seed " << seed << ": " << verdict.explanation;
    }
}

TEST(History, OfAStoreWithStaleReadsIsNot) {
    size_t found = 0;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
        const auto verdict = check_history(run_clients(seed, true));
        EXPECT_NE(verdict.kind, HistoryVerdict::Kind::Undecided) << "seed " << seed;
        found += verdict.kind == HistoryVerdict::Kind::Violated;
    }
    EXPECT_GT(found, seeds / 4);
}

}  // namespace
}  // namespace tandem::sim
