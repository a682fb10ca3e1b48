// Certificates that a server makes for itself at its first start, so that TLS works at once.
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/check.h"
#include "runtime/tls/certificates.h"

namespace tandem::runtime {

namespace {

constexpr long kValidSeconds = 10L * 365 * 86'400;
constexpr long kBackdateSeconds = 86'400;  // phones with a clock that is a little behind
constexpr size_t kCommonNameMax = 64;      // RFC 5280, ub-common-name

struct Free {
    void operator()(X509* it) const { X509_free(it); }
    void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
    void operator()(BIO* it) const { BIO_free(it); }
    void operator()(X509_EXTENSION* it) const { X509_EXTENSION_free(it); }
    void operator()(GENERAL_NAMES* it) const { GENERAL_NAMES_free(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<size_t>(size));
}

void add_extension(X509* certificate, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    CHECK(extension != nullptr);
    CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Built from values, not from OpenSSL's configuration text, in which a name could inject another.
void add_names(X509* certificate, const SelfSignedSubject& subject) {
    const Owned<GENERAL_NAMES> names(GENERAL_NAMES_new());
    for (const std::string& dns : subject.dns_names) {
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        CHECK(ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size())) == 1);
        GENERAL_NAME* name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
        sk_GENERAL_NAME_push(names.get(), name);
    }
    for (const IpAddress& address : subject.addresses) {
        ASN1_OCTET_STRING* octets = ASN1_OCTET_STRING_new();
        const int size = address.family == AddressFamily::V4 ? 4 : 16;
        CHECK(ASN1_OCTET_STRING_set(octets, address.octets.data(), size) == 1);
        GENERAL_NAME* name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, GEN_IPADD, octets);
        sk_GENERAL_NAME_push(names.get(), name);
    }
    if (sk_GENERAL_NAME_num(names.get()) == 0) return;
    CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1);
}

void set_serial(X509* certificate) {
    std::array<unsigned char, 16> serial{};
    CHECK(RAND_bytes(serial.data(), serial.size()) == 1);
    serial[0] &= 0x7f;  // RFC 5280 4.1.2.2: positive
    BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
}

Result<void> write_file(const std::filesystem::path& path, const std::string& text, mode_t mode) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) {
        return make_error(ErrorCode::Unavailable, "path", "cannot write " + path.string());
    }
    const bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const bool synced = fsync(fd) == 0;
    close(fd);
    if (!whole || !synced) {
        return make_error(ErrorCode::Unavailable, "path", "cannot write " + path.string());
    }
    return {};
}

}  // namespace

Result<Certificate> make_self_signed(const SelfSignedSubject& subject, UtcTime now) {
    const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    const Owned<X509> certificate(X509_new());
    if (!key || !certificate) {
        return make_error(ErrorCode::Internal, "key", "cannot make a P-256 key");
    }
    X509_set_version(certificate.get(), X509_VERSION_3);
    set_serial(certificate.get());
    const time_t start = now.unix_ms / 1'000;
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), start - kBackdateSeconds);
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), start + kValidSeconds);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    const std::string common_name = subject.common_name.substr(0, kCommonNameMax);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
    add_names(certificate.get(), subject);
    if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
        return make_error(ErrorCode::Internal, "certificate", "cannot sign the certificate");
    }
    const Owned<BIO> chain(BIO_new(BIO_s_mem()));
    const Owned<BIO> secret(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(chain.get(), certificate.get());
    PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return Certificate{text_of(chain.get()), text_of(secret.get())};
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
    TRY(write_file(folder / "server.key", made.key_pem, 0600));
    // Last, and whole at once: who finds the certificate finds its key.
    TRY(write_file(folder / "server.crt.new", made.chain_pem, 0644));
    std::filesystem::rename(folder / "server.crt.new", folder / "server.crt", error);
    if (error) {
        return make_error(ErrorCode::Unavailable, "path", "cannot write " + directory);
    }
    return {};
}

}  // namespace tandem::runtime
