#include "routing/queues.h"

#include "routing/domain_fixture_test.h"

namespace tandem::routing {
namespace {

const QueueId kSales{{4, 1}};
const QueueId kHelp{{4, 2}};

// Accounts 1001 to 1006, of whom 1002 to 1004 are agents of sales, and 1002 of help.
struct QueuesTest : DomainTest {
    QueuesTest() : DomainTest(6, 4) {
        sales.id = kSales;
        sales.name = "sales";
        sales.number = "600";
        sales.members = {id_of(2), id_of(3), id_of(4)};
        help.id = kHelp;
        help.name = "help";
        help.number = "601";
        help.members = {id_of(2)};
        sales.domain = help.domain = kDomain;
        put(sales);
        put(help);
    }
    void agent(int n, bool logged_in, std::vector<QueueId> queues = {}, bool paused = false,
               std::vector<QueueId> paused_in = {}) {
        put(model::QueueAgent{id_of(n), kDomain, logged_in, std::move(queues), paused,
                              std::move(paused_in)});
    }
    Route call(std::string_view dialled, int caller = 1) {
        return route(feed.snapshot(), Question{kDomain, id_of(caller), dialled, {}});
    }
    void code(model::FeatureAction action, std::string prefix) {
        model::FeatureCode code;
        code.id = FeatureCodeId{{5, static_cast<uint64_t>(action)}};
        code.domain = kDomain;
        code.name = "code";
        code.prefix = std::move(prefix);
        code.action = action;
        put(code);
    }
    // The change that it makes, or why there is none.
    std::string dial(std::string_view dialled, int caller = 2) {
        const Route found = call(dialled, caller);
        if (!found.feature) return std::to_string(found.refusal);
        EXPECT_EQ(found.feature->kind, "queue_agent");
        return found.feature->change;
    }

    model::Queue sales;
    model::Queue help;
};

TEST_F(QueuesTest, ACallWaitsWhileSomebodyIsLoggedIn) {
    agent(3, true);
    const Route found = call("600");
    ASSERT_EQ(found.stages.size(), 1u);
    ASSERT_TRUE(found.stages.front().queue.has_value());
    EXPECT_EQ(found.stages.front().queue->queue, kSales);
    EXPECT_EQ(domain_of(found.stages.front()), kDomain);
    EXPECT_TRUE(found.stages.front().targets.empty());
    agent(3, true, {}, true);  // he will come back
    EXPECT_EQ(call("600").stages.size(), 1u);
}

TEST_F(QueuesTest, WithoutAnAgentItGoesOn) {
    EXPECT_EQ(call("600").refusal, 480);
    agent(4, true);  // a disabled account
    agent(3, true, {kHelp});
    EXPECT_EQ(call("600").refusal, 480);
    sales.overflow = "1006";
    put(sales);
    const Route found = call("600");
    ASSERT_EQ(found.stages.size(), 1u);
    EXPECT_EQ(found.stages.front().targets.front().number, "1006");
    ASSERT_EQ(found.forwards.size(), 1u);
    EXPECT_EQ(found.forwards.front().number, "600");
    EXPECT_EQ(found.forwards.front().reason, ForwardReason::Unregistered);
}

TEST_F(QueuesTest, TheOnlyAgentDoesNotWaitForHimself) {
    agent(3, true);
    EXPECT_EQ(call("600", 3).refusal, 480);
}

// Whoever waits is somebody else.
TEST_F(QueuesTest, TheOnlyAgentPutsHisCallerBackInLine) {
    agent(2, true);
    Question question{kDomain, id_of(2), "601", {}};
    EXPECT_TRUE(route(feed.snapshot(), question).stages.empty());
    question.transfers = true;
    const Route found = route(feed.snapshot(), question);
    ASSERT_EQ(found.stages.size(), 1u);
    EXPECT_TRUE(found.stages.front().queue.has_value());
}

TEST_F(QueuesTest, AQueueMayOverflowIntoAnotherOne) {
    agent(2, true);
    sales.overflow = "601";
    put(sales);
    agent(2, true, {kHelp});
    const Route found = call("600");
    ASSERT_EQ(found.stages.size(), 1u);
    EXPECT_EQ(found.stages.front().queue->queue, kHelp);
}

TEST_F(QueuesTest, WhereItGoesWhenItHasToLeave) {
    const Question question{kDomain, id_of(1), {}, {}};
    EXPECT_FALSE(overflow_of(feed.snapshot(), question, sales, ForwardReason::Busy));
    sales.overflow = "1006";
    const auto found = overflow_of(feed.snapshot(), question, sales, ForwardReason::Busy);
    ASSERT_TRUE(found && found->stages.size() == 1);
    EXPECT_EQ(found->forwards.front().reason, ForwardReason::Busy);
}

TEST_F(QueuesTest, AgentsLogInAndOut) {
    code(model::FeatureAction::AgentLogin, "*45");
    code(model::FeatureAction::AgentLogout, "#45");
    const std::string sales_id = "\"" + kSales.text() + "\"";
    const std::string help_id = "\"" + kHelp.text() + "\"";
    const std::string in = R"({"logged_in":true,"queues":[],"paused":false,"paused_in":[]})";
    const std::string none = R"({"logged_in":false,"queues":[],"paused":false,"paused_in":[]})";
    EXPECT_EQ(dial("*45"), in);
    EXPECT_EQ(dial("*45600"),
              R"({"logged_in":true,"queues":[)" + sales_id + R"(],"paused":false,"paused_in":[]})");
    EXPECT_EQ(dial("*45*600#"), dial("*45600"));
    agent(2, true);
    EXPECT_EQ(dial("*45600"), in);  // he is already
    EXPECT_EQ(dial("#45"), none);
    EXPECT_EQ(dial("#45600"),
              R"({"logged_in":true,"queues":[)" + help_id + R"(],"paused":false,"paused_in":[]})");
    agent(2, true, {kSales});
    EXPECT_EQ(dial("#45600"), none);
    EXPECT_EQ(dial("*45601"), R"({"logged_in":true,"queues":[)" + sales_id + "," + help_id +
                                  R"(],"paused":false,"paused_in":[]})");
    agent(2, true, {QueueId{{4, 9}}, kSales});  // of which one has gone
    EXPECT_EQ(dial("*45600"),
              R"({"logged_in":true,"queues":[)" + sales_id + R"(],"paused":false,"paused_in":[]})");
}

TEST_F(QueuesTest, AgentsPauseAndComeBack) {
    code(model::FeatureAction::AgentPause, "*46");
    code(model::FeatureAction::AgentResume, "#46");
    const std::string sales_id = "\"" + kSales.text() + "\"";
    const std::string help_id = "\"" + kHelp.text() + "\"";
    const std::string begin = R"({"logged_in":true,"queues":[],"paused":)";
    agent(2, true);
    EXPECT_EQ(dial("*46"), begin + R"(true,"paused_in":[]})");
    EXPECT_EQ(dial("*46600"), begin + R"(false,"paused_in":[)" + sales_id + "]}");
    agent(2, true, {}, true);
    EXPECT_EQ(dial("#46600"), begin + R"(false,"paused_in":[)" + help_id + "]}");
    agent(2, true, {}, false, {kSales, kHelp});
    EXPECT_EQ(dial("#46600"), begin + R"(false,"paused_in":[)" + help_id + "]}");
    EXPECT_EQ(dial("#46"), begin + R"(false,"paused_in":[]})");
}

TEST_F(QueuesTest, CodesAreForAgentsOfTheirQueues) {
    code(model::FeatureAction::AgentLogin, "*45");
    EXPECT_EQ(dial("*45", 1), "403");
    EXPECT_EQ(dial("*45601", 3), "403");
    EXPECT_EQ(dial("*45699", 2), "404");
}

}  // namespace
}  // namespace tandem::routing
