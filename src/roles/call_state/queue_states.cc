// What agents do, and how queues look to operators.
#include <algorithm>

#include "base/json_text.h"
#include "model/generated/account_service.h"
#include "model/generated/queue_agent.h"
#include "roles/call_state/queue_desk.h"
#include "routing/queues.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

using ports::CallPhase;
using ports::CallSummary;

std::string_view to_string(AgentState state) {
    switch (state) {
        case AgentState::Free:
            return "free";
        case AgentState::Ringing:
            return "ringing";
        case AgentState::Talking:
            return "talking";
        case AgentState::WrapUp:
            return "wrap-up";
        case AgentState::Resting:
            return "no-answer";
        case AgentState::Paused:
            return "paused";
        case AgentState::LoggedOut:
            return "logged-out";
    }
    return "";
}

// Any call counts, not those of queues alone; nullopt: he is in none.
std::optional<AgentState> QueueDesk::call_state_of(AccountId id) const {
    std::optional<AgentState> state;
    for (const CallId& each : index_.by_account(id)) {
        const CallSummary* call = index_.find(each);
        if (call == nullptr || call->phase == CallPhase::Ending) continue;
        const bool talks = call->caller_account == id || call->callee_account == id;
        if (talks || call->consulted == id) return AgentState::Talking;
        state = AgentState::Ringing;
    }
    return state;
}

AgentState QueueDesk::state_of(Now now, const Queue& queue, AccountId id) const {
    const store::Catalog& catalog = around_.catalog;
    const auto* account = catalog.find_account(queue.domain, id);
    const auto* set = catalog.find<model::QueueAgent>(queue.domain, id);
    if (account == nullptr || !account->enabled || !routing::is_logged_in(set, queue.id))
        return AgentState::LoggedOut;
    if (const auto in_call = call_state_of(id)) return *in_call;
    const auto* services = catalog.find<model::AccountService>(queue.domain, id);
    const bool is_undisturbed = services != nullptr && services->do_not_disturb;
    if (routing::is_paused(set, queue.id) || is_undisturbed) return AgentState::Paused;
    const auto known = agents_.find(id);
    if (known == agents_.end()) return AgentState::Free;
    const Agent& agent = known->second;
    if (agent.wrap_up_until && *agent.wrap_up_until > now.mono) return AgentState::WrapUp;
    if (agent.rest_until && *agent.rest_until > now.mono) return AgentState::Resting;
    return AgentState::Free;
}

std::string QueueDesk::state_json(Now now, const Queue& queue,
                                  const std::vector<InLine>& line) const {
    const auto login_of = [&](AccountId id) {
        const auto* account = around_.catalog.find_account(queue.domain, id);
        return account == nullptr ? id.text() : std::string(account->login());
    };
    const auto waited_s = [&](const InLine& each) {
        return std::max<int64_t>(0, now.utc.unix_ms - each.call->queue->since.unix_ms) / 1000;
    };
    int64_t count = 0;
    int64_t longest = 0;
    JsonWriter callers;
    callers.begin_list();
    for (const InLine& each : line) {
        if (each.queue->id != queue.id) continue;
        ++count;
        longest = std::max(longest, waited_s(each));
        callers.begin_object().field("call").value(each.call->call.text());
        callers.field("caller").value(each.call->caller);
        callers.field("position").value(static_cast<uint32_t>(each.ahead + 1));
        callers.field("since").value(to_rfc3339(each.call->queue->since));
        callers.field("wait_s").value(waited_s(each));
        callers.field("ringing").begin_list();
        for (const AccountId agent : each.call->queue->offered) callers.value(login_of(agent));
        callers.end_list().end_object();
    }
    callers.end_list();
    const std::set<AccountId> asked = asked_agents(line);
    int64_t free = 0;
    JsonWriter agents;
    agents.begin_list();
    for (const AccountId id : queue.members) {
        AgentState state = state_of(now, queue, id);
        if (state != AgentState::Talking && asked.contains(id)) state = AgentState::Ringing;
        if (state == AgentState::Free) ++free;
        agents.begin_object().field("account").value(id.text());
        agents.field("login").value(login_of(id));
        agents.field("state").value(to_string(state)).end_object();
    }
    agents.end_list();
    JsonWriter json;
    json.begin_object().field("id").value(queue.id.text()).field("name").value(queue.name);
    json.field("number").value(queue.number).field("waiting").value(count);
    json.field("longest_wait_s").value(longest).field("agents_free").value(free);
    json.field("callers").raw(callers.take());
    json.field("agents").raw(agents.take()).end_object();
    return json.take();
}

ports::QueueStates QueueDesk::states(Now now, DomainId domain) const {
    ports::QueueStates states;
    Desk desk;  // a copy: looking changes nothing
    if (const auto found = desks_.find(domain); found != desks_.end()) desk = found->second;
    const std::vector<InLine> line = line_of(domain, desk);
    around_.catalog.visit<model::Queue>(domain, [&](const Queue& queue) {
        states.items.push_back(state_json(now, queue, line));
        return true;
    });
    return states;
}

}  // namespace tandem::roles::call_state
