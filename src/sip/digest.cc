#include "sip/digest.h"

#include <array>

#include "base/bytes.h"
#include "base/crypto.h"
#include "sip/message.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

HashAlgorithm hash_of(DigestAlgorithm algorithm) {
    switch (algorithm) {
        case DigestAlgorithm::Md5:
            return HashAlgorithm::Md5;
        case DigestAlgorithm::Sha256:
            return HashAlgorithm::Sha256;
        case DigestAlgorithm::Sha512_256:
            break;
    }
    return HashAlgorithm::Sha512_256;
}

// The parts with colons between them.
std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    size_t size = parts.size();
    for (const std::string_view part : parts) size += part.size();
    text.reserve(size);
    for (const std::string_view part : parts) text.append(part).append(":");
    text.pop_back();
    return text;
}

Error malformed(std::string_view what) {
    return make_error(ErrorCode::Malformed, "Authorization", what, 400);
}

// The list in qop="auth,auth-int" holds "auth".
bool offers_auth(std::string_view qop) {
    while (!qop.empty()) {
        if (equals_ignoring_case(next_list_value(qop), "auth")) return true;
    }
    return false;
}

bool is_nonce_count(std::string_view nc) {
    if (nc.size() != 8) return false;
    constexpr std::string_view digits = "0123456789abcdefABCDEF";
    return nc.find_first_not_of(digits) == std::string_view::npos;
}

uint32_t decode_hex32(std::string_view digits) {
    uint32_t value = 0;
    for (const char c : digits) {
        const bool decimal = c >= '0' && c <= '9';
        value = value * 16 + static_cast<uint32_t>(decimal ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

std::string encode_hex32(uint32_t value) {
    std::string digits(8, '0');
    for (size_t i = 8; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
    return digits;
}

// What is needed of every answer, whatever it is to.
Result<void> check_complete(const DigestCredentials& credentials, const Params& params) {
    const bool complete = !credentials.username.empty() && params.has("realm") &&
                          !credentials.nonce.empty() && !credentials.uri.empty() &&
                          !credentials.response.empty();
    if (!complete) return malformed("username, realm, nonce, uri and response are needed");
    if (!credentials.qop_auth) return {};
    if (credentials.cnonce.empty() || !is_nonce_count(credentials.nc)) {
        return malformed("qop needs cnonce and an nc of eight hex digits");
    }
    return {};
}

}  // namespace

std::string_view to_string(DigestAlgorithm algorithm) {
    constexpr std::array<std::string_view, 3> names = {"MD5", "SHA-256", "SHA-512-256"};
    return names[static_cast<size_t>(algorithm)];
}

std::optional<DigestAlgorithm> digest_algorithm_from(std::string_view token) {
    for (const auto algorithm :
         {DigestAlgorithm::Md5, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512_256}) {
        if (equals_ignoring_case(token, to_string(algorithm))) return algorithm;
    }
    return std::nullopt;
}

std::string ha1(DigestAlgorithm algorithm, std::string_view user, std::string_view realm,
                std::string_view password) {
    return hash_hex(hash_of(algorithm), joined({user, realm, password}));
}

std::string digest_response(const DigestInput& input) {
    const HashAlgorithm algorithm = hash_of(input.algorithm);
    const std::string ha2 = hash_hex(algorithm, joined({input.method, input.uri}));
    if (input.qop.empty()) return hash_hex(algorithm, joined({input.ha1, input.nonce, ha2}));
    return hash_hex(algorithm,
                    joined({input.ha1, input.nonce, input.nc, input.cnonce, input.qop, ha2}));
}

Result<DigestCredentials> DigestCredentials::parse(const AuthValue& value) {
    if (!value.is_digest()) return malformed("scheme is not Digest");
    if (!value.params.well_formed()) return malformed("parameters");
    DigestCredentials credentials;
    credentials.algorithm = DigestAlgorithm::Md5;
    for (const Param& param : value.params) {
        const auto is = [&](std::string_view name) { return same_name(param.name, name); };
        if (is("username")) credentials.username = param.value;
        if (is("realm")) credentials.realm = param.value;
        if (is("nonce")) credentials.nonce = param.value;
        if (is("uri")) credentials.uri = param.value;
        if (is("response")) credentials.response = param.value;
        if (is("cnonce")) credentials.cnonce = param.value;
        if (is("opaque")) credentials.opaque = param.value;
        if (is("nc")) credentials.nc = param.value;
        if (is("algorithm")) credentials.algorithm = digest_algorithm_from(param.value);
        if (is("qop")) {
            // INTEROP: some quote the value, which RFC 7616 3.4 does not.
            if (!equals_ignoring_case(param.value, "auth")) return malformed("qop was not offered");
            credentials.qop_auth = true;
        }
    }
    TRY(check_complete(credentials, value.params));
    if (credentials.qop_auth) credentials.nonce_count = decode_hex32(credentials.nc);
    return credentials;
}

Result<DigestChallenge> DigestChallenge::parse(const AuthValue& value) {
    if (!value.is_digest()) return malformed("scheme is not Digest");
    if (!value.params.well_formed()) return malformed("parameters");
    DigestChallenge challenge;
    challenge.realm = value.params.get("realm").value_or("");
    challenge.nonce = value.params.get("nonce").value_or("");
    challenge.opaque = value.params.get("opaque").value_or("");
    challenge.stale = equals_ignoring_case(value.params.get("stale").value_or(""), "true");
    const auto qop = value.params.get("qop");
    challenge.qop_auth = qop && offers_auth(*qop);
    if (qop && !challenge.qop_auth) return malformed("qop without auth");
    challenge.algorithm = digest_algorithm_from(value.params.get("algorithm").value_or("MD5"));
    if (challenge.nonce.empty()) return malformed("nonce is needed");
    return challenge;
}

std::string DigestChallenge::text() const {
    // Realm and opaque are kept as they stand between quotes, so what was parsed is written the
    // same.
    std::string out = "Digest realm=\"";
    out.append(realm).append("\", nonce=\"").append(nonce).append("\"");
    if (!opaque.empty()) out.append(", opaque=\"").append(opaque).append("\"");
    if (stale) out.append(", stale=true");
    if (algorithm) out.append(", algorithm=").append(to_string(*algorithm));
    if (qop_auth) out.append(", qop=\"auth\"");
    return out;
}

std::string answer_challenge(const DigestChallenge& challenge, const DigestIdentity& who,
                             const DigestAnswer& request) {
    const DigestAlgorithm algorithm = challenge.algorithm.value_or(DigestAlgorithm::Md5);
    const std::string secret = ha1(algorithm, who.user, unquote(challenge.realm), who.password);
    const std::string nc = encode_hex32(request.nonce_count);
    const std::string cnonce(request.cnonce);
    DigestInput input{.algorithm = algorithm,
                      .ha1 = secret,
                      .nonce = challenge.nonce,
                      .qop = challenge.qop_auth ? "auth" : "",
                      .nc = nc,
                      .cnonce = cnonce,
                      .method = request.method,
                      .uri = request.uri};
    std::string out = "Digest username=" + quote(who.user);
    out.append(", realm=\"").append(challenge.realm).append("\", nonce=\"").append(challenge.nonce);
    out.append("\", uri=\"").append(request.uri).append("\", response=\"");
    out.append(digest_response(input)).append("\", algorithm=").append(to_string(algorithm));
    if (!challenge.opaque.empty()) out.append(", opaque=\"").append(challenge.opaque).append("\"");
    if (challenge.qop_auth) {
        out.append(", cnonce=\"").append(cnonce).append("\", qop=auth, nc=").append(nc);
    }
    return out;
}

std::optional<DigestChallenge> first_known_challenge(const Message& response, HeaderId id) {
    for (const Result<AuthValue> value : response.auth_values(id)) {
        if (!value) continue;
        const auto challenge = DigestChallenge::parse(*value);
        if (challenge && challenge->algorithm) return *challenge;
    }
    return std::nullopt;
}

}  // namespace tandem::sip
