// What must hold in a trunk.
#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/certificate.h"
#include "base/net_address.h"
#include "model/trunk_proxy.h"
#include "roles/store/entity_rules.h"
#include "routing/trunk_choice.h"
#include "routing/trunk_numbers.h"
#include "sip/locate.h"

namespace tandem::roles::store_role {
namespace {

Error at_entry(std::string_view field, size_t index, ErrorCode code, std::string_view text) {
    return make_error(code, std::string(field) + "[" + std::to_string(index) + "]", text);
}

// RFC 3551, and those of today's phones that are passed through.
constexpr std::array<std::string_view, 18> kCodecs{
    "PCMU", "PCMA",  "G722", "G723", "G726-16", "G726-24", "G726-32", "G726-40", "G728",
    "G729", "G7221", "GSM",  "iLBC", "speex",   "opus",    "AMR",     "AMR-WB",  "L16"};

std::string known_codecs() {
    std::string list;
    for (const std::string_view each : kCodecs)
        list += (list.empty() ? "" : ", ") + std::string(each);
    return list;
}

// `before`: the trunk as it is, or nullptr. Places that an earlier version took stay.
Result<void> check_proxies(const model::Trunk& trunk, const model::Trunk* before) {
    for (size_t i = 0; i < trunk.proxies.size(); ++i) {
        const auto proxy = model::TrunkProxy::parse(trunk.proxies[i]);
        if (!proxy)
            return at_entry("proxies", i, ErrorCode::Malformed,
                            "must be host, host:port or host:port;tcp (or ;udp, ;tls)");
        if (before != nullptr && std::ranges::count(before->proxies, trunk.proxies[i]) > 0)
            continue;
        const auto ip = IpAddress::parse(proxy->host);
        if (ip && !sip::is_of_one_host({*ip, 5060}))
            return at_entry("proxies", i, ErrorCode::OutOfRange,
                            "is no address that a server can have");
    }
    return {};
}

// `before`: the trunk as it is, or nullptr. Names that an earlier version took stay.
Result<void> check_codecs(const model::Trunk& trunk, const model::Trunk* before) {
    if (before != nullptr && before->codecs == trunk.codecs) return {};
    for (size_t i = 0; i < trunk.codecs.size(); ++i) {
        const std::string& codec = trunk.codecs[i];
        if (equals_ignoring_case(codec, "telephone-event"))
            return at_entry("codecs", i, ErrorCode::OutOfRange,
                            "is no codec: the field dtmf says how digits are sent");
        const auto is_it = [&](std::string_view known) {
            return equals_ignoring_case(known, codec);
        };
        if (std::ranges::none_of(kCodecs, is_it))
            return at_entry("codecs", i, ErrorCode::OutOfRange,
                            "is no codec that is known: " + known_codecs());
        for (size_t k = 0; k < i; ++k)
            if (equals_ignoring_case(codec, trunk.codecs[k]))
                return at_entry("codecs", i, ErrorCode::OutOfRange, "is in the list already");
    }
    return {};
}

Result<void> check_credentials(const model::Trunk& trunk) {
    for (size_t i = 0; i < trunk.credentials.size(); ++i) {
        const auto is_same = [&](const model::TrunkCredential& each) {
            return each.realm == trunk.credentials[i].realm;
        };
        const auto first = std::ranges::find_if(trunk.credentials, is_same);
        if (first != trunk.credentials.begin() + static_cast<ptrdiff_t>(i))
            return make_error(ErrorCode::OutOfRange, "credentials[" + std::to_string(i) + "].realm",
                              "is in the list already");
    }
    if (!trunk.credentials.empty() && trunk.password_sealed.empty())
        return make_error(ErrorCode::Missing, "password",
                          "is required beside credentials, for all other realms");
    return {};
}

Result<void> check_shares(const model::TrunkGroup& group) {
    for (size_t i = 0; i < group.shares.size(); ++i) {
        const TrunkId trunk = group.shares[i].trunk;
        const std::string field = "shares[" + std::to_string(i) + "].trunk";
        if (std::ranges::count(group.members, trunk) == 0)
            return make_error(ErrorCode::OutOfRange, field, "must be one of the members");
        if (std::ranges::count(group.shares, trunk, &model::TrunkShare::trunk) > 1)
            return make_error(ErrorCode::OutOfRange, field, "has another share already");
    }
    return {};
}

}  // namespace

Result<void> check_own_rules(const Catalog& catalog, const model::Trunk& trunk, Fresh) {
    if (trunk.proxies.empty()) return make_error(ErrorCode::Missing, "proxies", "is required");
    const model::Trunk* before = catalog.find_trunk(trunk.id);
    TRY(check_proxies(trunk, before));
    for (size_t i = 0; i < trunk.addresses.size(); ++i) {
        if (IpNetwork::parse(trunk.addresses[i])) continue;
        return make_error(ErrorCode::Malformed, "addresses[" + std::to_string(i) + "]",
                          "must be an address or a network like 192.0.2.0/24");
    }
    TRY(routing::check_changes("called_out", trunk.called_out));
    TRY(routing::check_changes("caller_out", trunk.caller_out));
    TRY(routing::check_changes("called_in", trunk.called_in));
    TRY(routing::check_changes("caller_in", trunk.caller_in));
    TRY(routing::check_rates(trunk.rates));
    TRY(check_codecs(trunk, before));
    const bool is_new_ca = before == nullptr || before->tls_ca != trunk.tls_ca;
    if (is_new_ca && !trunk.tls_ca.empty()) TRY(check_authorities(trunk.tls_ca, "tls_ca"));
    if (!trunk.tls_ca.empty() && !trunk.tls_verify)
        return make_error(ErrorCode::OutOfRange, "tls_ca", "has no meaning without tls_verify");
    TRY(check_credentials(trunk));
    if (trunk.mode != model::TrunkMode::Register) return {};
    if (trunk.user.empty())
        return make_error(ErrorCode::Missing, "user", "is required for a trunk that registers");
    if (trunk.password_sealed.empty())
        return make_error(ErrorCode::Missing, "password", "is required for a trunk that registers");
    return {};
}

Result<void> check_own_rules(const Catalog&, const model::TrunkGroup& group, Fresh) {
    for (size_t i = 0; i < group.members.size(); ++i) {
        const auto first = std::ranges::find(group.members, group.members[i]);
        if (first == group.members.begin() + static_cast<ptrdiff_t>(i)) continue;
        return make_error(ErrorCode::OutOfRange, "members[" + std::to_string(i) + "]",
                          "is in the group already");
    }
    for (size_t i = 0; i < group.failover_on.size(); ++i)
        if (!routing::FailoverStatuses::is_readable(group.failover_on[i]))
            return at_entry("failover_on", i, ErrorCode::Malformed,
                            "must be a SIP status from 400 to 699, like 486, or a class of them: "
                            "4xx, 5xx or 6xx");
    return check_shares(group);
}

Result<void> check_not_default(const Catalog& catalog, const model::Trunk& trunk) {
    const auto* domain = catalog.find_domain(trunk.domain);
    if (domain == nullptr || domain->settings.default_trunk != trunk.id) return {};
    return make_error(ErrorCode::Conflict, "id",
                      "the domain still uses it (settings.default_trunk)");
}

Result<void> check_not_default(const Catalog& catalog, const model::TrunkGroup& group) {
    const auto* domain = catalog.find_domain(group.domain);
    if (domain == nullptr || domain->settings.default_trunk_group != group.id) return {};
    return make_error(ErrorCode::Conflict, "id",
                      "the domain still uses it (settings.default_trunk_group)");
}

}  // namespace tandem::roles::store_role
