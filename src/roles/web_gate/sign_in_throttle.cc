#include "roles/web_gate/sign_in_throttle.h"

#include <algorithm>

#include "roles/web_gate/limits.h"

namespace tandem::roles::web_gate {
namespace {

std::string pair_key(std::string_view address, std::string_view name) {
    return std::string(address).append(1, ' ').append(name);
}

}  // namespace

// A count of n is one that is forgotten in more than n - 1 and at most n pauses.
std::chrono::seconds SignInThrottle::wait_of(Instant now, const std::string& key) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return {};
    const Instant allowed_at =
        entry->second.forgotten_at - entry->second.pause * (entry->second.bound - 1);
    if (allowed_at <= now) return {};
    return std::chrono::ceil<std::chrono::seconds>(allowed_at - now);
}

std::chrono::seconds SignInThrottle::wait_for(Instant now, std::string_view address,
                                              std::string_view name) const {
    return std::max(wait_of(now, std::string(address)), wait_of(now, pair_key(address, name)));
}

void SignInThrottle::on_try(Instant now, std::string_view address, std::string_view name) {
    count(now, std::string(address), failures_of_address_max, failures_of_address_pause);
    count(now, pair_key(address, name), failures_of_name_max, failures_of_name_pause);
}

void SignInThrottle::on_success(std::string_view address, std::string_view name) {
    entries_.erase(pair_key(address, name));
    uncount(std::string(address));
}

void SignInThrottle::take_back(std::string_view address, std::string_view name) {
    uncount(std::string(address));
    uncount(pair_key(address, name));
}

void SignInThrottle::uncount(const std::string& key) {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return;
    entry->second.forgotten_at = entry->second.forgotten_at - entry->second.pause;
}

void SignInThrottle::count(Instant now, const std::string& key, int bound, Duration pause) {
    if (entries_.size() >= failures_counted_max && !entries_.contains(key)) {
        if (now >= sweep_at_) {
            sweep_at_ = now + failures_of_address_pause;
            std::erase_if(entries_,
                          [&](const auto& each) { return each.second.forgotten_at <= now; });
        }
        // All are fresh: an attack from everywhere. Those of addresses must not be crowded out by
        // the many names that one of them may try.
        if (entries_.size() >= failures_counted_max) {
            if (key.find(' ') != std::string::npos) return;
            entries_.clear();
        }
    }
    Entry& entry = entries_[key];
    entry.bound = bound;
    entry.pause = pause;
    entry.forgotten_at = std::min(std::max(entry.forgotten_at, now) + pause, now + pause * bound);
}

}  // namespace tandem::roles::web_gate
