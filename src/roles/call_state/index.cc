#include "roles/call_state/index.h"

#include <algorithm>

#include "roles/call_state/limits.h"

namespace tandem::roles::call_state {

using ports::CallsPage;
using ports::CallsQuery;
using ports::CallSummary;
using ports::Instance;

namespace {

template <typename Table, typename Key>
void drop(Table& table, const Key& key, CallId call) {
    const auto found = table.find(key);
    if (found == table.end()) return;
    found->second.erase(call);
    if (found->second.empty()) table.erase(found);
}

}  // namespace

void Index::link(const CallSummary& summary) {
    by_domain_[summary.domain].insert(summary.call);
    by_owner_[summary.owner.number].insert(summary.call);
    const bool waits =
        summary.phase == ports::CallPhase::Ringing || summary.phase == ports::CallPhase::Parked;
    if (waits) waiting_[summary.domain].insert(summary.call);
    for (const AccountId account :
         {summary.caller_account, summary.callee_account, summary.consulted}) {
        if (!account.is_nil()) by_account_[account].insert(summary.call);
    }
    for (const AccountId account : summary.ringing) by_account_[account].insert(summary.call);
    for (const std::string& header : summary.call_id_headers) {
        by_call_id_header_.insert_or_assign(header, summary.call);
    }
}

void Index::unlink(const CallSummary& summary) {
    drop(by_domain_, summary.domain, summary.call);
    drop(waiting_, summary.domain, summary.call);
    drop(by_owner_, summary.owner.number, summary.call);
    drop(by_account_, summary.caller_account, summary.call);
    drop(by_account_, summary.callee_account, summary.call);
    drop(by_account_, summary.consulted, summary.call);
    for (const AccountId account : summary.ringing) drop(by_account_, account, summary.call);
    for (const std::string& header : summary.call_id_headers) {
        const auto found = by_call_id_header_.find(header);
        if (found != by_call_id_header_.end() && found->second == summary.call) {
            by_call_id_header_.erase(found);
        }
    }
}

bool Index::put(CallSummary summary) {
    const auto found = calls_.find(summary.call);
    if (found != calls_.end()) {
        unlink(found->second.summary);
        link(summary);
        found->second = {std::move(summary), true};
        return true;
    }
    if (calls_.size() >= kCallsMax) return false;
    link(summary);
    const CallId call = summary.call;
    calls_.emplace(call, Entry{std::move(summary), true});
    return true;
}

void Index::erase(std::map<CallId, Entry>::iterator entry) {
    unlink(entry->second.summary);
    calls_.erase(entry);
}

bool Index::remove(CallId call, Instance owner) {
    const auto found = calls_.find(call);
    if (found == calls_.end() || found->second.summary.owner != owner) return false;
    erase(found);
    return true;
}

const CallSummary* Index::ringing(const ports::RingingQuery& query) const {
    const auto ringing = waiting_.find(query.domain);
    if (ringing == waiting_.end()) return nullptr;
    for (const CallId& id : ringing->second) {  // ids sort by time
        const CallSummary& call = calls_.at(id).summary;
        const bool is_parked = call.phase == ports::CallPhase::Parked;
        if (is_parked == query.parked_at.empty()) continue;
        if (is_parked && call.callee == query.parked_at) return &call;
        if (is_parked) continue;
        // Who waits in a queue, or is called in another domain or outside, rings at nobody here.
        if (call.ringing.empty()) continue;
        const bool is_asked = query.account.is_nil() ||
                              std::ranges::find(call.ringing, query.account) != call.ringing.end();
        if (is_asked && call.caller_account != query.except) return &call;
    }
    return nullptr;
}

void Index::begin_all(Instance owner) {
    const auto owned = by_owner_.find(owner.number);
    if (owned == by_owner_.end()) return;
    for (const CallId& call : owned->second) calls_.at(call).listed = false;
}

std::vector<CallSummary> Index::end_all(Instance owner) {
    std::vector<CallSummary> removed;
    const auto owned = by_owner_.find(owner.number);
    if (owned == by_owner_.end()) return removed;
    const std::vector<CallId> calls(owned->second.begin(), owned->second.end());
    for (const CallId& call : calls) {
        const auto entry = calls_.find(call);
        if (entry->second.listed) continue;
        removed.push_back(entry->second.summary);
        erase(entry);
    }
    return removed;
}

std::vector<CallSummary> Index::remove_owner(Instance owner) {
    begin_all(owner);
    return end_all(owner);
}

const CallSummary* Index::find(CallId call) const {
    const auto found = calls_.find(call);
    return found == calls_.end() ? nullptr : &found->second.summary;
}

std::vector<CallId> Index::by_account(AccountId account) const {
    const auto found = by_account_.find(account);
    if (found == by_account_.end()) return {};
    return {found->second.begin(), found->second.end()};
}

std::vector<CallId> Index::by_domain(DomainId domain) const {
    const auto found = by_domain_.find(domain);
    if (found == by_domain_.end()) return {};
    return {found->second.begin(), found->second.end()};
}

std::vector<CallId> Index::sides_of(CallId whole, Instance owner) const {
    std::vector<CallId> sides;
    const auto owned = by_owner_.find(owner.number);
    if (owned == by_owner_.end()) return sides;
    for (const CallId& id : owned->second)
        if (id == whole || calls_.at(id).summary.whole == whole) sides.push_back(id);
    return sides;
}

const CallSummary* Index::by_call_id_header(std::string_view header) const {
    const auto found = by_call_id_header_.find(std::string(header));
    return found == by_call_id_header_.end() ? nullptr : find(found->second);
}

size_t Index::owned_by(Instance owner) const {
    const auto owned = by_owner_.find(owner.number);
    return owned == by_owner_.end() ? 0 : owned->second.size();
}

namespace {

// Fills a page from an ordered range of calls, beginning after the cursor.
template <typename Ordered, typename SummaryOf>
CallsPage page_of(const Ordered& ordered, const CallsQuery& query, SummaryOf summary_of) {
    CallsPage page;
    page.total = ordered.size();
    const uint32_t limit = std::clamp(query.limit, uint32_t{1}, kPageMax);
    const auto after = CallId::parse(query.after);
    auto it = after ? ordered.upper_bound(*after) : ordered.begin();
    for (; it != ordered.end() && page.calls.size() < limit; ++it) {
        page.calls.push_back(summary_of(*it));
    }
    if (it != ordered.end()) page.next = page.calls.back().call.text();
    return page;
}

}  // namespace

CallsPage Index::page(const CallsQuery& query) const {
    if (!query.call.is_nil()) {
        const CallSummary* call = find(query.call);
        if (call == nullptr || (!query.domain.is_nil() && call->domain != query.domain)) return {};
        return {{*call}, {}, 1};
    }
    if (!query.account.is_nil()) {
        const auto account = by_account_.find(query.account);
        if (account == by_account_.end()) return {};
        return page_of(account->second, query,
                       [this](const CallId& call) { return calls_.at(call).summary; });
    }
    if (query.domain.is_nil()) {
        return page_of(calls_, query, [](const auto& item) { return item.second.summary; });
    }
    const auto domain = by_domain_.find(query.domain);
    if (domain == by_domain_.end()) return {};
    return page_of(domain->second, query,
                   [this](const CallId& call) { return calls_.at(call).summary; });
}

std::vector<CallSummary> Index::snapshot() const {
    std::vector<CallSummary> all;
    all.reserve(calls_.size());
    for (const auto& [id, entry] : calls_) all.push_back(entry.summary);
    return all;
}

}  // namespace tandem::roles::call_state
