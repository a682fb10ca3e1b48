// Rendezvous hashing: whoever asks draws the same number for a key and a member, and the member
// with the highest one has the key. A member that goes leaves all keys but its own where they were.
#pragma once

#include <cstdint>

namespace tandem {

constexpr uint64_t mix_bits(uint64_t value) {  // the finaliser of splitmix64
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

constexpr uint64_t rendezvous_draw(uint64_t key, uint64_t member) {
    return mix_bits(key ^ mix_bits(member + 0x9e3779b97f4a7c15));
}

}  // namespace tandem
