// Whether texts that somebody gives as a certificate and its key can serve TLS. Over OpenSSL, pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace tandem {

// PEM certificates, one after the other, of authorities that are to be trusted. Errors name
// `field`.
Result<void> check_authorities(std::string_view pem, std::string_view field);

// `chain`: PEM, the server's certificate first, then its issuers. `key`: PEM without passphrase.
// Errors name the field `certificate` or `certificate_key`: no PEM, a key where all can read it,
// expired at `now`, a key that does not sign for the certificate.
Result<void> check_certificate(std::string_view chain, std::string_view key, UtcTime now);

// When the first certificate of a chain expires; nullopt: there is none.
std::optional<UtcTime> certificate_end(std::string_view chain);

}  // namespace tandem
