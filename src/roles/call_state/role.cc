#include "roles/call_state/role.h"

#include <algorithm>
#include <utility>

#include "roles/call_state/limits.h"

namespace tandem::roles::call_state {

using ports::DirectoryEntry;
using ports::Instance;
using ports::RoleKind;

std::unique_ptr<ports::Role> make_role(const ports::Surroundings& surroundings) {
    return std::make_unique<CallStateRole>(surroundings);
}

void CallStateRole::start(Now now, ports::Outbox& out) {
    sweep(now, out);
}

void CallStateRole::on_timeout(Now now, ports::Outbox& out) {
    if (next_sweep_ && now.mono >= *next_sweep_) sweep(now, out);
    licences_.on_timeout(now.mono, out);
    watchers_.on_timeout(now, out);
    queues_.on_timeout(now, out);
}

void CallStateRole::on_directory(Now now, ports::Outbox& out) {
    if (around_.directory.is_active(around_.self)) return watchers_.on_directory(now, out);
    watchers_.end();
    forget_calls();
}

std::optional<Instant> CallStateRole::next_deadline() const {
    std::optional<Instant> next = next_sweep_;
    for (const auto& other :
         {licences_.next_deadline(), watchers_.next_deadline(), queues_.next_deadline()})
        if (other && (!next || *other < *next)) next = other;
    return next;
}

// What B2Bs reported went to the former one: they tell all again.
void CallStateRole::on_elected(Now now, const std::vector<store::Compare>& guards,
                               ports::Outbox& out) {
    forget_calls();
    followers_.begin();
    std::set<uint16_t> reachable;
    for (const DirectoryEntry& entry : around_.directory.entries()) {
        if (entry.kind == RoleKind::B2bua && entry.reachable)
            reachable.insert(entry.instance.number);
    }
    licences_.begin(now.mono, std::move(reachable));
    groups_seen_ = around_.directory.groups_version();
    watchers_.begin(now, &guards, out);
    queues_.begin(now.mono + kCallsKnownMax);
    sweep(now, out);
}

void CallStateRole::forget_calls() {
    for (const auto& [number, owner] : owners_) (void)index_.remove_owner(Instance{number});
    owners_.clear();
}

void CallStateRole::sweep(Now now, ports::Outbox& out) {
    next_sweep_ = now.mono + kSweep;
    for (auto& [number, owner] : owners_) {
        const DirectoryEntry* entry = around_.directory.find(Instance{number});
        const bool present = entry != nullptr && entry->reachable;
        if (present)
            owner.gone_since.reset();
        else if (!owner.gone_since)
            owner.gone_since = now.mono;
    }
    followers_.on_timeout(now);
    const uint64_t groups = around_.directory.groups_version();
    if (std::exchange(groups_seen_, groups) != groups && around_.directory.is_active(around_.self))
        watchers_.begin(now, nullptr, out);
    ask_owners(now.mono, out);
    drop_vanished(now, out);
}

// At our start, when an owner appears and when it restarted; and all of them when anything at all
// came or went: it may have been the way to one of them, with its reports. A passive copy would
// hear of no change.
void CallStateRole::ask_owners(Instant now, ports::Outbox& out) {
    if (!around_.directory.is_active(around_.self)) return;
    const bool changed = directory_generation_ != around_.directory.generation();
    directory_generation_ = around_.directory.generation();
    for (const DirectoryEntry& entry : around_.directory.entries()) {
        if (entry.kind != RoleKind::B2bua || !entry.reachable) continue;
        Owner& owner = owners_[entry.instance.number];
        const bool unanswered = owner.ask_again && *owner.ask_again <= now;
        if (!changed && owner.epoch == entry.epoch && !unanswered) continue;
        owner = {entry.epoch, std::nullopt, true, now + kAskAgain};
        out.send(around_.self, entry.instance, ports::CallReportWanted{});
    }
}

void CallStateRole::drop_vanished(Now now, ports::Outbox& out) {
    for (auto it = owners_.begin(); it != owners_.end();) {
        Owner& owner = it->second;
        if (owner.has_leases && owner.gone_since && now.mono - *owner.gone_since >= kLeasesGrace) {
            owner.has_leases = false;
            licences_.remove_owner(now.mono, it->first, out);
        }
        const bool over = it->second.gone_since && now.mono - *it->second.gone_since >= kOwnerGrace;
        if (over) tell_removed(now, index_.remove_owner(Instance{it->first}), out);
        it = over ? owners_.erase(it) : std::next(it);
    }
}

void CallStateRole::put(Now now, ports::CallSummary summary, ports::Outbox& out) {
    std::optional<ports::CallSummary> before;
    const CallId call = summary.call;
    if (const auto* known = index_.find(call)) before = *known;
    if (!index_.put(std::move(summary))) {
        ++refused_;
        return;
    }
    const ports::CallSummary* was = before ? &*before : nullptr;
    followers_.on_change(now, was, index_.find(call), out);
    watchers_.on_change(now, was, index_.find(call), out);
    queues_.on_change(now, was, index_.find(call), out);
}

void CallStateRole::tell_removed(Now now, const std::vector<ports::CallSummary>& calls,
                                 ports::Outbox& out) {
    for (const ports::CallSummary& each : calls) {
        followers_.on_change(now, &each, nullptr, out);
        watchers_.on_change(now, &each, nullptr, out);
        queues_.on_change(now, &each, nullptr, out);
    }
}

void CallStateRole::on_report(Now now, ports::CallReport& report, ports::Outbox& out) {
    if (!report.gone) return put(now, std::move(report.summary), out);
    if (report.summary.whole == report.summary.call)
        return forget(now, report.summary.whole, report.summary.owner, out);
    const auto* known = index_.find(report.summary.call);
    if (known == nullptr || known->owner != report.summary.owner) return;
    const ports::CallSummary before = *known;
    index_.remove(before.call, before.owner);
    report.summary.phase = ports::CallPhase::Ending;
    followers_.on_change(now, &before, &report.summary, out);
    watchers_.on_change(now, &before, nullptr, out);
    queues_.on_change(now, &before, nullptr, out);
}

// Its owner knows nothing of the call, which was asked after by one of its sides.
void CallStateRole::forget(Now now, CallId whole, ports::Instance owner, ports::Outbox& out) {
    std::vector<ports::CallSummary> gone;
    for (const CallId& each : index_.sides_of(whole, owner)) {
        gone.push_back(*index_.find(each));
        index_.remove(each, owner);
    }
    tell_removed(now, gone, out);
}

void CallStateRole::on_report_all(Now now, ports::CallReportAll& report, ports::Outbox& out) {
    if (report.first) index_.begin_all(report.owner);
    for (ports::CallSummary& summary : report.calls) put(now, std::move(summary), out);
    if (report.more) return;
    tell_removed(now, index_.end_all(report.owner), out);
    const auto owner = owners_.find(report.owner.number);
    if (owner != owners_.end()) owner->second.ask_again.reset();
    if (!is_whole()) return;
    followers_.tell_waiting(now, out);
    watchers_.on_calls_known(now, out);
    queues_.on_calls_known(now, out);
}

// All who can be reached have told what they have.
bool CallStateRole::is_whole() const {
    return std::ranges::none_of(
        owners_, [](const auto& each) { return each.second.ask_again && !each.second.gone_since; });
}

void CallStateRole::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (auto* report = get_if<ports::CallReport>(&letter.payload)) {
        if (around_.directory.is_active(around_.self)) on_report(now, *report, out);
    } else if (auto* all = get_if<ports::CallReportAll>(&letter.payload)) {
        if (around_.directory.is_active(around_.self)) on_report_all(now, *all, out);
    } else if (const auto* query = get_if<ports::CallsQuery>(&letter.payload)) {
        out.reply(letter, index_.page(*query));
    } else if (const auto* follow = get_if<ports::CallEventsFollow>(&letter.payload)) {
        // A passive copy hears of nothing.
        if (around_.directory.is_active(around_.self))
            followers_.on_follow(now, letter.from, *follow, is_whole(), out);
    } else if (const auto* what = get_if<ports::RingingQuery>(&letter.payload)) {
        ports::CallsPage page;
        if (const auto* call = index_.ringing(*what)) page.calls.push_back(*call);
        out.reply(letter, std::move(page));
    } else if (const auto* asked = get_if<ports::QueuesQuery>(&letter.payload)) {
        if (!around_.directory.is_active(around_.self))
            return out.reply(letter, ports::Unreachable{around_.self});
        out.reply(letter, queues_.states(now, asked->domain));
    } else if (const auto* freed = get_if<ports::QueueAgentsFreed>(&letter.payload)) {
        queues_.on_freed(now, *freed);
    } else if (holds_alternative<ports::LeaseAsk>(letter.payload)) {
        // A passive copy knows nothing of what is held.
        if (!around_.directory.is_active(around_.self))
            return out.reply(letter, ports::Unreachable{around_.self});
        licences_.on_ask(now.mono, std::move(letter), out);
    } else if (holds_alternative<ports::LeaseReturned>(letter.payload)) {
        licences_.on_returned(now.mono, letter, out);
    } else if (const auto* held = get_if<ports::LeaseReport>(&letter.payload)) {
        licences_.on_report(now.mono, *held, out);
    } else {
        on_watcher_letter(now, std::move(letter), out);
    }
}

void CallStateRole::on_watcher_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (holds_alternative<ports::SipInbound>(letter.payload)) {
        watchers_.on_sip(now, std::move(letter), out);
    } else if (const auto* failed = get_if<ports::SipUndeliverable>(&letter.payload)) {
        watchers_.on_undeliverable(now, *failed, out);
    } else if (const auto* bindings = get_if<ports::BindingsReply>(&letter.payload)) {
        watchers_.on_bindings(now, letter.request, *bindings, out);
    } else if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
        watchers_.on_store_reply(now, *reply, out);
    } else if (auto* standing = get_if<ports::AccountStanding>(&letter.payload)) {
        watchers_.on_standing(now, std::move(*standing), out);
    }
}

std::vector<std::pair<std::string, double>> CallStateRole::figures() const {
    return {{"calls", static_cast<double>(index_.size())},
            {"calls_not_indexed_total", static_cast<double>(refused_)},
            {"subscriptions", static_cast<double>(watchers_.size())},
            {"publications", static_cast<double>(watchers_.publications())},
            {"notifies_total", static_cast<double>(watchers_.notified())},
            {"queue_callers", static_cast<double>(queues_.waiting())},
            {"call_followers", static_cast<double>(followers_.size())},
            {"call_leases_refused_total", static_cast<double>(licences_.refused())}};
}

}  // namespace tandem::roles::call_state
