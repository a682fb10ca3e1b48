#include "app/node/domain_certificates.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/config/durable_file.h"
#include "base/certificate.h"
#include "model/secret.h"
#include "runtime/reactor/clock.h"

namespace tandem::app {
namespace {

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::NotFound, "path", "cannot read " + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

DomainCertificates::DomainCertificates(runtime::TlsContexts& tls, std::string folder, Said said)
    : tls_(tls), folder_(std::move(folder)), said_(std::move(said)) {}

std::string DomainCertificates::path(const std::string& domain, const char* ending) const {
    return folder_ + "/" + domain + ending;
}

void DomainCertificates::add_stored(const store::Catalog& catalog, AllWanted& wanted) const {
    catalog.visit_domains("", [&](const store::Entity<model::Domain>& domain) {
        if (domain.certificate.empty()) return true;
        std::string stamp = domain.certificate;
        stamp.append(domain.certificate_key_sealed.begin(), domain.certificate_key_sealed.end());
        wanted[domain.name] = {std::move(stamp), &domain};
        return true;
    });
}

// Only those of domains that there are: a forgotten file shows nobody's certificate.
void DomainCertificates::add_files(const store::Catalog& catalog, AllWanted& wanted) const {
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder_, error), end; !error && it != end;
         it.increment(error)) {
        if (it->path().extension() != ".crt") continue;
        const std::string domain = it->path().stem().string();
        const auto* known = catalog.find_domain(domain);
        if (known == nullptr || known->name != domain) continue;
        const std::string stamp =
            file_stamp(path(domain, ".crt")) + file_stamp(path(domain, ".key"));
        wanted[domain] = {stamp, nullptr};
    }
}

Result<void> DomainCertificates::load(const std::string& domain, const Wanted& wanted,
                                      const SealKey& key) {
    runtime::Certificate certificate;
    if (wanted.stored == nullptr) {
        certificate.chain_pem = TRY(read_file(path(domain, ".crt")));
        certificate.key_pem = TRY(read_file(path(domain, ".key")));
        TRY(check_certificate(certificate.chain_pem, certificate.key_pem,
                              runtime::read_clocks().utc));
    } else {
        const auto unsealed = model::unseal_text(wanted.stored->certificate_key_sealed, key);
        if (!unsealed) {
            return make_error(ErrorCode::Malformed, "certificate_key",
                              "the stored key cannot be unsealed");
        }
        certificate = {wanted.stored->certificate, *unsealed};
    }
    return tls_.load_host(domain, certificate);
}

void DomainCertificates::follow(const store::Catalog& catalog, const SealKey& key) {
    AllWanted wanted;
    add_stored(catalog, wanted);
    add_files(catalog, wanted);
    std::erase_if(stamps_, [&](const auto& known) {
        if (wanted.contains(known.first)) return false;
        tls_.remove_host(known.first);
        return true;
    });
    for (const auto& [domain, each] : wanted) {
        std::string& stamp = stamps_[domain];
        if (stamp == each.stamp) continue;
        stamp = each.stamp;
        said_(domain, load(domain, each, key));
    }
}

}  // namespace tandem::app
