// Who may register: the account behind an address of record, as the catalog has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/id.h"
#include "roles/registrar/register_request.h"
#include "sip/digest.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::roles::registrar {

struct RegistrarDomain {
    DomainId id;
    std::string realm;
    std::vector<sip::DigestAlgorithm> algorithms;  // to be offered, in this order
    ExpiryBounds expiry;
    size_t contacts_max = 10;
    bool blocked = false;
};

struct RegistrarAccount {
    AccountId id;
    std::string login;
    bool enabled = true;
    std::optional<size_t> contacts_max;
    BytesView credentials;  // sealed, in the catalog
};

// By the host of a REGISTER's To; an IP address means the only domain, where there is one only.
// Blocked where its licence is over, too.
std::optional<RegistrarDomain> find_domain(const store::Catalog& catalog, std::string_view host,
                                           UtcTime now);
// By login, or by number: INTEROP, many phones know their number only and log in with their login.
std::optional<RegistrarAccount> find_account(const store::Catalog& catalog, DomainId domain,
                                             std::string_view user);
// In lower-case hex; empty: not kept for this algorithm, or sealed under another key.
std::string ha1_of(const RegistrarAccount& account, sip::DigestAlgorithm algorithm,
                   const SealKey& key);
// For lists; empty when the account is gone.
std::string login_of(const store::Catalog& catalog, DomainId domain, AccountId account);

}  // namespace tandem::roles::registrar
