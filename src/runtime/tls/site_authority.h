// The authority of a site, which says who belongs to it: an EC P-256 key and certificate, made at
// the first start of the first server, that sign the certificates of links between servers.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/net_address.h"
#include "base/result.h"
#include "runtime/tls/certificates.h"

namespace tandem::runtime {

// Long enough for a server that was switched off for weeks; its holder asks for the next one after
// two thirds.
inline constexpr std::chrono::seconds link_certificate_valid = std::chrono::days(90);

// The authority's own certificate; every site gets a name by chance, for people who compare.
Result<Certificate> make_site_authority(UtcTime now);

// A key of its own (EC P-256, PEM), and the request for a certificate of it (PKCS #10, PEM).
Result<std::string> make_link_key();
Result<std::string> make_certificate_request(std::string_view key_pem);

// What a certificate of a server says.
struct LinkSubject {
    std::string server;                // its name, as common and as DNS name
    std::vector<IpAddress> addresses;  // of its links
};
// Only the key of the request is taken, and that the asker has it; the names are the site's own
// knowledge. Malformed: no request, or not signed by its key.
Result<std::string> sign_request(const Certificate& authority, std::string_view request_pem,
                                 const LinkSubject& subject, UtcTime now,
                                 std::chrono::seconds valid = link_certificate_valid);

// SHA-256 of the certificate (DER), in hexadecimal digits. Empty: no certificate.
std::string fingerprint_of(std::string_view certificate_pem);

// Whether the holder should ask for a new certificate: two thirds of its time are over, or it does
// not name the subject.
bool wants_renewal(std::string_view certificate_pem, const LinkSubject& subject, UtcTime now);

// For who has no certificate of the site yet and knows the authority by its fingerprint: `chain`
// is what the peer has shown, its own certificate first. Not judged by time: our clock may be
// wrong, and the site will tell us. Answers the authority's certificate (PEM).
// Forbidden: of another site. Unauthorized: not signed by that authority.
Result<std::string> check_shown_by(const std::vector<std::string>& chain,
                                   std::string_view fingerprint);

}  // namespace tandem::runtime
