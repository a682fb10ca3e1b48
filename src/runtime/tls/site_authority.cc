#include "runtime/tls/site_authority.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/check.h"
#include "runtime/tls/x509_parts.h"

namespace tandem::runtime {

namespace {

constexpr long kAuthoritySeconds = 30L * 365 * 86'400;
// Servers whose clocks are further apart are refused when they join; this is for later.
constexpr long kBackdateSeconds = 3'600;

std::string name_by_chance() {
    std::array<unsigned char, 4> octets{};
    CHECK(RAND_bytes(octets.data(), octets.size()) == 1);
    return "Tandem site " + hex_encode(BytesView(octets.data(), octets.size()));
}

// Seconds since 1970 of an ASN.1 time.
std::optional<int64_t> seconds_of(const ASN1_TIME* time) {
    tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return timegm(&parts);
}

bool names(X509* certificate, const LinkSubject& subject) {
    if (X509_check_host(certificate, subject.server.data(), subject.server.size(), 0, nullptr) != 1)
        return false;
    return std::ranges::all_of(subject.addresses, [&](const IpAddress& address) {
        return X509_check_ip_asc(certificate, address.text().c_str(), 0) == 1;
    });
}

struct StoreFree {
    void operator()(X509_STORE* it) const { X509_STORE_free(it); }
    void operator()(X509_STORE_CTX* it) const { X509_STORE_CTX_free(it); }
};

}  // namespace

Result<Certificate> make_site_authority(UtcTime now) {
    const OwnedX509<EVP_PKEY> key(EVP_EC_gen("P-256"));
    if (!key) return make_error(ErrorCode::Internal, "key", "cannot make a P-256 key");
    const auto certificate =
        new_certificate(key.get(), name_by_chance(), now, kAuthoritySeconds, kBackdateSeconds);
    X509* const self = certificate.get();
    X509_set_issuer_name(self, X509_get_subject_name(self));
    add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(self, self, NID_subject_key_identifier, "hash");
    if (X509_sign(self, key.get(), EVP_sha256()) == 0) {
        return make_error(ErrorCode::Internal, "certificate", "cannot sign the certificate");
    }
    return Certificate{pem_of(self), pem_of(key.get())};
}

Result<std::string> make_link_key() {
    const OwnedX509<EVP_PKEY> key(EVP_EC_gen("P-256"));
    if (!key) return make_error(ErrorCode::Internal, "key", "cannot make a P-256 key");
    return pem_of(key.get());
}

Result<std::string> make_certificate_request(std::string_view key_pem) {
    const auto key = private_key_of(key_pem);
    if (!key) return make_error(ErrorCode::Malformed, "key", "holds no PEM private key");
    const OwnedX509<X509_REQ> request(X509_REQ_new());
    CHECK(request != nullptr);
    X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
    X509_REQ_set_pubkey(request.get(), key.get());
    if (X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
        return make_error(ErrorCode::Internal, "request", "cannot sign the request");
    }
    return pem_of(request.get());
}

Result<std::string> sign_request(const Certificate& authority, std::string_view request_pem,
                                 const LinkSubject& subject, UtcTime now,
                                 std::chrono::seconds valid) {
    const auto issuer = certificate_of(authority.chain_pem);
    const auto issuer_key = private_key_of(authority.key_pem);
    if (!issuer || !issuer_key || X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
        return make_error(ErrorCode::Internal, "authority",
                          "the key of the site's authority does not belong to its certificate");
    }
    const auto request = request_of(request_pem);
    EVP_PKEY* const key = request ? X509_REQ_get0_pubkey(request.get()) : nullptr;
    if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
        return make_error(ErrorCode::Malformed, "request",
                          "is no request for a certificate, signed by its own key");
    }
    const auto certificate =
        new_certificate(key, subject.server, now, valid.count(), kBackdateSeconds);
    X509* const leaf = certificate.get();
    X509_set_issuer_name(leaf, X509_get_subject_name(issuer.get()));
    add_extension(leaf, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf, issuer.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(leaf, issuer.get(), NID_authority_key_identifier, "keyid");
    add_names(leaf, {subject.server}, subject.addresses);
    if (X509_sign(leaf, issuer_key.get(), EVP_sha256()) == 0) {
        return make_error(ErrorCode::Internal, "certificate", "cannot sign the certificate");
    }
    return pem_of(leaf);
}

std::string fingerprint_of(std::string_view certificate_pem) {
    const auto certificate = certificate_of(certificate_pem);
    if (!certificate) return {};
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) == 1);
    return hex_encode(BytesView(digest.data(), size));
}

bool wants_renewal(std::string_view certificate_pem, const LinkSubject& subject, UtcTime now) {
    const auto certificate = certificate_of(certificate_pem);
    if (!certificate || !names(certificate.get(), subject)) return true;
    const auto from = seconds_of(X509_get0_notBefore(certificate.get()));
    const auto to = seconds_of(X509_get0_notAfter(certificate.get()));
    if (!from || !to) return true;
    return now.unix_ms / 1'000 >= *from + (*to - *from) / 3 * 2;
}

Result<std::string> check_shown_by(const std::vector<std::string>& chain,
                                   std::string_view fingerprint) {
    if (chain.empty()) {
        return make_error(ErrorCode::Unauthorized, "certificate", "has shown no certificate");
    }
    const std::string& root = chain.back();
    if (fingerprint_of(root) != fingerprint) {
        return make_error(ErrorCode::Forbidden, "certificate", "is of another site");
    }
    const auto leaf = certificate_of(chain.front());
    const auto authority = certificate_of(root);
    const std::unique_ptr<X509_STORE, StoreFree> store(X509_STORE_new());
    const std::unique_ptr<X509_STORE_CTX, StoreFree> check(X509_STORE_CTX_new());
    CHECK(store != nullptr && check != nullptr);
    X509_STORE_add_cert(store.get(), authority.get());
    X509_STORE_CTX_init(check.get(), store.get(), leaf.get(), nullptr);
    X509_STORE_CTX_set_flags(check.get(), X509_V_FLAG_NO_CHECK_TIME);
    X509_STORE_CTX_set_purpose(check.get(), X509_PURPOSE_SSL_SERVER);
    if (chain.size() < 2 || X509_verify_cert(check.get()) != 1) {
        const int why = X509_STORE_CTX_get_error(check.get());
        return make_error(
            ErrorCode::Unauthorized, "certificate",
            std::string("has a certificate that cannot be used: ") +
                (chain.size() < 2 ? "it is the authority's" : X509_verify_cert_error_string(why)));
    }
    return root;
}

}  // namespace tandem::runtime
