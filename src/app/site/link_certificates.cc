#include "app/site/link_certificates.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/config/durable_file.h"
#include "app/config/site_keys.h"
#include "base/certificate.h"

namespace tandem::app {
namespace {

constexpr const char* kAuthority = "site_ca.crt";
constexpr const char* kAuthorityKey = "site_ca.key";
constexpr const char* kCertificate = "link.crt";
constexpr const char* kKey = "link.key";

bool is_there(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
}

std::string text_in(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

bool LinkCertificates::has_authority_key() const {
    return is_there(path(kAuthorityKey));
}

Result<void> LinkCertificates::make_first(const runtime::LinkSubject& subject, UtcTime now) {
    if (!is_there(path(kAuthority))) {
        const runtime::Certificate made = TRY(runtime::make_site_authority(now));
        TRY(write_secret(path(kAuthorityKey), made.key_pem));
        TRY(write_secret(path(kAuthority), made.chain_pem));
    }
    if (is_there(path(kCertificate)) || !has_authority_key()) return {};
    if (!is_there(path(kKey))) TRY(write_secret(path(kKey), TRY(runtime::make_link_key())));
    const std::string request = TRY(runtime::make_certificate_request(text_in(path(kKey))));
    return write_secret(path(kCertificate), TRY(sign(request, subject, now)));
}

Result<bool> LinkCertificates::follow() {
    std::string stamp;
    for (const char* name : {kAuthority, kCertificate, kKey}) stamp += file_stamp(path(name));
    if (stamp == stamp_) return false;
    stamp_ = std::move(stamp);
    const std::string authority = text_in(path(kAuthority));
    const runtime::Certificate own{text_in(path(kCertificate)), text_in(path(kKey))};
    contexts_ = TRY(runtime::make_link_contexts(authority, own));
    authority_ = authority;
    certificate_ = own.chain_pem;
    key_ = own.key_pem;
    return true;
}

bool LinkCertificates::wants_renewal(const runtime::LinkSubject& subject, UtcTime now) const {
    return !certificate_.empty() && runtime::wants_renewal(certificate_, subject, now);
}

Result<std::string> LinkCertificates::request() const {
    return runtime::make_certificate_request(key_);
}

Result<std::string> LinkCertificates::sign(const std::string& request,
                                           const runtime::LinkSubject& subject, UtcTime now) const {
    const runtime::Certificate authority{text_in(path(kAuthority)), text_in(path(kAuthorityKey))};
    return runtime::sign_request(authority, request, subject, now);
}

// The key stays, so that there is no moment at which the two files do not belong together.
Result<void> LinkCertificates::take(const std::string& certificate, UtcTime now) {
    TRY(check_certificate(certificate, key_, now));
    (void)TRY(runtime::check_shown_by({certificate, authority_}, fingerprint()));
    return write_secret(path(kCertificate), certificate);
}

}  // namespace tandem::app
