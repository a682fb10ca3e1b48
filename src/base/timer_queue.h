// The deadlines of many state machines in one place. Cancelling is not needed: whoever is woken
// asks its machine for the true next_deadline() and goes back to sleep when it is later.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "base/instant.h"

namespace tandem {

// A binary heap of (deadline, key). A key may be in it several times; the earliest wins.
template <typename Key>
class TimerQueue {
 public:
    void add(Instant deadline, Key key) {
        heap_.push_back({deadline, std::move(key)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    std::optional<Instant> next_deadline() const {
        return heap_.empty() ? std::nullopt : std::optional<Instant>(heap_.front().deadline);
    }
    // The next key that is due at `now`, removed; nullopt when none is.
    std::optional<Key> pop_due(Instant now) {
        if (heap_.empty() || heap_.front().deadline > now) return std::nullopt;
        std::pop_heap(heap_.begin(), heap_.end(), later);
        Key key = std::move(heap_.back().key);
        heap_.pop_back();
        return key;
    }
    size_t size() const { return heap_.size(); }

 private:
    struct Entry {
        Instant deadline;
        Key key;
    };
    static bool later(const Entry& a, const Entry& b) { return a.deadline > b.deadline; }
    std::vector<Entry> heap_;
};

}  // namespace tandem
