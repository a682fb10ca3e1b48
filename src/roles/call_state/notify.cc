// NOTIFY: when, and what it says.
#include <algorithm>

#include "roles/call_state/limits.h"
#include "roles/call_state/watchers.h"
#include "sip/event_bodies.h"
#include "sip/uri.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

using ports::CallPhase;
using ports::CallSummary;
using sip::HeaderId;

namespace {

// After these the phone has no subscription any more (RFC 6665 4.2.2), or is not there.
bool ends_subscription(int status) {
    for (const int each : {404, 405, 408, 410, 430, 481, 489, 501})
        if (status == each) return true;
    return false;
}

bool has(const std::vector<AccountId>& accounts, AccountId account) {
    return std::ranges::find(accounts, account) != accounts.end();
}

sip::DialogInfo::State state_of(const CallSummary& call) {
    if (call.phase == CallPhase::Answered || call.phase == CallPhase::Held)
        return sip::DialogInfo::State::Confirmed;
    return call.ringing.empty() ? sip::DialogInfo::State::Trying : sip::DialogInfo::State::Early;
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
        accounts.insert({call->caller_account, call->callee_account});
        accounts.insert(call->ringing.begin(), call->ringing.end());
    }
    for (const AccountId account : accounts) {
        const auto watched = watched_.find(account);
        if (watched == watched_.end()) continue;
        for (const uint64_t key : watched->second.by) {
            Live& live = subscriptions_.at(key);
            note_due(now, live);
        }
        const std::set<uint64_t> keys = watched->second.by;
        for (const uint64_t key : keys) run(now, key, out);
    }
    emit(out);
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
    const bool is_known =
        calls_known_ && (live.is.package == Package::Dialog || watched.is_registered.has_value());
    if (is_known || live.is_over) notify(now, live, out);
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
    notify.set_body(body_type(is.package), body_of(live));
    return notify;
}

std::vector<CallSummary> Watchers::calls_of(AccountId account) const {
    std::vector<CallSummary> calls;
    for (const CallId id : index_.by_account(account)) {
        const CallSummary* call = index_.find(id);
        if (call != nullptr && call->phase != CallPhase::Ending) calls.push_back(*call);
    }
    return calls;
}

std::string Watchers::body_of(const Live& live) const {
    const std::vector<CallSummary> calls = calls_of(live.is.watched);
    if (live.is.package == Package::Presence) {
        const auto watched = watched_.find(live.is.watched);
        const bool is_there =
            watched != watched_.end() && watched->second.is_registered.value_or(false);
        return sip::pidf(live.is.entity, !is_there       ? sip::Presence::Closed
                                         : calls.empty() ? sip::Presence::Open
                                                         : sip::Presence::OnThePhone);
    }
    const std::string host = live.is.entity.substr(live.is.entity.find('@'));
    std::vector<sip::DialogInfo> dialogs;
    for (const CallSummary& call : calls) {
        sip::DialogInfo dialog;
        dialog.id = call.call.text();
        dialog.is_initiator = call.caller_account == live.is.watched;
        // Who has called himself is on both sides: one dialog says that he is busy.
        const bool is_called =
            call.callee_account == live.is.watched || has(call.ringing, live.is.watched);
        if (!dialog.is_initiator && !is_called) continue;
        dialog.state = state_of(call);
        dialog.remote_uri =
            "sip:" + sip::escape_user(dialog.is_initiator ? call.callee : call.caller) + host;
        dialogs.push_back(std::move(dialog));
    }
    return sip::dialog_info(live.is.entity, live.version, dialogs);
}

void Watchers::on_notified(Now now, uint64_t key, int status, ports::Outbox& out) {
    const auto found = subscriptions_.find(key);
    if (found == subscriptions_.end() || status < 200) return;
    Live& live = found->second;
    live.under_way = false;
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

// --- Whether accounts are registered.

void Watchers::look_at_presence(Now now, ports::Outbox& out) {
    look_at_.reset();
    for (auto& [account, watched] : watched_) {
        if (!watched.look_at) continue;
        if (*watched.look_at <= now.mono) {
            watched.look_at = now.mono + kPresenceLook;
            asked_.erase(watched.asked);  // one that was not answered
            const auto registrar =
                around_.directory.active(ports::RoleKind::Registrar, watched.domain);
            watched.asked = next_id();
            if (registrar) {
                asked_[watched.asked] = account;
                out.send(around_.self, *registrar, ports::BindingsQuery{watched.domain, account},
                         watched.asked);
            }
        }
        if (!look_at_ || *watched.look_at < *look_at_) look_at_ = watched.look_at;
    }
}

bool Watchers::on_bindings(Now now, uint64_t request, const ports::BindingsReply* reply,
                           ports::Outbox& out) {
    const auto asked = asked_.extract(request);
    if (asked.empty()) return false;
    const auto found = watched_.find(asked.mapped());
    if (found == watched_.end() || reply == nullptr) return true;
    Watched& watched = found->second;
    const bool is_registered = !reply->bindings.empty();
    if (watched.is_registered == is_registered) return true;
    watched.is_registered = is_registered;
    const std::set<uint64_t> keys = watched.by;
    for (const uint64_t key : keys) {
        Live& live = subscriptions_.at(key);
        if (live.is.package != Package::Presence) continue;
        note_due(now, live);
        run(now, key, out);
    }
    return true;
}

}  // namespace tandem::roles::call_state
