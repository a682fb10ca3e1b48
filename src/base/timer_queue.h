// The deadlines of many state machines in one place. Cancelling is not needed: whoever is woken
// asks its machine for the true next_deadline() and goes back to sleep when it is later.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/instant.h"

namespace tandem {

// Pairs of (deadline, key). A key may be in it several times; the earliest wins. Those of one
// second wait in a heap, those of each later second unsorted until it comes: most of a busy
// server's timers are half a minute away, and a heap of them all would be cold memory at each step.
template <typename Key>
class TimerQueue {
 public:
    void add(Instant deadline, Key key) {
        ++size_;
        const int64_t second = second_of(deadline);
        if (second > near_) {
            Later& bucket = later_[second];
            bucket.earliest = std::min(bucket.earliest, deadline);
            bucket.entries.push_back({deadline, std::move(key)});
            return;
        }
        heap_.push_back({deadline, std::move(key)});
        std::push_heap(heap_.begin(), heap_.end(), is_later);
    }
    std::optional<Instant> next_deadline() const {
        if (!heap_.empty()) return heap_.front().deadline;
        return later_.empty() ? std::nullopt : std::optional(later_.begin()->second.earliest);
    }
    // The next key that is due at `now`, removed; nullopt when none is.
    std::optional<Key> pop_due(Instant now) {
        const auto next = next_deadline();
        if (!next || *next > now) return std::nullopt;
        if (heap_.empty()) begin_next_second();
        std::pop_heap(heap_.begin(), heap_.end(), is_later);
        Key key = std::move(heap_.back().key);
        heap_.pop_back();
        --size_;
        return key;
    }
    size_t size() const { return size_; }

 private:
    struct Entry {
        Instant deadline;
        Key key;
    };
    struct Later {
        Instant earliest{Duration::max()};
        std::vector<Entry> entries;
    };
    static bool is_later(const Entry& a, const Entry& b) { return a.deadline > b.deadline; }
    static int64_t second_of(Instant deadline) { return deadline.since_epoch / Duration{1s}; }

    void begin_next_second() {
        const auto next = later_.begin();
        near_ = next->first;
        heap_ = std::move(next->second.entries);
        later_.erase(next);
        std::make_heap(heap_.begin(), heap_.end(), is_later);
    }

    std::vector<Entry> heap_;  // of the second `near_` and before
    int64_t near_ = INT64_MIN;
    std::map<int64_t, Later> later_;
    size_t size_ = 0;
};

}  // namespace tandem
