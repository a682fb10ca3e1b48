#include "call/outside_of.h"

#include "call/identity.h"
#include "model/secret.h"
#include "model/trunk_proxy.h"

namespace tandem::call {

Outside outside_of(const model::Trunk& trunk, const Outward& outward) {
    const CallFacts& facts = outward.facts;
    const std::string domain = model::provider_domain(trunk);
    const bool is_elsewhere = trunk.domain != facts.domain && facts.shown;
    const std::string& number = is_elsewhere ? facts.shown->number : facts.caller_number;
    std::string shown = trunk.caller_number.empty() ? trunk.user : trunk.caller_number;
    if (trunk.caller_from == model::TrunkCaller::Caller || shown.empty()) shown = number;
    Outside outside;
    outside.trunk = trunk.id;
    outside.trunk_name = trunk.name;
    outside.from = shown_address(facts.caller_name, shown, domain);
    if (trunk.identity) outside.identity = shown_address(facts.caller_name, number, domain);
    outside.credentials = credentials_of(trunk, outward.key);
    return outside;
}

std::optional<sip::LegCredentials> credentials_of(const model::Trunk& trunk, const SealKey& key) {
    const auto password = model::unseal_text(trunk.password_sealed, key);
    if (!password) return std::nullopt;
    return sip::LegCredentials{trunk.auth_user.empty() ? trunk.user : trunk.auth_user, *password};
}

}  // namespace tandem::call
