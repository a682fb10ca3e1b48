#include "call/outside_of.h"

#include "call/identity.h"
#include "model/secret.h"
#include "model/trunk_credentials.h"
#include "model/trunk_proxy.h"
#include "routing/trunk_numbers.h"
#include "store/catalog.h"

namespace tandem::call {
namespace {

std::string outward_number(const store::Catalog& catalog, const model::Trunk& trunk,
                           std::string_view number) {
    const auto* domain = catalog.find_domain(trunk.domain);
    if (domain == nullptr) return std::string(number);
    return routing::adapted(trunk.caller_out, domain->settings.numbering, number);
}

bool is_counted(const model::Trunk& trunk) {
    return trunk.channels_max > 0 || trunk.channels_out_max > 0 || trunk.calls_per_second > 0;
}

}  // namespace

Outside outside_of(const model::Trunk& trunk, const model::TrunkGroup* group,
                   const Outward& outward) {
    const CallFacts& facts = outward.facts;
    const std::string domain = model::provider_domain(trunk);
    // As the rules of the domain show him, where they do.
    const std::string& name = facts.shown ? facts.shown->name : facts.caller_name;
    const std::string own = outward_number(outward.catalog, trunk,
                                           facts.shown ? facts.shown->number : facts.caller_number);
    std::string shown = trunk.caller_number.empty() ? trunk.user : trunk.caller_number;
    if (trunk.caller_from == model::TrunkCaller::Caller || shown.empty()) shown = own;
    Outside outside;
    outside.trunk = trunk.id;
    outside.trunk_name = trunk.name;
    outside.domain = domain;
    outside.from = shown_address(name, shown, domain);
    if (trunk.identity) outside.identity = shown_address(name, own, domain);
    outside.credentials = credentials_of(trunk, outward.key);
    outside.offers = limits_of(trunk);
    outside.srtp = srtp_of(trunk);
    outside.is_counted = is_counted(trunk);
    if (group != nullptr) {
        outside.group = group->id;
        outside.failover = routing::FailoverStatuses(group->failover_on);
    }
    return outside;
}

void know_trunk_again(Outside& outside, const store::Catalog& catalog, const SealKey& key) {
    const auto* trunk = catalog.find_trunk(outside.trunk);
    if (trunk == nullptr) return;
    outside.domain = model::provider_domain(*trunk);
    outside.credentials = credentials_of(*trunk, key);
    outside.offers = limits_of(*trunk);
    outside.srtp = srtp_of(*trunk);
    outside.is_counted = is_counted(*trunk);
    const auto* group = outside.group.is_nil()
                            ? nullptr
                            : catalog.find<model::TrunkGroup>(trunk->domain, outside.group);
    if (group != nullptr) outside.failover = routing::FailoverStatuses(group->failover_on);
}

std::optional<sip::LegCredentials> credentials_of(const model::Trunk& trunk, const SealKey& key) {
    const auto password = model::unseal_text(trunk.password_sealed, key);
    if (!password) return std::nullopt;
    sip::LegCredentials made{trunk.auth_user.empty() ? trunk.user : trunk.auth_user, *password};
    const auto passwords = model::passwords_of(trunk, key);
    for (size_t i = 0; i < passwords.size(); ++i)
        made.realms.push_back(
            {trunk.credentials[i].realm, trunk.credentials[i].user, passwords[i]});
    return made;
}

OfferLimits limits_of(const model::Trunk& trunk) {
    return {trunk.codecs, trunk.dtmf == model::TrunkDtmf::Inband};
}

std::optional<SrtpPolicy> srtp_of(const model::Trunk& trunk) {
    switch (trunk.srtp) {
        case model::TrunkSrtp::Domain:
            return std::nullopt;
        case model::TrunkSrtp::Off:
            return SrtpPolicy::Off;
        case model::TrunkSrtp::Optional:
            return SrtpPolicy::Optional;
        case model::TrunkSrtp::Required:
            return SrtpPolicy::Required;
    }
    return std::nullopt;
}

OfferLimits limits_of(const store::Catalog& catalog, TrunkId id) {
    const auto* trunk = id.is_nil() ? nullptr : catalog.find_trunk(id);
    return trunk == nullptr ? OfferLimits{} : limits_of(*trunk);
}

std::vector<routing::Forward> path_to(const store::Catalog& catalog, const Destination& to) {
    std::vector<routing::Forward> path = to.path;
    const auto* trunk = to.outside ? catalog.find_trunk(to.outside->trunk) : nullptr;
    if (trunk == nullptr || path.empty()) return path;
    for (routing::Forward& each : path) {
        each.number = outward_number(catalog, *trunk, each.number);
        each.to = outward_number(catalog, *trunk, each.to);
    }
    path.back().to = to.number;
    return path;
}

}  // namespace tandem::call
