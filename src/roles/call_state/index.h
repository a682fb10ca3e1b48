// The index of all calls of a site, as their owners report them. By id, by domain, by account and
// by Call-ID header, so that pickup, BLF and /calls find a call without asking each B2B.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ports/call_port.h"

namespace tandem::roles::call_state {

// Owned by the CS role; pure.
class Index {
 public:
    // Adds or replaces one call. False: the index is full.
    bool put(ports::CallSummary summary);
    // Removes a call, if `owner` is its owner: a late report of a former owner changes nothing.
    bool remove(CallId call, ports::Instance owner);
    // A complete report begins or ends: calls of `owner` that it does not list are removed, and
    // answered.
    void begin_all(ports::Instance owner);
    std::vector<ports::CallSummary> end_all(ports::Instance owner);
    std::vector<ports::CallSummary> remove_owner(ports::Instance owner);

    const ports::CallSummary* find(CallId call) const;
    std::vector<CallId> by_account(AccountId account) const;
    std::vector<CallId> by_domain(DomainId domain) const;
    // All that the owner has reported of a call: what its domains see of it.
    std::vector<CallId> sides_of(CallId whole, ports::Instance owner) const;
    const ports::CallSummary* by_call_id_header(std::string_view header) const;
    // The one that has rung longest, of those that ring or are parked.
    const ports::CallSummary* ringing(const ports::RingingQuery& query) const;
    ports::CallsPage page(const ports::CallsQuery& query) const;
    size_t size() const { return calls_.size(); }
    size_t owned_by(ports::Instance owner) const;

    std::vector<ports::CallSummary> snapshot() const;

 private:
    struct Entry {
        ports::CallSummary summary;
        bool listed = true;  // in the complete report under way
    };
    void erase(std::map<CallId, Entry>::iterator entry);
    void link(const ports::CallSummary& summary);
    void unlink(const ports::CallSummary& summary);

    std::map<CallId, Entry> calls_;  // ids sort by time, so pages do too
    std::unordered_map<DomainId, std::set<CallId>> by_domain_;
    std::unordered_map<AccountId, std::set<CallId>> by_account_;
    std::unordered_map<DomainId, std::set<CallId>> waiting_;
    std::unordered_map<std::string, CallId> by_call_id_header_;
    std::unordered_map<uint16_t, std::set<CallId>> by_owner_;
};

}  // namespace tandem::roles::call_state
