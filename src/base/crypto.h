// Digests, keyed hashes and sealed boxes over OpenSSL's EVP. Pure: no clocks, no randomness of
// their own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tandem {

enum class HashAlgorithm { Md5, Sha1, Sha256, Sha512_256 };

// Raw digest: 16, 20, 32, 32 bytes.
Bytes hash(HashAlgorithm algorithm, BytesView data);
std::string hash_hex(HashAlgorithm algorithm, std::string_view data);  // lower-case hex

std::array<uint8_t, 32> hmac_sha256(BytesView key, BytesView data);
std::array<uint8_t, 20> hmac_sha1(BytesView key, BytesView data);

// SipHash-2-4, keyed, 64 bits: for tables that outsiders feed, and for short tokens that they echo.
struct SipHashKey {
    uint64_t k0 = 0;
    uint64_t k1 = 0;
};
uint64_t siphash(SipHashKey key, BytesView data);

// AES-256-GCM. The nonce (12 bytes) must be fresh for each seal under one key; the box is
// nonce || ciphertext || tag (16 bytes).
using SealKey = std::array<uint8_t, 32>;
Bytes seal(const SealKey& key, const std::array<uint8_t, 12>& nonce, BytesView plain);
std::optional<Bytes> unseal(const SealKey& key, BytesView box);  // nullopt: forged or damaged

}  // namespace tandem
