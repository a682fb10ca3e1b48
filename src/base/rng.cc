#include "base/rng.h"

#include <bit>

#include "base/check.h"

namespace tandem {

uint64_t Rng::below(uint64_t bound) {
    CHECK(bound > 0);
    // Lemire's multiply-shift; the bias of 2^-64 * bound is far below what any caller can see.
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
}

std::string Rng::token(size_t length) {
    static constexpr char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::string text(length, '0');
    for (char& c : text) c = alphabet[below(36)];
    return text;
}

SeededRng::SeededRng(uint64_t seed) {
    for (uint64_t& word : state_) {  // splitmix64, the seeding that xoshiro's authors recommend
        seed += 0x9e3779b97f4a7c15;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        word = z ^ (z >> 31);
    }
}

uint64_t SeededRng::next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

}  // namespace tandem
