// Secrets at rest: each in a box sealed with the site's key.
//
// Passwords of phones. What is kept is HA1 = H(login ":" realm ":" password) for each algorithm
// (RFC 7616 3.4.2), all three in one sealed box; the password itself is not kept anywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/rng.h"
#include "model/generated/domain.h"

namespace tandem::model {

// Raw digests. Authentication compares and hashes their lower-case hex form.
struct Ha1Set {
    std::array<uint8_t, 16> md5{};
    std::array<uint8_t, 32> sha256{};
    std::array<uint8_t, 32> sha512_256{};

    friend bool operator==(const Ha1Set&, const Ha1Set&) = default;
    std::string hex(DigestAlgorithm algorithm) const;
};

Ha1Set compute_ha1(std::string_view login, std::string_view realm, std::string_view password);

// 108 bytes: nonce, 80 bytes of digests, tag. The key is the site's; `rng` must be cryptographic.
Bytes seal_ha1(const Ha1Set& digests, const SealKey& key, Rng& rng);
// nullopt: sealed under another key, or damaged.
std::optional<Ha1Set> unseal_ha1(BytesView box, const SealKey& key);

// A secret text, like a private key.
Bytes seal_text(std::string_view text, const SealKey& key, Rng& rng);
std::optional<std::string> unseal_text(BytesView box, const SealKey& key);

}  // namespace tandem::model
