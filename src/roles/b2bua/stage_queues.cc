// The stage's queues, and what CS says of them.
#include <algorithm>

#include "model/generated/queue.h"
#include "model/generated/queue_agent.h"
#include "roles/b2bua/stage.h"
#include "store/keys.h"

namespace tandem::roles::b2bua {

bool Stage::add_queue(std::string_view number, std::string_view json,
                      const std::vector<std::string_view>& members) {
    auto queue = model::decode<model::Queue>(json, model::Source::Store);
    if (!queue) return false;
    queue->number = number;
    queue->id = QueueId{{10, ++queues_}};
    queue->domain = domain_.id;
    for (const std::string_view each : members) {
        const auto account = accounts_.find(each);
        if (account == accounts_.end()) return false;
        queue->members.push_back(account->second);
        model::QueueAgent agent{account->second, domain_.id, true, {}, false, {}};
        constexpr std::string_view segment = store::DomainKind<model::QueueAgent>::segment;
        load(store::keys::in_domain(domain_.id, segment, agent.id.bits),
             model::encode_stored(agent, {}));
    }
    constexpr std::string_view segment = store::DomainKind<model::Queue>::segment;
    load(store::keys::in_domain(domain_.id, segment, queue->id.bits),
         model::encode_stored(*queue, {}));
    return true;
}

void Stage::advise(ports::QueueAdvice::Kind kind, uint32_t value,
                   const std::vector<std::string_view>& agents) {
    const auto last = std::find_if(reports.rbegin(), reports.rend(),
                                   [](const auto& each) { return each.summary.queue.has_value(); });
    if (last == reports.rend()) return;
    ports::QueueAdvice::Entry entry;
    entry.call = last->summary.call;
    entry.queue = last->summary.queue->queue;
    entry.kind = kind;
    entry.ahead = value;
    entry.turn = value;
    for (const std::string_view each : agents)
        if (const auto found = accounts_.find(each); found != accounts_.end())
            entry.agents.push_back(found->second);
    give(ports::QueueAdvice{{std::move(entry)}}, kIndex);
}

}  // namespace tandem::roles::b2bua
