// The ciphers of SRTP over OpenSSL's, keyed once and reset by the initialisation vector of each
// packet.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "rtp/srtp.h"

namespace tandem::rtp {

struct SuiteShape {
    size_t key_bytes;
    size_t salt_bytes;  // of the master salt
    size_t rtp_tag_bytes;
    size_t rtcp_tag_bytes;  // 80 bits for the _32 suites too (RFC 4568 6.2.2)
    bool gcm;
};
const SuiteShape& shape_of(SrtpSuite suite);

// Which of the two sets of session keys, by the first of its three labels (RFC 3711 4.3.2).
enum class KeySet : uint8_t { Rtp = 0, Rtcp = 3 };

struct SessionKeys {  // what a suite does not use is zero
    std::array<uint8_t, 32> encryption{};
    std::array<uint8_t, 20> authentication{};
    std::array<uint8_t, 14> salt{};
};
SessionKeys derive_session_keys(SrtpSuite suite, BytesView key_and_salt, KeySet keys);

// The transforms of one set of session keys. Does not know packets.
class SrtpCipher {
 public:
    using Vector = std::array<uint8_t, 16>;  // AES-CM: the whole block; GCM: the first 12 bytes

    SrtpCipher(SrtpSuite suite, const SessionKeys& keys, SrtpUse use);
    ~SrtpCipher();

    // The session salt XOR SSRC and index, laid out as RFC 3711 4.1.1 and RFC 7714 8.1, 9.1 say.
    Vector vector_for(uint32_t ssrc, uint64_t index) const;

    void xor_keystream(const Vector& vector, std::span<uint8_t> data);  // AES-CM
    std::array<uint8_t, 20> authenticate(BytesView data) const;         // HMAC-SHA1
    void seal(const Vector& vector, BytesView aad, std::span<uint8_t> data, uint8_t* tag);
    bool open(const Vector& vector, BytesView aad, std::span<uint8_t> data, const uint8_t* tag);

 private:
    struct State;
    std::unique_ptr<State> state_;
    std::array<uint8_t, 14> salt_{};
    bool gcm_;
};

}  // namespace tandem::rtp
