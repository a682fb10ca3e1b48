// All bindings of the system, in memory: by account, by domain for lists, by connection for those
// that end. The registrar's store is the truth; this is what it answers from.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "base/timer_queue.h"
#include "ports/registrar_port.h"
#include "roles/registrar/binding_record.h"

namespace tandem::roles::registrar {

struct ExpiredBinding {
    DomainId domain;
    AccountId account;
    uint64_t key = 0;
};

class BindingBook {
 public:
    // Those of an account, expired ones included; empty when it has none.
    std::span<const BindingRecord> of(AccountId account) const;
    const BindingRecord* find(AccountId account, uint64_t key) const;

    void put(Now now, DomainId domain, AccountId account, BindingRecord record);
    bool remove(AccountId account, uint64_t key);

    // Bindings of this connection can no longer be reached. How many there were.
    size_t connection_closed(ports::Instance gate, uint64_t connection);

    // Those of domains of which `is_gone` says so. How many there were.
    size_t forget(const std::function<bool(DomainId)>& is_gone);
    void clear();

    // At most `limit` accounts after `after`, in the order of their ids.
    std::vector<AccountId> accounts_of(DomainId domain, std::optional<AccountId> after,
                                       size_t limit) const;
    size_t count_of(DomainId domain) const;
    size_t size() const { return size_; }
    size_t accounts() const { return accounts_.size(); }

    // Removes what has expired at `now`, at most `limit`, and says what it was.
    std::vector<ExpiredBinding> expire(Now now, size_t limit);
    std::optional<Instant> next_deadline() const { return timers_.next_deadline(); }

 private:
    struct Account {
        DomainId domain;
        std::vector<BindingRecord> records;
        Instant armed;  // the earliest deadline queued; 0: none
    };
    struct Domain {
        std::set<AccountId> accounts;
        size_t bindings = 0;
    };
    void arm(Now now, AccountId account, Account& entry);
    void unlink(AccountId account, const BindingRecord& record);
    void drop(std::unordered_map<AccountId, Account>::iterator entry, size_t index);

    std::unordered_map<AccountId, Account> accounts_;
    std::unordered_map<DomainId, Domain> domains_;
    std::unordered_multimap<uint64_t, AccountId> connections_;
    TimerQueue<AccountId> timers_;
    size_t size_ = 0;
};

}  // namespace tandem::roles::registrar
