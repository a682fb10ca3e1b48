#include "base/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace tandem {
namespace {

struct Free {
    void operator()(BIO* it) const { BIO_free(it); }
    void operator()(X509* it) const { X509_free(it); }
    void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
    void operator()(EVP_MD_CTX* it) const { EVP_MD_CTX_free(it); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> bio_of(std::string_view text) {
    return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// No passphrase: a prompt on the terminal would stop the program.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

Error wrong(std::string_view field, std::string_view what) {
    ERR_clear_error();
    return make_error(ErrorCode::OutOfRange, field, what);
}

bool has_expired(const X509* certificate, UtcTime now) {
    time_t seconds = static_cast<time_t>(now.unix_ms / 1000);
    return X509_cmp_time(X509_get0_notAfter(certificate), &seconds) < 0;
}

// One that is larger would keep a node busy for long with each signature.
constexpr int kKeyBitsMax = 8192;

// The public half of a key is written beside the secret one, and can be copied from any
// certificate: only a signature shows that both belong together.
bool signs_for(EVP_PKEY* key, const X509* certificate) {
    EVP_PKEY* known = X509_get0_pubkey(certificate);
    if (known == nullptr || EVP_PKEY_eq(known, key) != 1) return false;
    int digest = NID_undef;  // stays so for Ed25519, which has its own
    EVP_PKEY_get_default_digest_nid(key, &digest);
    const EVP_MD* by = digest == NID_undef ? nullptr : EVP_get_digestbynid(digest);
    constexpr std::array<unsigned char, 32> kText{};
    std::vector<unsigned char> signature(static_cast<size_t>(EVP_PKEY_get_size(key)));
    size_t size = signature.size();
    const Owned<EVP_MD_CTX> signing(EVP_MD_CTX_new());
    const Owned<EVP_MD_CTX> verifying(EVP_MD_CTX_new());
    return EVP_DigestSignInit(signing.get(), nullptr, by, nullptr, key) == 1 &&
           EVP_DigestSign(signing.get(), signature.data(), &size, kText.data(), kText.size()) ==
               1 &&
           EVP_DigestVerifyInit(verifying.get(), nullptr, by, nullptr, known) == 1 &&
           EVP_DigestVerify(verifying.get(), signature.data(), size, kText.data(), kText.size()) ==
               1;
}

}  // namespace

Result<void> check_authorities(std::string_view pem, std::string_view field) {
    ERR_clear_error();
    const auto bio = bio_of(pem);
    size_t count = 0;
    while (true) {
        const Owned<X509> each(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
        if (!each) break;
        ++count;
    }
    // The end of the text looks like this to OpenSSL; anything else is a certificate that is
    // broken.
    const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (count == 0) return wrong(field, "holds no PEM certificate");
    if (!is_end)
        return wrong(field, "certificate " + std::to_string(count + 1) + " of it can't be read");
    return {};
}

Result<void> check_certificate(std::string_view chain, std::string_view key, UtcTime now) {
    const auto chain_bio = bio_of(chain);
    const Owned<X509> leaf(PEM_read_bio_X509(chain_bio.get(), nullptr, no_passphrase, nullptr));
    if (!leaf) return wrong("certificate", "holds no PEM certificate");
    if (chain.find("PRIVATE KEY-----") != std::string_view::npos)
        return wrong("certificate", "holds a private key, and is shown to whoever may read this");
    TRY(check_authorities(chain, "certificate"));
    if (has_expired(leaf.get(), now)) return wrong("certificate", "has expired");
    const auto key_bio = bio_of(key);
    const Owned<EVP_PKEY> pair(
        PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
    if (!pair) return wrong("certificate_key", "holds no PEM private key without passphrase");
    if (EVP_PKEY_get_bits(pair.get()) > kKeyBitsMax)
        return wrong("certificate_key", "has more than " + std::to_string(kKeyBitsMax) + " bits");
    if (!signs_for(pair.get(), leaf.get()))
        return wrong("certificate_key", "does not belong to the certificate");
    ERR_clear_error();
    return {};
}

std::optional<UtcTime> certificate_end(std::string_view chain) {
    const auto bio = bio_of(chain);
    const Owned<X509> leaf(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    if (!leaf) return std::nullopt;
    ASN1_TIME* epoch = ASN1_TIME_set(nullptr, 0);
    int days = 0;
    int seconds = 0;
    const bool is_read =
        ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(leaf.get())) == 1;
    ASN1_TIME_free(epoch);
    if (!is_read) return std::nullopt;
    return UtcTime{(int64_t{days} * 86'400 + seconds) * 1000};
}

}  // namespace tandem
