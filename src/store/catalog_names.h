// Accounts by what people call them.
#pragma once

#include <string_view>

#include "store/catalog.h"

namespace tandem::store {

// Of who says who he is. INTEROP: some phones log in with their number.
inline const AccountRecord* account_by_login_or_number(const Catalog& catalog, DomainId domain,
                                                       std::string_view name) {
    const auto* account = catalog.find_account_by_login(domain, name);
    return account != nullptr ? account : catalog.find_account_by_number(domain, name);
}

// Of who is dialled: a number comes before whoever's login looks like one.
inline const AccountRecord* account_by_number_or_login(const Catalog& catalog, DomainId domain,
                                                       std::string_view dialled) {
    const auto* account = catalog.find_account_by_number(domain, dialled);
    return account != nullptr ? account : catalog.find_account_by_login(domain, dialled);
}

}  // namespace tandem::store
