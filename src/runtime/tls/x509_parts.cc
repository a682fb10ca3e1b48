#include "runtime/tls/x509_parts.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/check.h"

namespace tandem::runtime {

namespace {

constexpr size_t kCommonNameMax = 64;  // RFC 5280, ub-common-name

// No passphrase: a prompt on the terminal would stop the program.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

OwnedX509<BIO> reading(std::string_view text) {
    return OwnedX509<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<size_t>(size));
}

struct NamesFree {
    void operator()(GENERAL_NAMES* it) const { GENERAL_NAMES_free(it); }
};
struct ExtensionFree {
    void operator()(X509_EXTENSION* it) const { X509_EXTENSION_free(it); }
};

void set_serial(X509* certificate) {
    std::array<unsigned char, 16> serial{};
    CHECK(RAND_bytes(serial.data(), serial.size()) == 1);
    serial[0] &= 0x7f;  // RFC 5280 4.1.2.2: positive
    BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
}

}  // namespace

void X509Free::operator()(BIO* it) const {
    BIO_free(it);
}
void X509Free::operator()(EVP_PKEY* it) const {
    EVP_PKEY_free(it);
}
void X509Free::operator()(X509* it) const {
    X509_free(it);
}
void X509Free::operator()(X509_REQ* it) const {
    X509_REQ_free(it);
}

OwnedX509<X509> certificate_of(std::string_view pem) {
    const auto bio = reading(pem);
    return OwnedX509<X509>(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
}
OwnedX509<EVP_PKEY> private_key_of(std::string_view pem) {
    const auto bio = reading(pem);
    return OwnedX509<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}
OwnedX509<X509_REQ> request_of(std::string_view pem) {
    const auto bio = reading(pem);
    return OwnedX509<X509_REQ>(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr));
}
std::string pem_of(X509* certificate) {
    const OwnedX509<BIO> bio(BIO_new(BIO_s_mem()));
    CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
    return text_of(bio.get());
}
std::string pem_of(EVP_PKEY* key) {
    const OwnedX509<BIO> bio(BIO_new(BIO_s_mem()));
    CHECK(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(bio.get());
}
std::string pem_of(X509_REQ* request) {
    const OwnedX509<BIO> bio(BIO_new(BIO_s_mem()));
    CHECK(PEM_write_bio_X509_REQ(bio.get(), request) == 1);
    return text_of(bio.get());
}

OwnedX509<X509> new_certificate(EVP_PKEY* key, std::string_view common_name, UtcTime now,
                                long valid_s, long backdate_s) {
    OwnedX509<X509> certificate(X509_new());
    CHECK(certificate != nullptr);
    X509_set_version(certificate.get(), X509_VERSION_3);
    set_serial(certificate.get());
    const time_t start = now.unix_ms / 1'000;
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), start - backdate_s);
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), start + valid_s);
    CHECK(X509_set_pubkey(certificate.get(), key) == 1);
    const std::string_view short_name = common_name.substr(0, kCommonNameMax);
    X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                               MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(short_name.data()),
                               static_cast<int>(short_name.size()), -1, 0);
    return certificate;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, ExtensionFree> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    CHECK(extension != nullptr);
    CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Built from values, not from OpenSSL's configuration text, in which a name could inject another.
void add_names(X509* certificate, const std::vector<std::string>& dns_names,
               const std::vector<IpAddress>& addresses) {
    const std::unique_ptr<GENERAL_NAMES, NamesFree> names(GENERAL_NAMES_new());
    for (const std::string& dns : dns_names) {
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        CHECK(ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size())) == 1);
        GENERAL_NAME* name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
        sk_GENERAL_NAME_push(names.get(), name);
    }
    for (const IpAddress& address : addresses) {
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

Result<void> write_file(const std::string& path, std::string_view text, mode_t mode) {
    const Error failed = make_error(ErrorCode::Unavailable, "path", "cannot write " + path);
    const std::string fresh = path + ".new";
    const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return failed;
    const bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const bool synced = fsync(fd) == 0;
    close(fd);
    if (!whole || !synced || rename(fresh.c_str(), path.c_str()) != 0) return failed;
    return {};
}

}  // namespace tandem::runtime
