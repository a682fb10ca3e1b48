// The server's side of digest authentication: nonces that need no memory, and the memory of their
// counts that stops replays. RFC 7616 3.3, 5.4 and 5.5.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/rng.h"
#include "sip/digest.h"
#include "sip/limits.h"

namespace tandem::sip {

enum class NonceState : uint8_t { Fresh, Stale, Forged };

// nonce = hex(issued ms: 6 bytes, random: 6 bytes, HMAC-SHA-256 of both with the realm: 12 bytes),
// 48 digits. Every instance that has the key can check a nonce that another one made.
class NonceSource {
 public:
    NonceSource(Bytes key, std::chrono::milliseconds lifetime);

    std::string make(std::string_view realm, UtcTime now, Rng& rng) const;
    // Stale: ours, but older than the lifetime, or from more than clock_skew_max ahead.
    NonceState check(std::string_view nonce, std::string_view realm, UtcTime now) const;
    // Of a nonce that check() found Fresh.
    static UtcTime issued_at(std::string_view nonce);

 private:
    Bytes key_;
    std::chrono::milliseconds lifetime_;
};

// The highest nonce count seen of each nonce: a count must rise (RFC 7616 3.4, nc). Bounded: when
// half of it is full the older half is forgotten, and nonces issued before any forgotten one are
// Stale.
class NonceCounts {
 public:
    enum class Verdict : uint8_t { Accepted, Stale, Replayed };

    NonceCounts(SipHashKey key, size_t capacity = nonce_counts_max);

    // A nonce that is not known yet is accepted with count 1 (or 0: no qop, good once) only;
    // another count of it means that we forgot it, or that another instance saw it: Stale.
    Verdict use(std::string_view nonce, UtcTime issued, uint32_t count);
    size_t size() const { return current_.used + previous_.used; }

 private:
    struct Entry {
        uint64_t key = 0;  // 0: free
        uint32_t count = 0;
    };
    struct Table {
        std::vector<Entry> entries;
        size_t used = 0;
        UtcTime latest;
        Entry& slot(uint64_t key);
    };
    void rotate();

    SipHashKey key_;
    Table current_;
    Table previous_;
    UtcTime forgotten_until_{INT64_MIN};
};

enum class DigestOutcome : uint8_t {
    Ok,
    Stale,             // right answer to an old or unknown nonce: challenge with stale=true
    Wrong,             // wrong response, or for another realm
    Replayed,          // a nonce count that was used before
    Malformed,         // answer 400; also for the URI of another resource (names_resource())
    UnknownAlgorithm,  // one that was not offered
};

// INTEROP: old phones answer without qop (RFC 2069); each nonce is then good once.
enum class LegacyDigest : uint8_t { Accepted, Refused };

struct DigestQuestion {
    std::string_view realm;   // that we challenged with
    std::string_view method;  // of the request
    std::string_view uri;     // the request's Request-URI
    std::string_view ha1;     // of the account, for the credentials' algorithm
    LegacyDigest legacy = LegacyDigest::Accepted;
};

// Whether the `uri` of credentials names what a request asks for. RFC 7616 3.4.6: it must be the
// same resource, else 400, since credentials that were overheard could be used for another number.
// RFC 3261 22.4 lets the two differ where a proxy has changed the Request-URI; before our gates is
// none that may. So the user (the dialled number) and the host must be the same, in the sense of
// RFC 3261 19.1.4 (escapes, case of the host). What real phones write differently is let pass, as
// it changes nothing of who is called:
//   INTEROP: parameters, headers, port and password count in neither; sip and sips are the same.
//   INTEROP: where one host is an address, the other may be a name, or another address: phones that
//   are set up with the server's address write it in one and the domain in the other.
//   INTEROP: a URI without a user names the server, as SIPp and some adapters write for whatever
//   they ask of it.
// Two tel URIs are compared by RFC 3966 4. (Digest.TheUriMustNameWhatIsAskedFor)
bool names_resource(std::string_view credentials_uri, std::string_view request_uri);

// Verifies and counts. For an unknown user call it with some other ha1, so that the timing tells
// nothing. A nonce is counted only when the response was right. A forged nonce is Wrong even with
// the right response: another instance's key may have changed, and a new challenge mends it.
DigestOutcome verify_digest(const DigestCredentials& credentials, const DigestQuestion& question,
                            const NonceSource& nonces, NonceCounts& counts, UtcTime now);

// The arithmetic alone: response right for ha1 and method, compared in constant time.
bool response_matches(const DigestCredentials& credentials, std::string_view ha1,
                      std::string_view method);

}  // namespace tandem::sip
