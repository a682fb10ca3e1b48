#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <bit>
#include <cstring>

#include "base/check.h"

namespace tandem {
namespace {

// Fetched once: EVP_sha256() and its like look the implementation up again at every use.
const EVP_MD* digest_of(HashAlgorithm algorithm) {
    static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
    static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static const EVP_MD* const sha512_256 = EVP_MD_fetch(nullptr, "SHA512-256", nullptr);
    switch (algorithm) {
        case HashAlgorithm::Md5:
            return md5;
        case HashAlgorithm::Sha1:
            return sha1;
        case HashAlgorithm::Sha256:
            return sha256;
        case HashAlgorithm::Sha512_256:
            return sha512_256;
    }
    return nullptr;
}

struct CipherContext {
    EVP_CIPHER_CTX* raw = EVP_CIPHER_CTX_new();
    CipherContext() = default;
    CipherContext(const CipherContext&) = delete;
    CipherContext& operator=(const CipherContext&) = delete;
    ~CipherContext() { EVP_CIPHER_CTX_free(raw); }
};

struct DigestContext {
    EVP_MD_CTX* raw = EVP_MD_CTX_new();
    DigestContext() = default;
    DigestContext(const DigestContext&) = delete;
    DigestContext& operator=(const DigestContext&) = delete;
    ~DigestContext() { EVP_MD_CTX_free(raw); }
};

// HMAC (RFC 2104) with one digest, made once a thread: HMAC() makes and fetches all anew.
class Hmac {
 public:
    explicit Hmac(const char* digest) {
        static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
        context_ = EVP_MAC_CTX_new(hmac);
        const OSSL_PARAM parameters[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest), 0),
            OSSL_PARAM_construct_end()};
        CHECK(EVP_MAC_CTX_set_params(context_, parameters) == 1);
    }
    Hmac(const Hmac&) = delete;
    Hmac& operator=(const Hmac&) = delete;
    ~Hmac() { EVP_MAC_CTX_free(context_); }

    template <size_t kBytes>
    std::array<uint8_t, kBytes> of(BytesView key, BytesView data) {
        std::array<uint8_t, kBytes> out;
        size_t length = 0;
        // A null key would mean the last one.
        static const uint8_t none = 0;
        const uint8_t* const bytes = key.empty() ? &none : key.data();
        CHECK(EVP_MAC_init(context_, bytes, key.size(), nullptr) == 1);
        CHECK(EVP_MAC_update(context_, data.data(), data.size()) == 1);
        CHECK(EVP_MAC_final(context_, out.data(), &length, out.size()) == 1);
        CHECK(length == out.size());
        return out;
    }

 private:
    EVP_MAC_CTX* context_ = nullptr;
};

const EVP_CIPHER* sealing_cipher() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return cipher;
}

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

}  // namespace

Bytes hash(HashAlgorithm algorithm, BytesView data) {
    thread_local DigestContext context;
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    CHECK(EVP_DigestInit_ex(context.raw, digest_of(algorithm), nullptr) == 1);
    CHECK(EVP_DigestUpdate(context.raw, data.data(), data.size()) == 1);
    CHECK(EVP_DigestFinal_ex(context.raw, out, &length) == 1);
    return Bytes(out, out + length);
}

std::string hash_hex(HashAlgorithm algorithm, std::string_view data) {
    return hex_encode(hash(algorithm, as_bytes(data)));
}

std::array<uint8_t, 32> hmac_sha256(BytesView key, BytesView data) {
    thread_local Hmac hmac("SHA256");
    return hmac.of<32>(key, data);
}

std::array<uint8_t, 20> hmac_sha1(BytesView key, BytesView data) {
    thread_local Hmac hmac("SHA1");
    return hmac.of<20>(key, data);
}

uint64_t siphash(SipHashKey key, BytesView data) {
    uint64_t v0 = 0x736f6d6570736575 ^ key.k0;
    uint64_t v1 = 0x646f72616e646f6d ^ key.k1;
    uint64_t v2 = 0x6c7967656e657261 ^ key.k0;
    uint64_t v3 = 0x7465646279746573 ^ key.k1;
    const auto round = [&] {
        v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
        v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
        v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
        v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
    };
    const auto absorb = [&](uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    };
    size_t i = 0;
    for (; i + 8 <= data.size(); i += 8) {
        uint64_t word;
        std::memcpy(&word, data.data() + i, 8);
        absorb(word);
    }
    uint64_t last = static_cast<uint64_t>(data.size()) << 56;
    for (size_t k = 0; i + k < data.size(); ++k)
        last |= static_cast<uint64_t>(data[i + k]) << (8 * k);
    absorb(last);
    v2 ^= 0xff;
    for (int k = 0; k < 4; ++k) round();
    return v0 ^ v1 ^ v2 ^ v3;
}

Bytes seal(const SealKey& key, const std::array<uint8_t, 12>& nonce, BytesView plain) {
    thread_local CipherContext context;
    Bytes box(kNonceBytes + plain.size() + kTagBytes);
    std::memcpy(box.data(), nonce.data(), kNonceBytes);
    int length = 0;
    CHECK(EVP_EncryptInit_ex(context.raw, sealing_cipher(), nullptr, key.data(), nonce.data()) ==
          1);
    CHECK(EVP_EncryptUpdate(context.raw, box.data() + kNonceBytes, &length, plain.data(),
                            static_cast<int>(plain.size())) == 1);
    CHECK(EVP_EncryptFinal_ex(context.raw, box.data() + kNonceBytes + length, &length) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(context.raw, EVP_CTRL_GCM_GET_TAG, kTagBytes,
                              box.data() + kNonceBytes + plain.size()) == 1);
    return box;
}

std::optional<Bytes> unseal(const SealKey& key, BytesView box) {
    if (box.size() < kNonceBytes + kTagBytes) return std::nullopt;
    const size_t plain_size = box.size() - kNonceBytes - kTagBytes;
    thread_local CipherContext context;
    Bytes plain(plain_size);
    Bytes tag(box.end() - kTagBytes, box.end());
    int length = 0;
    CHECK(EVP_DecryptInit_ex(context.raw, sealing_cipher(), nullptr, key.data(), box.data()) == 1);
    CHECK(EVP_DecryptUpdate(context.raw, plain.data(), &length, box.data() + kNonceBytes,
                            static_cast<int>(plain_size)) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(context.raw, EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
    if (EVP_DecryptFinal_ex(context.raw, plain.data() + length, &length) != 1) return std::nullopt;
    return plain;
}

}  // namespace tandem
