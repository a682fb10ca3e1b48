#include "roles/b2bua/subscribe_relay.h"

#include <algorithm>

#include "roles/b2bua/limits.h"

namespace tandem::roles::b2bua {

bool SubscribeRelay::pass_on(Now now, const ports::Surroundings& around, Request request,
                             ports::Outbox& out) {
    const auto call_state = around.directory.active(ports::RoleKind::CallState, request.domain);
    if (!call_state || waiting_.size() >= kSubscribesMax) return false;
    const uint64_t key = request.server.value;
    waiting_.insert_or_assign(key, Waiting{request.in.message, now.mono + kSubscribeDeadline});
    out.send(around.self, *call_state, std::move(request.in), key);
    return true;
}

std::optional<SubscribeRelay::Answer> SubscribeRelay::on_letter(const ports::Letter& letter) {
    const auto* answer = get_if<ports::SipOutbound>(&letter.payload);
    if (answer == nullptr || waiting_.erase(letter.request) == 0) return std::nullopt;
    return Answer{{letter.request}, answer->message, {answer->contact_token, {}}};
}

std::optional<std::pair<sip::ServerKey, sip::Message>> SubscribeRelay::take_late(Now now) {
    const auto late = std::ranges::find_if(
        waiting_, [&](const auto& each) { return each.second.until <= now.mono; });
    if (late == waiting_.end()) return std::nullopt;
    auto taken = std::pair(sip::ServerKey{late->first}, std::move(late->second.request));
    waiting_.erase(late);
    return taken;
}

std::optional<Instant> SubscribeRelay::next_deadline() const {
    std::optional<Instant> next;
    for (const auto& [key, each] : waiting_)
        if (!next || each.until < *next) next = each.until;
    return next;
}

}  // namespace tandem::roles::b2bua
