#include "roles/call_state/queue_desk.h"

#include <gtest/gtest.h>

#include "model/generated/queue_agent.h"
#include "roles/call_state/limits.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::call_state {
namespace {

using ports::CallPhase;
using ports::CallSummary;
using ports::Instance;
using ports::QueueAdvice;
using Kind = QueueAdvice::Kind;
using model::QueueStrategy;

const DomainId kDomain{{1, 1}};

AccountId account(uint64_t n) {
    return AccountId{{7, n}};
}
QueueId queue_id(uint64_t n) {
    return QueueId{{8, n}};
}

// A desk with the queue 1, whose agents 1 to 3 are logged in, two B2Bs that are played here, and
// calls by their numbers.
struct QueueDeskTest : testing::Test {
    QueueDeskTest() {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        load(store::keys::domain(kDomain), model::encode_stored(domain, {}));
        for (uint64_t n = 1; n <= 9; ++n) {
            model::Account each;
            each.id = account(n);
            each.domain = kDomain;
            each.login = std::to_string(1000 + n);
            load(store::keys::account(kDomain, each.id), model::encode_stored(each, {}));
        }
        put_queue(1, [](model::Queue&) {});
        for (uint64_t n = 1; n <= 3; ++n) log_in(n);
        reach(true);
        desk.begin(now.mono + kCallsKnownMax);
        desk.on_calls_known(now, out);
    }
    void load(std::string key, std::string value) {
        feed.load({std::move(key), std::move(value), {1, 1}, {1, 1}, 0});
        feed.set_revision({1, ++revision});
        catalog = feed.snapshot();
    }
    template <typename Change>
    void put_queue(uint64_t n, const Change& change) {
        model::Queue queue;
        queue.id = queue_id(n);
        queue.domain = kDomain;
        queue.name = "q" + std::to_string(n);
        queue.members = {account(1), account(2), account(3)};
        queue.strategy = QueueStrategy::OneByOne;
        change(queue);
        load(store::keys::in_domain(kDomain, "queue", queue.id.bits),
             model::encode_stored(queue, {}));
    }
    void set_agent(uint64_t n, bool logged_in, bool paused) {
        const model::QueueAgent agent{account(n), kDomain, logged_in, {}, paused, {}};
        load(store::keys::in_domain(kDomain, "queue-agent", agent.id.bits),
             model::encode_stored(agent, {}));
        desk.on_catalog(now, out);
    }
    void log_in(uint64_t n) { set_agent(n, true, false); }
    void reach(bool second) {
        std::vector<ports::DirectoryEntry> entries{{Instance{1}, ports::RoleKind::B2bua, 1},
                                                   {Instance{2}, ports::RoleKind::B2bua, 1},
                                                   {Instance{9}, ports::RoleKind::CallState, 1}};
        entries[1].reachable = second;
        directory.replace(entries);
    }

    // --- What B2Bs report.
    CallSummary& call(uint64_t n) {
        auto [found, is_new] = calls.try_emplace(n);
        CallSummary& summary = found->second;
        if (!is_new) return summary;
        summary.call = CallId{{0, n}};
        summary.domain = kDomain;
        summary.owner = Instance{uint16_t(1 + n % 2)};
        summary.phase = CallPhase::Ringing;
        summary.caller = "caller " + std::to_string(n);
        return summary;
    }
    void report(uint64_t n) {
        const CallSummary summary = call(n);
        std::optional<CallSummary> before;
        if (const auto* known = index.find(summary.call)) before = *known;
        index.put(summary);
        desk.on_change(now, before ? &*before : nullptr, index.find(summary.call), out);
    }
    void end(uint64_t n) {
        const CallSummary before = call(n);
        index.remove(before.call, before.owner);
        calls.erase(n);
        desk.on_change(now, &before, nullptr, out);
    }
    void arrive(uint64_t n, uint64_t queue = 1) {
        call(n).queue = ports::QueuePlace{kDomain, queue_id(queue), now.utc, true, 0, {}};
        report(n);
        pass(1ms);
    }
    void takes_turn(uint64_t n, uint32_t turn, std::vector<AccountId> offered) {
        call(n).queue->turn = turn;
        call(n).queue->offered = std::move(offered);
        report(n);
    }
    void answers(uint64_t n, uint64_t agent) {
        call(n).queue->waits = false;
        call(n).queue->offered.clear();
        call(n).phase = CallPhase::Answered;
        call(n).callee_account = account(agent);
        report(n);
    }
    void pass(Duration time) {
        now.mono = now.mono + time;
        now.utc.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
        if (const auto next = desk.next_deadline(); next && *next <= now.mono)
            desk.on_timeout(now, out);
    }

    // What the desk has said since the last look: "1 turn 1: 2 3", by the call's number.
    std::vector<std::string> said() {
        std::vector<std::string> all;
        for (const auto& letter : out.take()) {
            for (const auto& each : get<QueueAdvice>(letter.payload).entries) {
                constexpr std::string_view words[] = {"place", "turn", "withdraw", "full",
                                                      "nobody"};
                std::string text = std::to_string(each.call.bits.low) + " ";
                text += words[static_cast<size_t>(each.kind)];
                if (each.kind == Kind::Place) text += " " + std::to_string(each.ahead);
                if (each.kind == Kind::Turn) text += " " + std::to_string(each.turn) + ":";
                for (const AccountId id : each.agents) text += " " + std::to_string(id.bits.low);
                all.push_back(std::move(text));
            }
        }
        std::ranges::sort(all);
        return all;
    }
    using Said = std::vector<std::string>;

    Now now{Instant{1000s}, UtcTime{1'800'000'000'000}};
    store::CatalogFeed feed;
    store::Catalog catalog;
    int64_t revision = 0;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{7};
    ports::Surroundings around{Instance{9}, directory, catalog, tokens, rng, 1, {}};
    Index index;
    QueueDesk desk{around, index};
    ports::Outbox out;
    std::map<uint64_t, CallSummary> calls;
};

TEST_F(QueueDeskTest, TheOldestCallGetsTheAgentWhateverB2bHasIt) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"});
    takes_turn(1, 1, {account(1)});
    arrive(2);
    arrive(3);
    EXPECT_EQ(said(), (Said{"2 place 1", "3 place 2"}));
    answers(1, 1);
    EXPECT_EQ(said(), (Said{"2 place 0", "3 place 1"}));
    end(1);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

// Who was called waits, after a transfer by the caller: the agent is on the caller's side.
TEST_F(QueueDeskTest, AnAgentOnTheCallersSideWrapsUp) {
    put_queue(1, [](auto& queue) {
        queue.members = {account(1)};
        queue.wrap_up = 10s;
    });
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"});
    takes_turn(1, 1, {account(1)});
    call(1).caller_account = call(1).queue->agent = account(1);
    answers(1, 7);
    end(1);
    arrive(2);
    EXPECT_EQ(said(), Said{"2 place 0"});
    pass(10s);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, TwoCallersDoNotGetOneAgent) {
    arrive(1);
    arrive(2);
    arrive(3);
    arrive(4);
    EXPECT_EQ(said(), (Said{"1 turn 1: 1", "2 turn 1: 2", "3 turn 1: 3", "4 place 3"}));
}

TEST_F(QueueDeskTest, WhoIsNotAnsweredKeepsHisPlaceAndTheAgentRests) {
    put_queue(1, [](auto& queue) { queue.members = {account(1), account(2)}; });
    set_agent(2, true, true);
    arrive(1);
    takes_turn(1, 1, {account(1)});
    arrive(2);
    (void)said();
    takes_turn(1, 1, {});
    EXPECT_EQ(said(), Said{"1 place 0"});
    log_in(2);
    EXPECT_EQ(said(), Said{"1 turn 2: 2"});
    takes_turn(1, 2, {account(2)});
    pass(kAgentRest);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, AnAgentWrapsUpAfterACall) {
    put_queue(1, [](auto& queue) {
        queue.members = {account(1)};
        queue.wrap_up = 20s;
    });
    arrive(1);
    takes_turn(1, 1, {account(1)});
    answers(1, 1);
    end(1);
    arrive(2);
    EXPECT_EQ(said().back(), "2 place 0");
    pass(19s);
    EXPECT_EQ(said(), Said{});
    pass(1s);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, AnAgentIsFreeWhenSomebodyElseCameInHisPlace) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    arrive(1);
    takes_turn(1, 1, {account(1)});
    answers(1, 1);
    arrive(2);
    (void)said();
    answers(1, 5);  // he has transferred his caller
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, AnAgentInAnyCallIsBusy) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    call(7).phase = CallPhase::Answered;
    call(7).caller_account = account(1);
    report(7);
    arrive(1);
    EXPECT_EQ(said(), Said{"1 place 0"});
    end(7);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"});
}

// The domain has a side of the call, with an id of its own; its owner knows the whole.
TEST_F(QueueDeskTest, CallersFromAnotherDomainAreInTheSameLine) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    set_agent(1, true, true);
    call(21).whole = CallId{{0, 11}};
    arrive(21);
    arrive(2);
    call(23).whole = CallId{{0, 13}};
    arrive(23);
    EXPECT_EQ(said(), (Said{"11 place 0", "13 place 2", "2 place 1"}));
    log_in(1);
    EXPECT_EQ(said(), Said{"11 turn 1: 1"});
    takes_turn(21, 1, {account(1)});
    answers(21, 1);
    EXPECT_EQ(said(), (Said{"13 place 1", "2 place 0"}));
    end(21);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, AnAgentInACallFromAnotherDomainIsBusyAtOnce) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    call(27).whole = CallId{{0, 17}};
    call(27).ringing = {account(1)};
    report(27);
    arrive(1);
    EXPECT_EQ(said(), Said{"1 place 0"});
    call(27).ringing.clear();
    call(27).phase = CallPhase::Answered;
    call(27).callee_account = account(1);
    report(27);
    EXPECT_EQ(said(), Said{});
    end(27);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"}) << "without waiting for the next look";
}

TEST_F(QueueDeskTest, WhoHasBeenFreeForTheLongestTimeComesFirst) {
    put_queue(1, [](auto& queue) { queue.strategy = QueueStrategy::LeastRecent; });
    const uint64_t order[] = {1, 2, 3};
    for (const uint64_t each : order) {
        arrive(each);
        EXPECT_EQ(said(), Said{std::to_string(each) + " turn 1: " + std::to_string(each)});
        takes_turn(each, 1, {account(each)});
        answers(each, each);
    }
    end(2);
    pass(1s);
    end(1);
    pass(1s);
    end(3);
    (void)said();
    arrive(4);
    EXPECT_EQ(said(), Said{"4 turn 1: 2"});
}

TEST_F(QueueDeskTest, MembersTakeTurns) {
    put_queue(1, [](auto& queue) { queue.strategy = QueueStrategy::RoundRobin; });
    for (uint64_t n = 1; n <= 5; ++n) {
        const uint64_t agent = (n - 1) % 3 + 1;
        arrive(n);
        EXPECT_EQ(said(), Said{std::to_string(n) + " turn 1: " + std::to_string(agent)});
        takes_turn(n, 1, {account(agent)});
        answers(n, agent);
        end(n);
    }
}

TEST_F(QueueDeskTest, AllRingForOneCall) {
    put_queue(1, [](auto& queue) { queue.strategy = QueueStrategy::All; });
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 1 2 3"});
    takes_turn(1, 1, {account(1), account(2), account(3)});
    arrive(2);
    answers(1, 2);
    EXPECT_EQ(said(), (Said{"2 place 1", "2 turn 1: 1 3"}));  // who was not faster needs no rest
}

TEST_F(QueueDeskTest, AnyOfThemRings) {
    put_queue(1, [](auto& queue) { queue.strategy = QueueStrategy::Random; });
    std::set<std::string> chosen;
    for (uint64_t n = 1; n <= 40; ++n) {
        arrive(n);
        const auto text = said();
        ASSERT_EQ(text.size(), 1u);
        chosen.insert(text.front().substr(text.front().rfind(' ')));
        end(n);
    }
    EXPECT_EQ(chosen.size(), 3u);
}

TEST_F(QueueDeskTest, CallersOfTheMoreImportantQueueComeFirst) {
    for (uint64_t n = 1; n <= 2; ++n)
        put_queue(n, [&](auto& queue) {
            queue.members = {account(1)};
            queue.priority = n == 2 ? 5 : 0;
        });
    set_agent(1, true, true);
    arrive(1, 1);
    arrive(2, 2);
    EXPECT_EQ(said(), (Said{"1 place 0", "2 place 0"}));
    log_in(1);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, WhoComesToAFullQueueHasToLeave) {
    put_queue(1, [](auto& queue) {
        queue.members = {account(1)};
        queue.callers_max = 2;
    });
    set_agent(1, true, true);
    arrive(1);
    arrive(2);
    arrive(3);
    EXPECT_EQ(said(), (Said{"1 place 0", "2 place 1", "3 full"}));
    end(3);
    end(1);
    arrive(4);
    EXPECT_EQ(said(), (Said{"2 place 0", "4 place 1"}));
}

TEST_F(QueueDeskTest, WhenTheLastAgentLogsOutAllHaveToLeave) {
    set_agent(1, true, true);
    set_agent(2, true, true);
    set_agent(3, false, false);
    arrive(1);
    arrive(2);
    (void)said();
    set_agent(1, false, false);
    EXPECT_EQ(said(), Said{});
    set_agent(2, false, false);
    EXPECT_EQ(said(), (Said{"1 nobody", "2 nobody"}));
}

TEST_F(QueueDeskTest, WhoPausesWhileHisPhoneRingsIsWithdrawn) {
    arrive(1);
    takes_turn(1, 1, {account(1)});
    (void)said();
    set_agent(1, true, true);
    EXPECT_EQ(said(), Said{"1 withdraw 1"});
    takes_turn(1, 1, {});
    EXPECT_EQ(said(), Said{"1 turn 2: 2"});
}

TEST_F(QueueDeskTest, WhenTheQueueIsRemovedAllHaveToLeave) {
    for (uint64_t n = 1; n <= 3; ++n) set_agent(n, true, true);
    arrive(1);
    (void)said();
    store::WatchBatch gone;
    const std::string key = store::keys::in_domain(kDomain, "queue", queue_id(1).bits);
    gone.events.push_back({store::WatchEvent::Kind::Delete, {key, {}, {}, {}, 0}});
    feed.on_watch(gone);
    catalog = feed.snapshot();
    desk.on_catalog(now, out);
    EXPECT_EQ(said(), Said{"1 nobody"});
    pass(kAdviceConfirmed);
    pass(kQueueLook);
    EXPECT_EQ(said(), Said{"1 nobody"}) << "again, as it was not heard";
}

TEST_F(QueueDeskTest, WhoIsDisabledWhileHisPhoneRingsIsWithdrawn) {
    arrive(1);
    takes_turn(1, 1, {account(1)});
    (void)said();
    model::Account agent;
    agent.id = account(1);
    agent.domain = kDomain;
    agent.login = "1001";
    agent.enabled = false;
    load(store::keys::account(kDomain, agent.id), model::encode_stored(agent, {}));
    desk.on_catalog(now, out);
    EXPECT_EQ(said(), Said{"1 withdraw 1"});
}

TEST_F(QueueDeskTest, AdviceThatWasLostIsGivenAgain) {
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"});
    pass(kAdviceConfirmed);
    EXPECT_EQ(said(), Said{"1 turn 2: 1"});
}

TEST_F(QueueDeskTest, AnAgentWhoCouldNotBeCalledRests) {
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"});
    takes_turn(1, 1, {});
    EXPECT_EQ(said(), Said{"1 turn 2: 2"});
}

TEST_F(QueueDeskTest, CallsOfAB2bThatIsAwayArePassedBy) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    set_agent(1, true, true);
    arrive(1);
    arrive(2);
    (void)said();
    reach(false);  // of call 1
    log_in(1);
    EXPECT_EQ(said(), Said{"2 turn 1: 1"});
}

TEST_F(QueueDeskTest, ANewOneBeginsWhenItKnowsAllCalls) {
    put_queue(1, [](auto& queue) {
        queue.members = {account(1), account(2)};
        queue.wrap_up = 30s;
    });
    desk.begin(now.mono + kCallsKnownMax);
    arrive(2);
    call(1).queue =
        ports::QueuePlace{kDomain, queue_id(1), UtcTime{now.utc.unix_ms - 5000}, true, 4, {}};
    report(1);
    EXPECT_EQ(said(), Said{});
    ports::QueueAgentsFreed freed;
    freed.entries = {{account(1), queue_id(1), kDomain, UtcTime{now.utc.unix_ms - 20'000}}};
    desk.on_freed(now, freed);
    desk.on_calls_known(now, out);
    EXPECT_EQ(said(), (Said{"1 turn 5: 2", "2 place 1"}));
    takes_turn(1, 5, {account(2)});
    pass(10s);
    EXPECT_EQ(said().back(), "2 turn 1: 1");
}

TEST_F(QueueDeskTest, AMemberWhoCallsHisOwnQueueDoesNotRingForHimself) {
    call(1).caller_account = account(1);
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 2"});
}

TEST_F(QueueDeskTest, OperatorsSeeWhoWaitsAndWhatAgentsDo) {
    put_queue(1, [](auto& queue) { queue.wrap_up = 60s; });
    arrive(1);
    takes_turn(1, 1, {account(1)});
    answers(1, 1);
    end(1);
    arrive(2);
    takes_turn(2, 1, {account(2)});
    set_agent(3, true, true);
    pass(7s);
    arrive(3);
    const auto states = desk.states(now, kDomain);
    ASSERT_EQ(states.items.size(), 1u);
    const std::string& json = states.items.front();
    for (const std::string_view part :
         {R"("waiting":2,"longest_wait_s":7,"agents_free":0)",
          R"("login":"1001","state":"wrap-up")", R"("login":"1002","state":"ringing")",
          R"("login":"1003","state":"paused")", R"("caller":"caller 2","position":1)",
          R"("caller":"caller 3","position":2)"})
        EXPECT_NE(json.find(part), json.npos) << part << " in " << json;
}

// A B2B that stood still took a turn that had been given to another call meanwhile.
TEST_F(QueueDeskTest, AnAgentIsNotAskedForTwoCallsAtOnce) {
    put_queue(1, [](auto& queue) { queue.members = {account(1)}; });
    arrive(1);
    EXPECT_EQ(said(), Said{"1 turn 1: 1"});
    arrive(2);
    reach(false);
    pass(kAdviceConfirmed);
    EXPECT_EQ(said(), (Said{"2 place 1", "2 turn 1: 1"}));
    takes_turn(2, 1, {account(1)});
    reach(true);
    takes_turn(1, 1, {account(1)});
    EXPECT_EQ(said(), Said{"2 withdraw 1"}) << "who came first keeps him";
    takes_turn(2, 1, {});
    EXPECT_EQ(said(), Said{"2 place 1"});
}

// He takes another call while his phone rings for one that waits, or calls somebody.
TEST_F(QueueDeskTest, WhoTalksMeanwhileIsAskedNoLonger) {
    put_queue(1, [](auto& queue) { queue.strategy = QueueStrategy::All; });
    arrive(1);
    takes_turn(1, 1, {account(1), account(2), account(3)});
    (void)said();
    call(5).caller_account = account(2);
    report(5);
    EXPECT_EQ(said(), Said{"1 withdraw 2"});
    takes_turn(1, 1, {account(1), account(3)});
    EXPECT_EQ(said(), Said{});
}

}  // namespace
}  // namespace tandem::roles::call_state
