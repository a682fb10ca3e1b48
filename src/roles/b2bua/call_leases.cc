#include "roles/b2bua/call_leases.h"

#include <algorithm>

#include "model/generated/trunk.h"
#include "roles/b2bua/limits.h"

namespace tandem::roles::b2bua {

using ports::LeaseOf;
using store::Quantity;

namespace {

bool is_rate(const LeaseOf& of) {
    return of.quantity == static_cast<uint8_t>(Quantity::CallRate);
}

}  // namespace

// The rate first: what it uses up is not given back.
std::vector<LeaseOf> CallLeases::needed_by(DomainId domain) const {
    std::vector<LeaseOf> needed;
    for (const Quantity quantity : {Quantity::Calls, Quantity::CallRate}) {
        const auto holder = store::holder_of(around_.catalog, domain, quantity);
        if (holder) needed.push_back({holder->domain, static_cast<uint8_t>(quantity)});
    }
    return needed;
}

// The channels of one way, then those of both, behind the rate.
void CallLeases::add_needed(TrunkId id, Quantity way, std::vector<LeaseOf>& needed) const {
    const auto* trunk = id.is_nil() ? nullptr : around_.catalog.find_trunk(id);
    if (trunk == nullptr) return;
    for (const Quantity quantity : {Quantity::CallRate, way, Quantity::Calls})
        if (store::amount_of(*trunk, quantity) > 0)
            needed.push_back({trunk->domain, static_cast<uint8_t>(quantity), id});
}

void CallLeases::note_used(uint64_t call, const LeaseOf& of, TrunkId line) {
    used_by_[call].push_back({of, line});
}

// Whatever there is to lease: the call is there.
void CallLeases::take_one(uint64_t call, const LeaseOf& of, TrunkId line) {
    Lease& lease = leases_[of];
    ++lease.used;
    lease.held = std::max(lease.held, lease.used);
    note_used(call, of, line);
}

bool CallLeases::use(Now now, const LeaseOf& of, uint64_t call, TrunkId line) {
    Lease& lease = leases_[of];
    if (is_rate(of)) {
        if (lease.held <= 0 || lease.valid_until <= now.mono) return false;
        --lease.held;
        return true;
    }
    if (lease.used >= lease.held) return false;
    ++lease.used;
    note_used(call, of, line);
    return true;
}

CallLeases::Outcome CallLeases::go_on(Now now, uint64_t call, Waiting& waiting,
                                      ports::Outbox& out) {
    for (; waiting.next < waiting.needed.size(); ++waiting.next) {
        const LeaseOf& of = waiting.needed[waiting.next];
        if (use(now, of, call, waiting.line)) continue;
        Lease& lease = leases_[of];
        lease.waiting.push_back(call);
        if (lease.asked == 0) ask(now, of, lease, out);
        return Outcome::Waits;
    }
    return Outcome::Taken;
}

CallLeases::Verdict CallLeases::begin(Now now, uint64_t call, Waiting waiting, ports::Outbox& out) {
    if (waiting.needed.empty()) return {};
    const LeaseOf& first = waiting.needed.front();
    if (waiting_.size() >= kLeaseWaitingMax || waiting_.contains(call)) {
        const bool of_trunk = !first.trunk.is_nil();
        refused_by_trunks_ += of_trunk ? 1 : 0;
        return {Outcome::Full, static_cast<Quantity>(first.quantity), of_trunk};
    }
    const Outcome outcome = go_on(now, call, waiting, out);
    if (outcome == Outcome::Waits) waiting_.emplace(call, std::move(waiting));
    return {outcome, Quantity::Calls};
}

CallLeases::Verdict CallLeases::take(Now now, uint64_t call, DomainId domain, ports::Outbox& out,
                                     TrunkId trunk) {
    Waiting waiting{needed_by(domain)};
    add_needed(trunk, Quantity::CallsIn, waiting.needed);
    return begin(now, call, std::move(waiting), out);
}

CallLeases::Verdict CallLeases::take_line(Now now, uint64_t call, TrunkId trunk,
                                          ports::Outbox& out) {
    Waiting waiting{{}, trunk};
    add_needed(trunk, Quantity::CallsOut, waiting.needed);
    return begin(now, call, std::move(waiting), out);
}

void CallLeases::take_over(uint64_t call, const Taken& taken) {
    if (used_by_.contains(call)) return;
    std::vector<LeaseOf> needed = needed_by(taken.domain);
    add_needed(taken.from, Quantity::CallsIn, needed);
    for (const LeaseOf& of : needed)
        if (!is_rate(of)) take_one(call, of, {});
    for (const TrunkId line : taken.lines) {
        std::vector<LeaseOf> of_line;
        add_needed(line, Quantity::CallsOut, of_line);
        for (const LeaseOf& of : of_line)
            if (!is_rate(of)) take_one(call, of, line);
    }
}

bool CallLeases::has_lines(uint64_t call) const {
    const auto found = used_by_.find(call);
    return found != used_by_.end() &&
           std::ranges::any_of(found->second, [](const Used& each) { return !each.line.is_nil(); });
}

void CallLeases::keep_lines(uint64_t call, const std::vector<TrunkId>& lines, ports::Outbox& out) {
    const auto found = used_by_.find(call);
    if (found == used_by_.end()) return;
    std::vector<TrunkId> left;
    for (const Used& each : found->second)
        if (!each.line.is_nil() && std::ranges::count(lines, each.line) == 0)
            left.push_back(each.line);
    for (const TrunkId line : left) free_line(call, line, out);
}

void CallLeases::ask(Now now, const LeaseOf& of, Lease& lease, ports::Outbox& out) {
    const auto call_state = around_.directory.active(ports::RoleKind::CallState, of.holder);
    lease.asked = around_.rng.next() | 1;
    lease.asked_until = now.mono + (call_state ? kLeaseAnswerMax : Duration{0});
    questions_.emplace(lease.asked, of);
    if (call_state) out.send(around_.self, *call_state, ports::LeaseAsk{of}, lease.asked);
}

bool CallLeases::on_letter(Now now, const ports::Letter& letter, ports::Outbox& out) {
    if (const auto* recalled = get_if<ports::LeaseRecalled>(&letter.payload)) {
        Lease& lease = leases_[recalled->of];
        give_back(recalled->of, lease, lease.used, true, out);
        return true;
    }
    const auto* given = get_if<ports::LeaseGiven>(&letter.payload);
    const auto question = questions_.find(letter.request);
    if (question == questions_.end()) return given != nullptr;  // late: CS has been told since
    const LeaseOf of = question->second;
    questions_.erase(question);
    leases_[of].asked = 0;
    on_given(now, of, given, out);
    return true;
}

// `given` null: CS could not be asked.
void CallLeases::on_given(Now now, const LeaseOf& of, const ports::LeaseGiven* given,
                          ports::Outbox& out) {
    Lease& lease = leases_[of];
    if (given == nullptr) return settle_waiting(now, of, true, out);
    lease.block = std::max<uint32_t>(1, given->block);
    if (is_rate(of)) {
        const bool is_valid = lease.valid_until > now.mono;
        lease.held = (is_valid ? lease.held : 0) + given->given;
        lease.valid_until = now.mono + std::chrono::milliseconds(given->valid_ms);
    } else {
        lease.held += given->given;
    }
    if (given->given == 0) return settle_waiting(now, of, false, out);
    while (!lease.waiting.empty()) {
        const uint64_t call = lease.waiting.front();
        const auto waiting = waiting_.find(call);
        if (waiting == waiting_.end()) {  // it was given up
            lease.waiting.pop_front();
            continue;
        }
        const bool has_more =
            is_rate(of) ? lease.held > 0 && lease.valid_until > now.mono : lease.used < lease.held;
        if (!has_more) {
            ask(now, of, lease, out);
            return;
        }
        lease.waiting.pop_front();
        const TrunkId line = waiting->second.line;
        if (go_on(now, call, waiting->second, out) == Outcome::Waits) continue;
        waiting_.erase(waiting);
        settled_.push_back({call, {}, line});
    }
    if (!is_rate(of)) give_back(of, lease, lease.used + lease.block, false, out);
}

// All that wait for it: refused, or let through as nobody can say.
void CallLeases::settle_waiting(Now now, const LeaseOf& of, bool let_through, ports::Outbox& out) {
    for (const uint64_t call : std::exchange(leases_[of].waiting, {})) {
        const auto waiting = waiting_.find(call);
        if (waiting == waiting_.end()) continue;
        if (!let_through) {
            const auto lacks = static_cast<Quantity>(of.quantity);
            const bool of_trunk = !of.trunk.is_nil();
            const TrunkId line = waiting->second.line;
            waiting_.erase(waiting);
            ++(of_trunk ? refused_by_trunks_ : refused_[lacks]);
            line.is_nil() ? free_of(call, out) : free_line(call, line, out);
            settled_.push_back({call, {Outcome::Full, lacks, of_trunk}, line});
            continue;
        }
        ++unchecked_;
        const TrunkId line = waiting->second.line;
        if (!is_rate(of)) take_one(call, of, line);
        ++waiting->second.next;
        if (go_on(now, call, waiting->second, out) == Outcome::Waits) continue;
        waiting_.erase(call);
        settled_.push_back({call, {}, line});
    }
}

void CallLeases::give_back(const LeaseOf& of, Lease& lease, int64_t keep, bool recalled,
                           ports::Outbox& out) {
    const int64_t surplus = std::max<int64_t>(0, lease.held - std::max(keep, lease.used));
    lease.held -= surplus;
    const auto call_state = around_.directory.active(ports::RoleKind::CallState, of.holder);
    if (!call_state || (surplus == 0 && !recalled)) return;
    out.send(around_.self, *call_state,
             ports::LeaseReturned{of, static_cast<uint32_t>(surplus), recalled});
}

void CallLeases::free_one(const LeaseOf& of, ports::Outbox& out) {
    Lease& lease = leases_[of];
    --lease.used;
    const int64_t spare = lease.block == 1 ? 0 : 2 * int64_t{lease.block};
    if (lease.held - lease.used > spare) give_back(of, lease, lease.used + spare / 2, false, out);
    if (lease.held == 0 && lease.asked == 0 && lease.waiting.empty()) leases_.erase(of);
}

void CallLeases::free_of(uint64_t call, ports::Outbox& out) {
    const auto found = used_by_.find(call);
    if (found == used_by_.end()) return;
    for (const Used& each : found->second) free_one(each.of, out);
    used_by_.erase(found);
}

void CallLeases::free_line(uint64_t call, TrunkId line, ports::Outbox& out) {
    const auto found = used_by_.find(call);
    if (found == used_by_.end()) return;
    const auto rest = std::ranges::stable_partition(
        found->second, [&](const Used& each) { return each.line != line; });
    for (const Used& each : rest) free_one(each.of, out);
    found->second.erase(rest.begin(), rest.end());
    if (found->second.empty()) used_by_.erase(found);
}

void CallLeases::release(uint64_t call, ports::Outbox& out) {
    waiting_.erase(call);
    free_of(call, out);
}

// What was asked before is answered by somebody who does not know of this: asked again.
void CallLeases::report(ports::Instance to, ports::Outbox& out) {
    const ports::DirectoryEntry* entry = around_.directory.find(to);
    const auto is_theirs = [&](const LeaseOf& of) {
        const int group = around_.directory.group_of(ports::RoleKind::CallState, of.holder);
        return entry == nullptr || entry->group == group;
    };
    ports::LeaseReport report{around_.self, {}};
    for (auto& [of, lease] : leases_) {
        if (!is_rate(of) && lease.held > 0 && is_theirs(of))
            report.entries.push_back({of, static_cast<uint32_t>(lease.held)});
    }
    out.send(around_.self, to, std::move(report));
    const auto asked = std::exchange(questions_, {});
    for (const auto& [request, of] : asked) {
        if (!is_theirs(of)) {
            questions_.emplace(request, of);
            continue;
        }
        Lease& lease = leases_[of];
        lease.asked = around_.rng.next() | 1;
        questions_.emplace(lease.asked, of);
        out.send(around_.self, to, ports::LeaseAsk{of}, lease.asked);
    }
}

void CallLeases::on_timeout(Now now, ports::Outbox& out) {
    std::vector<LeaseOf> late;
    for (const auto& [request, of] : questions_) {
        if (leases_[of].asked_until <= now.mono) late.push_back(of);
    }
    for (const LeaseOf& of : late) {
        questions_.erase(leases_[of].asked);
        leases_[of].asked = 0;
        on_given(now, of, nullptr, out);
    }
}

std::optional<Instant> CallLeases::next_deadline() const {
    std::optional<Instant> next;
    for (const auto& [request, of] : questions_) {
        const Instant due = leases_.at(of).asked_until;
        if (!next || due < *next) next = due;
    }
    return next;
}

uint64_t CallLeases::refused(Quantity quantity) const {
    const auto found = refused_.find(quantity);
    return found == refused_.end() ? 0 : found->second;
}

int64_t CallLeases::held(const LeaseOf& of) const {
    const auto found = leases_.find(of);
    return found == leases_.end() ? 0 : found->second.held;
}

}  // namespace tandem::roles::b2bua
