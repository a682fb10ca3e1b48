// NOTIFY: when. What it says: notify_bodies.cc.
#include <algorithm>

#include "roles/call_state/limits.h"
#include "roles/call_state/watchers.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

using ports::CallSummary;
using sip::HeaderId;

namespace {

// After these the phone has no subscription any more (RFC 6665 4.2.2), or is not there.
bool ends_subscription(int status) {
    for (const int each : {404, 405, 408, 410, 430, 481, 489, 501})
        if (status == each) return true;
    return false;
}

}  // namespace

void Watchers::note_due(Now now, Live& live) {
    live.is_due = true;
    if (live.has_begun && !live.under_way)
        timers_.add(std::max(live.next_at, now.mono), live.is.key);
}

void Watchers::on_change(Now now, const CallSummary* before, const CallSummary* after,
                         ports::Outbox& out) {
    if (watched_.empty()) return;
    std::set<AccountId> accounts;
    for (const CallSummary* call : {before, after}) {
        if (call == nullptr) continue;
        accounts.insert({call->caller_account, call->callee_account, call->consulted});
        accounts.insert(call->ringing.begin(), call->ringing.end());
    }
    for (const AccountId account : accounts) {
        tell(now, account, Package::Dialog, out);
        tell(now, account, Package::Presence, out);
    }
    emit(out);
}

// There is something new for those who have subscribed to it.
void Watchers::tell(Now now, AccountId account, Package package, ports::Outbox& out) {
    const auto watched = watched_.find(account);
    if (watched == watched_.end()) return;
    const std::set<uint64_t> keys = watched->second.by;
    for (const uint64_t key : keys) {
        const auto found = subscriptions_.find(key);
        if (found == subscriptions_.end() || found->second.is.package != package) continue;
        note_due(now, found->second);
        run(now, key, out);
    }
}

void Watchers::on_calls_known(Now now, ports::Outbox& out) {
    calls_known_by_.reset();
    if (std::exchange(calls_known_, true)) return;
    for (auto& [key, live] : subscriptions_)
        if (live.is_due) note_due(now, live);
    emit(out);
}

// What is due for one subscription: its end, or a NOTIFY.
void Watchers::run(Now now, uint64_t key, ports::Outbox& out) {
    const auto found = subscriptions_.find(key);
    if (found == subscriptions_.end() || !found->second.has_begun) return;
    Live& live = found->second;
    if (!live.is_over && live.is.expires <= now.utc) {
        live.is_over = true;
        live.is_due = true;
        forget(now, key, out);
    }
    if (!live.is_due || live.under_way) return;
    if (live.next_at > now.mono) return timers_.add(live.next_at, key);
    const Watched& watched = watched_.at(live.is.watched);
    const Package package = live.is.package;
    const bool is_known = (calls_known_ || !is_of_calls(package)) &&
                          (watched.standing.is_known() || !is_of_registrar(package)) &&
                          (phase_ == Phase::Serving || package != Package::Presence);
    // The last one waits a little for what it is to say.
    const bool waits_no_longer =
        live.is_over && live.is.created.unix_ms + kKnownMax.count() <= now.utc.unix_ms;
    if (is_known || waits_no_longer) return notify(now, live, out);
    if (live.is_over) timers_.add(now.mono + kKnownMax, key);
}

void Watchers::notify(Now now, Live& live, ports::Outbox& out) {
    // Rises with time: so it does when another copy goes on with it.
    const auto tenths = (now.utc.unix_ms - live.is.created.unix_ms) / 100;
    live.version = std::max(live.version + 1, static_cast<uint32_t>(std::max<int64_t>(tenths, 0)));
    sip::Envelope envelope{
        sip::Hop::of(live.is.flow, ports::is_reliable(live.is.flow.transport)
                                       ? sip::Reliability::Reliable
                                       : sip::Reliability::Unreliable),
        {around_.tokens.text({ports::TokenKind::Contact, around_.self, live.is.key}), {}},
        live.is.target};
    live.next_at = now.mono + kNotifyApart;
    const auto sent = layer_.send_request(now.mono, notification(now, live), std::move(envelope),
                                          live.is.key, wire_);
    if (!sent) return timers_.add(live.next_at, live.is.key);
    live.under_way = true;
    live.is_due = false;
    ++notified_;
    emit(out);
}

sip::Message Watchers::notification(Now now, const Live& live) const {
    const Subscription& is = live.is;
    sip::Message notify = sip::Message::request(sip::Method::Notify, is.target);
    notify.append(HeaderId::MaxForwards, "70");
    notify.append(HeaderId::From, is.local);
    notify.append(HeaderId::To, is.remote);
    notify.append(HeaderId::CallId, is.call_id);
    notify.append(HeaderId::CSeq, std::to_string(live.version) + " NOTIFY");
    std::string event(to_string(is.package));
    if (!is.event_id.empty()) event += ";id=" + is.event_id;
    notify.append(HeaderId::Event, event);
    const int64_t rest = std::max<int64_t>(0, (is.expires.unix_ms - now.utc.unix_ms) / 1000);
    notify.append(HeaderId::SubscriptionState, live.is_over
                                                   ? std::string("terminated;reason=timeout")
                                                   : "active;expires=" + std::to_string(rest));
    notify.append(HeaderId::UserAgent, around_.catalog.system().user_agent);
    notify.set_body(body_type(is.package), body_of(now, live));
    return notify;
}

void Watchers::on_notified(Now now, uint64_t key, int status, ports::Outbox& out) {
    const auto found = subscriptions_.find(key);
    if (found == subscriptions_.end() || status < 200) return;
    Live& live = found->second;
    live.under_way = false;
    if (status == 430 && !live.is_over && look_for_flow(now, live, out)) return;
    if (status < 300) live.unreached = 0;
    const bool is_gone = ends_subscription(status);
    if (is_gone && !live.is_over) forget(now, key, out);
    // One that ended while another NOTIFY was under way has its last one before it.
    if (is_gone || (live.is_over && !live.is_due)) return drop(key);
    if (live.is_due) timers_.add(std::max(live.next_at, now.mono), key);
}

void Watchers::deliver_layer_events(Now now, ports::Outbox& out) {
    const std::vector<sip::LayerEvent> events = std::exchange(wire_.events, {});
    for (const sip::LayerEvent& event : events) {
        using Kind = sip::LayerEvent::Kind;
        if (event.user == 0) continue;
        if (event.kind == Kind::Timeout) on_notified(now, event.user, 408, out);
        if (event.kind == Kind::TransportError) on_notified(now, event.user, event.status, out);
    }
}

void Watchers::on_undeliverable(Now now, const ports::SipUndeliverable& failed,
                                ports::Outbox& out) {
    const auto token = around_.tokens.read(ports::TokenKind::Branch, failed.branch);
    if (!token || token->owner != around_.self) return;
    layer_.on_undeliverable(now.mono, {token->unique}, failed.status, wire_);
    deliver_layer_events(now, out);
    emit(out);
}

// --- How accounts stand with their registrar.

// It tells changes by itself for as long as it is asked; what got lost heals by the next look.
void Watchers::look_at_accounts(Now now, ports::Outbox& out) {
    look_at_.reset();
    for (auto& [account, watched] : watched_) {
        if (!watched.look_at) continue;
        if (*watched.look_at <= now.mono) {
            watched.look_at = now.mono + kPresenceLook;
            const auto registrar =
                around_.directory.active(ports::RoleKind::Registrar, watched.domain);
            if (registrar)
                out.send(around_.self, *registrar, ports::AccountFollow{watched.domain, account},
                         next_id());
        }
        if (!look_at_ || *watched.look_at < *look_at_) look_at_ = watched.look_at;
    }
}

void Watchers::on_standing(Now now, ports::AccountStanding standing, ports::Outbox& out) {
    const AccountId account = standing.account;
    const auto found = watched_.find(account);
    if (found == watched_.end()) return;
    const Standing::Change change = found->second.standing.learn(now.utc, std::move(standing));
    if (change.presence) tell(now, account, Package::Presence, out);
    if (change.messages) tell(now, account, Package::MessageSummary, out);
    if (change.contacts) tell(now, account, Package::Registration, out);
}

}  // namespace tandem::roles::call_state
