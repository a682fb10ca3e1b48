// The low-level SHA-1 is used on purpose: an HMAC is then two copies of a 96-byte struct, where
// OpenSSL 3.0's EVP_MAC and EVP_MD_CTX_copy allocate for every packet.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "rtp/srtp_cipher.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cstring>

#include "base/check.h"
#include "base/octets.h"

namespace tandem::rtp {
namespace {

constexpr int kGcmTagBytes = 16;

constexpr SuiteShape kShapes[] = {
    {16, 14, 10, 10, false}, {16, 14, 4, 10, false}, {32, 14, 10, 10, false},
    {32, 14, 4, 10, false},  {16, 12, 16, 16, true}, {32, 12, 16, 16, true},
};

struct CipherContext {
    EVP_CIPHER_CTX* raw = EVP_CIPHER_CTX_new();
    CipherContext() { CHECK(raw != nullptr); }
    CipherContext(const CipherContext&) = delete;
    CipherContext& operator=(const CipherContext&) = delete;
    ~CipherContext() { EVP_CIPHER_CTX_free(raw); }
};

const EVP_CIPHER* counter_cipher(size_t key_bytes) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
    return key_bytes == 16 ? aes128 : aes256;
}

const EVP_CIPHER* gcm_cipher(size_t key_bytes) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return key_bytes == 16 ? aes128 : aes256;
}

// RFC 3711 4.3.1, 4.3.3 with a key derivation rate of 0: the keystream of AES-CM under the master
// key at (label << 48) XOR master salt. A salt of 12 bytes is followed by two zeros (RFC 7714 11).
class KeyDerivation {
 public:
    KeyDerivation(const SuiteShape& shape, BytesView key_and_salt)
        : shape_(shape), key_(key_and_salt.first(shape.key_bytes)) {
        std::memcpy(salt_.data(), key_and_salt.data() + shape.key_bytes, shape.salt_bytes);
    }
    void derive(uint8_t label, std::span<uint8_t> out) {
        std::array<uint8_t, 16> vector{};
        std::memcpy(vector.data(), salt_.data(), salt_.size());
        vector[7] ^= label;
        std::memset(out.data(), 0, out.size());
        int length = 0;
        CHECK(EVP_EncryptInit_ex(context_.raw, counter_cipher(shape_.key_bytes), nullptr,
                                 key_.data(), vector.data()) == 1);
        CHECK(EVP_EncryptUpdate(context_.raw, out.data(), &length, out.data(),
                                static_cast<int>(out.size())) == 1);
    }

 private:
    const SuiteShape& shape_;
    BytesView key_;
    std::array<uint8_t, 14> salt_{};
    CipherContext context_;
};

// RFC 2104, with the two padded keys already hashed.
struct HmacSha1 {
    SHA_CTX inner, outer;

    explicit HmacSha1(BytesView key) {
        uint8_t block[SHA_CBLOCK];
        const auto start = [&](SHA_CTX& context, uint8_t pad) {
            std::memset(block, pad, sizeof block);
            for (size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
            SHA1_Init(&context);
            SHA1_Update(&context, block, sizeof block);
        };
        start(inner, 0x36);
        start(outer, 0x5c);
    }
    std::array<uint8_t, SHA_DIGEST_LENGTH> of(BytesView data) const {
        std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
        SHA_CTX context = inner;
        SHA1_Update(&context, data.data(), data.size());
        SHA1_Final(digest.data(), &context);
        context = outer;
        SHA1_Update(&context, digest.data(), digest.size());
        SHA1_Final(digest.data(), &context);
        return digest;
    }
};

}  // namespace

struct SrtpCipher::State {
    CipherContext cipher;
    HmacSha1 hmac{BytesView()};
};

const SuiteShape& shape_of(SrtpSuite suite) {
    return kShapes[static_cast<size_t>(suite)];
}

SessionKeys derive_session_keys(SrtpSuite suite, BytesView key_and_salt, KeySet keys) {
    const SuiteShape& shape = shape_of(suite);
    CHECK(key_and_salt.size() == shape.key_bytes + shape.salt_bytes);
    KeyDerivation derivation(shape, key_and_salt);
    SessionKeys out;
    const auto label = static_cast<uint8_t>(keys);  // then authentication, then salt
    derivation.derive(label, std::span(out.encryption).first(shape.key_bytes));
    if (!shape.gcm) derivation.derive(label + 1, out.authentication);
    derivation.derive(label + 2, std::span(out.salt).first(shape.salt_bytes));
    return out;
}

SrtpCipher::SrtpCipher(SrtpSuite suite, const SessionKeys& keys, SrtpUse use)
    : state_(std::make_unique<State>()), salt_(keys.salt), gcm_(shape_of(suite).gcm) {
    const size_t key_bytes = shape_of(suite).key_bytes;
    if (!gcm_) state_->hmac = HmacSha1(keys.authentication);
    const EVP_CIPHER* cipher = gcm_ ? gcm_cipher(key_bytes) : counter_cipher(key_bytes);
    const int encrypts = !gcm_ || use == SrtpUse::Send;  // the counter mode is its own inverse
    CHECK(EVP_CipherInit_ex(state_->cipher.raw, cipher, nullptr, keys.encryption.data(), nullptr,
                            encrypts) == 1);
}

SrtpCipher::~SrtpCipher() = default;

//          0   1   2   3   4 .. 7   8 .. 13        14 15
// AES-CM   salt                     (14 bytes)     0  0     SSRC at 4, 48-bit index at 8
// GCM RTP  salt (12 bytes)          SSRC at 2, ROC at 6, sequence at 10
// GCM RTCP salt (12 bytes)          SSRC at 2, 31-bit index at 8
SrtpCipher::Vector SrtpCipher::vector_for(uint32_t ssrc, uint64_t index) const {
    Vector vector{};
    std::memcpy(vector.data(), salt_.data(), salt_.size());
    const auto mix32 = [&](size_t at, uint32_t value) {
        store32(&vector[at], load32(&vector[at]) ^ value);
    };
    const auto mix48 = [&](size_t at) {
        store16(&vector[at], static_cast<uint16_t>(load16(&vector[at]) ^ (index >> 32)));
        mix32(at + 2, static_cast<uint32_t>(index));
    };
    mix32(gcm_ ? 2 : 4, ssrc);
    mix48(gcm_ ? 6 : 8);  // an SRTCP index has its upper 16 bits zero
    return vector;
}

void SrtpCipher::xor_keystream(const Vector& vector, std::span<uint8_t> data) {
    int length = 0;
    EVP_CIPHER_CTX* cipher = state_->cipher.raw;
    CHECK(EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, vector.data()) == 1);
    CHECK(EVP_EncryptUpdate(cipher, data.data(), &length, data.data(),
                            static_cast<int>(data.size())) == 1);
}

std::array<uint8_t, 20> SrtpCipher::authenticate(BytesView data) const {
    return state_->hmac.of(data);
}

void SrtpCipher::seal(const Vector& vector, BytesView aad, std::span<uint8_t> data, uint8_t* tag) {
    int length = 0;
    EVP_CIPHER_CTX* cipher = state_->cipher.raw;
    CHECK(EVP_EncryptInit_ex(cipher, nullptr, nullptr, nullptr, vector.data()) == 1);
    CHECK(EVP_EncryptUpdate(cipher, nullptr, &length, aad.data(), static_cast<int>(aad.size())) ==
          1);
    CHECK(EVP_EncryptUpdate(cipher, data.data(), &length, data.data(),
                            static_cast<int>(data.size())) == 1);
    CHECK(EVP_EncryptFinal_ex(cipher, data.data() + data.size(), &length) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, kGcmTagBytes, tag) == 1);
}

bool SrtpCipher::open(const Vector& vector, BytesView aad, std::span<uint8_t> data,
                      const uint8_t* tag) {
    int length = 0;
    EVP_CIPHER_CTX* cipher = state_->cipher.raw;
    uint8_t expected[kGcmTagBytes];
    std::memcpy(expected, tag, sizeof expected);
    CHECK(EVP_DecryptInit_ex(cipher, nullptr, nullptr, nullptr, vector.data()) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, kGcmTagBytes, expected) == 1);
    CHECK(EVP_DecryptUpdate(cipher, nullptr, &length, aad.data(), static_cast<int>(aad.size())) ==
          1);
    CHECK(EVP_DecryptUpdate(cipher, data.data(), &length, data.data(),
                            static_cast<int>(data.size())) == 1);
    return EVP_DecryptFinal_ex(cipher, data.data() + data.size(), &length) == 1;
}

}  // namespace tandem::rtp
