#include "roles/registrar/binding_book.h"

#include <algorithm>

namespace tandem::roles::registrar {
namespace {

Instant deadline_of(Now now, const BindingRecord& record) {
    const int64_t ms = std::max<int64_t>(0, record.expires.unix_ms - now.utc.unix_ms);
    return now.mono + std::chrono::milliseconds(ms);
}

}  // namespace

std::span<const BindingRecord> BindingBook::of(AccountId account) const {
    const auto found = accounts_.find(account);
    if (found == accounts_.end()) return {};
    return found->second.records;
}

const BindingRecord* BindingBook::find(AccountId account, uint64_t key) const {
    for (const BindingRecord& record : of(account)) {
        if (record.key == key) return &record;
    }
    return nullptr;
}

void BindingBook::put(Now now, DomainId domain, AccountId account, BindingRecord record) {
    const auto [entry, fresh] = accounts_.try_emplace(account);
    auto& records = entry->second.records;
    if (fresh) {
        entry->second.domain = domain;
        domains_[domain].accounts.insert(account);
    }
    const auto old = std::find_if(records.begin(), records.end(), [&](const BindingRecord& each) {
        return each.key == record.key;
    });
    if (old != records.end()) unlink(account, *old);
    if (record.flow.connection != 0) connections_.emplace(record.flow.connection, account);
    if (old != records.end()) {
        *old = std::move(record);
    } else {
        ++domains_[domain].bindings;
        ++size_;
        records.reserve(records.size() +
                        1);  // most accounts have one: doubling would waste another
        records.push_back(std::move(record));
    }
    arm(now, account, entry->second);
}

void BindingBook::unlink(AccountId account, const BindingRecord& record) {
    if (record.flow.connection == 0) return;
    const auto [begin, end] = connections_.equal_range(record.flow.connection);
    const auto mine =
        std::find_if(begin, end, [&](const auto& item) { return item.second == account; });
    if (mine != end) connections_.erase(mine);
}

bool BindingBook::remove(AccountId account, uint64_t key) {
    const auto entry = accounts_.find(account);
    if (entry == accounts_.end()) return false;
    const auto& records = entry->second.records;
    for (size_t i = 0; i < records.size(); ++i) {
        if (records[i].key != key) continue;
        drop(entry, i);
        return true;
    }
    return false;
}

void BindingBook::drop(std::unordered_map<AccountId, Account>::iterator entry, size_t index) {
    auto& records = entry->second.records;
    unlink(entry->first, records[index]);
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(index));
    --size_;
    const auto domain = domains_.find(entry->second.domain);
    --domain->second.bindings;
    if (!records.empty()) return;
    domain->second.accounts.erase(entry->first);
    if (domain->second.accounts.empty()) domains_.erase(domain);
    accounts_.erase(entry);
}

size_t BindingBook::connection_closed(ports::Instance gate, uint64_t connection) {
    size_t closed = 0;
    const auto [begin, end] = connections_.equal_range(connection);
    for (auto item = begin; item != end; ++item) {
        const auto entry = accounts_.find(item->second);
        if (entry == accounts_.end()) continue;
        for (BindingRecord& record : entry->second.records) {
            if (record.flow.connection != connection || record.flow.gate != gate) continue;
            closed += record.flow_gone ? 0 : 1;
            record.flow_gone = true;
        }
    }
    return closed;
}

size_t BindingBook::forget(const std::function<bool(DomainId)>& is_gone) {
    const size_t before = size_;
    std::vector<AccountId> gone;
    for (const auto& [id, domain] : domains_) {
        if (is_gone(id)) gone.insert(gone.end(), domain.accounts.begin(), domain.accounts.end());
    }
    for (const AccountId account : gone) {
        for (auto entry = accounts_.find(account); entry != accounts_.end();
             entry = accounts_.find(account))
            drop(entry, entry->second.records.size() - 1);
    }
    return before - size_;
}

void BindingBook::clear() {
    *this = BindingBook();
}

std::vector<AccountId> BindingBook::accounts_of(DomainId domain, std::optional<AccountId> after,
                                                size_t limit) const {
    std::vector<AccountId> page;
    const auto found = domains_.find(domain);
    if (found == domains_.end()) return page;
    const auto& accounts = found->second.accounts;
    auto next = after ? accounts.upper_bound(*after) : accounts.begin();
    for (; next != accounts.end() && page.size() < limit; ++next) page.push_back(*next);
    return page;
}

size_t BindingBook::count_of(DomainId domain) const {
    const auto found = domains_.find(domain);
    return found == domains_.end() ? 0 : found->second.bindings;
}

// One timer an account suffices: it wakes for the earliest and is set again for the next. A refresh
// moves expiries on, so the timer finds nothing due and goes back to sleep.
void BindingBook::arm(Now now, AccountId account, Account& entry) {
    Instant earliest{Duration::max()};
    for (const BindingRecord& record : entry.records) {
        earliest = std::min(earliest, deadline_of(now, record));
    }
    if (entry.armed > now.mono && entry.armed <= earliest) return;
    entry.armed = earliest;
    timers_.add(earliest, account);
}

std::vector<ExpiredBinding> BindingBook::expire(Now now, size_t limit) {
    std::vector<ExpiredBinding> expired;
    while (expired.size() < limit) {
        const auto account = timers_.pop_due(now.mono);
        if (!account) break;
        const auto entry = accounts_.find(*account);
        if (entry == accounts_.end()) continue;
        entry->second.armed = {};
        std::vector<uint64_t> due;
        for (const BindingRecord& record : entry->second.records) {
            if (record.expires <= now.utc) due.push_back(record.key);
        }
        const bool all = due.size() == entry->second.records.size();
        const DomainId domain = entry->second.domain;
        for (const uint64_t key : due) {
            expired.push_back({domain, *account, key});
            remove(*account, key);
        }
        if (!all) arm(now, *account, entry->second);
    }
    return expired;
}

}  // namespace tandem::roles::registrar
