// Randomness as an argument. The runtime passes a cryptographic source, simulation and tests a
// seeded one.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace tandem {

class Rng {
 public:
    virtual ~Rng() = default;
    virtual uint64_t next() = 0;

    // Uniform in [0, bound); bound > 0.
    uint64_t below(uint64_t bound);
    // `length` characters of [0-9a-z], about 5.17 bits each.
    std::string token(size_t length);
};

// xoshiro256**, for tests and simulation: the same seed gives the same sequence. Not for secrets.
class SeededRng final : public Rng {
 public:
    explicit SeededRng(uint64_t seed);
    uint64_t next() override;

 private:
    std::array<uint64_t, 4> state_;
};

}  // namespace tandem
