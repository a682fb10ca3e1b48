// A bounded queue from any thread to one shard.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace tandem::runtime {

template <typename T>
class Mailbox {
 public:
    // `wake` is called from the sender's thread when the first value arrives in an empty box.
    Mailbox(size_t capacity, std::move_only_function<void()> wake)
        : capacity_(capacity), wake_(std::move(wake)) {}

    // False: the box is full, `value` is untouched, and the refusal is counted.
    bool put(T&& value) {
        {
            const std::lock_guard lock(mutex_);
            if (values_.size() >= capacity_) {
                refused_.fetch_add(1, std::memory_order_relaxed);
                return false;
            }
            values_.push_back(std::move(value));
            if (values_.size() > 1) return true;
        }
        wake_();
        return true;
    }
    // By the owner: all that has come, in order, appended to `out`.
    void drain(std::vector<T>& out) {
        const std::lock_guard lock(mutex_);
        if (out.empty()) {
            out.swap(values_);
            return;
        }
        for (auto& value : values_) out.push_back(std::move(value));
        values_.clear();
    }
    uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
    const size_t capacity_;
    std::move_only_function<void()> wake_;
    std::mutex mutex_;
    std::vector<T> values_;
    std::atomic<uint64_t> refused_{0};
};

}  // namespace tandem::runtime
