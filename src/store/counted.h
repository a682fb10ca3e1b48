// References counted in the record itself, without atomics: for records of one thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/id.h"

namespace tandem::store {

// A record is counted by whoever points to it; release() is found by name and frees at zero.
struct Counted {
    mutable uint32_t references = 0;
    Counted() = default;
    Counted(const Counted&) : references(0) {}
    Counted& operator=(const Counted&) { return *this; }
};

template <typename T>
class Ref {
 public:
    Ref() = default;
    explicit Ref(const T* target) : target_(target) { retain(); }
    Ref(const Ref& other) : target_(other.target_) { retain(); }
    Ref(Ref&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(target_, other.target_);
        return *this;
    }
    ~Ref() {
        if (target_ != nullptr && --target_->references == 0) release(target_);
    }
    const T* get() const { return target_; }
    const T* operator->() const { return target_; }
    const T& operator*() const { return *target_; }
    explicit operator bool() const { return target_ != nullptr; }

 private:
    void retain() {
        if (target_ != nullptr) ++target_->references;
    }
    const T* target_ = nullptr;
};

// The first 8 bytes of a key, in an order that agrees with the key's own.
inline uint64_t key_prefix(Bits128 key) {
    return key.high;
}
inline uint64_t key_prefix(int key) {
    return static_cast<uint64_t>(key);
}
inline uint64_t key_prefix(std::string_view key) {
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; ++i)
        prefix = (prefix << 8) | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
    return prefix;
}

}  // namespace tandem::store
