// Digest authentication: the arithmetic and the text, for servers and clients. RFC 7616 3, RFC
// 8760. qop=auth only; auth-int is not offered, -sess algorithms and userhash are not used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sip/header_id.h"
#include "sip/headers.h"

namespace tandem::sip {

enum class DigestAlgorithm : uint8_t { Md5, Sha256, Sha512_256 };

std::string_view to_string(DigestAlgorithm algorithm);  // "MD5", "SHA-256", "SHA-512-256"
// Without case; nullopt: not offered.
std::optional<DigestAlgorithm> digest_algorithm_from(std::string_view token);

// H(user ":" realm ":" password) in lower-case hex: what an account stores instead of its password.
std::string ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                std::string_view password);

struct DigestInput {
    DigestAlgorithm algorithm = DigestAlgorithm::Md5;
    std::string_view ha1;
    std::string_view nonce;
    std::string_view qop;  // "auth", or empty for the legacy form of RFC 2069
    std::string_view nc;   // eight hex digits
    std::string_view cnonce;
    std::string_view method;
    std::string_view uri;
};
// RFC 7616 3.4.1, lower-case hex.
std::string digest_response(const DigestInput& input);

// The parameters of an Authorization or Proxy-Authorization. Views into the message.
struct DigestCredentials {
    std::string_view username;  // escapes kept: see unquote()
    std::string_view realm;
    std::string_view nonce;
    std::string_view uri;
    std::string_view response;
    std::string_view cnonce;
    std::string_view opaque;
    std::string_view nc;
    uint32_t nonce_count = 0;  // decoded nc; 0 without qop
    bool qop_auth = false;
    std::optional<DigestAlgorithm>
        algorithm;  // MD5 when not named; nullopt: one that we don't know
    // Malformed (400) when a needed parameter is absent or nc is not eight hex digits.
    static Result<DigestCredentials> parse(const AuthValue& value);
};

struct DigestChallenge {
    std::string_view realm;
    std::string_view nonce;
    std::string_view opaque;
    std::optional<DigestAlgorithm> algorithm = DigestAlgorithm::Md5;
    bool stale = false;
    bool qop_auth = true;  // offered; false: the legacy form is wanted
    static Result<DigestChallenge> parse(const AuthValue& value);
    std::string text() const;  // the value of WWW-Authenticate or Proxy-Authenticate
};

struct DigestIdentity {
    std::string_view user;
    std::string_view password;
};
struct DigestAnswer {
    std::string_view method;
    std::string_view uri;
    std::string_view cnonce;
    uint32_t nonce_count = 1;
};
// The client's side: the value of Authorization or Proxy-Authorization.
std::string answer_challenge(const DigestChallenge& challenge, const DigestIdentity& who,
                             const DigestAnswer& request);

// The first challenge of the response that we can answer: servers list them in order of preference
// (RFC 8760 2.4). `id` is WwwAuthenticate or ProxyAuthenticate.
class Message;
std::optional<DigestChallenge> first_known_challenge(const Message& response, HeaderId id);

}  // namespace tandem::sip
