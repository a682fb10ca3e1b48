// Paths name domains and accounts by name or id; letters carry ids.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/net_address.h"
#include "ports/web_port.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::roles::web_gate {

std::optional<DomainId> find_domain(const store::Catalog& catalog, std::string_view name_or_id);
std::optional<AccountId> find_account(const store::Catalog& catalog, DomainId domain,
                                      std::string_view login_or_id);

struct WebSettings {
    std::vector<ports::HttpListenerOpen> listeners;
    size_t body_bytes_max = 1 << 20;
};
WebSettings settings_of(const store::Catalog& catalog, ports::Instance self);

}  // namespace tandem::roles::web_gate
