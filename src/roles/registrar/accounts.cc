#include "roles/registrar/accounts.h"

#include <algorithm>

#include "base/net_address.h"
#include "model/secret.h"
#include "ports/digest_names.h"
#include "store/catalog.h"
#include "store/catalog_names.h"
#include "store/catalog_tree.h"

namespace tandem::roles::registrar {
namespace {

// INTEROP: phones are often given the server's address in place of a domain. Where there is only
// one domain, it is meant. (RegistrarTest.AnAddressMeansTheOnlyDomain)
const store::Entity<model::Domain>* only_domain(const store::Catalog& catalog,
                                                std::string_view host) {
    const store::Entity<model::Domain>* only = nullptr;
    if (catalog.domain_count() != 1 || !IpAddress::parse(host)) return nullptr;
    catalog.visit_domains("", [&](const store::Entity<model::Domain>& domain) {
        only = &domain;
        return false;
    });
    return only;
}

}  // namespace

std::optional<RegistrarDomain> find_domain(const store::Catalog& catalog, std::string_view host,
                                           UtcTime now) {
    const auto* found = catalog.find_domain(host);
    if (!found) found = only_domain(catalog, host);
    if (!found) return std::nullopt;
    const model::DomainSettings& settings = found->settings;
    RegistrarDomain domain;
    domain.id = found->id;
    domain.realm = found->realm.empty() ? found->name : found->realm;
    for (const model::DigestAlgorithm each : settings.digest_algorithms) {
        domain.algorithms.push_back(ports::sip_digest(each));
    }
    // INTEROP: RFC 8760 2.4 puts the best first, but SIPp 3.6 and older phones read the first
    // challenge only and give up when it is not MD5. A domain that wants better leaves MD5 out.
    // (RegistrarTest.ChallengesThenRegisters)
    std::stable_partition(
        domain.algorithms.begin(), domain.algorithms.end(),
        [](sip::DigestAlgorithm each) { return each == sip::DigestAlgorithm::Md5; });
    domain.expiry = {static_cast<uint32_t>(settings.expires_min.count()),
                     static_cast<uint32_t>(settings.expires_default.count()),
                     static_cast<uint32_t>(settings.expires_max.count())};
    domain.contacts_max = static_cast<size_t>(settings.contacts_max);
    domain.blocked = store::is_blocked(catalog, found->id, now);
    return domain;
}

std::optional<RegistrarAccount> find_account(const store::Catalog& catalog, DomainId domain,
                                             std::string_view user) {
    const auto* found = store::account_by_login_or_number(catalog, domain, user);
    if (!found) return std::nullopt;
    RegistrarAccount account;
    account.id = found->id;
    account.login = found->login();
    account.enabled = found->enabled;
    if (const auto contacts = found->contacts_max()) {
        account.contacts_max = static_cast<size_t>(*contacts);
    }
    account.credentials = found->credentials();
    return account;
}

std::string ha1_of(const RegistrarAccount& account, sip::DigestAlgorithm algorithm,
                   const SealKey& key) {
    const auto digests = model::unseal_ha1(account.credentials, key);
    return digests ? digests->hex(ports::kept_digest(algorithm)) : std::string();
}

std::string login_of(const store::Catalog& catalog, DomainId domain, AccountId account) {
    const store::AccountRecord* found = catalog.find_account(domain, account);
    return found ? std::string(found->login()) : std::string();
}

}  // namespace tandem::roles::registrar
