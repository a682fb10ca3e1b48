#include "sip/digest_verifier.h"

#include <bit>

#include "base/check.h"
#include "sip/scanner.h"
#include "sip/uri.h"

namespace tandem::sip {
namespace {

using namespace std::chrono_literals;

constexpr size_t stamp_digits = 12;   // 48 bits of milliseconds
constexpr size_t random_digits = 12;  // 48 bits: a billion nonces of one millisecond never meet
constexpr size_t mac_digits = 24;     // 96 bits
constexpr size_t nonce_digits = stamp_digits + random_digits + mac_digits;
// How far ahead another server's clock may be.
constexpr std::chrono::milliseconds clock_skew_max = 5s;

std::string encode_hex48(uint64_t value) {
    std::string digits(12, '0');
    for (size_t i = digits.size(); i-- > 0; value >>= 4) {
        digits[i] = "0123456789abcdef"[value & 15];
    }
    return digits;
}

std::string mac_of(BytesView key, std::string_view front, std::string_view realm) {
    std::string text(front);
    text.append(":").append(realm);
    const auto mac = hmac_sha256(key, as_bytes(text));
    return hex_encode(BytesView(mac).first(mac_digits / 2));
}

uint64_t stamp_of(std::string_view nonce) {
    uint64_t stamp = 0;
    for (const char c : nonce.substr(0, stamp_digits)) {
        const bool decimal = c >= '0' && c <= '9';
        stamp = stamp * 16 + static_cast<uint64_t>(decimal ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return stamp;
}

}  // namespace

NonceSource::NonceSource(Bytes key, std::chrono::milliseconds lifetime)
    : key_(std::move(key)), lifetime_(lifetime) {
    CHECK(key_.size() >= 16);
}

std::string NonceSource::make(std::string_view realm, UtcTime now, Rng& rng) const {
    std::string nonce = encode_hex48(static_cast<uint64_t>(now.unix_ms)) + encode_hex48(rng.next());
    return nonce + mac_of(key_, nonce, realm);
}

NonceState NonceSource::check(std::string_view nonce, std::string_view realm, UtcTime now) const {
    if (nonce.size() != nonce_digits) return NonceState::Forged;
    const std::string_view front = nonce.substr(0, stamp_digits + random_digits);
    const std::string mac = mac_of(key_, front, realm);
    if (!equals_constant_time(as_bytes(mac), as_bytes(nonce.substr(front.size())))) {
        return NonceState::Forged;
    }
    const std::chrono::milliseconds age(now.unix_ms - issued_at(nonce).unix_ms);
    return age > lifetime_ || age < -clock_skew_max ? NonceState::Stale : NonceState::Fresh;
}

UtcTime NonceSource::issued_at(std::string_view nonce) {
    return {static_cast<int64_t>(stamp_of(nonce))};
}

NonceCounts::NonceCounts(SipHashKey key, size_t capacity) : key_(key) {
    // Two halves, each filled to 3/4 at most so that searches stay short.
    const size_t half = std::bit_ceil(std::max<size_t>(capacity / 2, 16));
    current_.entries.resize(half);
    previous_.entries.resize(half);
}

NonceCounts::Entry& NonceCounts::Table::slot(uint64_t wanted) {
    const size_t mask = entries.size() - 1;
    size_t place = static_cast<size_t>(wanted) & mask;
    while (entries[place].key != 0 && entries[place].key != wanted) place = (place + 1) & mask;
    return entries[place];
}

void NonceCounts::rotate() {
    if (previous_.used > 0 && previous_.latest > forgotten_until_) {
        forgotten_until_ = previous_.latest;
    }
    std::swap(current_, previous_);
    current_.used = 0;
    current_.latest = {};
    for (Entry& entry : current_.entries) entry = {};
}

NonceCounts::Verdict NonceCounts::use(std::string_view nonce, UtcTime issued, uint32_t count) {
    uint64_t key = siphash(key_, as_bytes(nonce));
    if (key == 0) key = 1;
    for (Table* const table : {&current_, &previous_}) {
        Entry& known = table->slot(key);
        if (known.key != key) continue;
        if (count <= known.count) return Verdict::Replayed;
        known.count = count;
        return Verdict::Accepted;
    }
    if (count > 1 || issued <= forgotten_until_) return Verdict::Stale;
    if (current_.used >= current_.entries.size() / 4 * 3) rotate();
    Entry& fresh = current_.slot(key);
    fresh = {key, count};
    ++current_.used;
    if (issued > current_.latest) current_.latest = issued;
    return Verdict::Accepted;
}

bool response_matches(const DigestCredentials& credentials, std::string_view ha1,
                      std::string_view method) {
    if (!credentials.algorithm) return false;
    const DigestInput input{.algorithm = *credentials.algorithm,
                            .ha1 = ha1,
                            .nonce = credentials.nonce,
                            .qop = credentials.qop_auth ? "auth" : "",
                            .nc = credentials.nc,
                            .cnonce = credentials.cnonce,
                            .method = method,
                            .uri = credentials.uri};
    const std::string want = digest_response(input);
    const std::string have = to_lower(credentials.response);
    return equals_constant_time(as_bytes(want), as_bytes(have));
}

bool names_resource(std::string_view credentials_uri, std::string_view request_uri) {
    if (credentials_uri == request_uri) return true;
    const auto named = UriView::parse(credentials_uri);
    const auto asked = UriView::parse(request_uri);
    if (!named || !asked) return false;
    if (!named->is_sip() || !asked->is_sip()) return equivalent(*named, *asked);
    if (named->has_user && (!asked->has_user || named->decoded_user() != asked->decoded_user())) {
        return false;
    }
    return equals_ignoring_case(named->host(), asked->host()) || named->host_port.is_address() ||
           asked->host_port.is_address();
}

DigestOutcome verify_digest(const DigestCredentials& credentials, const DigestQuestion& question,
                            const NonceSource& nonces, NonceCounts& counts, UtcTime now) {
    if (!credentials.algorithm) return DigestOutcome::UnknownAlgorithm;
    if (credentials.nonce.size() > nonce_bytes_max) return DigestOutcome::Malformed;
    const bool legacy_allowed = question.legacy == LegacyDigest::Accepted;
    if (!credentials.qop_auth && !legacy_allowed) return DigestOutcome::Malformed;
    // RFC 7616 3.4: nc starts at 1.
    if (credentials.qop_auth && credentials.nonce_count == 0) return DigestOutcome::Malformed;
    if (!names_resource(credentials.uri, question.uri)) return DigestOutcome::Malformed;
    const NonceState state = nonces.check(credentials.nonce, question.realm, now);
    const bool matches = response_matches(credentials, question.ha1, question.method);
    const bool right_realm = credentials.realm == question.realm;
    if (!matches || !right_realm) return DigestOutcome::Wrong;
    if (state != NonceState::Fresh) return DigestOutcome::Stale;
    const UtcTime issued = NonceSource::issued_at(credentials.nonce);
    switch (counts.use(credentials.nonce, issued, credentials.nonce_count)) {
        case NonceCounts::Verdict::Accepted:
            return DigestOutcome::Ok;
        case NonceCounts::Verdict::Stale:
            return DigestOutcome::Stale;
        case NonceCounts::Verdict::Replayed:
            break;
    }
    return DigestOutcome::Replayed;
}

}  // namespace tandem::sip
