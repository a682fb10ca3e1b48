// What a client has been challenged with, so that its requests prove who it is to each realm on
// their way: proxies (407) and the other end (401) may all ask. RFC 3261 22.2 and 22.3, RFC 7616.
//
// Pure; owned by whoever makes the requests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "sip/digest.h"
#include "sip/message.h"

namespace tandem::sip {

// Realms between us and a provider's server: one or two. A peer that names ever new ones must not
// make requests grow.
inline constexpr size_t digest_realms_max = 4;

// Who we are, to whom.
struct DigestSecrets {
    std::string user;  // where no realm below fits
    std::string password;
    struct OfRealm {
        std::string realm;
        std::string user;
        std::string password;
        friend bool operator==(const OfRealm&, const OfRealm&) = default;
    };
    std::vector<OfRealm> realms{};  // the first that fits counts
    friend bool operator==(const DigestSecrets&, const DigestSecrets&) = default;
    DigestIdentity in(std::string_view realm) const;
};

class DigestAnswers {
 public:
    // Whether another try may do better than `request`, which has earned this 401 or 407: it had no
    // proof for the realm, or one by a nonce that had been used before and is refused now. A proof
    // by a new nonce that is refused shows that user or password are wrong.
    static bool asks_anew(const Message& request, const Message& response);

    // Keeps the challenge of a 401 or 407. False: there is none that we can answer.
    bool take(const Message& response);
    // Proves it to all realms that are known, in place of what the request says. Later requests
    // answer unasked (RFC 3261 22.3, RFC 7616 3.6).
    void prove(const DigestSecrets& who, Rng& rng, Message& request);
    void forget() { asked_.clear(); }

 private:
    struct Asked {
        bool by_proxy = false;
        std::string challenge;  // the value of the header
        uint32_t nonce_count = 0;
    };
    std::vector<Asked> asked_;  // the oldest first
};

}  // namespace tandem::sip
