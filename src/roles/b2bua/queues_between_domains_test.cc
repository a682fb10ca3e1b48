// Calls that wait in a queue of another domain than the caller's: what CS hears of each side, and
// licences.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

using ports::CallSummary;

struct QueuesBetweenDomainsTest : B2buaTest {
    QueuesBetweenDomainsTest() : B2buaTest(1) {
        stage.add_account_elsewhere("2003");
        stage.register_phone("2003", kCarol);
        EXPECT_TRUE(stage.add_queue("600", R"({"name":"help","sound":"ringing"})", {"2003"}));
    }
    // The last that CS was told of the call for the domain.
    std::optional<CallSummary> seen_in(bool elsewhere) {
        for (auto each = stage.reports.rbegin(); each != stage.reports.rend(); ++each)
            if ((each->summary.domain == kOther) == elsewhere) return each->summary;
        return std::nullopt;
    }
    int last_status_at(uint16_t port) {
        const auto all = stage.at(port);
        return all.empty() ? 0 : all.back().message.status();
    }
};

TEST_F(QueuesBetweenDomainsTest, EachDomainHearsOfItsOwnSide) {
    stage.call(kAlice, "1001", "7600", Stage::sdp(4000));
    const auto own = seen_in(false);
    const auto there = seen_in(true);
    ASSERT_TRUE(own && there);
    EXPECT_FALSE(own->queue) << "the queue is none of its business";
    EXPECT_EQ(own->phase, ports::CallPhase::Ringing);
    EXPECT_EQ(own->callee, "7600");
    ASSERT_TRUE(there->queue);
    EXPECT_EQ(there->queue->domain, kOther);
    EXPECT_TRUE(there->queue->waits);
    EXPECT_EQ(there->whole, own->call);
    EXPECT_NE(there->call, own->call);
    EXPECT_EQ(there->caller, "81001");
    EXPECT_EQ(there->callee, "600");
    EXPECT_TRUE(there->caller_account.is_nil());
    EXPECT_TRUE(there->call_id_headers.empty()) << "the caller's dialog is not its own";
    stage.advise(ports::QueueAdvice::Kind::Turn, 1, {"2003"});
    const auto invite = stage.one_at(kCarol);
    EXPECT_TRUE(invite.message.header(HeaderId::From).value_or("").find("<sip:81001@other.test>") !=
                std::string_view::npos);
    EXPECT_EQ(seen_in(true)->queue->offered, std::vector{stage.id_of("2003")});
    EXPECT_FALSE(seen_in(false)->queue);
    stage.respond(kCarol, invite, 180);
    EXPECT_EQ(seen_in(true)->ringing, std::vector{stage.id_of("2003")});
    EXPECT_TRUE(seen_in(false)->ringing.empty());
}

// CS asks with the call's own id, and has it under the side's.
TEST_F(QueuesBetweenDomainsTest, OfACallThatHasGoneAllSidesGo) {
    ports::QueueAdvice::Entry entry;
    entry.call = CallId{{5, 77}};
    stage.give(ports::QueueAdvice{{entry}}, kIndex);
    ASSERT_EQ(stage.reports.size(), 1u);
    EXPECT_TRUE(stage.reports[0].gone);
    EXPECT_EQ(stage.reports[0].summary.call, entry.call);
    EXPECT_EQ(stage.reports[0].summary.whole, entry.call);
}

TEST_F(QueuesBetweenDomainsTest, TheLicencesOfBothHaveToHaveRoom) {
    model::Licence none;
    none.concurrent_calls_in_max = 0;
    stage.change_licence(kOther, none);
    stage.call(kAlice, "1001", "7600", Stage::sdp(4000));
    stage.advance(1s);
    EXPECT_EQ(last_status_at(kAlice), 486);
    EXPECT_FALSE(std::ranges::any_of(stage.reports, [](const auto& each) {
        return each.summary.queue.has_value();
    })) << "it has not been let into the queue";
    stage.advance(40s);
    const auto made = records();
    ASSERT_EQ(made.size(), 2u);
    for (const model::Cdr& each : made) {
        EXPECT_EQ(each.result, model::CallResult::Busy);
        EXPECT_EQ(each.reason, "as many calls in as the licence has");
        EXPECT_TRUE(each.queues.empty());
        const std::string_view called = each.domain == kOther ? "600" : "7600";
        EXPECT_EQ(each.dialled, called);
        EXPECT_EQ(each.callee.number, called);
    }
    EXPECT_NE(made.front().domain, made.back().domain);
    stage.reports.clear();
    (void)stage.at(kAlice);
    stage.leases = 1;
    stage.change_licence(kOther, [] {
        model::Licence one;
        one.concurrent_calls_in_max = 1;
        return one;
    }());
    stage.call(kAlice, "1001", "7600", Stage::sdp(4000));
    ASSERT_TRUE(seen_in(true));
    EXPECT_TRUE(seen_in(true)->queue) << "now there is room";
    EXPECT_EQ(stage.leases, 0u) << "it counts while it waits";
}

TEST_F(QueuesBetweenDomainsTest, AGroupMaySendItsCallsThere) {
    stage.add_account("1002");  // without a phone
    EXPECT_TRUE(stage.add_group("300", R"({"name":"g","overflow":"7600"})", {"1002"}));
    stage.call(kAlice, "1001", "300", Stage::sdp(4000));
    ASSERT_TRUE(seen_in(true));
    EXPECT_TRUE(seen_in(true)->queue);
    EXPECT_FALSE(seen_in(false)->queue);
    stage.advise(ports::QueueAdvice::Kind::Turn, 1, {"2003"});
    const auto invite = stage.one_at(kCarol).message;
    EXPECT_EQ(invite.header(HeaderId::From).value_or("").find("<sip:81001@other.test>"), 15u)
        << *invite.header(HeaderId::From);
    EXPECT_FALSE(invite.header("Diversion")) << "what has happened in acme.test is not told there";
}

}  // namespace
}  // namespace tandem::roles::b2bua
