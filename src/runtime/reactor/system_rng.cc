#include "runtime/reactor/system_rng.h"

#include <openssl/evp.h>
#include <sys/random.h>

#include <array>
#include <cstring>

#include "base/check.h"

namespace tandem::runtime {

namespace {
constexpr size_t kKeyBytes = 32;
constexpr size_t kSeedBytes = 48;    // AES-256 key and first counter block
constexpr size_t kPageBytes = 4096;  // one refill: 506 numbers
}  // namespace

// Each page's first bytes become the key of the next and are wiped, so that a later look into the
// memory does not tell earlier numbers.
struct SystemRng::State {
    EVP_CIPHER_CTX* cipher = nullptr;
    std::array<uint8_t, kSeedBytes> seed{};
    std::array<uint8_t, kPageBytes> page{};
    size_t used = kPageBytes;

    void refill() {
        static constexpr std::array<uint8_t, kPageBytes> zeros{};
        int written = 0;
        CHECK(EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), nullptr, seed.data(),
                                 seed.data() + kKeyBytes) == 1);
        CHECK(EVP_EncryptUpdate(cipher, page.data(), &written, zeros.data(), kPageBytes) == 1);
        CHECK(written == static_cast<int>(kPageBytes));
        std::memcpy(seed.data(), page.data(), kSeedBytes);
        std::memset(page.data(), 0, kSeedBytes);
        used = kSeedBytes;
    }
};

SystemRng::SystemRng() : state_(std::make_unique<State>()) {
    state_->cipher = EVP_CIPHER_CTX_new();
    CHECK(state_->cipher != nullptr);
    CHECK(getrandom(state_->seed.data(), kSeedBytes, 0) == static_cast<ssize_t>(kSeedBytes));
}

SystemRng::~SystemRng() {
    EVP_CIPHER_CTX_free(state_->cipher);
}

uint64_t SystemRng::next() {
    State& state = *state_;
    if (state.used + sizeof(uint64_t) > kPageBytes) state.refill();
    uint64_t value = 0;
    std::memcpy(&value, state.page.data() + state.used, sizeof(value));
    std::memset(state.page.data() + state.used, 0, sizeof(value));
    state.used += sizeof(value);
    return value;
}

}  // namespace tandem::runtime
