#include "roles/call_state/followers.h"

#include <utility>

#include "roles/call_state/limits.h"

namespace tandem::roles::call_state {

using ports::CallEvent;
using ports::CallEvents;
using ports::CallPhase;
using ports::CallSummary;

std::optional<CallEvent::Kind> kind_of(const CallSummary* before, const CallSummary* after) {
    using Kind = CallEvent::Kind;
    const bool was_over = before == nullptr || before->phase == CallPhase::Ending;
    const bool is_over = after == nullptr || after->phase == CallPhase::Ending;
    if (is_over) return before == nullptr || was_over ? std::nullopt : std::optional(Kind::Ended);
    if (was_over) return Kind::Begun;
    if (before->phase != after->phase) {
        if (after->phase == CallPhase::Held) return Kind::Held;
        if (after->phase == CallPhase::Answered)
            return before->phase == CallPhase::Held ? Kind::Resumed : Kind::Answered;
    }
    if (before->ringing != after->ringing)
        return before->ringing.empty() ? Kind::Ringing : Kind::Changed;
    const bool is_same = before->owner == after->owner && before->caller == after->caller &&
                         before->callee == after->callee &&
                         before->caller_account == after->caller_account &&
                         before->callee_account == after->callee_account &&
                         before->phase == after->phase && before->consulted == after->consulted;
    return is_same ? std::nullopt : std::optional(Kind::Changed);
}

Followers::Followers(const ports::Surroundings& around, const Index& index)
    : around_(around), index_(index) {
    begin();
}

void Followers::begin() {
    log_.begin(around_.rng.next() | 1);
}

void Followers::on_follow(Now now, ports::Instance gate, const ports::CallEventsFollow& follow,
                          bool is_whole, ports::Outbox& out) {
    const Key key{gate.number, follow.stream};
    if (follow.over) {
        followers_.erase(key);
        return;
    }
    const auto found = followers_.find(key);
    if (found == followers_.end() && followers_.size() >= kFollowersMax) return;
    Follower& follower = followers_[key];
    follower.domain = follow.domain;
    follower.until = now.mono + kFollowerMax;
    follower.tenure = follow.tenure;
    follower.seen = follow.seen;
    log_.want(now.mono, follow.domain);
    const bool is_lost =
        follow.known != follower.number && now.mono - follower.sent_at >= kFollowerLost;
    if (follow.known == 0 || is_lost) follower.waits = true;
    if (follower.waits && is_whole) tell(now, key, follower, out);
}

void Followers::tell_waiting(Now now, ports::Outbox& out) {
    for (auto& [key, follower] : followers_) {
        if (follower.waits) tell(now, key, follower, out);
    }
}

void Followers::tell(Now now, const Key& key, Follower& follower, ports::Outbox& out) {
    follower.waits = false;
    if (!resume(now, key, follower, out)) tell_all(now, key, follower, out);
}

bool Followers::resume(Now now, const Key& key, Follower& follower, ports::Outbox& out) {
    if (follower.tenure == 0) return false;
    const auto since = log_.since(follower.domain, follower.tenure, follower.seen);
    if (!since) return false;
    CallEvents events;
    events.resumed = true;
    for (size_t i = since->first; i < since->events->size(); ++i) {
        events.events.push_back((*since->events)[i]);
        if (events.events.size() < kFollowedPage) continue;
        send(now, key, follower, std::exchange(events, {}), out);
        events.after = follower.number;
    }
    if (events.after == 0 || !events.events.empty())
        send(now, key, follower, std::move(events), out);
    return true;
}

void Followers::tell_all(Now now, const Key& key, Follower& follower, ports::Outbox& out) {
    CallEvents events;  // after nothing: what there is begins
    events.gap = follower.tenure != 0;
    for (const CallId call : index_.by_domain(follower.domain)) {
        const CallSummary* summary = index_.find(call);
        if (summary == nullptr || summary->phase == CallPhase::Ending) continue;
        events.events.push_back({CallEvent::Kind::State, now.utc, *summary});
        if (events.events.size() < kFollowedPage) continue;
        events.complete = false;
        send(now, key, follower, std::exchange(events, {}), out);
        events.after = follower.number;
    }
    send(now, key, follower, std::move(events), out);
}

void Followers::send(Now now, const Key& key, Follower& follower, CallEvents events,
                     ports::Outbox& out) {
    events.stream = key.second;
    events.number = ++follower.number;
    events.tenure = log_.tenure();
    events.at = events.events.empty() || events.events.back().number == 0
                    ? log_.last()
                    : events.events.back().number;
    follower.sent_at = now.mono;
    out.send(around_.self, ports::Instance{key.first}, std::move(events));
}

void Followers::on_change(Now now, const CallSummary* before, const CallSummary* after,
                          ports::Outbox& out) {
    if (empty()) return;
    const auto kind = kind_of(before, after);
    if (!kind) return;
    CallEvent event{*kind, now.utc, after != nullptr ? *after : *before};
    event.number = log_.add(event);
    for (auto& [key, follower] : followers_) {
        if (follower.domain != event.call.domain || follower.waits) continue;
        CallEvents events;
        events.after = follower.number;
        events.events.push_back(event);
        send(now, key, follower, std::move(events), out);
    }
}

void Followers::on_timeout(Now now) {
    std::erase_if(followers_, [&](const auto& each) { return each.second.until <= now.mono; });
    log_.forget_unwanted(now.mono);
}

}  // namespace tandem::roles::call_state
