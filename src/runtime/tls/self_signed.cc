// Certificates that a server makes for itself at its first start, so that TLS works at once.
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <filesystem>

#include "runtime/tls/certificates.h"
#include "runtime/tls/x509_parts.h"

namespace tandem::runtime {

namespace {

constexpr long kValidSeconds = 10L * 365 * 86'400;
constexpr long kBackdateSeconds = 86'400;  // phones with a clock that is a little behind

}  // namespace

Result<Certificate> make_self_signed(const SelfSignedSubject& subject, UtcTime now) {
    const OwnedX509<EVP_PKEY> key(EVP_EC_gen("P-256"));
    if (!key) return make_error(ErrorCode::Internal, "key", "cannot make a P-256 key");
    const auto certificate =
        new_certificate(key.get(), subject.common_name, now, kValidSeconds, kBackdateSeconds);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    X509* const self = certificate.get();
    add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(self, self, NID_ext_key_usage, "serverAuth,clientAuth");
    add_names(self, subject.dns_names, subject.addresses);
    if (X509_sign(self, key.get(), EVP_sha256()) == 0) {
        return make_error(ErrorCode::Internal, "certificate", "cannot sign the certificate");
    }
    return Certificate{pem_of(self), pem_of(key.get())};
}

Result<void> ensure_self_signed_files(const std::string& directory,
                                      const SelfSignedSubject& subject, UtcTime now) {
    const std::filesystem::path folder(directory);
    std::error_code error;
    if (std::filesystem::exists(folder / "server.crt", error) &&
        std::filesystem::exists(folder / "server.key", error)) {
        return {};
    }
    std::filesystem::create_directories(folder, error);
    if (error) {
        return make_error(ErrorCode::Unavailable, "path", "cannot make the directory " + directory);
    }
    const Certificate made = TRY(make_self_signed(subject, now));
    TRY(write_file(directory + "/server.key", made.key_pem, 0600));
    // Last, and whole at once: who finds the certificate finds its key.
    return write_file(directory + "/server.crt", made.chain_pem, 0644);
}

}  // namespace tandem::runtime
