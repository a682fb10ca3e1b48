#include "roles/call_state/queue_desk.h"

#include <algorithm>
#include <utility>

#include "model/generated/queue_agent.h"
#include "roles/call_state/limits.h"
#include "routing/queues.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

using ports::CallSummary;
using ports::QueueAdvice;
using Kind = ports::QueueAdvice::Kind;

namespace {

bool has(const std::vector<AccountId>& agents, AccountId one) {
    return std::ranges::find(agents, one) != agents.end();
}

bool waits(const CallSummary* call) {
    return call != nullptr && call->queue && call->queue->waits;
}

void sooner(std::optional<Instant>& earliest, std::optional<Instant> other) {
    if (other && (!earliest || *other < *earliest)) earliest = other;
}

QueueAdvice::Entry entry_of(const CallSummary& call, Kind kind) {
    QueueAdvice::Entry entry;
    entry.call = call.whole.is_nil() ? call.call : call.whole;
    entry.queue = call.queue->queue;
    entry.kind = kind;
    return entry;
}

}  // namespace

void QueueDesk::begin(Instant until) {
    desks_.clear();
    calls_known_ = false;
    wait_until_ = until;
}

void QueueDesk::on_calls_known(Now now, ports::Outbox& out) {
    if (std::exchange(calls_known_, true)) return;
    wait_until_.reset();
    for (auto it = desks_.begin(); it != desks_.end();) look(now, (it++)->first, out);
}

bool QueueDesk::is_open() const {
    return calls_known_ && around_.directory.is_active(around_.self);
}

size_t QueueDesk::waiting() const {
    size_t count = 0;
    for (const auto& [domain, desk] : desks_) count += desk.waiters.size();
    return count;
}

QueueDesk::Agent& QueueDesk::agent(AccountId id) {
    if (agents_.size() >= kAgentsMax && !agents_.contains(id)) agents_.clear();
    return agents_[id];
}

// --- What changes.

void QueueDesk::on_change(Now now, const CallSummary* before, const CallSummary* after,
                          ports::Outbox& out) {
    if (before != nullptr && before->queue) {
        note_tried(now, *before, after);
        note_talked(now, *before, after);
    }
    if (waits(before) && !waits(after)) {
        const auto desk = desks_.find(before->queue->domain);
        if (desk != desks_.end()) desk->second.waiters.erase(before->call);
    }
    if (waits(after)) {
        Waiter& waiter = desks_[after->queue->domain].waiters[after->call];
        const bool is_elsewhere =
            before != nullptr && before->queue && before->queue->queue != after->queue->queue;
        if (is_elsewhere) waiter = {};
        if (waiter.confirm_by && after->queue->turn >= waiter.turn) {
            for (const AccountId each : waiter.agents)
                if (!has(after->queue->offered, each))
                    agent(each).rest_until = now.mono + kAgentRest;
            waiter.confirm_by.reset();
            waiter.agents.clear();
        }
        waiter.turn = std::max(waiter.turn, after->queue->turn);
    }
    // Any call of an agent may have kept somebody waiting; those of others are no news here.
    std::set<DomainId> touched;
    for (const CallSummary* each : {before, after}) {
        if (each == nullptr) continue;
        if (each->queue) touched.insert(each->queue->domain);
        const bool is_watched = desks_.contains(each->domain);
        if (is_watched && (each->queue || is_of_agents(*each))) touched.insert(each->domain);
    }
    for (const DomainId each : touched) look(now, each, out);
}

bool QueueDesk::is_of_agents(const CallSummary& call) const {
    const auto is_agent = [&](AccountId id) {
        return !id.is_nil() && around_.catalog.find<model::QueueAgent>(call.domain, id) != nullptr;
    };
    return is_agent(call.caller_account) || is_agent(call.callee_account) ||
           is_agent(call.consulted) || std::ranges::any_of(call.ringing, is_agent);
}

// Who was asked and has not answered goes to the end, and rests.
void QueueDesk::note_tried(Now now, const CallSummary& before, const CallSummary* after) {
    if (!before.queue->waits || !waits(after) || after->queue->queue != before.queue->queue) return;
    for (const AccountId each : before.queue->offered) {
        if (has(after->queue->offered, each)) continue;
        Agent& tried = agent(each);
        tried.free_since = now.mono;
        tried.rest_until = now.mono + kAgentRest;
    }
}

void QueueDesk::note_talked(Now now, const CallSummary& before, const CallSummary* after) {
    const AccountId talked = ports::agent_of(before);
    if (talked.is_nil() || (after != nullptr && ports::agent_of(*after) == talked)) return;
    free_agent(now.mono, before.queue->domain, before.queue->queue, talked);
}

void QueueDesk::free_agent(Instant at, DomainId domain, QueueId queue, AccountId id) {
    Agent& freed = agent(id);
    freed.free_since = std::max(freed.free_since, at);
    freed.rest_until.reset();
    const auto* set = around_.catalog.find<model::Queue>(domain, queue);
    if (set == nullptr || set->wrap_up.count() == 0) return;
    const Instant until = at + set->wrap_up;
    if (!freed.wrap_up_until || *freed.wrap_up_until < until) freed.wrap_up_until = until;
}

void QueueDesk::on_freed(Now now, const ports::QueueAgentsFreed& freed) {
    for (const auto& each : freed.entries) {
        const Duration ago =
            std::chrono::milliseconds(std::max<int64_t>(0, now.utc.unix_ms - each.at.unix_ms));
        free_agent(now.mono - ago, each.domain, each.queue, each.agent);
    }
}

void QueueDesk::on_catalog(Now now, ports::Outbox& out) {
    for (auto it = desks_.begin(); it != desks_.end();) look(now, (it++)->first, out);
}

void QueueDesk::on_timeout(Now now, ports::Outbox& out) {
    if (wait_until_ && *wait_until_ <= now.mono) on_calls_known(now, out);
    for (auto it = desks_.begin(); it != desks_.end();) {
        const auto here = it++;
        if (here->second.look_again && *here->second.look_again <= now.mono)
            look(now, here->first, out);
    }
}

std::optional<Instant> QueueDesk::next_deadline() const {
    std::optional<Instant> next = wait_until_;
    for (const auto& [domain, desk] : desks_) sooner(next, desk.look_again);
    return next;
}

// --- Who is next.

// Those who wait in the domain's queues, by their order. Calls of a B2B that is away are passed by:
// they come back with it or with its heir.
std::vector<QueueDesk::InLine> QueueDesk::line_of(DomainId domain, Desk& desk) const {
    std::vector<InLine> line;
    line.reserve(desk.waiters.size());
    const model::Queue* queue = nullptr;
    for (auto& [id, waiter] : desk.waiters) {
        const CallSummary* call = index_.find(id);
        if (!waits(call)) continue;
        const auto* owner = around_.directory.find(call->owner);
        if (queue == nullptr || queue->id != call->queue->queue)
            queue = around_.catalog.find<model::Queue>(domain, call->queue->queue);
        if (owner == nullptr || !owner->reachable || queue == nullptr) continue;
        line.push_back({call, queue, &waiter});
    }
    std::ranges::stable_sort(line, [](const InLine& a, const InLine& b) {
        if (a.queue->priority != b.queue->priority) return a.queue->priority > b.queue->priority;
        const int64_t since_a = a.call->queue->since.unix_ms;
        const int64_t since_b = b.call->queue->since.unix_ms;
        return since_a != since_b ? since_a < since_b : a.call->call < b.call->call;
    });
    std::map<QueueId, uint32_t> counts;
    for (InLine& each : line) each.ahead = counts[each.queue->id]++;
    return line;
}

std::set<AccountId> QueueDesk::asked_agents(const std::vector<InLine>& line) const {
    std::set<AccountId> asked;
    for (const InLine& each : line) {
        asked.insert(each.waiter->agents.begin(), each.waiter->agents.end());
        asked.insert(each.call->queue->offered.begin(), each.call->queue->offered.end());
    }
    return asked;
}

void QueueDesk::look(Now now, DomainId domain, ports::Outbox& out) {
    const auto found = desks_.find(domain);
    if (found == desks_.end()) return;
    Desk& desk = found->second;
    if (desk.waiters.empty()) {
        desks_.erase(found);
        return;
    }
    desk.look_again.reset();
    if (!is_open()) return;
    const std::vector<InLine> line = line_of(domain, desk);
    for (const InLine& each : line) {
        const bool is_late = each.waiter->confirm_by && *each.waiter->confirm_by <= now.mono;
        if (!is_late) continue;
        each.waiter->confirm_by.reset();
        each.waiter->agents.clear();
    }
    std::set<AccountId> asked = asked_agents(line);
    Advices advices;
    send_away_of_removed(now, domain, desk, advices);
    Staffs staffs;
    std::set<AccountId> rung;
    for (const InLine& each : line) {
        if (each.waiter->confirm_by) continue;
        if (!each.call->queue->offered.empty()) {
            withdraw(each, rung, advices);
            continue;
        }
        auto staff = staffs.find(each.queue->id);
        if (staff == staffs.end())
            staff = staffs.emplace(each.queue->id, staff_of(now, *each.queue)).first;
        if (send_away(now, each, staff->second, advices)) continue;
        std::vector<AccountId> agents = choose(each, staff->second, asked);
        if (!agents.empty()) {
            asked.insert(agents.begin(), agents.end());
            give_turn(now, each, std::move(agents), advices);
            continue;
        }
        if (std::exchange(each.waiter->told, each.ahead) == each.ahead) continue;
        QueueAdvice::Entry entry = entry_of(*each.call, Kind::Place);
        entry.ahead = each.ahead;
        advices[each.call->owner.number].entries.push_back(std::move(entry));
    }
    desk.look_again = look_again_at(now, line);
    for (auto& [owner, advice] : advices)
        out.send(around_.self, ports::Instance{owner}, std::move(advice));
}

QueueDesk::Staff QueueDesk::staff_of(Now now, const Queue& queue) const {
    Staff staff;
    for (const AccountId each : queue.members) {
        const AgentState state = state_of(now, queue, each);
        if (state == AgentState::Free) staff.free.push_back(each);
        if (state != AgentState::LoggedOut && staff.logged_in.size() < 2)
            staff.logged_in.push_back(each);
    }
    return staff;
}

// The queue is full without it, or serves nobody.
bool QueueDesk::send_away(Now now, const InLine& one, const Staff& staff, Advices& out) const {
    std::optional<Kind> why;
    const bool has_agents = std::ranges::any_of(
        staff.logged_in, [&](AccountId each) { return each != one.call->caller_account; });
    if (!has_agents)
        why = Kind::NoAgents;
    else if (one.ahead >= static_cast<uint32_t>(one.queue->callers_max))
        why = Kind::Full;
    if (!why) return false;
    one.waiter->confirm_by = now.mono + kAdviceConfirmed;
    out[one.call->owner.number].entries.push_back(entry_of(*one.call, *why));
    return true;
}

// Their queue was removed: no agent can get them.
void QueueDesk::send_away_of_removed(Now now, DomainId domain, Desk& desk, Advices& out) const {
    for (auto& [id, waiter] : desk.waiters) {
        const CallSummary* call = index_.find(id);
        if (!waits(call) || (waiter.confirm_by && *waiter.confirm_by > now.mono)) continue;
        if (around_.catalog.find<Queue>(domain, call->queue->queue) != nullptr) continue;
        waiter.confirm_by = now.mono + kAdviceConfirmed;
        out[call->owner.number].entries.push_back(entry_of(*call, Kind::NoAgents));
    }
}

// Who has logged out, paused or been disabled while he is asked; who talks by now; and who is asked
// for an earlier call, too, as a B2B that stood still may have taken an old turn.
void QueueDesk::withdraw(const InLine& one, std::set<AccountId>& rung, Advices& out) const {
    std::vector<AccountId> gone;
    for (const AccountId each : one.call->queue->offered) {
        const auto* set = around_.catalog.find<model::QueueAgent>(one.queue->domain, each);
        const auto* account = around_.catalog.find_account(one.queue->domain, each);
        const bool is_there =
            account != nullptr && account->enabled && routing::is_member(*one.queue, each) &&
            routing::is_logged_in(set, one.queue->id) && !routing::is_paused(set, one.queue->id);
        const bool is_free = call_state_of(each) != AgentState::Talking && rung.insert(each).second;
        if (!is_there || !is_free) gone.push_back(each);
    }
    if (gone.empty()) return;
    QueueAdvice::Entry entry = entry_of(*one.call, Kind::Withdraw);
    entry.agents = std::move(gone);
    out[one.call->owner.number].entries.push_back(std::move(entry));
}

// The agents whose turn it is, if any is free.
std::vector<AccountId> QueueDesk::choose(const InLine& one, Staff& staff,
                                         const std::set<AccountId>& asked) {
    const Queue& queue = *one.queue;
    std::erase_if(staff.free, [&](AccountId each) { return asked.contains(each); });
    std::vector<AccountId> free = staff.free;
    std::erase(free, one.call->caller_account);
    if (free.empty()) return free;
    order(queue, free);
    free.resize(std::min(free.size(),
                         queue.strategy == model::QueueStrategy::All ? kAgentsAtOnce : size_t{1}));
    if (queue.strategy == model::QueueStrategy::RoundRobin) {
        if (turn_of_.size() >= kQueueTurnsMax) turn_of_.clear();
        turn_of_[queue.id] = free.front();
    }
    return free;
}

// Whom the strategy would take first comes first. `free` is in the order of the members.
void QueueDesk::order(const Queue& queue, std::vector<AccountId>& free) {
    switch (queue.strategy) {
        case model::QueueStrategy::All:
        case model::QueueStrategy::OneByOne:
            return;
        case model::QueueStrategy::LeastRecent:
            std::ranges::stable_sort(free, [&](AccountId a, AccountId b) {
                return agent(a).free_since < agent(b).free_since;
            });
            return;
        case model::QueueStrategy::Random:
            std::swap(free.front(), free[around_.rng.below(free.size())]);
            return;
        case model::QueueStrategy::RoundRobin:
            break;
    }
    const auto place = [&](AccountId id) {
        return std::ranges::find(queue.members, id) - queue.members.begin();
    };
    const auto last = turn_of_.find(queue.id);
    if (last == turn_of_.end()) return;
    const auto after = place(last->second);
    const auto next = std::ranges::find_if(free, [&](AccountId id) { return place(id) > after; });
    std::ranges::rotate(free, next == free.end() ? free.begin() : next);
}

void QueueDesk::give_turn(Now now, const InLine& one, std::vector<AccountId> agents,
                          Advices& out) const {
    one.waiter->confirm_by = now.mono + kAdviceConfirmed;
    one.waiter->agents = agents;
    one.waiter->told.reset();
    QueueAdvice::Entry entry = entry_of(*one.call, Kind::Turn);
    entry.turn = ++one.waiter->turn;
    entry.agents = std::move(agents);
    out[one.call->owner.number].entries.push_back(std::move(entry));
}

// When something may be different without any news: an unconfirmed turn, an agent who has rested.
std::optional<Instant> QueueDesk::look_again_at(Now now, const std::vector<InLine>& line) const {
    std::optional<Instant> next = now.mono + kQueueLook;
    std::set<QueueId> seen;
    const Queue* last = nullptr;
    for (const InLine& each : line) {
        sooner(next, each.waiter->confirm_by);
        if (std::exchange(last, each.queue) == each.queue) continue;
        if (!seen.insert(each.queue->id).second) continue;
        for (const AccountId id : each.queue->members) {
            const auto known = agents_.find(id);
            if (known == agents_.end()) continue;
            for (const auto& until : {known->second.wrap_up_until, known->second.rest_until})
                if (until && *until > now.mono) sooner(next, until);
        }
    }
    return next;
}

}  // namespace tandem::roles::call_state
