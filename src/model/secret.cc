#include "model/secret.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace tandem::model {
namespace {

template <size_t N>
std::array<uint8_t, N> digest(HashAlgorithm algorithm, std::string_view text) {
    const Bytes raw = hash(algorithm, as_bytes(text));
    CHECK(raw.size() == N);
    std::array<uint8_t, N> out;
    std::copy(raw.begin(), raw.end(), out.begin());
    return out;
}

}  // namespace

std::string Ha1Set::hex(DigestAlgorithm algorithm) const {
    switch (algorithm) {
        case DigestAlgorithm::Md5:
            return hex_encode(md5);
        case DigestAlgorithm::Sha256:
            return hex_encode(sha256);
        case DigestAlgorithm::Sha512_256:
            return hex_encode(sha512_256);
    }
    return {};
}

namespace {

std::array<uint8_t, 12> fresh_nonce(Rng& rng) {
    std::array<uint8_t, 12> nonce;
    uint64_t random = 0;
    for (size_t i = 0; i < nonce.size(); ++i) {
        if (i % 8 == 0) random = rng.next();
        nonce[i] = static_cast<uint8_t>(random >> (8 * (i % 8)));
    }
    return nonce;
}

}  // namespace

Ha1Set compute_ha1(std::string_view login, std::string_view realm, std::string_view password) {
    std::string text;
    text.append(login).append(":").append(realm).append(":").append(password);
    return {digest<16>(HashAlgorithm::Md5, text), digest<32>(HashAlgorithm::Sha256, text),
            digest<32>(HashAlgorithm::Sha512_256, text)};
}

Bytes seal_ha1(const Ha1Set& digests, const SealKey& key, Rng& rng) {
    Bytes plain(digests.md5.begin(), digests.md5.end());
    plain.insert(plain.end(), digests.sha256.begin(), digests.sha256.end());
    plain.insert(plain.end(), digests.sha512_256.begin(), digests.sha512_256.end());
    return seal(key, fresh_nonce(rng), plain);
}

std::optional<Ha1Set> unseal_ha1(BytesView box, const SealKey& key) {
    const auto plain = unseal(key, box);
    Ha1Set digests;
    if (!plain || plain->size() != 80) return std::nullopt;
    std::copy_n(plain->begin(), 16, digests.md5.begin());
    std::copy_n(plain->begin() + 16, 32, digests.sha256.begin());
    std::copy_n(plain->begin() + 48, 32, digests.sha512_256.begin());
    return digests;
}

Bytes seal_text(std::string_view text, const SealKey& key, Rng& rng) {
    return seal(key, fresh_nonce(rng), as_bytes(text));
}

std::optional<std::string> unseal_text(BytesView box, const SealKey& key) {
    const auto plain = unseal(key, box);
    if (!plain) return std::nullopt;
    return std::string(plain->begin(), plain->end());
}

}  // namespace tandem::model
