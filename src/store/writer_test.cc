#include "store/writer.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/rng.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::store {
namespace {

using Fault = MemoryStore::Fault;

// A writer and a store, joined by hand. Requests are delivered when the test says so.
struct Bench {
    explicit Bench(std::string name = "b2b-1") : writer(std::move(name), 7) {
        store.set_fault_hook(
            [this](const Request&) { return std::exchange(next_fault, Fault::None); });
    }
    void take(WriterOutbox& out) {
        for (Request& request : out.requests) sent.push_back(std::move(request));
        for (const Completion& done : out.completions) {
            EXPECT_FALSE(outcomes.contains(done.ticket)) << "a ticket is completed once";
            outcomes[done.ticket] =
                done.outcome ? "ok" : std::string(to_string(done.outcome.error().code));
        }
        out = {};
    }
    Ticket put(std::string key, std::string value) {
        WriterOutbox out;
        const auto ticket = writer.put(now, std::move(key), std::move(value), out);
        EXPECT_TRUE(ticket);
        take(out);
        return ticket ? *ticket : 0;
    }
    Ticket txn(Member member) {
        WriterOutbox out;
        const auto ticket = writer.txn(now, std::move(member), out);
        EXPECT_TRUE(ticket);
        take(out);
        return ticket ? *ticket : 0;
    }
    // Delivers one request and its reply.
    void deliver(const Request& request) {
        Outbox answer;
        store.apply(now, request, answer);
        WriterOutbox out;
        for (const Reply& reply : answer.replies) EXPECT_TRUE(writer.on_reply(now, reply, out));
        take(out);
    }
    void step() {
        if (sent.empty()) {
            now = writer.next_deadline().value_or(now);
            WriterOutbox out;
            writer.on_timeout(now, out);
            take(out);
            return;
        }
        const Request request = std::move(sent.front());
        sent.erase(sent.begin());
        deliver(request);
    }
    void run(int steps_max = 1000) {
        while (!writer.is_idle() && !writer.is_fenced() && steps_max-- > 0) step();
        EXPECT_GT(steps_max, 0) << "the writer does not come to rest";
    }
    std::string value(const std::string& key) {
        next_fault = Fault::None;  // ordered for the writer, which came to rest before it
        Outbox out;
        store.apply(now, Request{1, RangeRequest{KeyRange::one(key)}}, out);
        const auto& reply = std::get<RangeReply>(*out.replies.at(0).body);
        return reply.items.empty() ? "(none)" : reply.items[0].value;
    }

    MemoryStore store;
    Writer writer;
    Fault next_fault = Fault::None;
    Instant now{100s};
    std::vector<Request> sent;
    std::map<Ticket, std::string> outcomes;
};

TEST(Writer, BatchesWhatWaits) {
    Bench bench;
    for (int i = 0; i < 300; ++i) bench.put("k" + std::to_string(i), "v");
    size_t batches = 0;
    while (!bench.writer.is_idle()) {
        ASSERT_EQ(bench.sent.size(), 1u);
        const auto* txn = std::get_if<Txn>(&bench.sent[0].body);
        if (txn != nullptr && txn->then_ops.size() > 1) {
            ++batches;
            EXPECT_LE(txn->then_ops.size(), txn_ops_max);
        }
        bench.step();
    }
    EXPECT_EQ(batches, 3u) << "126 members each";
    EXPECT_EQ(bench.outcomes.size(), 300u);
    for (const auto& [ticket, outcome] : bench.outcomes) EXPECT_EQ(outcome, "ok");
}

TEST(Writer, KeepsTheOrderOfWritesToOneKey) {
    Bench bench;
    for (int i = 0; i < 5; ++i) bench.put("k", std::to_string(i));
    bench.run();
    EXPECT_EQ(bench.value("k"), "4");
    EXPECT_EQ(bench.outcomes.size(), 5u);
}

TEST(Writer, SplitsOffAConflictingMember) {
    Bench bench;
    bench.put("a", "1");
    bench.run();
    const Ticket good = bench.put("b", "1");
    const Ticket bad = bench.txn({{Compare::absent("a")}, {Put{"a", "2"}, Put{"c", "2"}}});
    const Ticket also = bench.txn({{Compare::value_is("a", "1")}, {Put{"d", "1"}}});
    bench.run();
    EXPECT_EQ(bench.outcomes[good], "ok");
    EXPECT_EQ(bench.outcomes[bad], to_string(ErrorCode::Conflict));
    EXPECT_EQ(bench.outcomes[also], "ok");
    EXPECT_EQ(bench.value("a") + bench.value("c") + bench.value("d"), "1(none)1");
}

TEST(Writer, ResolvesUnknownOutcomes) {
    for (const Fault fault : {Fault::AppliedReplyLost, Fault::DroppedReplyLost,
                              Fault::AppliedTimeout, Fault::DroppedTimeout}) {
        for (int nth = 0; nth < 6; ++nth) {
            Bench bench;
            bench.put("a", "1");
            bench.txn({{Compare::absent("n")}, {Put{"n", "1"}}});
            for (int i = 0; i < nth; ++i) bench.step();
            bench.next_fault = fault;
            bench.run();
            EXPECT_EQ(bench.outcomes[1], "ok") << nth;
            EXPECT_EQ(bench.outcomes[2], "ok")
                << nth << ": absent() of an applied batch is no conflict";
            EXPECT_EQ(bench.value("a") + bench.value("n"), "11");
        }
    }
}

TEST(Writer, ALateTryCanNotBeAppliedAfterAChangedBatch) {
    Bench bench;
    bench.put("a", "1");
    bench.run();
    const Ticket ticket = bench.txn({{Compare::absent("x")}, {Put{"b", "1"}}});
    const Request late = bench.sent.at(0);
    bench.sent.clear();  // lost on the way, for now
    bench.step();        // deadline: reads seq
    Outbox ignored;
    bench.store.apply(bench.now, Request{1, Txn{{}, {Put{"x", "1"}}, {}}}, ignored);
    bench.run();
    EXPECT_EQ(bench.outcomes[ticket], to_string(ErrorCode::Conflict));
    bench.store.apply(bench.now, Request{2, Txn{{}, {Delete{"x"}}, {}}}, ignored);
    bench.deliver(late);  // its compares on x would hold again
    EXPECT_EQ(bench.value("b"), "(none)") << "what was told to have failed stays undone";
}

TEST(Writer, IsFencedByItsEpoch) {
    Bench bench;
    Outbox ignored;
    bench.store.apply(bench.now, Request{1, Txn{{}, {Put{"leader/sr", "1"}}, {}}}, ignored);
    bench.writer.set_guard(Compare::value_is("leader/sr", "1"));
    const Ticket before = bench.put("a", "1");
    bench.run();
    bench.store.apply(bench.now, Request{2, Txn{{}, {Put{"leader/sr", "2"}}, {}}}, ignored);
    const Ticket after = bench.put("a", "2");
    bench.run();
    EXPECT_EQ(bench.outcomes[before], "ok");
    EXPECT_EQ(bench.outcomes[after], to_string(ErrorCode::Forbidden));
    EXPECT_TRUE(bench.writer.is_fenced());
    EXPECT_EQ(bench.value("a"), "1");
    WriterOutbox out;
    EXPECT_EQ(bench.writer.put(bench.now, "a", "3", out).error().code, ErrorCode::Forbidden);
}

TEST(Writer, IsFencedByAnyOfItsGuards) {
    for (const char* lost : {"leader/sr", "fence/7"}) {
        Bench bench;
        Outbox ignored;
        bench.store.apply(bench.now,
                          Request{1, Txn{{}, {Put{"leader/sr", "1"}, Put{"fence/7", "open"}}, {}}},
                          ignored);
        bench.writer.set_guards(
            {Compare::value_is("leader/sr", "1"), Compare::value_is("fence/7", "open")});
        const Ticket before = bench.put("a", "1");
        bench.run();
        // Written again as it was: the guard still holds.
        bench.store.apply(bench.now, Request{2, Txn{{}, {Put{"fence/7", "open"}}, {}}}, ignored);
        Member conflicting;
        conflicting.compares.push_back(Compare::absent("a"));
        conflicting.ops.push_back(Put{"b", "2", 0});
        const Ticket conflict = bench.txn(std::move(conflicting));
        const Ticket good = bench.put("c", "3");
        bench.run();
        bench.store.apply(bench.now, Request{3, Txn{{}, {Delete{lost}}, {}}}, ignored);
        const Ticket after = bench.put("a", "4");
        bench.run();
        EXPECT_EQ(bench.outcomes[before], "ok");
        EXPECT_EQ(bench.outcomes[conflict], to_string(ErrorCode::Conflict));
        EXPECT_EQ(bench.outcomes[good], "ok");
        EXPECT_EQ(bench.outcomes[after], to_string(ErrorCode::Forbidden)) << lost;
        EXPECT_EQ(bench.value("a"), "1");
    }
}

TEST(Writer, ASecondWriterOfTheNameFencesTheFirst) {
    Bench bench;
    bench.put("a", "1");
    bench.run();
    Writer second("b2b-1", 9);
    WriterOutbox out;
    ASSERT_TRUE(second.put(bench.now, "a", "2", out));
    while (!second.is_idle()) {
        ASSERT_EQ(out.requests.size(), 1u);
        Outbox answer;
        bench.store.apply(bench.now, std::exchange(out, {}).requests[0], answer);
        ASSERT_TRUE(second.on_reply(bench.now, answer.replies.at(0), out));
    }
    const Ticket late = bench.put("a", "3");
    bench.run();
    EXPECT_EQ(bench.outcomes[late], to_string(ErrorCode::Forbidden));
    EXPECT_EQ(bench.value("a"), "2");
}

TEST(Writer, ARefusedMemberDoesNotFailItsNeighbours) {
    Bench bench;
    bench.put("first", "1");
    bench.run();
    bench.put("a", "1");  // in flight, so that the next three share a batch
    const Ticket good = bench.put("b", "1");
    const Ticket bad = bench.txn({{}, {Put{"c", "1", 99}}});  // no such lease
    const Ticket also = bench.put("d", "1");
    bench.run();
    EXPECT_EQ(bench.outcomes[good] + bench.outcomes[also], "okok");
    EXPECT_EQ(bench.outcomes[bad], to_string(ErrorCode::NotFound));
}

TEST(Writer, RefusesWhatCanNeverBeWritten) {
    Bench bench;
    WriterOutbox out;
    Member large;
    for (size_t i = 0; i < txn_ops_max; ++i) large.ops.push_back(Put{"k" + std::to_string(i), ""});
    EXPECT_EQ(bench.writer.txn(bench.now, large, out).error().code, ErrorCode::TooLarge);
    EXPECT_EQ(bench.writer.txn(bench.now, {{}, {Get{}}}, out).error().code, ErrorCode::Malformed);
    Reply foreign;
    foreign.id = 12345;
    foreign.body = ReplyBody(DoneReply{});
    EXPECT_FALSE(bench.writer.on_reply(bench.now, foreign, out));
}

// Counters that are raised by compare-and-put under random faults: each must end exactly at the
// number of acknowledged raises.
TEST(Writer, LosesAndDoublesNothingUnderRandomFaults) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        SeededRng rng(seed);
        Bench bench;
        int faults = 0;
        bench.store.set_fault_hook([&](const Request&) {
            if (rng.below(4) != 0) return Fault::None;
            ++faults;
            return static_cast<Fault>(1 + rng.below(4));
        });
        std::map<std::string, int> truth;
        for (int round = 0; round < 60; ++round) {
            const std::string key = "c" + std::to_string(rng.below(5));
            const int next = truth[key] + 1;
            const Compare before =
                next == 1 ? Compare::absent(key) : Compare::value_is(key, std::to_string(next - 1));
            const Ticket ticket = bench.txn({{before}, {Put{key, std::to_string(next)}}});
            if (rng.below(3) == 0) bench.put("other", "x");
            bench.run();
            ASSERT_EQ(bench.outcomes[ticket], "ok") << "seed " << seed << " round " << round;
            truth[key] = next;
        }
        bench.store.set_fault_hook({});
        for (const auto& [key, value] : truth) EXPECT_EQ(bench.value(key), std::to_string(value));
        EXPECT_GT(faults, 10) << "the faults were really there";
    }
}

}  // namespace
}  // namespace tandem::store
