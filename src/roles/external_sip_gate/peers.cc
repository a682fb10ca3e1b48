#include "roles/external_sip_gate/peers.h"

#include <algorithm>

#include "model/trunk_proxy.h"
#include "ports/trunk_port.h"
#include "roles/external_sip_gate/limits.h"
#include "routing/route.h"
#include "routing/trunk_numbers.h"
#include "sip/uri.h"
#include "store/catalog.h"

namespace tandem::roles::external_sip_gate {
namespace {

std::string user_of(const Result<sip::UriView>& uri) {
    return uri && uri->has_user ? uri->decoded_user() : std::string();
}

IpNetwork host_network(const IpAddress& address) {
    const uint8_t bits = address.family == AddressFamily::V4 ? 32 : 128;
    return {address, bits};
}

}  // namespace

void Peers::read(const store::Catalog& catalog) {
    peers_.clear();
    by_key_.clear();
    trunks_.clear();
    catalog.visit_trunks([&](const model::Trunk& trunk) {
        if (!trunk.enabled) return true;
        by_key_[ports::key_of(trunk.id)] = trunk.id;
        trunks_[trunk.id] = !trunk.addresses.empty();
        for (const std::string& text : trunk.addresses) {
            if (const auto network = IpNetwork::parse(text)) peers_.push_back({*network, trunk.id});
        }
        for (const std::string& text : trunk.proxies) {
            const auto proxy = model::TrunkProxy::parse(text);
            const auto ip = proxy ? IpAddress::parse(proxy->host) : std::nullopt;
            if (ip && !is_named(trunk.id, *ip)) peers_.push_back({host_network(*ip), trunk.id});
        }
        return true;
    });
    std::erase_if(learned_, [&](const auto& each) { return !trunks_.contains(each.first); });
    gather_networks();
}

bool Peers::learn(Instant now, TrunkId trunk, const std::vector<IpAddress>& addresses) {
    if (!trunks_.contains(trunk)) return false;
    std::vector<Learned>& known = learned_[trunk];
    bool has_changed = false;
    for (const IpAddress& address : addresses) {
        if (is_named(trunk, address)) continue;
        const auto found = std::ranges::find(known, address, &Learned::address);
        if (found != known.end()) {
            found->seen = now;
            continue;
        }
        if (known.size() >= learned_max)
            known.erase(std::ranges::min_element(known, {}, &Learned::seen));
        known.push_back({address, now});
        has_changed = true;
    }
    const size_t old =
        std::erase_if(known, [&](const Learned& each) { return each.seen + learned_for < now; });
    if (old > 0 || has_changed) gather_networks();
    return old > 0 || has_changed;
}

void Peers::forget(TrunkId trunk) {
    if (learned_.erase(trunk) > 0) gather_networks();
}

void Peers::gather_networks() {
    networks_.clear();
    for (const Peer& each : peers_) networks_.push_back(each.network);
    for (const auto& [trunk, known] : learned_)
        for (const Learned& each : known) networks_.push_back(host_network(each.address));
}

bool Peers::is_named(TrunkId trunk, const IpAddress& source) const {
    return std::ranges::any_of(peers_, [&](const Peer& each) {
        return each.trunk == trunk && each.network.contains(source);
    });
}

bool Peers::comes_from(TrunkId trunk, const IpAddress& source) const {
    if (is_named(trunk, source)) return true;
    const auto known = learned_.find(trunk);
    return known != learned_.end() &&
           std::ranges::find(known->second, source, &Learned::address) != known->second.end();
}

std::optional<TrunkId> Peers::trunk_of(const sip::Message& request, const IpAddress& source,
                                       const store::Catalog& catalog,
                                       const ports::TokenMint& tokens) const {
    const auto uri = request.parsed_request_uri();
    if (uri && uri->has_user) {
        const auto token = tokens.read(ports::TokenKind::Trunk, uri->user);
        const auto named = token ? by_key_.find(token->unique) : by_key_.end();
        if (named != by_key_.end()) {
            const bool fits = !trunks_.at(named->second) || comes_from(named->second, source);
            return fits ? std::optional(named->second) : std::nullopt;
        }
    }
    std::vector<TrunkId> candidates;
    for (const Peer& each : peers_) {
        const bool is_new = std::ranges::find(candidates, each.trunk) == candidates.end();
        if (is_new && each.network.contains(source)) candidates.push_back(each.trunk);
    }
    for (const auto& [trunk, known] : learned_) {
        const bool is_new = std::ranges::find(candidates, trunk) == candidates.end();
        if (is_new && std::ranges::find(known, source, &Learned::address) != known.end())
            candidates.push_back(trunk);
    }
    if (candidates.size() < 2)
        return candidates.empty() ? std::nullopt : std::optional(candidates.front());
    // Several at one provider: the one that is called, by its user or by a number of its domain.
    const std::string called = user_of(uri);
    const auto to = request.to();
    const std::string meant = to ? user_of(to->parsed_uri()) : std::string();
    std::vector<TrunkId> by_user;
    std::vector<TrunkId> by_number;
    for (const TrunkId id : candidates) {
        const auto* trunk = catalog.find_trunk(id);
        if (trunk == nullptr) continue;
        const bool is_user =
            !trunk->user.empty() && (trunk->user == called || trunk->user == meant);
        if (is_user) by_user.push_back(id);
        const auto* domain = catalog.find_domain(trunk->domain);
        if (domain == nullptr) continue;
        const std::string number = routing::adapted(trunk->called_in, domain->settings.numbering,
                                                    routing::normalised(called));
        if (catalog.find_account_by_number(trunk->domain, number) != nullptr)
            by_number.push_back(id);
    }
    if (by_user.size() == 1) return by_user.front();
    if (by_number.size() == 1) return by_number.front();
    return std::nullopt;
}

}  // namespace tandem::roles::external_sip_gate
