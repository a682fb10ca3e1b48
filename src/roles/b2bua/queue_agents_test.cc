#include "roles/b2bua/queue_agents.h"

#include <gtest/gtest.h>

namespace tandem::roles::b2bua {
namespace {

const AccountId kAgent{{1, 2}};
const AccountId kOther{{1, 3}};

ports::CallSummary call(uint64_t number, AccountId agent, bool waits) {
    ports::CallSummary summary;
    summary.call = CallId{{0, number}};
    summary.callee_account = agent;
    summary.queue.emplace();
    summary.queue->queue = QueueId{{2, 2}};
    summary.queue->domain = DomainId{{3, 3}};
    summary.queue->waits = waits;
    return summary;
}

std::vector<ports::QueueAgentsFreed::Entry> told(const QueueAgents& agents) {
    ports::Outbox out;
    agents.report({3}, {6}, out);
    const auto letters = out.take();
    if (letters.empty()) return {};
    return get<ports::QueueAgentsFreed>(letters.front().payload).entries;
}

TEST(QueueAgents, AreFreedWhenTheirCallEnds) {
    QueueAgents agents;
    agents.note(call(1, {}, true), false, {100});
    agents.note(call(1, kAgent, false), false, {200});
    EXPECT_TRUE(told(agents).empty());
    agents.note(call(1, kAgent, false), true, {300});
    ASSERT_EQ(told(agents).size(), 1u);
    EXPECT_EQ(told(agents).front().agent, kAgent);
    EXPECT_EQ(told(agents).front().at.unix_ms, 300);
    EXPECT_EQ(told(agents).front().queue, (QueueId{{2, 2}}));
}

TEST(QueueAgents, AreFreedWhenSomebodyComesInTheirPlace) {
    QueueAgents agents;
    agents.note(call(1, kAgent, false), false, {100});
    agents.note(call(1, kOther, false), false, {200});
    ASSERT_EQ(told(agents).size(), 1u);
    EXPECT_EQ(told(agents).front().agent, kAgent);
    agents.note(call(1, kOther, false), true, {300});
    EXPECT_EQ(told(agents).size(), 2u);
}

// Who was called waits, and the agent has come in the caller's place.
TEST(QueueAgents, MayBeOnTheCallersSide) {
    QueueAgents agents;
    ports::CallSummary talks = call(1, kOther, false);
    talks.queue->agent = talks.caller_account = kAgent;
    agents.note(talks, false, {100});
    agents.note(talks, true, {200});
    ASSERT_EQ(told(agents).size(), 1u);
    EXPECT_EQ(told(agents).front().agent, kAgent);
}

TEST(QueueAgents, TheLastCallCounts) {
    QueueAgents agents;
    agents.note(call(1, kAgent, false), false, {100});
    agents.note(call(1, kAgent, false), true, {200});
    agents.note(call(2, kAgent, false), false, {300});
    agents.note(call(2, kAgent, false), true, {400});
    ASSERT_EQ(told(agents).size(), 1u);
    EXPECT_EQ(told(agents).front().at.unix_ms, 400);
}

TEST(QueueAgents, CallsWithoutAQueueSayNothing) {
    QueueAgents agents;
    ports::CallSummary plain = call(1, kAgent, false);
    plain.queue.reset();
    agents.note(plain, false, {100});
    agents.note(plain, true, {200});
    EXPECT_TRUE(told(agents).empty());
}

}  // namespace
}  // namespace tandem::roles::b2bua
