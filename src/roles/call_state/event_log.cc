#include "roles/call_state/event_log.h"

#include <algorithm>
#include <utility>

#include "roles/call_state/limits.h"

namespace tandem::roles::call_state {

void EventLog::begin(uint64_t tenure) {
    tenure_ = tenure;
    domains_.clear();
}

void EventLog::want(Instant now, DomainId domain) {
    const bool is_new = !domains_.contains(domain);
    if (is_new && domains_.size() >= kLoggedDomainsMax) return;
    Domain& kept = domains_[domain];
    // A number of its own: what happened to the domain before was not even counted.
    if (is_new) kept.floor = ++last_;
    kept.until = now + kLoggedAfter;
}

size_t EventLog::room_of_each() const {
    return std::min(kLoggedOfDomainMax, kLoggedMax / std::max<size_t>(domains_.size(), 1));
}

uint64_t EventLog::add(ports::CallEvent event) {
    const uint64_t number = ++last_;
    const auto found = domains_.find(event.call.domain);
    if (found == domains_.end()) return number;
    Domain& kept = found->second;
    event.number = number;
    kept.events.push_back(std::move(event));
    const size_t room = room_of_each();
    while (kept.events.size() > room) {
        kept.floor = kept.events.front().number;
        kept.events.pop_front();
    }
    return number;
}

std::optional<EventLog::Since> EventLog::since(DomainId domain, uint64_t tenure,
                                               uint64_t number) const {
    const auto found = domains_.find(domain);
    const bool is_known = found != domains_.end() && tenure == tenure_ &&
                          number >= found->second.floor && number <= last_;
    if (!is_known) return std::nullopt;
    const auto& events = found->second.events;
    const auto first =
        std::ranges::upper_bound(events, number, std::less<>(), &ports::CallEvent::number);
    return Since{&events, static_cast<size_t>(first - events.begin())};
}

void EventLog::forget_unwanted(Instant now) {
    std::erase_if(domains_, [&](const auto& each) { return each.second.until <= now; });
}

}  // namespace tandem::roles::call_state
