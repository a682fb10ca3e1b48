#include "routing/queues.h"

#include <algorithm>
#include <iterator>

#include "routing/delivery.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::FeatureAction;
using model::Queue;
using model::QueueAgent;
using store::Catalog;

bool has(const std::vector<QueueId>& list, QueueId queue) {
    return std::ranges::find(list, queue) != list.end();
}

// Who calls from another domain is told nothing of the queue; nor does his domain see it.
bool is_told(const Question& question) {
    return question.detail == Detail::Explained || question.original == nullptr ||
           question.original->domain == question.domain;
}

// In the queue's order.
std::string agents_text(const Catalog& catalog, const Queue& queue) {
    std::string text;
    for (const AccountId id : queue.members) {
        const auto* member = catalog.find_account(queue.domain, id);
        const auto* agent = catalog.find<QueueAgent>(queue.domain, id);
        if (member == nullptr || !member->enabled || !is_logged_in(agent, queue.id)) continue;
        text += " " + target_of(queue.domain, *member).number;
        if (is_paused(agent, queue.id)) text += " (paused)";
    }
    return text;
}

// --- What agents dial.

// What an agent's entity becomes, with `queues` as all that the account is a member of.
struct Change {
    QueueAgent agent;
    std::vector<QueueId> queues;

    // The list that means the same without one of its queues.
    std::vector<QueueId> all_but(QueueId one) const {
        std::vector<QueueId> rest;
        std::ranges::copy_if(queues, std::back_inserter(rest),
                             [&](QueueId each) { return each != one; });
        return rest;
    }
    void log_in() { agent = {agent.id, agent.domain, true, {}, false, {}}; }
    void log_out() { agent = {agent.id, agent.domain, false, {}, false, {}}; }
    void log_in_to(QueueId queue) {
        std::erase(agent.paused_in, queue);
        if (is_logged_in(&agent, queue)) return;
        if (!agent.logged_in) agent.queues.clear();
        agent.logged_in = true;
        agent.queues.push_back(queue);
    }
    void log_out_of(QueueId queue) {
        if (!is_logged_in(&agent, queue)) return;
        if (agent.queues.empty())
            agent.queues = all_but(queue);
        else
            std::erase(agent.queues, queue);
        std::erase(agent.paused_in, queue);
        if (agent.queues.empty()) log_out();
    }
    void pause_in(QueueId queue) {
        if (!has(agent.paused_in, queue)) agent.paused_in.push_back(queue);
    }
    void resume_in(QueueId queue) {
        if (agent.paused) agent.paused_in = all_but(queue);
        agent.paused = false;
        std::erase(agent.paused_in, queue);
    }
    // Ids that name no queue of the account any more are left out.
    std::string patch() const {
        const auto list = [&](const std::vector<QueueId>& ids) {
            std::string text;
            for (const QueueId each : ids) {
                if (!has(queues, each)) continue;
                text += (text.empty() ? "\"" : ",\"") + each.text() + "\"";
            }
            return "[" + text + "]";
        };
        const auto truth = [](bool value) { return std::string(value ? "true" : "false"); };
        return "{\"logged_in\":" + truth(agent.logged_in) + ",\"queues\":" + list(agent.queues) +
               ",\"paused\":" + truth(agent.paused) + ",\"paused_in\":" + list(agent.paused_in) +
               "}";
    }
};

void change(Change& to, FeatureAction action, const Queue* queue) {
    if (action == FeatureAction::AgentLogin)
        queue == nullptr ? to.log_in() : to.log_in_to(queue->id);
    else if (action == FeatureAction::AgentLogout)
        queue == nullptr ? to.log_out() : to.log_out_of(queue->id);
    else if (action == FeatureAction::AgentPause && queue == nullptr)
        to.agent.paused = true;
    else if (action == FeatureAction::AgentPause)
        to.pause_in(queue->id);
    else if (queue != nullptr)
        to.resume_in(queue->id);
    else
        to.agent.paused = false, to.agent.paused_in.clear();
}

Route refused(Route route, int status, std::string reason) {
    route.refusal = status;
    route.steps.push_back({"refuse", std::move(reason)});
    return route;
}

}  // namespace

bool is_logged_in(const QueueAgent* agent, QueueId queue) {
    return agent != nullptr && agent->logged_in &&
           (agent->queues.empty() || has(agent->queues, queue));
}

bool is_paused(const QueueAgent* agent, QueueId queue) {
    return agent != nullptr && (agent->paused || has(agent->paused_in, queue));
}

bool is_member(const Queue& queue, AccountId account) {
    return std::ranges::find(queue.members, account) != queue.members.end();
}

bool has_agents(const Catalog& catalog, const Queue& queue, AccountId except) {
    return std::ranges::any_of(queue.members, [&](AccountId id) {
        const auto* member = catalog.find_account(queue.domain, id);
        return member != nullptr && member->enabled && id != except &&
               is_logged_in(catalog.find<QueueAgent>(queue.domain, id), queue.id);
    });
}

Route wait_in_queue(const Catalog& catalog, const Question& question, const Queue& queue,
                    Route route) {
    // Who puts somebody back in line may be the one agent there is.
    if (has_agents(catalog, queue, question.transfers ? AccountId{} : question.caller)) {
        route.steps.push_back({"queue", is_told(question)
                                            ? "The call waits in the queue " + queue.name +
                                                  " for a free agent of" +
                                                  agents_text(catalog, queue) + "."
                                            : std::string("The call waits in a queue there.")});
        Stage stage;
        stage.queue = QueueRef{question.domain, queue.id};
        route.stages.push_back(std::move(stage));
        return route;
    }
    const std::string which = is_told(question) ? "the queue " + queue.name : "the queue there";
    route.steps.push_back({"queue", "Nobody is logged in to " + which + "."});
    if (queue.overflow.empty()) return refused(std::move(route), 480, "The queue has no overflow.");
    return go_on(catalog, question,
                 {{},
                  queue.number,
                  queue.name,
                  queue.overflow,
                  ForwardReason::Unregistered,
                  question.domain},
                 std::move(route));
}

std::optional<Route> overflow_of(const Catalog& catalog, const Question& question,
                                 const Queue& queue, ForwardReason reason) {
    if (queue.overflow.empty()) return std::nullopt;
    return go_on(catalog, question,
                 {{}, queue.number, queue.name, queue.overflow, reason, question.domain}, {});
}

bool is_of_agents(FeatureAction action) {
    return action == FeatureAction::AgentLogin || action == FeatureAction::AgentLogout ||
           action == FeatureAction::AgentPause || action == FeatureAction::AgentResume;
}

Route use_agent_code(const Catalog& catalog, const Question& question,
                     const model::FeatureCode& code, std::string_view parameter, Route route) {
    if (parameter.starts_with('*')) parameter.remove_prefix(1);
    Change made;
    if (const auto* agent = catalog.find<QueueAgent>(question.domain, question.caller))
        made.agent = *agent;
    catalog.visit<Queue>(question.domain, [&](const Queue& queue) {
        if (is_member(queue, question.caller)) made.queues.push_back(queue.id);
        return true;
    });
    const Queue* queue = nullptr;
    if (!parameter.empty()) {
        queue = catalog.find_by_number<Queue>(question.domain, parameter);
        if (queue == nullptr)
            return refused(std::move(route), 404,
                           "There is no queue with the number " + std::string(parameter) + ".");
    }
    if (made.queues.empty() || (queue != nullptr && !is_member(*queue, question.caller)))
        return refused(std::move(route), 403, "The account is no agent there.");
    change(made, code.action, queue);
    const std::string which = queue == nullptr ? "its queues" : "the queue " + queue->name;
    route.steps.push_back({"feature", "The feature code " + code.name + " is for " + which + "."});
    route.feature = FeatureUse{code.name, made.patch(), "queue_agent"};
    return route;
}

}  // namespace tandem::routing
