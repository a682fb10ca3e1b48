// What outlives the instance: snapshots of calls in the store, the CDR outbox, the index of calls.
#include <algorithm>
#include <variant>

#include "call/call_snapshot.h"
#include "call/limits.h"
#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/limits.h"
#include "store/keys.h"

namespace tandem::roles::b2bua {

using call::Call;
using ports::RoleKind;

namespace {

// For groups in which who has not talked for longest rings first. With nobody at the other end, as
// when a feature code was dialled, it is no talk.
void note_talks(routing::TalkTimes& talks, const ports::CallSummary& summary, UtcTime now,
                bool gone) {
    std::vector<AccountId> talking;
    const bool is_talk = summary.answered.unix_ms != 0 &&
                         (!summary.callee_account.is_nil() || !summary.trunk.empty());
    for (const AccountId each : {summary.caller_account, summary.callee_account, summary.consulted})
        if (!each.is_nil() && is_talk) talking.push_back(each);
    const uint64_t call = call::base_of(summary.call);
    if (!gone) return talks.note(call, talking, now);
    talks.note(call, {}, now);
    // Those as well that have come back from a snapshot, and were not reported since.
    for (const AccountId each : talking) talks.note_end(each, now);
}

}  // namespace

std::string B2buaRole::call_key(CallId call) const {
    return store::keys::call(id_, call);
}

// --- Writing.

void B2buaRole::drain_writer(Step& step) {
    for (store::Request& request : writes_.requests) {
        const uint64_t id = request.id;
        step.out.send(around_.self, ports::kKeyValue, std::move(request), id);
    }
    writes_.requests.clear();
    const auto completions = std::exchange(writes_.completions, {});
    for (const store::Completion& completion : completions) on_completion(step, completion);
}

// One snapshot of a call is in flight at a time; what changed meanwhile goes with the next.
void B2buaRole::save(Step& step, Call& call) {
    const auto [entry, is_new] = saving_.try_emplace(call.base(), false);
    if (!is_new) {
        entry->second = true;
        return;
    }
    call::CallSnapshot snapshot = call.save(step.now);
    for (call::PartySnapshot& party : snapshot.parties)
        if (party.leg.client) party.invited_by = branch_owner(party.leg.client);
    std::string bytes = call::encode(snapshot);
    const bool fits = bytes.size() <= call::kSnapshotBytesMax;
    const auto ticket =
        fits ? writer_.put(step.now.mono, call_key(call.id()), std::move(bytes), writes_)
             : Result<store::Ticket>(make_error(ErrorCode::TooLarge, "snapshot", "too large"));
    if (!ticket) {
        saving_.erase(call.base());
        ++counters_.unprotected;
        call::CallContext ctx = context(step);
        call.on_saved(ctx, false);
        return emit(step, &call);
    }
    tickets_[*ticket] = {call.base(), false};
    drain_writer(step);
}

// The record enters the outbox and the snapshot leaves the store in one transaction: a call is
// never without either, and never has both.
void B2buaRole::finish(Step& step, Call& call) {
    const std::vector<call::CallRecord> records = call.take_records(step.now.utc);
    if (records.empty()) return;
    counters_.records += records.size();
    ++counters_.ended[std::string(model::to_string(call.result()))];
    report(step, call, true);
    const call::CallFacts& facts = call.facts();
    step.out.send(around_.self, ports::kJournal,
                  ports::LogLine{ports::LogLine::Level::Info,
                                 "call of " + facts.caller_number + " to " + facts.dialled +
                                     " ended: " + std::string(model::to_string(call.result())),
                                 call.id().text(), facts.domain_name});
    store::Member member;
    for (const call::CallRecord& each : records)
        member.ops.push_back(store::Put{store::keys::cdr_outbox(each.id), each.json});
    const bool stored = call.was_saved() || saving_.contains(call.base());
    if (stored) member.ops.push_back(store::Delete{call_key(call.id())});
    if (inherited_.calls.erase(call.base()) > 0) {
        member.ops.push_back(store::Delete{store::keys::call_owner(call.id())});
    }
    const auto ticket = writer_.txn(step.now.mono, std::move(member), writes_);
    if (ticket) {
        tickets_[*ticket] = {call.base(), true};
    } else {
        step.out.send(around_.self, ports::kJournal,
                      ports::LogLine{ports::LogLine::Level::Error,
                                     "A CDR could not be written: " + records.front().json,
                                     call.id().text(), call.facts().domain_name});
    }
    drain_writer(step);
}

void B2buaRole::on_completion(Step& step, const store::Completion& completion) {
    const auto found = tickets_.find(completion.ticket);
    if (found == tickets_.end()) return;
    const Write write = found->second;
    tickets_.erase(found);
    if (write.is_end) {
        if (completion.outcome) return;
        step.out.send(
            around_.self, ports::kJournal,
            ports::LogLine{ports::LogLine::Level::Error,
                           "A CDR could not be stored: " + completion.outcome.error().message});
        return;
    }
    const auto entry = saving_.find(write.base);
    const bool again = entry != saving_.end() && entry->second;  // with_call() may do it first
    saving_.erase(write.base);
    Call* call = find(write.base);
    if (call == nullptr) return;
    if (!completion.outcome) ++counters_.unprotected;
    with_call(step, *call, [&](auto& ctx) { call->on_saved(ctx, completion.outcome.has_value()); });
    call = find(write.base);
    const bool changed = again && call != nullptr && call->wants_save();
    if (changed && call->phase() < call::Phase::Ending) save(step, *call);
}

void B2buaRole::on_store_reply(Step& step, const store::Reply& reply) {
    if (reply.id == restore_request_) {
        restore_request_ = 0;
        if (phase_ != Phase::Restoring) return;
        const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
        if (page != nullptr)
            on_snapshots(step, *page);
        else
            restore_retry_ = step.now.mono + kRestoreRetry;
        return;
    }
    writer_.on_reply(step.now.mono, reply, writes_);
    drain_writer(step);
}

// --- Taking up what the former incarnation left.

void B2buaRole::read_snapshots(Step& step) {
    restore_retry_ = step.now.mono + kRestoreRetry;
    if (phase_ != Phase::Restoring) {
        restore_retry_.reset();
        return;
    }
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(store::keys::calls_of(id_));
    if (!restore_after_.empty()) range.range.begin = restore_after_ + '\0';
    range.limit = kRestorePage;
    static_assert(sizeof(store::RequestId) == 8);
    restore_request_ = (around_.rng.next() & 0xffff'ffff) | 1;  // the writer's have a channel above
    step.out.send(around_.self, ports::kKeyValue, store::Request{restore_request_, range},
                  restore_request_);
}

void B2buaRole::on_snapshots(Step& step, const store::RangeReply& page) {
    for (const store::KeyValue& item : page.items) restore(step, item.key, item.value);
    if (page.more && !page.items.empty()) {
        restore_after_ = page.items.back().key;
        return read_snapshots(step);
    }
    restored(step);
}

void B2buaRole::restore(Step& step, const std::string& key, std::string_view value) {
    auto snapshot = call::decode(value);
    if (!snapshot) {
        ++counters_.unreadable_snapshots;
        step.out.send(
            around_.self, ports::kJournal,
            ports::LogLine{ports::LogLine::Level::Error, "A stored call cannot be read: " + key});
        return;
    }
    // The monotonic clock may be another machine's; the wall clocks say how much time went by.
    const Duration wall =
        std::chrono::milliseconds(step.now.utc.unix_ms - snapshot->saved.utc.unix_ms);
    const Duration by = (step.now.mono - snapshot->saved.mono) - wall;
    for (call::PartySnapshot& party : snapshot->parties) sip::shift(party.leg, by);
    give_credentials(*snapshot);
    const bool rings = snapshot->ringing || snapshot->queue.stop;
    const bool is_wanted = !rings || resume_ringing(step, *snapshot);
    note_answers(step.now.mono, *snapshot);
    auto call = std::make_unique<Call>(Call::restore(std::move(*snapshot), step.now));
    ++counters_.restored;
    Call& taken = add(std::move(call));
    inherited_.calls.insert(taken.base());
    const Duration spread =
        std::min<Duration>(call::kAuditSpreadMax, call::kAuditOfCall * counters_.restored);
    const Duration after = call::kAuditPause + spread * around_.rng.below(1000) / 1000;
    note_talks(group_order_.talks, taken.whole_summary(around_.self), step.now.utc, false);
    with_call(step, taken, [&](auto& ctx) { taken.take_over(ctx, after); });
    if (!is_wanted)
        with_call(step, taken, [&](auto& ctx) { taken.hangup(ctx, 487, "its caller calls anew"); });
}

// The transactions of a call that rang: the caller's, to be answered; the devices', to be
// cancelled. Whoever waits in a queue may have been answered before. False: the caller has repeated
// his INVITE, and it began another call before this one was here.
bool B2buaRole::resume_ringing(Step& step, call::CallSnapshot& snapshot) {
    const uint64_t base = call::base_of(snapshot.facts.call);
    bool is_wanted = true;
    for (call::PartySnapshot& party : snapshot.parties) {
        const bool talks = party.index == snapshot.near || party.index == snapshot.winner;
        // Who waits aside has been answered as well.
        const bool is_asked =
            party.leg.state == sip::LegState::Inviting || party.leg.state == sip::LegState::Ringing;
        if ((talks && !snapshot.ringing) || !is_asked) continue;
        const call::LegKey key = call::leg_key(base, party.index);
        if (party.index != 0) {
            if (party.invited_by && party.invited_by != around_.self)
                inherited_.branches[party.leg.client.value] = {party.invited_by, base};
            layer_.resume_invite(
                step.now.mono,
                {party.leg.client, party.leg.invite, party.leg.settings.envelope, key}, wire_);
            continue;
        }
        const auto arrival = layer_.on_request(step.now.mono, party.leg.invite,
                                               party.leg.settings.envelope.hop, wire_);
        is_wanted = arrival.kind == sip::RequestArrival::Kind::Request;
        party.leg.server = arrival.server;
        layer_.adopt(arrival.server, key);
    }
    return is_wanted;
}

void B2buaRole::restored(Step& step) {
    phase_ = Phase::Serving;
    restore_retry_.reset();
    restore_give_up_.reset();
    look_at_directory(step);
    report_to_groups(step);
    const auto held = std::exchange(held_, {});
    for (const ports::Letter& letter : held) dispatch(step, letter);
}

// --- Telling the index of calls.

// To each of its domains, as that one sees it.
void B2buaRole::report(Step& step, const Call& call, bool gone) {
    const ports::CallSummary whole = call.whole_summary(around_.self);
    note_talks(group_order_.talks, whole, step.now.utc, gone);
    queue_agents_.note(whole, gone, step.now.utc);
    for (const call::Side& side : call.sides()) {
        const auto index = around_.directory.active(RoleKind::CallState, side.domain);
        if (!index) continue;
        ports::CallReport report{call.summary(around_.self, side.domain), gone};
        step.out.send(around_.self, *index, std::move(report));
    }
}

// Each group hears of the domains that it serves, so what it is not told of is another's by now.
void B2buaRole::report_to_groups(Step& step) {
    if (phase_ == Phase::Restoring) return;
    groups_told_ = around_.directory.groups_version();
    for (const ports::Instance each : around_.directory.actives(RoleKind::CallState))
        report_all(step, each);
}

void B2buaRole::report_all(Step& step, ports::Instance to) {
    const ports::DirectoryEntry* entry = around_.directory.find(to);
    leases_.report(to, step.out);
    queue_agents_.report(around_.self, to, step.out);
    ports::CallReportAll report{around_.self, {}, true, true};
    for (const auto& [base, call] : calls_) {
        if (call->phase() >= call::Phase::Ending) continue;
        for (const call::Side& side : call->sides()) {
            const int group = around_.directory.group_of(RoleKind::CallState, side.domain);
            if (entry != nullptr && entry->group != group) continue;
            report.calls.push_back(call->summary(around_.self, side.domain));
            if (report.calls.size() < kReportPage) continue;
            step.out.send(around_.self, to, std::exchange(report, {around_.self, {}, true, false}));
        }
    }
    report.more = false;
    step.out.send(around_.self, to, std::move(report));
}

}  // namespace tandem::roles::b2bua
