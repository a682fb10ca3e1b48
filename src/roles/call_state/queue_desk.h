// The queues of all domains of this CS: who waits, which agents are free, and whose turn it is.
// B2Bs hold the calls and say in their summaries how each stands; the desk sends them advice
// (ports/queue_port.h) and believes what they report next, so that letters may be lost and this CS
// may be a new one. What it keeps beside the index is what calls under way cannot tell: turns that
// have not been confirmed, who is to rest, and how long he has been free.
//
// One call has an agent at a time. Of a queue, calls come by the time of their arrival there; of
// several queues with the same agent, those of the higher priority first.
//
// Pure; a part of CallStateRole.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/generated/queue.h"
#include "ports/letter.h"
#include "roles/call_state/index.h"

namespace tandem::roles::call_state {

enum class AgentState : uint8_t { Free, Ringing, Talking, WrapUp, Resting, Paused, LoggedOut };
std::string_view to_string(AgentState state);

class QueueDesk {
 public:
    QueueDesk(const ports::Surroundings& around, const Index& index)
        : around_(around), index_(index) {}

    // Elected. Nobody has a turn before all calls are known, or `until`.
    void begin(Instant until);
    void on_calls_known(Now now, ports::Outbox& out);
    void on_change(Now now, const ports::CallSummary* before, const ports::CallSummary* after,
                   ports::Outbox& out);
    void on_freed(Now now, const ports::QueueAgentsFreed& freed);
    // Agents log in and out, queues change.
    void on_catalog(Now now, ports::Outbox& out);
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;

    ports::QueueStates states(Now now, DomainId domain) const;
    size_t waiting() const;

 private:
    using Queue = model::Queue;
    // A call that waits.
    struct Waiter {
        std::optional<uint32_t> told;  // how many are ahead
        // Advice that its next summary is to confirm; then it is given again.
        std::optional<Instant> confirm_by;
        std::vector<AccountId> agents;  // of a turn
        uint32_t turn = 0;              // that was given last
    };
    struct Agent {
        Instant free_since;  // the end of his last call or try
        std::optional<Instant> wrap_up_until;
        std::optional<Instant> rest_until;
    };
    struct Desk {  // of one domain
        std::map<CallId, Waiter> waiters;
        std::optional<Instant> look_again;
    };
    // A waiter as it is looked at in one go.
    struct InLine {
        const ports::CallSummary* call = nullptr;
        const Queue* queue = nullptr;
        Waiter* waiter = nullptr;
        uint32_t ahead = 0;
    };
    // The agents of a queue, found once in one go: many may wait in it.
    struct Staff {
        std::vector<AccountId> logged_in;  // two are enough to know that there is another one
        std::vector<AccountId> free;       // and not asked yet
    };
    using Staffs = std::map<QueueId, Staff>;
    using Advices = std::map<uint16_t, ports::QueueAdvice>;  // by B2B

    bool is_open() const;
    void look(Now now, DomainId domain, ports::Outbox& out);
    std::vector<InLine> line_of(DomainId domain, Desk& desk) const;
    std::set<AccountId> asked_agents(const std::vector<InLine>& line) const;
    Staff staff_of(Now now, const Queue& queue) const;
    bool is_of_agents(const ports::CallSummary& call) const;
    bool send_away(Now now, const InLine& one, const Staff& staff, Advices& out) const;
    void send_away_of_removed(Now now, DomainId domain, Desk& desk, Advices& out) const;
    void withdraw(const InLine& one, std::set<AccountId>& rung, Advices& out) const;
    std::vector<AccountId> choose(const InLine& one, Staff& staff,
                                  const std::set<AccountId>& asked);
    void order(const Queue& queue, std::vector<AccountId>& free);
    void give_turn(Now now, const InLine& one, std::vector<AccountId> agents, Advices& out) const;
    std::optional<Instant> look_again_at(Now now, const std::vector<InLine>& line) const;
    void note_tried(Now now, const ports::CallSummary& before, const ports::CallSummary* after);
    void note_talked(Now now, const ports::CallSummary& before, const ports::CallSummary* after);
    void free_agent(Instant at, DomainId domain, QueueId queue, AccountId agent);
    Agent& agent(AccountId id);
    AgentState state_of(Now now, const Queue& queue, AccountId id) const;
    std::optional<AgentState> call_state_of(AccountId id) const;
    std::string state_json(Now now, const Queue& queue, const std::vector<InLine>& line) const;

    const ports::Surroundings& around_;
    const Index& index_;
    std::map<DomainId, Desk> desks_;  // of those where somebody waits
    std::unordered_map<AccountId, Agent> agents_;
    std::unordered_map<QueueId, AccountId> turn_of_;  // round-robin: who was asked last
    bool calls_known_ = false;
    std::optional<Instant> wait_until_;  // for the calls to be known
};

}  // namespace tandem::roles::call_state
