// Call queues: whether a call may wait in one, where it goes when it may not or not any longer, and
// what agents dial to log in and out and to pause. Who of the agents is free is known to CS alone.
#pragma once

#include <optional>
#include <string_view>

#include "model/generated/feature_code.h"
#include "model/generated/queue.h"
#include "model/generated/queue_agent.h"
#include "routing/route.h"

namespace tandem::routing {

// Of an account that has set nothing (null), too.
bool is_logged_in(const model::QueueAgent* agent, QueueId queue);
bool is_paused(const model::QueueAgent* agent, QueueId queue);
bool is_member(const model::Queue& queue, AccountId account);
// Some enabled member, other than `except`, is logged in.
bool has_agents(const store::Catalog& catalog, const model::Queue& queue, AccountId except);

// `route` with a stage in which the call waits; without an agent who is logged in, where the queue
// sends it instead.
Route wait_in_queue(const store::Catalog& catalog, const Question& question,
                    const model::Queue& queue, Route route);

// Where the queue sends a call that has to leave it; nullopt: nowhere. The caller of `question` is
// the call's.
std::optional<Route> overflow_of(const store::Catalog& catalog, const Question& question,
                                 const model::Queue& queue, ForwardReason reason);

bool is_of_agents(model::FeatureAction action);
// `route` with the change that the code makes for the caller's account. `parameter`: the number of
// one of its queues; empty: all of them.
Route use_agent_code(const store::Catalog& catalog, const Question& question,
                     const model::FeatureCode& code, std::string_view parameter, Route route);

}  // namespace tandem::routing
