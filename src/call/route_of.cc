#include "call/route_of.h"

#include "call/limits.h"
#include "model/generated/queue.h"
#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "store/catalog.h"

namespace tandem::call {

namespace {

// With an address of the domain, so that who is called can dial what he sees.
ShownCaller shown_there(const routing::Shown& shown, DomainId domain,
                        const store::Catalog& catalog) {
    const auto* there = catalog.find_domain(domain);
    return {shown.number, shown.name, there == nullptr ? std::string() : there->name};
}

}  // namespace

Call::Route route_of(routing::Route from, const Outward& outward) {
    Call::Route route;
    route.refusal = from.refusal;
    route.pages = from.page;
    route.turned = from.turned;
    route.refusal_reason = std::move(from.refusal_reason);
    for (routing::Stage& stage : from.stages) {
        if (route.stages.size() >= kStagesMax) break;
        const auto index = static_cast<uint8_t>(route.stages.size());
        route.stages.push_back(stage.ring_for);
        const auto* queue = stage.queue ? outward.catalog.find<model::Queue>(stage.queue->domain,
                                                                             stage.queue->queue)
                                        : nullptr;
        if (queue != nullptr) {
            route.queues.push_back({index, queue->domain, queue->id, queue->number, queue->name,
                                    queue->ring, queue->wait_max,
                                    queue->sound == model::QueueSound::Music, queue->answers,
                                    stage.path});
            if (stage.shown)
                route.queues.back().shown =
                    shown_there(*stage.shown, queue->domain, outward.catalog);
        }
        for (routing::Target& target : stage.targets) {
            if (route.destinations.size() >= kDestinationsMax) break;
            Destination& to = route.destinations.emplace_back();
            to.domain = target.domain;
            to.account = target.account;
            to.number = std::move(target.number);
            to.name = std::move(target.name);
            to.stage = index;
            to.goes_on = target.goes_on;
            to.calls_max = target.calls_max;
            to.of_group = target.of_group;
            to.answers_itself = target.answers_itself;
            to.one_call = target.one_call;
            to.path = stage.path;
            if (stage.shown) to.shown = shown_there(*stage.shown, target.domain, outward.catalog);
            // He rings beside those who take his calls: for him it is no call that came by him.
            if (!to.path.empty() && to.path.back().by == to.account && !to.account.is_nil())
                to.path.pop_back();
            const auto* trunk = target.trunk ? outward.catalog.find_trunk(*target.trunk) : nullptr;
            const auto* group = target.trunk_group ? outward.catalog.find<model::TrunkGroup>(
                                                         target.domain, *target.trunk_group)
                                                   : nullptr;
            if (trunk != nullptr) to.outside = outside_of(*trunk, group, outward);
        }
    }
    for (routing::Step& step : from.steps) {
        route.notes.push_back({std::move(step.step), std::move(step.reason)});
    }
    route.forwards = std::move(from.forwards);
    return route;
}

}  // namespace tandem::call
