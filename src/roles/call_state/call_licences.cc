#include "roles/call_state/call_licences.h"

#include <algorithm>

#include "model/generated/trunk.h"
#include "roles/call_state/limits.h"
#include "store/licences.h"

namespace tandem::roles::call_state {
namespace {

using ports::LeaseOf;
using ports::Letter;
using store::Quantity;

const LeaseOf& asked_of(const Letter& question) {
    return get<ports::LeaseAsk>(question.payload).of;
}

bool is_rate(const LeaseOf& of) {
    return of.quantity == static_cast<uint8_t>(Quantity::CallRate);
}

}  // namespace

void CallLicences::begin(Instant now, std::set<uint16_t> owners) {
    zones_.clear();
    unreported_ = std::move(owners);
    settled_at_ = now + kLeasesSettle;
}

int64_t CallLicences::owners_count() const {
    return std::max<int64_t>(
        1, std::ranges::count_if(around_.directory.entries(), [](const auto& entry) {
            return entry.kind == ports::RoleKind::B2bua && entry.reachable;
        }));
}

int64_t CallLicences::held(const LeaseOf& of) const {
    const auto found = zones_.find(of);
    int64_t sum = 0;
    if (found == zones_.end()) return sum;
    for (const auto& [owner, count] : found->second.held) sum += count;
    return sum;
}

int64_t CallLicences::share_of(const LeaseOf& of, Zone& zone) {
    const auto quantity = static_cast<Quantity>(of.quantity);
    if (!of.trunk.is_nil()) {
        const auto* trunk = around_.catalog.find_trunk(of.trunk);
        return trunk == nullptr ? 0 : store::amount_of(*trunk, quantity);
    }
    const auto amount = own_amount(around_.catalog, of.holder, quantity);
    if (!amount) return 0;  // it has gone meanwhile: the asker looks again
    if (zone.handed < 0 || zone.counted_at != around_.catalog.revision()) {
        zone.handed = zone_use(around_.catalog, of.holder, quantity).handed;
        zone.counted_at = around_.catalog.revision();
    }
    return std::max<int64_t>(0, *amount - zone.handed);
}

int64_t CallLicences::free_in(Instant now, const LeaseOf& of, Zone& zone) {
    const int64_t share = share_of(of, zone);
    if (!is_rate(of)) return share - held(of);
    if (now - zone.second >= 1s) {
        zone.second = now;
        zone.begun = 0;
    }
    return share - zone.begun;
}

// A block: so small that what lies unused at all B2Bs together is an eighth of the share; one,
// where there is little.
bool CallLicences::give(Instant now, const Letter& question, Zone& zone, ports::Outbox& out) {
    const LeaseOf& of = asked_of(question);
    const int64_t free = free_in(now, of, zone);
    if (free <= 0) return false;
    const int64_t share = share_of(of, zone);
    const int64_t block = std::clamp<int64_t>(share / (8 * owners_count()), 1, kLeaseBlockMax);
    ports::LeaseGiven given;
    given.given = static_cast<uint32_t>(std::min(free, block));
    given.block = static_cast<uint32_t>(block);
    if (is_rate(of)) {
        zone.begun += given.given;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(zone.second + 1s - now);
        given.valid_ms = static_cast<uint32_t>(std::max<int64_t>(1, left.count()));
    } else {
        zone.held[question.from.number] += given.given;
    }
    out.reply(question, given);
    return true;
}

void CallLicences::refuse(const Letter& question, ports::Outbox& out) {
    ++refused_;
    out.reply(question, ports::LeaseGiven{});
}

void CallLicences::recall(const LeaseOf& of, uint16_t asker, Zone& zone, ports::Outbox& out) {
    for (const auto& [owner, count] : zone.held) {
        if (owner == asker || count == 0 || !zone.recalled.insert(owner).second) continue;
        out.send(around_.self, ports::Instance{owner}, ports::LeaseRecalled{of});
    }
}

void CallLicences::on_ask(Instant now, Letter question, ports::Outbox& out) {
    const LeaseOf of = asked_of(question);
    if (zones_.size() >= kLeaseZonesMax && !zones_.contains(of)) return refuse(question, out);
    Zone& zone = zones_[of];
    const bool is_settled = unreported_.empty();
    if (is_settled && zone.waiting.empty() && give(now, question, zone, out)) return;
    if (is_settled && is_rate(of)) return refuse(question, out);
    if (is_settled) recall(of, question.from.number, zone, out);
    if (is_settled && zone.recalled.empty()) return refuse(question, out);
    if (zone.waiting.size() >= kLeaseWaitingMax) return refuse(question, out);
    zone.waiting.push_back({std::move(question), now + kLeaseWait});
}

// Those who wait, in their order; all who are left are refused when nothing more can come.
void CallLicences::serve(Instant now, Zone& zone, ports::Outbox& out) {
    if (!unreported_.empty()) return;
    while (!zone.waiting.empty() && give(now, zone.waiting.front().question, zone, out))
        zone.waiting.pop_front();
    if (!zone.recalled.empty()) return;  // more may come
    for (const Waiting& each : zone.waiting) refuse(each.question, out);
    zone.waiting.clear();
}

void CallLicences::on_returned(Instant now, const Letter& letter, ports::Outbox& out) {
    const auto& returned = get<ports::LeaseReturned>(letter.payload);
    const auto found = zones_.find(returned.of);
    if (found == zones_.end()) return;
    Zone& zone = found->second;
    int64_t& held = zone.held[letter.from.number];
    held = std::max<int64_t>(0, held - returned.count);
    if (returned.recalled) zone.recalled.erase(letter.from.number);
    serve(now, zone, out);
}

// Takes the place of all that was known of this B2B.
void CallLicences::on_report(Instant now, const ports::LeaseReport& report, ports::Outbox& out) {
    const uint16_t owner = report.owner.number;
    for (auto& [of, zone] : zones_) zone.held.erase(owner);
    for (const auto& entry : report.entries) {
        if (zones_.size() < kLeaseZonesMax || zones_.contains(entry.of))
            zones_[entry.of].held[owner] = entry.held;
    }
    unreported_.erase(owner);
    if (unreported_.empty()) settled_at_.reset();
    for (auto& [of, zone] : zones_) serve(now, zone, out);
}

void CallLicences::remove_owner(Instant now, uint16_t owner, ports::Outbox& out) {
    unreported_.erase(owner);
    for (auto& [of, zone] : zones_) {
        zone.held.erase(owner);
        zone.recalled.erase(owner);
        serve(now, zone, out);
    }
}

void CallLicences::on_timeout(Instant now, ports::Outbox& out) {
    if (settled_at_ && *settled_at_ <= now) {
        settled_at_.reset();
        unreported_.clear();
        for (auto& [of, zone] : zones_) serve(now, zone, out);
    }
    for (auto& [of, zone] : zones_) {
        if (zone.waiting.empty() || zone.waiting.front().deadline > now) continue;
        // Who has not answered by now is away: it keeps what it holds.
        zone.recalled.clear();
        serve(now, zone, out);
        while (!zone.waiting.empty() && zone.waiting.front().deadline <= now) {
            refuse(zone.waiting.front().question, out);
            zone.waiting.pop_front();
        }
    }
}

std::optional<Instant> CallLicences::next_deadline() const {
    std::optional<Instant> next = settled_at_;
    for (const auto& [of, zone] : zones_) {
        if (zone.waiting.empty()) continue;
        const Instant due = zone.waiting.front().deadline;
        if (!next || due < *next) next = due;
    }
    return next;
}

}  // namespace tandem::roles::call_state
