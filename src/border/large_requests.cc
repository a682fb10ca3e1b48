#include "border/large_requests.h"

#include <algorithm>

namespace tandem::border {

LargeRequests::State LargeRequests::state_of(std::string_view branch) const {
    if (entries_.empty()) return State::Unknown;
    const auto found = entries_.find(std::string(branch));
    return found == entries_.end() ? State::Unknown : found->second.state;
}

bool LargeRequests::refuses_tcp(Instant now, const IpAddress& phone) const {
    return std::any_of(refusals_.begin(), refusals_.end(), [&](const auto& refusal) {
        return refusal.second == phone && refusal.first > now;
    });
}

void LargeRequests::began(Instant now, ports::SipOutbound request) {
    const auto [entry, fresh] = entries_.try_emplace(request.branch);
    if (!fresh) return;
    by_age_.emplace_back(now + large_request_life, request.branch);
    entry->second.request = std::move(request);
}

std::optional<ports::SipOutbound> LargeRequests::failed(Instant now, std::string_view branch) {
    const auto found = entries_.find(std::string(branch));
    if (found == entries_.end() || found->second.state != State::Trying) return std::nullopt;
    found->second.state = State::Refused;
    std::optional<ports::SipOutbound> request;
    request.swap(found->second.request);
    if (request && refusals_.size() < tcp_refusals_max) {
        refusals_.emplace_back(now + tcp_refusal_memory, request->flow.remote.ip);
    }
    return request;
}

void LargeRequests::answered(std::string_view branch) {
    if (entries_.empty()) return;
    const auto found = entries_.find(std::string(branch));
    if (found != entries_.end()) found->second.request.reset();
}

void LargeRequests::forget_old(Instant now) {
    while (!by_age_.empty() && by_age_.front().first <= now) {
        entries_.erase(by_age_.front().second);
        by_age_.pop_front();
    }
    while (!refusals_.empty() && refusals_.front().first <= now) refusals_.pop_front();
}

std::optional<Instant> LargeRequests::next_deadline() const {
    std::optional<Instant> next;
    if (!by_age_.empty()) next = by_age_.front().first;
    if (!refusals_.empty() && (!next || refusals_.front().first < *next)) {
        next = refusals_.front().first;
    }
    return next;
}

}  // namespace tandem::border
