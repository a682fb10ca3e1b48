// The random numbers of a shard: AES-256-CTR seeded by getrandom(2), refilled a page at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "base/rng.h"

namespace tandem::runtime {

// Fit for secrets. One for each thread: it has no lock.
class SystemRng final : public Rng {
 public:
    SystemRng();  // ends the program when the kernel has no randomness
    ~SystemRng() override;
    uint64_t next() override;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
