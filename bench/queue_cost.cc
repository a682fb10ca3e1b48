// What the desk of call queues costs with so many callers in line.
//
//   queue_cost CALLERS...
//
// A domain with 200 agents in four queues, all of whom talk, and CALLERS who wait. Again and again
// a caller comes, an agent hangs up, and the first in line gets him: four changes of calls. For
// each number prints a line "CALLERS US_A_CHANGE": processor time of one change, with the advice to
// B2Bs.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "model/generated/queue.h"
#include "model/generated/queue_agent.h"
#include "roles/call_state/queue_desk.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace {

using namespace tandem;
using ports::CallSummary;
using ports::Instance;
using ports::QueueAdvice;

constexpr uint64_t kQueues = 4;
constexpr uint64_t kAgents = 200;
constexpr uint64_t kTurns = 400;
const DomainId kDomain{{1, 1}};

double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

AccountId agent_id(uint64_t n) {
    return AccountId{{7, n}};
}

class Tenant {
 public:
    Tenant() {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "bench.test";
        load(store::keys::domain(kDomain), model::encode_stored(domain, {}));
        for (uint64_t n = 0; n < kAgents; ++n) add_agent(n);
        for (uint64_t n = 0; n < kQueues; ++n) add_queue(n);
        catalog_ = feed_.snapshot();
        directory_.replace({{Instance{1}, ports::RoleKind::B2bua, 1},
                            {Instance{9}, ports::RoleKind::CallState, 1}});
        for (uint64_t n = 0; n < kAgents; ++n) talks(summary(), agent_id(n), n % kQueues);
        desk_.begin(now_.mono);
        desk_.on_calls_known(now_, out_);
    }
    void arrives() {
        CallSummary call = summary();
        call.queue =
            ports::QueuePlace{kDomain, QueueId{{8, next_ % kQueues}}, now_.utc, true, 0, {}};
        report(std::move(call));
    }
    // The agent who has talked for longest hangs up; whoever gets him talks.
    void turn() {
        const CallSummary before = talking_.front();
        talking_.pop_front();
        index_.remove(before.call, before.owner);
        desk_.on_change(now_, &before, nullptr, out_);
        for (const auto& letter : out_.take()) {
            for (const auto& each : get<QueueAdvice>(letter.payload).entries) {
                if (each.kind == QueueAdvice::Kind::Turn) take_turn(each);
            }
        }
        now_.mono = now_.mono + 1ms;
        ++now_.utc.unix_ms;
    }
    void forget_advice() { (void)out_.take(); }
    uint64_t turns() const { return turns_; }

 private:
    void load(std::string key, std::string value) {
        feed_.load({std::move(key), std::move(value), {1, 1}, {1, 1}, 0});
    }
    void add_agent(uint64_t n) {
        model::Account account;
        account.id = agent_id(n);
        account.domain = kDomain;
        account.login = std::to_string(1000 + n);
        load(store::keys::account(kDomain, account.id), model::encode_stored(account, {}));
        const model::QueueAgent agent{account.id, kDomain, true, {}, false, {}};
        load(store::keys::in_domain(kDomain, "queue-agent", agent.id.bits),
             model::encode_stored(agent, {}));
    }
    void add_queue(uint64_t n) {
        model::Queue queue;
        queue.id = QueueId{{8, n}};
        queue.domain = kDomain;
        queue.name = "q" + std::to_string(n);
        queue.callers_max = 1000;
        for (uint64_t agent = n; agent < kAgents; agent += kQueues)
            queue.members.push_back(agent_id(agent));
        load(store::keys::in_domain(kDomain, "queue", queue.id.bits),
             model::encode_stored(queue, {}));
    }
    CallSummary summary() {
        CallSummary call;
        call.call = CallId{{0, ++next_}};
        call.domain = kDomain;
        call.owner = Instance{1};
        call.phase = ports::CallPhase::Ringing;
        call.caller = "caller " + std::to_string(next_);
        return call;
    }
    void talks(CallSummary call, AccountId agent, uint64_t queue) {
        if (!call.queue)
            call.queue = ports::QueuePlace{kDomain, QueueId{{8, queue}}, now_.utc, true, 0, {}};
        call.queue->waits = false;
        call.queue->offered.clear();
        call.phase = ports::CallPhase::Answered;
        call.callee_account = agent;
        talking_.push_back(call);
        report(std::move(call));
    }
    void take_turn(const QueueAdvice::Entry& advice) {
        CallSummary call = *index_.find(advice.call);
        call.queue->turn = advice.turn;
        call.queue->offered = advice.agents;
        report(call);
        talks(std::move(call), advice.agents.front(), 0);
        ++turns_;
    }
    void report(CallSummary call) {
        std::optional<CallSummary> before;
        if (const auto* known = index_.find(call.call)) before = *known;
        const CallId id = call.call;
        index_.put(std::move(call));
        desk_.on_change(now_, before ? &*before : nullptr, index_.find(id), out_);
    }

    Now now_{Instant{1000s}, UtcTime{1'800'000'000'000}};
    store::CatalogFeed feed_;
    store::Catalog catalog_;
    ports::Directory directory_;
    ports::TokenMint tokens_{{1, 2}};
    SeededRng rng_{7};
    ports::Surroundings around_{Instance{9}, directory_, catalog_, tokens_, rng_, 1, {}};
    roles::call_state::Index index_;
    roles::call_state::QueueDesk desk_{around_, index_};
    ports::Outbox out_;
    std::deque<CallSummary> talking_;
    uint64_t next_ = 0;
    uint64_t turns_ = 0;
};

void measure(uint64_t callers) {
    Tenant tenant;
    for (uint64_t i = 0; i < callers; ++i) tenant.arrives();
    tenant.forget_advice();
    const double began = cpu_us();
    for (uint64_t i = 0; i < kTurns; ++i) {
        tenant.arrives();
        tenant.turn();
    }
    const double ended = cpu_us();
    CHECK(tenant.turns() >= kTurns * 9 / 10);
    std::printf("%llu %.3f\n", static_cast<unsigned long long>(callers),
                (ended - began) / (4.0 * kTurns));
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) measure(std::strtoull(argv[i], nullptr, 10));
    return argc > 1 ? 0 : 2;
}
