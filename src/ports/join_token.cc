#include "ports/join_token.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crypto.h"

namespace tandem::ports {
namespace {

// Version of the format; then a checksum, as tokens are cut by copying.
constexpr std::string_view kHead = "tandem1-";
constexpr size_t kTokenBytesMax = 4'096;
constexpr size_t kFingerprintDigits = 64;
constexpr size_t kSumDigits = 8;

Error no_token(std::string_view why) {
    return make_error(ErrorCode::Unauthorized, "token", why);
}

std::string sum_of(std::string_view inside) {
    return hash_hex(HashAlgorithm::Sha256, inside).substr(0, kSumDigits);
}

// RFC 4648 5 without padding.
std::string to_url(std::string_view text) {
    std::string encoded = base64_encode(as_bytes(text));
    while (encoded.ends_with('=')) encoded.pop_back();
    std::ranges::replace(encoded, '+', '-');
    std::ranges::replace(encoded, '/', '_');
    return encoded;
}
std::optional<std::string> from_url(std::string_view text) {
    std::string encoded(text);
    std::ranges::replace(encoded, '-', '+');
    std::ranges::replace(encoded, '_', '/');
    encoded.append((4 - encoded.size() % 4) % 4, '=');
    const auto bytes = base64_decode(encoded);
    return bytes ? std::optional(std::string(as_text(*bytes))) : std::nullopt;
}

std::string_view next_word(std::string_view& rest) {
    const size_t end = rest.find(' ');
    const std::string_view word = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return word;
}

}  // namespace

std::string encode(const JoinToken& token) {
    std::string inside = token.secret + ' ' + token.fingerprint;
    for (const SocketAddress& address : token.addresses) inside += ' ' + address.text();
    return std::string(kHead) + to_url(sum_of(inside) + inside);
}

Result<JoinToken> decode_join_token(std::string_view text) {
    text = trim(text);
    if (!text.starts_with(kHead) || text.size() > kTokenBytesMax) {
        return no_token("this is no token; one begins with " + std::string(kHead));
    }
    const auto whole = from_url(text.substr(kHead.size()));
    if (!whole || whole->size() < kSumDigits) return no_token("the token is damaged");
    std::string_view rest = std::string_view(*whole).substr(kSumDigits);
    if (whole->substr(0, kSumDigits) != sum_of(rest)) {
        return no_token("the token is damaged or not whole: copy all of it");
    }
    JoinToken token;
    token.secret = next_word(rest);
    token.fingerprint = next_word(rest);
    while (!rest.empty()) {
        const auto address = SocketAddress::parse(next_word(rest));
        if (!address) return no_token("the token holds an address that is none");
        token.addresses.push_back(*address);
    }
    const bool complete = !token.secret.empty() && !token.addresses.empty() &&
                          token.fingerprint.size() == kFingerprintDigits;
    if (!complete) return no_token("the token is damaged");
    return token;
}

}  // namespace tandem::ports
