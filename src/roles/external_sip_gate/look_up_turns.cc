#include "roles/external_sip_gate/look_up_turns.h"

#include <algorithm>

namespace tandem::roles::external_sip_gate {

void LookUpTurns::want(DomainId domain, uint32_t line) {
    if (lines_.insert(line).second) waiting_[domain].push_back(line);
}

size_t LookUpTurns::under_way_of(DomainId domain) const {
    return static_cast<size_t>(std::ranges::count_if(
        under_way_, [&](const auto& each) { return each.second.domain == domain; }));
}

void LookUpTurns::forget_late(Instant now) {
    std::erase_if(under_way_, [&](const auto& each) { return each.second.until <= now; });
}

std::optional<uint32_t> LookUpTurns::next(Instant now) {
    forget_late(now);
    if (under_way_.size() >= bounds_.of_all) return std::nullopt;
    // Each domain once, beginning behind the one whose turn it was.
    auto at = waiting_.upper_bound(last_);
    for (size_t seen = 0; seen < waiting_.size(); ++seen, ++at) {
        if (at == waiting_.end()) at = waiting_.begin();
        if (under_way_of(at->first) >= bounds_.of_a_domain) continue;
        last_ = at->first;
        const uint32_t line = at->second.front();
        at->second.pop_front();
        lines_.erase(line);
        if (at->second.empty()) waiting_.erase(at);
        return line;
    }
    return std::nullopt;
}

void LookUpTurns::began(Instant now, DomainId domain, uint64_t request) {
    under_way_.insert_or_assign(request, UnderWay{domain, now + bounds_.deadline});
}

void LookUpTurns::ended(uint64_t request) {
    under_way_.erase(request);
}

std::optional<Instant> LookUpTurns::next_deadline() const {
    if (waiting_.empty() || under_way_.empty()) return std::nullopt;
    return std::ranges::min_element(under_way_, {},
                                    [](const auto& each) { return each.second.until; })
        ->second.until;
}

}  // namespace tandem::roles::external_sip_gate
