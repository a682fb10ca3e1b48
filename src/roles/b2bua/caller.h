// Who calls: the domain and the account behind a request, proved by digest. RFC 3261 22.3, RFC
// 7616, RFC 8760. Known and unknown users get the same answers after the same work.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/rng.h"
#include "sip/digest_verifier.h"
#include "sip/message.h"
#include "store/catalog.h"

namespace tandem::roles::b2bua {

// Where a request belongs: the caller's domain, and what is dialled there.
struct Placement {
    const store::Entity<model::Domain>* domain = nullptr;
    std::string dialled;  // user part of the Request-URI, unescaped
    int refusal = 0;      // SIP status when there is no place for it
};
Placement place(const store::Catalog& catalog, const sip::Message& request, UtcTime now);

struct CallerKeys {
    SealKey credentials{};  // that digests of passwords are sealed under
    Bytes nonces;           // of the system, so that every instance can check the others' nonces
};

// Owned by the role.
class CallerCheck {
 public:
    CallerCheck(CallerKeys keys, Rng& rng);

    enum class Verdict : uint8_t {
        Passed,     // `account` is who calls
        Challenge,  // answer 407 with challenge()
        Refused,    // answer `status`
    };
    struct Outcome {
        Verdict verdict = Verdict::Challenge;
        const store::AccountRecord* account = nullptr;
        bool stale = false;
        int status = 403;
    };
    Outcome check(const store::Catalog& catalog, const store::Entity<model::Domain>& domain,
                  const sip::Message& request, UtcTime now);
    // A 407 with one challenge for each algorithm of the domain, the best first (RFC 8760 2.4).
    sip::Message challenge(const store::Entity<model::Domain>& domain, const sip::Message& request,
                           bool stale, UtcTime now, Rng& rng) const;

 private:
    Outcome judge(const store::Catalog& catalog, const store::Entity<model::Domain>& domain,
                  const sip::Message& request, const sip::DigestCredentials& credentials,
                  UtcTime now);

    SealKey credentials_key_;
    Bytes nobody_;  // sealed digests of no password at all
    sip::NonceSource nonces_;
    sip::NonceCounts counts_;
};

}  // namespace tandem::roles::b2bua
